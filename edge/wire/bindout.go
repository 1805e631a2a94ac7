package wire

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"sundog/cloud/schema"
	"sundog/edge/wire/record"
)

// EncodeRequestBindings makes the URL and headers of a REST request from an input.
func EncodeRequestBindings(op *schema.Operation, p *record.Plan, v reflect.Value) (*http.Request, error) {
	m := op.Model()
	path, query, _ := strings.Cut(m.URI, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	var bound []record.Field
	for _, f := range p.Fields() {
		if f.Plan == nil || record.Absent(v.Field(f.Index)) {
			continue
		}
		switch f.Location {
		case schema.URI:
			text := record.Text(f.Plan, f.Member, v.Field(f.Index), record.ISO8601)
			path = strings.ReplaceAll(path, "{"+f.Wire+"}", escapeSegment(text, false))
			path = strings.ReplaceAll(path, "{"+f.Wire+"+}", escapeSegment(text, true))
		case schema.Query:
			bound = append(bound, f)
		}
	}
	encodeQuery(bound, v, values)
	r := &http.Request{Method: m.Method, Header: http.Header{}, ProtoMajor: 1, ProtoMinor: 1}
	r.URL = &url.URL{RawPath: path, RawQuery: strings.ReplaceAll(values.Encode(), "+", "%20")}
	if r.URL.Path, err = url.PathUnescape(path); err != nil {
		return nil, err
	}
	EncodeHeaders(p, v, r.Header)
	return r, nil
}

func encodeQuery(fields []record.Field, v reflect.Value, values url.Values) {
	for _, f := range fields {
		fv := v.Field(f.Index)
		switch f.Shape.Kind {
		case schema.List:
			for i := range fv.Len() {
				values.Add(f.Wire, record.Text(f.Plan.Elem(), f.Shape.Elem, fv.Index(i), record.ISO8601))
			}
		case schema.Map:
			encodeQueryMap(f, fv, values)
		default:
			values.Set(f.Wire, record.Text(f.Plan, f.Member, fv, record.ISO8601))
		}
	}
}

func encodeQueryMap(f record.Field, fv reflect.Value, values url.Values) {
	for _, k := range record.SortedKeys(fv) {
		if values.Has(k) {
			continue
		}
		el := fv.MapIndex(reflect.ValueOf(k))
		if f.Shape.Elem.Shape.Kind != schema.List {
			values.Set(k, record.Text(f.Plan.Elem(), f.Shape.Elem, el, record.ISO8601))
			continue
		}
		for i := range el.Len() {
			values.Add(k, record.Text(f.Plan.Elem().Elem(), f.Shape.Elem.Shape.Elem, el.Index(i), record.ISO8601))
		}
	}
}

// escapeSegment escapes all but RFC 3986's unreserved characters, and the slash in greedy labels.
func escapeSegment(s string, greedy bool) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 || greedy && c == '/' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
