package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// The table is text, one record a line, fields separated by tabs; the first field is the record's kind. Shapes are named by their
// position among the S records, from 0; "-" is none.
//
//	O name method uri status input output errors(comma) attributes...
//	S name kind attributes...
//	M name shape attributes...      (member of the last S; a list has one, a map has key and value)
//
// Attributes are "key=value" or "key". Strings of the table are shared with the parsed model, not copied.
type model struct {
	names  []string
	ops    map[string]*Model
	shapes []*Shape
	errors map[string]*Shape
}

type tableReader struct {
	model
	inputs map[*Model][3]string
	line   int
}

var noMembers = &Shape{Kind: Structure}

func parseTable(text string) (*model, error) {
	r := &tableReader{inputs: map[*Model][3]string{}}
	r.ops, r.errors = map[string]*Model{}, map[string]*Shape{}
	r.allocate(text)
	shape := -1
	for line := range strings.SplitSeq(text, "\n") {
		r.line++
		if line == "" {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) < 2 {
			return nil, fmt.Errorf("line %d: unknown record %q", r.line, line)
		}
		var err error
		switch f[0] {
		case "O":
			err = r.operation(f)
		case "S":
			shape++
			err = r.shape(r.shapes[shape], f)
		case "M":
			if shape < 0 {
				return nil, fmt.Errorf("line %d: a member before any shape", r.line)
			}
			err = r.member(r.shapes[shape], f)
		default:
			err = fmt.Errorf("unknown record %q", f[0])
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", r.line, err)
		}
	}
	return &r.model, r.link()
}

// allocate makes all shapes in one block, with room for their members, so that members can point at shapes that come later.
func (r *tableReader) allocate(text string) {
	var members []int
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "S\t"):
			members = append(members, 0)
		case strings.HasPrefix(line, "M\t") && len(members) > 0:
			members[len(members)-1]++
		}
	}
	block := make([]Shape, len(members))
	for i := range block {
		if n := members[i]; n > 0 {
			block[i].Members = make([]Member, 0, n)
		}
		r.shapes = append(r.shapes, &block[i])
	}
}

func (r *tableReader) ref(s string) (*Shape, error) {
	if s == "-" {
		return nil, nil
	}
	i, err := strconv.Atoi(s)
	if err != nil || i < 0 || i >= len(r.shapes) {
		return nil, fmt.Errorf("no shape %q", s)
	}
	return r.shapes[i], nil
}

func (r *tableReader) operation(f []string) error {
	if len(f) < 8 {
		return fmt.Errorf("short operation record")
	}
	m := &Model{Name: f[1], Method: f[2], URI: f[3]}
	var err error
	if m.Status, err = strconv.Atoi(f[4]); err != nil {
		return err
	}
	r.inputs[m] = [3]string{f[5], f[6], f[7]}
	r.ops[m.Name] = m
	r.names = append(r.names, m.Name)
	for _, a := range f[8:] {
		if err := m.attribute(a); err != nil {
			return err
		}
	}
	return nil
}

func (m *Model) attribute(a string) error {
	k, v, _ := strings.Cut(a, "=")
	switch k {
	case "unsigned":
		m.Unsigned = true
	case "unsignedbody":
		m.UnsignedBody = true
	case "sumrequired":
		m.ChecksumRequired = true
	case "summember":
		m.ChecksumMember = v
	case "sumanswer":
		m.ChecksumAnswer = v
	case "host":
		m.HostPrefix = v
	case "deprecated":
		m.Deprecated = true
	case "inname":
		m.InputXML.Local = v
	case "inns":
		m.InputXML.Prefix, m.InputXML.Namespace, _ = strings.Cut(v, " ")
	case "wrap":
		m.OutputWrapper = v
	default:
		return fmt.Errorf("unknown attribute %q", a)
	}
	return nil
}

// link resolves what the operations refer to, and what shapes know of their members.
func (r *tableReader) link() error {
	for _, s := range r.shapes {
		r.finish(s)
	}
	inputs := map[*Shape]bool{}
	for _, name := range r.names {
		m := r.ops[name]
		refs := r.inputs[m]
		var err error
		if m.Input, err = r.ref(refs[0]); err != nil {
			return err
		}
		if m.Output, err = r.ref(refs[1]); err != nil {
			return err
		}
		for e := range strings.SplitSeq(refs[2], ",") {
			s, err := r.ref(e)
			if err != nil {
				return err
			}
			if s != nil {
				m.Errors = append(m.Errors, s)
			}
		}
		if m.Input == nil {
			m.Input = noMembers
		}
		inputs[m.Input] = true
		m.StreamIn = streams(m.Input)
		if m.Output != nil {
			m.StreamOut = streams(m.Output)
			m.EventsOut = m.Output.Payload != nil && m.Output.Payload.Shape.EventStream
		}
	}
	for _, m := range r.ops {
		if m.Output != nil && !inputs[m.Output] {
			m.Output.bodyOnly()
		}
	}
	return nil
}

// bodyOnly moves members with request locations into the body: an answer has neither path nor query.
func (s *Shape) bodyOnly() {
	for i := range s.Members {
		if l := s.Members[i].Location; l == URI || l == Query {
			s.Members[i].Location = Body
		}
	}
}

func streams(s *Shape) bool {
	return s.Payload != nil && s.Payload.Shape.Kind == Blob && s.Payload.Streaming
}

func (r *tableReader) finish(s *Shape) {
	switch s.Kind {
	case List:
		s.Elem, s.Members = &s.Members[0], nil
	case Map:
		s.Key, s.Elem, s.Members = &s.Members[0], &s.Members[1], nil
	}
	if s.Error.Exception {
		if s.Error.Code == "" {
			s.Error.Code = s.Name
		}
		r.errors[s.Error.Code] = s
		r.errors[s.Name] = s
	}
	if s.Payload != nil {
		s.Payload = s.Member(s.Payload.Name)
	}
}
