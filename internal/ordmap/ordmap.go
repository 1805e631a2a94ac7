// Package ordmap is an ordered map of byte keys that can be copied at once: a B+ tree whose nodes are shared between copies and copied
// when one of them is written. It is what the memory store and the write buffers of transactions are made of.
package ordmap

import (
	"bytes"
	"sort"
)

const (
	fanout  = 32
	minimum = fanout / 4 // nodes with fewer entries are merged with a neighbour when both fit
)

// Map is an ordered map. The zero Map is empty. A Map is not safe for concurrent use, but its copies may be used by other goroutines,
// and a Map that nobody writes may be read by many.
type Map[V any] struct {
	root  *node[V]
	count int
	owner *byte // nodes with the same owner are this Map's alone
}

// node is a leaf (kids nil; keys and vals) or an inner node: keys[i] is at most the first key below kids[i], keys[0] is not looked at.
type node[V any] struct {
	owner *byte
	keys  [][]byte
	vals  []V
	kids  []*node[V]
}

// Len gives the number of keys.
func (m *Map[V]) Len() int { return m.count }

// Copy gives a map with the same content; writing either does not change the other.
func (m *Map[V]) Copy() Map[V] {
	m.owner = nil // shared from now on
	return Map[V]{root: m.root, count: m.count}
}

// find gives the place of the first key >= key in a leaf, and whether it is equal.
func (n *node[V]) find(key []byte) (int, bool) {
	lo, hi := 0, len(n.keys)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := bytes.Compare(n.keys[mid], key); {
		case c < 0:
			lo = mid + 1
		case c > 0:
			hi = mid
		default:
			return mid, true
		}
	}
	return lo, false
}

// kid gives the place of the kid under which key belongs.
func (n *node[V]) kid(key []byte) int {
	return sort.Search(len(n.keys)-1, func(i int) bool { return bytes.Compare(n.keys[i+1], key) > 0 })
}

// Get gives the value of a key.
func (m *Map[V]) Get(key []byte) (v V, ok bool) {
	n := m.root
	if n == nil {
		return v, false
	}
	for n.kids != nil {
		n = n.kids[n.kid(key)]
	}
	i, ok := n.find(key)
	if !ok {
		return v, false
	}
	return n.vals[i], true
}

// Set puts a value. The map keeps the key's bytes: the caller must not change them any more.
func (m *Map[V]) Set(key []byte, v V) {
	if m.owner == nil {
		m.owner = new(byte)
	}
	if m.root == nil {
		m.root = &node[V]{owner: m.owner}
	}
	m.root = m.root.own(m.owner)
	if m.root.set(m, key, v) {
		m.count++
	}
	if len(m.root.keys) > fanout {
		right := m.root.split()
		m.root = &node[V]{owner: m.owner, keys: [][]byte{m.root.keys[0], right.keys[0]}, kids: []*node[V]{m.root, right}}
	}
}

// own gives the node itself when it is the owner's, else a copy that is.
func (n *node[V]) own(owner *byte) *node[V] {
	if n.owner == owner {
		return n
	}
	c := &node[V]{owner: owner, keys: append(make([][]byte, 0, fanout+1), n.keys...)}
	if n.kids != nil {
		c.kids = append(make([]*node[V], 0, fanout+1), n.kids...)
	} else {
		c.vals = append(make([]V, 0, fanout+1), n.vals...)
	}
	return c
}

// set puts a value below an owned node and tells whether the key is new. The node may then be one over the fanout.
func (n *node[V]) set(m *Map[V], key []byte, v V) bool {
	if n.kids == nil {
		i, found := n.find(key)
		if found {
			n.vals[i] = v
			return false
		}
		n.keys, n.vals = insert(n.keys, i, key), insert(n.vals, i, v)
		return true
	}
	i := n.kid(key)
	k := n.kids[i].own(m.owner)
	n.kids[i] = k
	added := k.set(m, key, v)
	if len(k.keys) > fanout {
		right := k.split()
		n.keys, n.kids = insert(n.keys, i+1, right.keys[0]), insert(n.kids, i+1, right)
	}
	return added
}

// split halves an owned node; a node that grows at its end gives less away, so that ascending keys fill their nodes.
func (n *node[V]) split() *node[V] {
	at := len(n.keys) / 2
	r := &node[V]{owner: n.owner, keys: append(make([][]byte, 0, fanout+1), n.keys[at:]...)}
	clear(n.keys[at:])
	n.keys = n.keys[:at]
	if n.kids != nil {
		r.kids = append(make([]*node[V], 0, fanout+1), n.kids[at:]...)
		clear(n.kids[at:])
		n.kids = n.kids[:at]
		return r
	}
	r.vals = append(make([]V, 0, fanout+1), n.vals[at:]...)
	clear(n.vals[at:])
	n.vals = n.vals[:at]
	return r
}

// Delete removes a key and tells whether it was there.
func (m *Map[V]) Delete(key []byte) bool {
	if _, ok := m.Get(key); !ok {
		return false
	}
	if m.owner == nil {
		m.owner = new(byte)
	}
	m.root = m.root.own(m.owner)
	m.root.remove(m, key)
	m.count--
	for m.root != nil && m.root.kids != nil && len(m.root.kids) == 1 {
		m.root = m.root.kids[0]
	}
	if m.count == 0 {
		m.root = nil
	}
	return true
}

// remove takes a key that is there out below an owned node.
func (n *node[V]) remove(m *Map[V], key []byte) {
	if n.kids == nil {
		i, _ := n.find(key)
		n.keys, n.vals = cut(n.keys, i), cut(n.vals, i)
		return
	}
	i := n.kid(key)
	k := n.kids[i].own(m.owner)
	n.kids[i] = k
	k.remove(m, key)
	switch {
	case len(k.keys) == 0:
		n.keys, n.kids = cut(n.keys, i), cut(n.kids, i)
	case len(k.keys) < minimum:
		n.merge(m, i)
	}
}

// merge joins kid i with a neighbour when both fit into one node.
func (n *node[V]) merge(m *Map[V], i int) {
	if i+1 == len(n.kids) {
		i--
	}
	if i < 0 || len(n.kids[i].keys)+len(n.kids[i+1].keys) > fanout {
		return
	}
	l, r := n.kids[i].own(m.owner), n.kids[i+1]
	at := len(l.keys)
	l.keys = append(l.keys, r.keys...)
	if l.kids != nil {
		l.keys[at] = n.keys[i+1] // r.keys[0] may be out of date
		l.kids = append(l.kids, r.kids...)
	} else {
		l.vals = append(l.vals, r.vals...)
	}
	n.kids[i] = l
	n.keys, n.kids = cut(n.keys, i+1), cut(n.kids, i+1)
}

func insert[T any](s []T, i int, v T) []T {
	var zero T
	s = append(s, zero)
	copy(s[i+1:], s[i:])
	s[i] = v
	return s
}

func cut[T any](s []T, i int) []T {
	var zero T
	copy(s[i:], s[i+1:])
	s[len(s)-1] = zero
	return s[:len(s)-1]
}
