package wire

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"sundog/cloud/schema"
	"sundog/edge/wire/record"
)

// DecodeRequestBindings reads what a REST request carries outside its body into v: labels, query parameters, headers.
func DecodeRequestBindings(op *schema.Operation, r *http.Request, p *record.Plan, v reflect.Value) error {
	labels := pathLabels(op.Model().URI, r.URL.EscapedPath())
	values := r.URL.Query()
	fields := p.Fields()
	for i := range fields {
		f := &fields[i]
		if f.Plan == nil || f.Location == schema.Body {
			continue
		}
		if err := bindIn(f, v.Field(f.Index), labels, values, r.Header); err != nil {
			return Malformed(op.Service.Protocols[0], "member "+f.Name+": "+err.Error())
		}
	}
	return nil
}

func bindIn(f *record.Field, v reflect.Value, labels map[string]string, values url.Values, h http.Header) error {
	switch f.Location {
	case schema.URI:
		if s, ok := labels[f.Wire]; ok {
			return record.SetText(f.Plan, v, s)
		}
	case schema.Query:
		return bindQuery(f, v, values)
	case schema.Header:
		return bindHeader(f, v, h)
	case schema.Headers:
		bindHeaders(f, v, h)
	}
	return nil
}

// pathLabels gives the labels of a path; the path matches the pattern, or labels are missing.
func pathLabels(pattern, path string) map[string]string {
	pattern, _, _ = strings.Cut(pattern, "?")
	path = strings.TrimPrefix(path, "/")
	var labels map[string]string
	for _, seg := range segments(pattern) {
		name, isLabel := strings.CutPrefix(seg, "{")
		name = strings.TrimSuffix(name, "}")
		name, greedy := strings.CutSuffix(name, "+")
		part, rest, _ := strings.Cut(path, "/")
		if greedy {
			part, rest = path, ""
		}
		path = rest
		if !isLabel {
			continue
		}
		if labels == nil {
			labels = map[string]string{}
		}
		if plain, err := url.PathUnescape(part); err == nil {
			part = plain
		}
		labels[name] = part
	}
	return labels
}

func bindQuery(f *record.Field, v reflect.Value, values url.Values) error {
	switch f.Shape.Kind {
	case schema.Map:
		return bindQueryMap(f, v, values)
	case schema.List:
		texts, ok := values[f.Wire]
		if !ok {
			return nil
		}
		return setTexts(f.Plan, v, texts)
	}
	texts, ok := values[f.Wire]
	if !ok || len(texts) == 0 {
		return nil
	}
	if texts[0] == "" && f.Shape.Kind != schema.String {
		return nil
	}
	return record.SetText(f.Plan, v, texts[0])
}

