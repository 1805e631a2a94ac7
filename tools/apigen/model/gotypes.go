package model

import (
	"fmt"
	"go/format"
	"slices"
	"strconv"
	"strings"

	"sundog/cloud/schema"
)

// Package is what the Go file of a service says beside its types.
type Package struct {
	Name       string // folder and package
	Validation string // schema.Service.Validation
	Prefix     string // schema.Service.ErrorPrefix
	Source     string // the model's path and version, for the file's head
}

// Go writes the Go file of the operations: types, the Service and one schema.Operation each. The table is embedded from
// schema_gen.txt beside it.
func (s *Service) Go(p Package, ops []string) ([]byte, error) {
	names, err := s.Select(ops)
	if err != nil {
		return nil, err
	}
	g := &goWriter{service: s, names: map[string]string{}, ops: ops}
	g.name(names)
	g.head(p)
	for _, op := range ops {
		o := s.Operations[op]
		g.root(op, "Input", deref(o.Input).Shape, false)
		g.root(op, "Output", deref(o.Output).Shape, true)
	}
	for _, n := range g.nested(names) {
		g.structure(g.names[n], s.Shapes[n], "")
	}
	if g.err != nil {
		return nil, g.err
	}
	return format.Source([]byte(g.assemble(p)))
}

type goWriter struct {
	service *Service
	ops     []string
	names   map[string]string // structure shape -> Go type
	out     strings.Builder
	imports map[string]bool
	err     error
}

// name gives each structure a Go name that is not taken by the inputs, outputs and variables of the operations.
func (g *goWriter) name(shapes []string) {
	taken := map[string]bool{"Service": true}
	for _, op := range g.ops {
		taken[op+"Input"], taken[op+"Output"], taken[op+"Op"] = true, true, true
	}
	for _, n := range shapes {
		if g.service.Shapes[n].Type != "structure" {
			continue
		}
		name := schema.GoName(n)
		for taken[name] {
			name += "Type"
		}
		taken[name] = true
		g.names[n] = name
	}
}

// nested gives the structures that some other shape refers to. Errors themselves have no Go type, what they hold has.
func (g *goWriter) nested(shapes []string) []string {
	roots, used := map[string]bool{}, map[string]bool{}
	for _, op := range g.ops {
		o := g.service.Operations[op]
		roots[deref(o.Input).Shape], roots[deref(o.Output).Shape] = true, true
		for _, e := range o.Errors {
			roots[e.Shape] = true
		}
	}
	var visit func(n string)
	visit = func(n string) {
		for _, r := range g.service.Shapes[n].Refs() {
			if !used[r.Shape] {
				used[r.Shape] = true
				visit(r.Shape)
			}
		}
	}
	for n := range roots {
		if n != "" {
			visit(n)
		}
	}
	var out []string
	for _, n := range shapes {
		sh := g.service.Shapes[n]
		if used[n] && sh.Type == "structure" && !sh.Document {
			out = append(out, n)
		}
	}
	return out
}

func (g *goWriter) head(p Package) {
	g.imports = map[string]bool{"sundog/cloud/schema": true}
	m := g.service.Metadata
	fmt.Fprintf(&g.out, "//go:embed schema_gen.txt\nvar table string\n\n// Service is %s.\nvar Service = &schema.Service{\n", m.ServiceFullName)
	text := func(field, v string) {
		if v != "" {
			fmt.Fprintf(&g.out, "\t%s: %s,\n", field, strconv.Quote(v))
		}
	}
	text("ID", p.Name)
	text("ServiceID", m.ServiceID)
	text("FullName", m.ServiceFullName)
	text("APIVersion", m.APIVersion)
	text("SigningName", m.SigningName)
	text("EndpointPrefix", m.EndpointPrefix)
	text("TargetPrefix", m.TargetPrefix)
	text("JSONVersion", m.JSONVersion)
	text("XMLNamespace", m.XMLNamespace.URI)
	if m.GlobalEndpoint != "" {
		g.out.WriteString("\tGlobal: true,\n")
	}
	if m.AWSQueryCompatible != nil {
		g.out.WriteString("\tQueryCode: true,\n")
	}
	fmt.Fprintf(&g.out, "\tProtocols: %#v,\n", m.Protocols)
	text("ErrorPrefix", p.Prefix)
	text("Validation", p.Validation)
	g.out.WriteString("\tTable: table,\n}\n\n// The operations.\nvar (\n")
	for _, op := range g.ops {
		fmt.Fprintf(&g.out, "\t%sOp = &schema.Operation{Name: %q, Service: Service}\n", op, op)
	}
	g.out.WriteString(")\n\n")
}

