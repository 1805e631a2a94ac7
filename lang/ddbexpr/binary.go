package ddbexpr

import (
	"encoding/binary"
	"errors"
)

// The storage encoding of an item: a version byte, then the fields. A field is its name, and its value; names and texts are a
// varint length and the bytes; a value is its kind and then a text (S, N, B), nothing (NULL), 0 or 1 (BOOL), a count and texts
// (sets), a count and values (L), a count and fields (M).
const encodingVersion = 1

const maxStoredDepth = 64

var errBadItem = errors.New("ddbexpr: malformed item")

// AppendBinary appends the storage encoding of an item.
func (it Item) AppendBinary(dst []byte) []byte { return appendFields(append(dst, encodingVersion), it) }

func appendFields(dst []byte, it Item) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(it)))
	for i := range it {
		dst = appendText(dst, it[i].Name)
		dst = appendValue(dst, &it[i].Value)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendValue(dst []byte, v *Value) []byte {
	dst = append(dst, byte(v.Kind))
	switch v.Kind {
	case S, N, B:
		dst = appendText(dst, v.Text)
	case BOOL:
		if v.Bool {
			return append(dst, 1)
		}
		return append(dst, 0)
	case SS, NS, BS:
		dst = binary.AppendUvarint(dst, uint64(len(v.List)))
		for i := range v.List {
			dst = appendText(dst, v.List[i].Text)
		}
	case L:
		dst = binary.AppendUvarint(dst, uint64(len(v.List)))
		for i := range v.List {
			dst = appendValue(dst, &v.List[i])
		}
	case M:
		dst = appendFields(dst, v.Map)
	}
	return dst
}

// DecodeItem reads what AppendBinary wrote. The item does not refer to b.
func DecodeItem(b []byte) (Item, error) {
	if len(b) == 0 || b[0] != encodingVersion {
		return nil, errBadItem
	}
	d := decoder{s: string(b[1:])} // one copy, of which all texts are parts
	it := d.fields(0)
	if d.bad || len(d.s) != 0 {
		return nil, errBadItem
	}
	return it, nil
}

type decoder struct {
	s   string
	bad bool
}

func (d *decoder) uvarint() int {
	var x uint64
	for i := 0; i < len(d.s) && i < 5; i++ {
		c := d.s[i]
		x |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.s = d.s[i+1:]
			return int(x)
		}
	}
	d.fail()
	return 0
}

func (d *decoder) fail() { d.bad, d.s = true, "" }

// count reads a count of things of at least one byte each, so that a wrong one cannot ask for more memory than there is input.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > len(d.s) {
		d.fail()
		return 0
	}
	return n
}

func (d *decoder) text() string {
	n := d.count()
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

func (d *decoder) fields(depth int) Item {
	n := d.count()
	it := make(Item, n)
	for i := range it {
		it[i].Name = d.text()
		d.value(&it[i].Value, depth)
	}
	return it
}

func (d *decoder) value(v *Value, depth int) {
	if d.bad || len(d.s) == 0 || depth > maxStoredDepth {
		d.fail()
		return
	}
	v.Kind = Kind(d.s[0])
	d.s = d.s[1:]
	switch v.Kind {
	case S, N, B:
		v.Text = d.text()
	case NULL:
	case BOOL:
		v.Bool = d.uvarint() == 1
	case SS, NS, BS:
		v.List = make([]Value, d.count())
		for i := range v.List {
			v.List[i] = Value{Kind: v.Kind.element(), Text: d.text()}
		}
	case L:
		v.List = make([]Value, d.count())
		for i := range v.List {
			d.value(&v.List[i], depth+1)
		}
	case M:
		v.Map = d.fields(depth + 1)
	default:
		d.fail()
	}
}