func setTexts(p *record.Plan, v reflect.Value, texts []string) error {
	list := reflect.MakeSlice(v.Type(), len(texts), len(texts))
	for i, s := range texts {
		if err := record.SetText(p.Elem(), list.Index(i), s); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

// bindQueryMap takes all parameters, those of other members too, as servers do (Smithy, "httpQueryParams trait").
func bindQueryMap(f *record.Field, v reflect.Value, values url.Values) error {
	out := reflect.MakeMap(v.Type())
	for k, texts := range values {
		if len(texts) == 0 {
			continue
		}
		slot := reflect.New(v.Type().Elem()).Elem()
		if f.Shape.Elem.Shape.Kind == schema.List {
			if err := setTexts(f.Plan.Elem(), slot, texts); err != nil {
				return err
			}
		} else if err := record.SetText(f.Plan.Elem(), slot, texts[0]); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(k), slot)
	}
	if out.Len() > 0 {
		v.Set(out)
	}
	return nil
}

func bindHeader(f *record.Field, v reflect.Value, h http.Header) error {
	lines := h.Values(f.Wire)
	if len(lines) == 0 {
		return nil
	}
	text := strings.Join(lines, ",")
	switch {
	case f.JSONValue:
		b, err := record.ParseBase64(text)
		if err != nil {
			return err
		}
		return record.SetText(f.Plan, v, string(b))
	case f.Shape.Kind == schema.List:
		return setTexts(f.Plan, v, splitHeader(text, f.Shape.Elem))
	case text == "" && f.Shape.Kind != schema.String:
		return nil
	}
	return record.SetText(f.Plan, v, text)
}

// splitHeader splits a header's list at commas that are not inside quotes; the dates of rfc822 have one comma themselves.
func splitHeader(text string, elem *schema.Member) []string {
	dates := elem.Shape.Kind == schema.Timestamp && record.TimeFormat(elem, record.RFC822) == record.RFC822
	var out []string
	for text != "" {
		text = strings.TrimLeft(text, " \t")
		var part string
		switch {
		case strings.HasPrefix(text, `"`):
			part, text = quotedPart(text[1:])
		case dates:
			i := strings.IndexByte(text, ',')
			if i < 0 {
				i = -1
			}
			day := text[:i+1]
			part, text, _ = strings.Cut(text[i+1:], ",")
			part = day + part
		default:
			part, text, _ = strings.Cut(text, ",")
			part = strings.TrimRight(part, " \t")
		}
		out = append(out, part)
	}
	return out
}

func quotedPart(s string) (part, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			_, rest, _ = strings.Cut(s[i+1:], ",")
			return b.String(), rest
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

func bindHeaders(f *record.Field, v reflect.Value, h http.Header) {
	out := reflect.MakeMap(v.Type())
	prefix := strings.ToLower(f.Wire)
	if !f.Renamed {
		prefix = ""
	}
	for k, lines := range h {
		if rest, ok := strings.CutPrefix(strings.ToLower(k), prefix); ok && len(lines) > 0 {
			out.SetMapIndex(reflect.ValueOf(rest), reflect.ValueOf(strings.Join(lines, ",")).Convert(v.Type().Elem()))
		}
	}
	if out.Len() > 0 {
		v.Set(out)
	}
}

// DecodeResponseBindings reads what a REST response carries outside its body: the status and headers.
func DecodeResponseBindings(resp *http.Response, p *record.Plan, v reflect.Value) error {
	fields := p.Fields()
	for i := range fields {
		f := &fields[i]
		var err error
		switch {
		case f.Plan == nil:
		case f.Location == schema.StatusCode:
			record.Inner(v.Field(f.Index)).SetInt(int64(resp.StatusCode))
		case f.Location == schema.Header:
			err = bindHeader(f, v.Field(f.Index), resp.Header)
		case f.Location == schema.Headers:
			bindHeaders(f, v.Field(f.Index), resp.Header)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// EncodeHeaders writes the headers of an input or output into h, and gives the status that the output's statusCode member asks
// for, or 0.
func EncodeHeaders(p *record.Plan, v reflect.Value, h http.Header) (status int) {
	fields := p.Fields()
	for i := range fields {
		f := &fields[i]
		if f.Plan == nil || f.Location == schema.Body {
			continue
		}
		fv := v.Field(f.Index)
		if record.Absent(fv) {
			continue
		}
		switch f.Location {
		case schema.StatusCode:
			status = int(record.Deref(fv).Int())
		case schema.Header:
			EncodeHeader(f.Plan, f.Member, fv, h)
		case schema.Headers:
			prefix := f.Wire
			if !f.Renamed {
				prefix = ""
			}
			for _, k := range record.SortedKeys(fv) {
				SetHeader(h, prefix+k, fv.MapIndex(reflect.ValueOf(k).Convert(fv.Type().Key())).String())
			}
		}
	}
	return status
}

// EncodeHeader writes one header member.
func EncodeHeader(p *record.Plan, m *schema.Member, v reflect.Value, h http.Header) {
	switch {
	case m.JSONValue:
		SetHeader(h, m.Wire, base64.StdEncoding.EncodeToString([]byte(record.Text(p, m, v, ""))))
	case m.Shape.Kind == schema.List:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = headerItem(record.Text(p.Elem(), m.Shape.Elem, v.Index(i), record.RFC822), m.Shape.Elem.Shape.Kind)
		}
		if len(parts) > 0 {
			SetHeader(h, m.Wire, strings.Join(parts, ", "))
		}
	default:
		SetHeader(h, m.Wire, record.Text(p, m, v, record.RFC822))
	}
}

func headerItem(s string, k schema.Kind) string {
	if k == schema.String && strings.ContainsAny(s, `",`) {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	return s
}

// SetHeader sets a header; line breaks, which a header cannot hold, become blanks.
func SetHeader(h http.Header, name, value string) {
	if strings.ContainsAny(value, "\r\n") {
		value = strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ").Replace(value)
	}
	h.Set(name, value)
}

// Payload gives the payload field of a structure and its value; nil when the body is the structure itself.
func Payload(p *record.Plan, v reflect.Value) (*record.Field, reflect.Value) {
	if p.Shape.Payload == nil {
		return nil, reflect.Value{}
	}
	f := p.Name([]byte(p.Shape.Payload.Name))
	return f, v.Field(f.Index)
}

// HasBody tells whether a structure has members that travel in the body.
func HasBody(s *schema.Shape) bool {
	for i := range s.Members {
		if s.Members[i].Location == schema.Body {
			return true
		}
	}
	return false
}

// CopyStream writes a stream to w and closes it.
func CopyStream(w http.ResponseWriter, body io.ReadCloser) error {
	defer body.Close()
	buf := make([]byte, 64<<10)
	_, err := io.CopyBuffer(w, body, buf)
	return err
}