func (g *goWriter) root(op, suffix, shape string, out bool) {
	sh := &Shape{Type: "structure"}
	if shape != "" {
		sh = g.service.Shapes[shape]
	}
	side := "in"
	if out {
		side = "out"
	}
	g.structure(op+suffix, sh, side)
}

func (g *goWriter) structure(name string, sh *Shape, side string) {
	word := "is the " + map[string]string{"in": "input", "out": "output"}[side] + " of " + strings.TrimSuffix(strings.TrimSuffix(name, "Input"), "Output")
	switch {
	case sh.Union:
		word = "is a union: one field is set"
	case side == "":
		word = "is a structure of the API"
	}
	if len(sh.Members) == 0 {
		fmt.Fprintf(&g.out, "// %s %s; it has no members.\ntype %s struct{}\n\n", name, word, name)
		return
	}
	fmt.Fprintf(&g.out, "// %s %s.\ntype %s struct {\n", name, word, name)
	seen := map[string]bool{}
	for _, m := range sh.Members {
		field := schema.GoName(m.Name)
		if seen[field] {
			g.err = fmt.Errorf("%s: two members are called %s", name, field)
		}
		seen[field] = true
		note := ""
		if slices.Contains(sh.Required, m.Name) {
			note = " // required"
		}
		fmt.Fprintf(&g.out, "\t%s %s%s\n", field, g.field(m.Ref, side, m.Name == sh.Payload), note)
	}
	g.out.WriteString("}\n\n")
}

// field gives the Go type of a member.
func (g *goWriter) field(r Ref, side string, payload bool) string {
	sh := g.service.Shapes[r.Shape]
	if payload && sh.Type == "blob" && (r.Streaming || sh.Streaming) {
		g.imports["io"] = true
		return map[string]string{"in": "io.Reader", "out": "io.ReadCloser"}[side]
	}
	if sh.EventStream {
		return "schema.EventStream"
	}
	switch kind(sh) {
	case "list", "map", "blob", "document":
		return g.element(r, false)
	}
	return "*" + g.element(r, false)
}

// element gives the Go type of a value inside a list or map. Null elements of sparse collections are nil pointers.
func (g *goWriter) element(r Ref, sparse bool) string {
	sh := g.service.Shapes[r.Shape]
	t := ""
	switch k := kind(sh); k {
	case "structure":
		t = g.names[r.Shape]
	case "list":
		return "[]" + g.element(*sh.Member, sh.Sparse)
	case "map":
		return "map[string]" + g.element(*sh.Value, sh.Sparse)
	case "blob":
		return "[]byte"
	case "document":
		g.imports["encoding/json"] = true
		return "json.RawMessage"
	case "timestamp":
		g.imports["time"] = true
		t = "time.Time"
	default:
		t = map[string]string{"string": "string", "boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64"}[k]
		if t == "" {
			g.err = fmt.Errorf("shape %s: unknown type %s", r.Shape, k)
		}
	}
	if sparse {
		return "*" + t
	}
	return t
}

func (g *goWriter) assemble(p Package) string {
	var b strings.Builder
	fmt.Fprintf(&b, "// Code generated by apigen from %s; DO NOT EDIT.\n\n", p.Source)
	fmt.Fprintf(&b, "// Package %s has the types and the schema of the served operations of %s.\npackage %s\n\nimport (\n\t_ \"embed\"\n", p.Name, g.service.Metadata.ServiceFullName, p.Name)
	for _, i := range []string{"encoding/json", "io", "time"} {
		if g.imports[i] {
			fmt.Fprintf(&b, "\t%q\n", i)
		}
	}
	b.WriteString("\n\t\"sundog/cloud/schema\"\n)\n\n")
	b.WriteString(g.out.String())
	return b.String()
}
