package asl

import "sundog/lang/jsonpath"

// doc is a JSON document as text, as value, or both: a document that only passes through a state is never parsed, and keeps its
// very text.
type doc struct {
	text   string
	value  any
	parsed bool
	hasTxt bool
}

func docText(s string) doc { return doc{text: s, hasTxt: true} }

func docValue(v any) doc { return doc{value: v, parsed: true} }

// val parses on first use. Texts were checked when they came in, so that a failure here means null.
func (d *doc) val() any {
	if !d.parsed {
		v, err := jsonpath.Parse(d.text)
		if err != nil {
			v = nil
		}
		d.value, d.parsed = v, true
	}
	return d.value
}

// fits tells whether the document is within the limit of data, without writing a huge one.
func (d *doc) fits() bool {
	if d.hasTxt {
		return len(d.text) <= MaxData
	}
	return jsonpath.Fits(d.value, MaxData)
}

func (d *doc) str() string {
	if !d.hasTxt {
		d.text, d.hasTxt = jsonpath.Text(d.value), true
	}
	return d.text
}
