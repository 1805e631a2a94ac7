package query

import (
	"net/url"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"sundog/cloud/schema"
	"sundog/edge/wire"
	"sundog/edge/wire/record"
)

const (
	maxDepth  = 64
	maxParams = 20000
)

// branch is the tree of a form's dotted names.
type branch struct {
	value string
	set   bool
	kids  map[string]*branch
}

func grow(form url.Values) (*branch, error) {
	if len(form) > maxParams {
		return nil, wire.Malformed(wire.QueryName, "Too many parameters.")
	}
	root := &branch{}
	for name, values := range form {
		if strings.Count(name, ".") >= maxDepth {
			return nil, wire.Malformed(wire.QueryName, "A parameter is nested too deeply.")
		}
		b := root
		for part := range strings.SplitSeq(name, ".") {
			if b.kids == nil {
				b.kids = map[string]*branch{}
			}
			if b.kids[part] == nil {
				b.kids[part] = &branch{}
			}
			b = b.kids[part]
		}
		b.value, b.set = values[0], true
	}
	return root, nil
}

// items gives the numbered children in the order of their numbers.
func (b *branch) items() []*branch {
	type item struct {
		n int
		b *branch
	}
	var items []item
	for k, kid := range b.kids {
		if n, err := strconv.Atoi(k); err == nil && n >= 0 {
			items = append(items, item{n, kid})
		}
	}
	sort.Slice(items, func(i, j int) bool { return items[i].n < items[j].n })
	out := make([]*branch, len(items))
	for i, it := range items {
		out[i] = it.b
	}
	return out
}

func (b *branch) structure(p *record.Plan, v reflect.Value) error {
	s := record.Inner(v)
	fields := p.Fields()
	for i := range fields {
		f := &fields[i]
		if f.Plan == nil {
			continue
		}
		if err := b.member(f, s.Field(f.Index)); err != nil {
			return err
		}
	}
	return nil
}

// member reads one member. Names that older and newer models give to a flattened collection are all taken.
func (b *branch) member(f *record.Field, v reflect.Value) error {
	kind := f.Shape.Kind
	if kind != schema.List && kind != schema.Map {
		if kid := b.kids[tag(f.Member)]; kid != nil {
			return kid.read(f.Plan, v)
		}
		return nil
	}
	names := []string{tag(f.Member), f.Wire}
	if flat(f.Member) && kind == schema.List {
		names = append(names, tag(f.Shape.Elem))
	}
	for _, name := range names {
		kid := b.kids[name]
		if kid == nil {
			continue
		}
		if kid.set && kid.value == "" && kid.kids == nil {
			return empty(v)
		}
		if kind == schema.Map {
			return kid.mapping(f.Plan, v, flat(f.Member))
		}
		return kid.list(f.Plan, v, flat(f.Member))
	}
	return nil
}

func empty(v reflect.Value) error {
	if v.Kind() == reflect.Map {
		v.Set(reflect.MakeMap(v.Type()))
	} else {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
	return nil
}

func tag(m *schema.Member) string {
	if m.QueryTag != "" {
		return m.QueryTag
	}
	return m.Wire
}

func flat(m *schema.Member) bool { return m.Flattened || m.QueryFlattened || m.Shape.Flattened }

func (b *branch) read(p *record.Plan, v reflect.Value) error {
	switch p.Shape.Kind {
	case schema.Structure:
		return b.structure(p, v)
	case schema.List:
		return b.list(p, v, p.Shape.Flattened)
	case schema.Map:
		return b.mapping(p, v, p.Shape.Flattened)
	}
	if err := record.SetText(p, v, b.value); err != nil {
		return wire.Malformed(wire.QueryName, err.Error())
	}
	return nil
}

func (b *branch) list(p *record.Plan, v reflect.Value, flat bool) error {
	from := b
	if !flat {
		if kid := b.kids[tag(p.Shape.Elem)]; kid != nil {
			from = kid
		} else if kid := b.kids["member"]; kid != nil {
			from = kid
		}
	}
	items := from.items()
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, it := range items {
		if err := it.read(p.Elem(), list.Index(i)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func (b *branch) mapping(p *record.Plan, v reflect.Value, flat bool) error {
	from := b
	if !flat && b.kids["entry"] != nil {
		from = b.kids["entry"]
	}
	out := reflect.MakeMap(v.Type())
	for _, it := range from.items() {
		key, val := it.kids[tag(p.Shape.Key)], it.kids[tag(p.Shape.Elem)]
		if key == nil {
			continue
		}
		slot := reflect.New(v.Type().Elem()).Elem()
		if val != nil {
			if err := val.read(p.Elem(), slot); err != nil {
				return err
			}
		}
		out.SetMapIndex(reflect.ValueOf(key.value), slot)
	}
	v.Set(out)
	return nil
}

// fill writes a structure's members into a form.
func fill(form url.Values, prefix string, p *record.Plan, v reflect.Value) {
	v = record.Deref(v)
	for _, f := range p.Fields() {
		fv := v.Field(f.Index)
		if f.Plan == nil || record.Absent(fv) {
			continue
		}
		put(form, prefix+tag(f.Member), f.Plan, f.Member, fv)
	}
}

func put(form url.Values, name string, p *record.Plan, m *schema.Member, v reflect.Value) {
	v = record.Deref(v)
	switch p.Shape.Kind {
	case schema.Structure:
		fill(form, name+".", p, v)
	case schema.List:
		putList(form, name, p, m, v)
	case schema.Map:
		if !flat(m) {
			name += ".entry"
		}
		for i, k := range record.SortedKeys(v) {
			entry := name + "." + strconv.Itoa(i+1)
			form.Set(entry+"."+tag(p.Shape.Key), k)
			put(form, entry+"."+tag(p.Shape.Elem), p.Elem(), p.Shape.Elem, v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key())))
		}
	default:
		form.Set(name, record.Text(p, m, v, record.ISO8601))
	}
}

func putList(form url.Values, name string, p *record.Plan, m *schema.Member, v reflect.Value) {
	if v.Len() == 0 {
		form.Set(name, "")
		return
	}
	if !flat(m) {
		name += "." + tag(p.Shape.Elem)
	}
	for i := range v.Len() {
		put(form, name+"."+strconv.Itoa(i+1), p.Elem(), p.Shape.Elem, v.Index(i))
	}
}
