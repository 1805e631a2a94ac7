package serverless

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed schema.txt
var schemaText string

// schemaKey is one key that an object may hold.
type schemaKey struct {
	child           string // the object's schema below it, or ""
	each            byte   // 0: the value is the child; 'l': a list of them; 'm': a map of them
	refused, silent bool
}

type schemaObject struct {
	keys map[string]schemaKey
	any  bool // no key is unknown
}

// schemas is the table of schema.txt.
var schemas = sync.OnceValue(func() map[string]*schemaObject {
	out := map[string]*schemaObject{}
	for _, line := range strings.Split(schemaText, "\n") {
		name, keys, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		o := &schemaObject{keys: map[string]schemaKey{}}
		for _, k := range strings.Fields(keys) {
			if k == "*" {
				o.any = true
				continue
			}
			var sk schemaKey
			k, sk.child, _ = strings.Cut(k, ">")
			switch {
			case strings.HasSuffix(k, "[]"):
				k, sk.each = k[:len(k)-2], 'l'
			case strings.HasSuffix(k, "{}"):
				k, sk.each = k[:len(k)-2], 'm'
			case strings.HasSuffix(k, "!"):
				k, sk.refused = k[:len(k)-1], true
			case strings.HasSuffix(k, "~"):
				k, sk.silent = k[:len(k)-1], true
			}
			o.keys[k] = sk
		}
		out[name] = o
	}
	return out
})

// checkKeys looks at every key that the schema knows of: unknown ones warn, refused ones fail, those without effect are noted.
func (c *compiler) checkKeys() {
	c.checkObject(c.cfg, "root", "the configuration")
	fns := c.cfg.Get("functions")
	maps := []*Value{fns}
	if fns.Is(List) {
		maps = fns.Items
	}
	for _, m := range maps {
		for _, f := range m.entries() {
			c.checkObject(f.Value, "function", "the function "+quote(f.Key))
			c.checkEventKeys(f.Value.Get("events"))
		}
	}
}

func (c *compiler) checkEventKeys(events *Value) {
	for _, e := range events.items() {
		if e.Is(Map) && len(e.Fields) == 1 && !isIntrinsic(e.Fields[0].Value) {
			c.checkObject(e.Fields[0].Value, e.Fields[0].Key+" event", "the "+e.Fields[0].Key+" event")
		}
	}
}

// checkObject checks one object; what is no map, and objects that the schema does not know, are left alone.
func (c *compiler) checkObject(v *Value, schema, what string) {
	o := schemas()[schema]
	if o == nil || !v.Is(Map) || isIntrinsic(v) {
		return
	}
	for _, f := range v.Fields {
		k, known := o.keys[f.Key]
		switch {
		case !known:
			c.unknownKey(f, o, what)
		case k.refused && f.Value.Truthy():
			c.errorf(f.Pos, "the key %s of %s is not supported", quote(f.Key), what)
		case k.silent && f.Value.Truthy():
			c.add(Note, f.Pos, "", "the key "+quote(f.Key)+" of "+what+" has no effect here")
		case k.child != "":
			c.checkChild(f, k)
		}
	}
}

func (c *compiler) unknownKey(f Field, o *schemaObject, what string) {
	if o.any && isIntrinsic(&Value{Kind: Map, Fields: []Field{f}}) {
		return
	}
	names := make([]string, 0, len(o.keys))
	for n := range o.keys {
		names = append(names, n)
	}
	c.add(Warning, f.Pos, didYouMean(f.Key, names), "unknown key "+quote(f.Key)+" of "+what)
}

func (c *compiler) checkChild(f Field, k schemaKey) {
	switch k.each {
	case 'l':
		for _, it := range f.Value.items() {
			c.checkObject(it, k.child, "an item of "+f.Key)
		}
	case 'm':
		for _, g := range f.Value.entries() {
			c.checkObject(g.Value, k.child, f.Key+" "+quote(g.Key))
		}
	default:
		c.checkObject(f.Value, k.child, f.Key)
	}
}
