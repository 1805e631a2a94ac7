package ddbexpr

import "slices"

// Projection selects parts of an item. The nil Projection selects everything. Safe for concurrent use.
type Projection struct {
	paths []Path
	root  *branch
}

// branch is a node of the tree of paths; a leaf selects all below.
type branch struct {
	names   map[string]*branch
	indices map[int]*branch
}

// Projection parses a projection expression.
func (p *Params) Projection(text string) (*Projection, error) {
	ps, err := p.parser("ProjectionExpression", text)
	if err != nil {
		return nil, err
	}
	var paths []Path
	for {
		path, ok := ps.path()
		if !ok {
			break
		}
		paths = append(paths, path)
		if !ps.accept(",") {
			break
		}
	}
	ps.checkPaths(paths)
	if err := ps.finish(); err != nil {
		return nil, err
	}
	return ProjectPaths(paths), nil
}

// ProjectPaths makes the projection to document paths.
func ProjectPaths(paths []Path) *Projection {
	pr := &Projection{paths: paths, root: &branch{}}
	for _, p := range paths {
		b := pr.root
		for _, s := range p {
			b = b.child(s)
		}
	}
	return pr
}

// ProjectNames makes the projection to top-level attributes (AttributesToGet).
func ProjectNames(names []string) *Projection {
	paths := make([]Path, len(names))
	for i, n := range names {
		paths[i] = NamePath(n)
	}
	return ProjectPaths(paths)
}

func (b *branch) child(s Step) *branch {
	if s.Index >= 0 {
		if b.indices == nil {
			b.indices = map[int]*branch{}
		}
		if b.indices[s.Index] == nil {
			b.indices[s.Index] = &branch{}
		}
		return b.indices[s.Index]
	}
	if b.names == nil {
		b.names = map[string]*branch{}
	}
	if b.names[s.Name] == nil {
		b.names[s.Name] = &branch{}
	}
	return b.names[s.Name]
}

// Heads gives the names of the top-level attributes that are selected, in no order; nil when everything is.
func (pr *Projection) Heads() []string {
	if pr == nil {
		return nil
	}
	var out []string
	for _, p := range pr.paths {
		if !slices.Contains(out, p.Head()) {
			out = append(out, p.Head())
		}
	}
	return out
}

// Apply gives the selected parts of an item. Of a list, the selected elements move together.
func (pr *Projection) Apply(it Item) Item {
	if pr == nil {
		return it
	}
	return pr.root.fields(it)
}

func (b *branch) fields(it Item) Item {
	out := make(Item, 0, min(len(it), len(b.names)))
	for _, f := range it {
		sub := b.names[f.Name]
		if sub == nil {
			continue
		}
		if v := sub.value(f.Value); v.Kind != None {
			out = append(out, Field{f.Name, v})
		}
	}
	return out
}

func (b *branch) value(v Value) Value {
	switch {
	case b.names == nil && b.indices == nil:
		return v
	case v.Kind == M && b.names != nil:
		if sub := b.fields(v.Map); len(sub) > 0 {
			return MapOf(sub)
		}
	case v.Kind == L && b.indices != nil:
		var out []Value
		for i, e := range v.List {
			if sub := b.indices[i]; sub != nil {
				if e = sub.value(e); e.Kind != None {
					out = append(out, e)
				}
			}
		}
		if len(out) > 0 {
			return ListOf(out...)
		}
	}
	return Value{}
}
