package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Select gives the names of the shapes that the operations need, sorted: inputs, outputs, errors and all that they refer to.
func (s *Service) Select(ops []string) ([]string, error) {
	seen := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		if seen[name] {
			return nil
		}
		sh := s.Shapes[name]
		if sh == nil {
			return fmt.Errorf("no shape %s", name)
		}
		seen[name] = true
		for _, r := range sh.Refs() {
			if err := visit(r.Shape); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range ops {
		o, ok := s.Operations[name]
		if !ok {
			return nil, fmt.Errorf("no operation %s", name)
		}
		for _, r := range append([]Ref{deref(o.Input), deref(o.Output)}, o.Errors...) {
			if r.Shape == "" {
				continue
			}
			if err := visit(r.Shape); err != nil {
				return nil, err
			}
		}
	}
	names := make([]string, 0, len(seen))
	for n := range seen {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, nil
}

func deref(r *Ref) Ref {
	if r == nil {
		return Ref{}
	}
	return *r
}

// Refs gives the uses of other shapes: the members of a structure, the element of a list, key and value of a map.
func (sh *Shape) Refs() []NamedRef {
	switch sh.Type {
	case "list":
		return []NamedRef{{"member", *sh.Member}}
	case "map":
		return []NamedRef{{"key", *sh.Key}, {"value", *sh.Value}}
	}
	return sh.Members
}

// Table writes the table (cloud/schema has its grammar) of the operations. Errors of the service that no chosen operation names
// are left out, except those in extra.
func (s *Service) Table(ops []string, extra ...string) (string, error) {
	names, err := s.Select(ops)
	if err != nil {
		return "", err
	}
	for _, e := range extra {
		if s.Shapes[e] != nil && !slices.Contains(names, e) {
			names = append(names, e)
		}
	}
	t := &tableWriter{service: s, index: map[string]int{}}
	for i, n := range names {
		t.index[n] = i
	}
	for _, n := range ops {
		t.operation(s.Operations[n], n)
	}
	for _, n := range names {
		if err := t.shape(n, s.Shapes[n]); err != nil {
			return "", fmt.Errorf("shape %s: %w", n, err)
		}
	}
	return t.out.String(), nil
}

type tableWriter struct {
	service *Service
	index   map[string]int
	out     strings.Builder
}

// line collects the fields of a record.
type line []string

func (l *line) add(on bool, field string) {
	if on {
		*l = append(*l, field)
	}
}

func (l *line) set(key, value string) { l.add(value != "", key+"="+value) }

func (l *line) space(x *XMLSpace) {
	if x != nil && x.URI != "" {
		*l = append(*l, "ns="+x.Prefix+" "+x.URI)
	}
}

func (t *tableWriter) put(l line) {
	for i, f := range l {
		if i > 0 {
			t.out.WriteByte('\t')
		}
		t.out.WriteString(strings.NewReplacer("\t", " ", "\n", " ").Replace(f))
	}
	t.out.WriteByte('\n')
}

func (t *tableWriter) ref(r *Ref) string {
	if r == nil || r.Shape == "" {
		return "-"
	}
	return strconv.Itoa(t.index[r.Shape])
}

func (t *tableWriter) operation(o Operation, name string) {
	var errs []string
	for _, e := range o.Errors {
		errs = append(errs, t.ref(&e))
	}
	if errs == nil {
		errs = []string{"-"}
	}
	status := o.HTTP.Status
	if status == 0 {
		status = 200
	}
	l := line{"O", name, o.HTTP.Method, o.HTTP.URI, strconv.Itoa(status), t.ref(o.Input), t.ref(o.Output), strings.Join(errs, ",")}
	l.add(o.AuthType == "none" || slices.Contains(o.Auth, "smithy.api#noAuth"), "unsigned")
	l.add(o.UnsignedPayload || o.AuthType == "v4-unsigned-body", "unsignedbody")
	l.add(o.ChecksumOld || o.Checksum.Required, "sumrequired")
	l.set("summember", o.Checksum.Member)
	l.set("sumanswer", o.Checksum.Answer)
	l.set("host", o.Endpoint.HostPrefix)
	l.add(o.Deprecated, "deprecated")
	if o.Input != nil {
		l.set("inname", o.Input.LocationName)
		if x := o.Input.XMLNamespace; x != nil {
			l.add(true, "inns="+x.Prefix+" "+x.URI)
		}
	}
	if o.Output != nil {
		l.set("wrap", o.Output.ResultWrapper)
	}
	t.put(l)
}

func (t *tableWriter) shape(name string, sh *Shape) error {
	l := line{"S", name, kind(sh)}
	l.set("payload", sh.Payload)
	if sh.Min != nil {
		l.set("min", number(*sh.Min))
	}
	if sh.Max != nil {
		l.set("max", number(*sh.Max))
	}
	l.set("pattern", sh.Pattern)
	if len(sh.Enum) > 0 {
		for _, e := range sh.Enum {
			if strings.Contains(e, "|") {
				return fmt.Errorf("an enum value with a bar: %q", e)
			}
		}
		l.set("enum", strings.Join(sh.Enum, "|"))
	}
	l.set("xml", sh.LocationName)
	l.space(sh.XMLNamespace)
	l.set("time", sh.TimestampFormat)
	l.set("order", strings.Join(sh.XMLOrder, "|"))
	t.errorTrait(&l, sh)
	l.add(sh.Flattened, "flat")
	l.add(sh.Sparse, "sparse")
	l.add(sh.NotNull, "notnull")
	l.add(sh.Union, "union")
	l.add(sh.EventStream, "events")
	l.add(sh.Event, "event")
	l.add(sh.Streaming, "stream")
	l.add(sh.RequiresLength, "length")
	l.add(sh.Sensitive, "secret")
	l.add(sh.Wrapper, "wrapper")
	t.put(l)
	if kind(sh) == "document" {
		return nil
	}
	for _, r := range sh.Refs() {
		t.member(r, slices.Contains(sh.Required, r.Name))
	}
	return nil
}

func (t *tableWriter) errorTrait(l *line, sh *Shape) {
	if !sh.Exception && sh.Error == nil {
		return
	}
	if sh.Error == nil {
		l.add(true, "error=")
		l.add(sh.Fault, "fault")
		return
	}
	l.add(true, "error="+sh.Error.Code)
	if sh.Error.Status != 0 {
		l.set("status", strconv.Itoa(sh.Error.Status))
	}
	l.add(sh.Error.Sender, "sender")
	l.add(sh.Fault || sh.Error.Fault, "fault")
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (t *tableWriter) member(r NamedRef, required bool) {
	l := line{"M", r.Name, t.ref(&r.Ref)}
	to := t.service.Shapes[r.Shape]
	l.add(required, "req")
	if r.Location == "" && to != nil {
		r.Location = to.Location
		if r.Location != "" && r.LocationName == "" {
			r.LocationName = to.LocationName
		}
	}
	l.set("loc", r.Location)
	l.set("wire", r.LocationName)
	l.set("ec2", r.QueryName)
	l.set("tag", r.QueryTag)
	l.space(r.XMLNamespace)
	l.set("time", r.TimestampFormat)
	l.add(r.Flattened, "flat")
	l.add(r.QueryFlattened, "tagflat")
	l.add(r.XMLAttribute, "attr")
	l.add(r.JSONValue, "json")
	l.add(r.Streaming || to != nil && to.Streaming, "stream")
	l.add(r.Idempotency, "token")
	l.add(r.EventPayload, "eventpayload")
	l.add(r.EventHeader, "eventheader")
	t.put(l)
}

func kind(sh *Shape) string {
	switch {
	case sh.Document:
		return "document"
	case sh.Type == "character":
		return "string"
	case sh.Type == "byte", sh.Type == "short":
		return "integer"
	}
	return sh.Type
}
