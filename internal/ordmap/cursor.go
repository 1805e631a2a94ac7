package ordmap

// Cursor stands on a key of a Map, or nowhere. It is valid as long as the Map is not written: take it from a Copy otherwise.
type Cursor[V any] struct {
	root *node[V]
	path []step[V]
}

type step[V any] struct {
	n *node[V]
	i int
}

// Cursor gives a cursor that stands nowhere.
func (m *Map[V]) Cursor() *Cursor[V] { return &Cursor[V]{root: m.root} }

// SeekGE moves to the first key >= key and tells whether there is one.
func (c *Cursor[V]) SeekGE(key []byte) bool {
	c.path = c.path[:0]
	if c.root == nil {
		return false
	}
	n := c.root
	for n.kids != nil {
		i := n.kid(key)
		c.path = append(c.path, step[V]{n, i})
		n = n.kids[i]
	}
	i, _ := n.find(key)
	c.path = append(c.path, step[V]{n, i})
	if i < len(n.keys) {
		return true
	}
	c.path[len(c.path)-1].i--
	return c.Next()
}

// SeekLT moves to the last key < key and tells whether there is one.
func (c *Cursor[V]) SeekLT(key []byte) bool {
	if !c.SeekGE(key) {
		return c.Last()
	}
	return c.Prev()
}

// Last moves to the last key.
func (c *Cursor[V]) Last() bool {
	c.path = c.path[:0]
	if c.root == nil {
		return false
	}
	n := c.root
	for n.kids != nil {
		c.path = append(c.path, step[V]{n, len(n.kids) - 1})
		n = n.kids[len(n.kids)-1]
	}
	c.path = append(c.path, step[V]{n, len(n.keys) - 1})
	return len(n.keys) > 0
}

// Next moves to the next key; after the last one the cursor stands nowhere.
func (c *Cursor[V]) Next() bool {
	for len(c.path) > 0 {
		s := &c.path[len(c.path)-1]
		s.i++
		if s.n.kids == nil && s.i < len(s.n.keys) {
			return true
		}
		if s.n.kids != nil && s.i < len(s.n.kids) {
			for n := s.n.kids[s.i]; ; n = n.kids[0] {
				c.path = append(c.path, step[V]{n, 0})
				if n.kids == nil {
					return true
				}
			}
		}
		c.path = c.path[:len(c.path)-1]
	}
	return false
}

// Prev moves to the key before; before the first one the cursor stands nowhere.
func (c *Cursor[V]) Prev() bool {
	for len(c.path) > 0 {
		s := &c.path[len(c.path)-1]
		s.i--
		if s.i >= 0 {
			if s.n.kids == nil {
				return true
			}
			for n := s.n.kids[s.i]; ; {
				c.path = append(c.path, step[V]{n, len(n.keys) - 1})
				if n.kids == nil {
					return true
				}
				n = n.kids[len(n.kids)-1]
			}
		}
		c.path = c.path[:len(c.path)-1]
	}
	return false
}

// Valid tells whether the cursor stands on a key.
func (c *Cursor[V]) Valid() bool { return len(c.path) > 0 }

// Key gives the key where the cursor stands; the bytes are the map's.
func (c *Cursor[V]) Key() []byte {
	s := c.path[len(c.path)-1]
	return s.n.keys[s.i]
}

// Value gives the value where the cursor stands.
func (c *Cursor[V]) Value() V {
	s := c.path[len(c.path)-1]
	return s.n.vals[s.i]
}
