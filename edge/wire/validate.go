package wire

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire/record"
)

// maxReports bounds the constraints that one answer lists, and maxDepth how deep a value is looked into.
const (
	maxReports = 20
	maxDepth   = 64
)

// Validate checks an input against the constraints of the model and gives nil or one *cloud.Error that lists all that is wrong, in
// AWS's common wording: code ValidationException, ValidationError for services of the query protocol. Services whose schema says "service" do it themselves:
// for them it gives nil.
func Validate(op *schema.Operation, in any) error {
	if op.Service.Validation != "generic" {
		return nil
	}
	found := Violations(op, in)
	if len(found) == 0 {
		return nil
	}
	code, noun := "ValidationException", "error"
	if op.Service.Protocols[0] == QueryName {
		code = "ValidationError"
	}
	if len(found) > 1 {
		noun = "errors"
	}
	text := fmt.Sprintf("%d validation %s detected: %s", len(found), noun, strings.Join(found, "; "))
	return cloud.Errorf(cloud.Invalid, code, "%s", text).WithStatus(http.StatusBadRequest)
}

// Violations gives every violated constraint of an input, as AWS words it, in the order of the model.
func Violations(op *schema.Operation, in any) []string {
	p, v := record.Of(op.Model().Input, in)
	c := &checker{}
	c.structure(p, v, "", 0)
	return c.found
}

type checker struct{ found []string }

func (c *checker) report(path, value, constraint string) {
	if len(c.found) < maxReports {
		c.found = append(c.found, "Value"+value+" at '"+path+"' failed to satisfy constraint: "+constraint)
	}
}

func (c *checker) structure(p *record.Plan, v reflect.Value, path string, depth int) {
	if depth > maxDepth {
		return
	}
	fields := p.Fields()
	for i := range fields {
		f := &fields[i]
		name := join(path, lowerFirst(f.Name))
		fv := v.Field(f.Index)
		if record.Absent(fv) {
			if f.Required {
				c.report(name, " null", "Member must not be null")
			}
			continue
		}
		if f.Plan != nil {
			c.value(f.Plan, record.Deref(fv), name, depth+1)
		}
	}
}

func (c *checker) value(p *record.Plan, v reflect.Value, path string, depth int) {
	if failed := failures(p.Shape, v); len(failed) > 0 {
		shown := show(p.Shape, v)
		for _, f := range failed {
			c.report(path, shown, f)
		}
	}
	switch p.Shape.Kind {
	case schema.Structure:
		c.structure(p, v, path, depth)
	case schema.List:
		c.list(p, v, path, depth)
	case schema.Map:
		c.mapping(p, v, path, depth)
	}
}

func (c *checker) list(p *record.Plan, v reflect.Value, path string, depth int) {
	elem := p.Elem()
	if elem.Shape.Kind.Scalar() {
		for i := range v.Len() {
			if el := v.Index(i); !record.Absent(el) && len(failures(elem.Shape, record.Deref(el))) > 0 {
				c.report(path, show(p.Shape, v), "Member must satisfy constraint: ["+elements(p.Shape)+"]")
				return
			}
		}
		return
	}
	for i := range v.Len() {
		if el := v.Index(i); !record.Absent(el) {
			c.value(elem, record.Deref(el), path+"."+strconv.Itoa(i+1)+".member", depth+1)
		}
	}
}

func (c *checker) mapping(p *record.Plan, v reflect.Value, path string, depth int) {
	key, elem := p.Shape.Key.Shape, p.Elem()
	for _, k := range record.SortedKeys(v) {
		if len(failures(key, reflect.ValueOf(k))) > 0 {
			c.report(path, show(p.Shape, v), "Map keys must satisfy constraint: ["+present(p.Shape, constraints(key))+"]")
			break
		}
	}
	for _, k := range record.SortedKeys(v) {
		el := v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key()))
		if record.Absent(el) {
			continue
		}
		el = record.Deref(el)
		if !elem.Shape.Kind.Scalar() {
			c.value(elem, el, path+"."+k+".member", depth+1)
			continue
		}
		if len(failures(elem.Shape, el)) > 0 {
			c.report(path, show(p.Shape, v), "Map value must satisfy constraint: ["+elements(p.Shape)+"]")
			return
		}
	}
}

// failures gives the constraints of a shape itself that a value does not satisfy, in AWS's order: enum, pattern, length.
func failures(s *schema.Shape, v reflect.Value) []string {
	var out []string
	add := func(failed bool, text func(*schema.Shape) string) {
		if failed {
			out = append(out, text(s))
		}
	}
	if s.Kind == schema.String {
		text := v.String()
		add(len(s.Enum) > 0 && !contains(s.Enum, text), enumText)
		add(s.Pattern != "" && !matches(s, text), patternText)
	}
	if !s.HasMin && !s.HasMax {
		return out
	}
	size, ok := measure(s, v)
	if !ok {
		return out
	}
	add(s.HasMax && size > s.Max, maxText)
	add(s.HasMin && size < s.Min, minText)
	return out
}

// elements lists the constraints of a collection's elements.
func elements(s *schema.Shape) string {
	return present(s, constraints(s.Elem.Shape))
}

// present writes constraints of a collection's keys or elements, with that of being there where answers have it.
func present(s *schema.Shape, all []string) string {
	if s.NotNull {
		all = append(all, "Member must not be null")
	}
	return strings.Join(all, ", ")
}

// constraints gives all constraints of a shape.
func constraints(s *schema.Shape) []string {
	var out []string
	if s.HasMax {
		out = append(out, maxText(s))
	}
	if s.HasMin {
		out = append(out, minText(s))
	}
	if s.Pattern != "" {
		out = append(out, patternText(s))
	}
	if len(s.Enum) > 0 {
		out = append(out, enumText(s))
	}
	return out
}

func enumText(s *schema.Shape) string {
	return "Member must satisfy enum value set: [" + strings.Join(s.Enum, ", ") + "]"
}

func patternText(s *schema.Shape) string {
	return "Member must satisfy regular expression pattern: " + s.Pattern
}

func maxText(s *schema.Shape) string {
	return "Member must have " + quantity(s) + " less than or equal to " + bound(s, s.Max)
}

func minText(s *schema.Shape) string {
	return "Member must have " + quantity(s) + " greater than or equal to " + bound(s, s.Min)
}

// bound writes a bound: those of fractions as fractions.
func bound(s *schema.Shape, x float64) string {
	if s.Kind == schema.Float || s.Kind == schema.Double {
		return fraction(x)
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// fraction writes a fraction, with one digit after the point at least.
func fraction(x float64) string {
	s := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func quantity(s *schema.Shape) string {
	if s.Kind >= schema.Integer && s.Kind <= schema.Double {
		return "value"
	}
	return "length"
}

func measure(s *schema.Shape, v reflect.Value) (float64, bool) {
	switch s.Kind {
	case schema.String:
		return float64(utf8.RuneCountInString(v.String())), true
	case schema.Blob, schema.List, schema.Map:
		return float64(v.Len()), true
	case schema.Integer, schema.Long:
		return float64(v.Int()), true
	case schema.Float, schema.Double:
		return v.Float(), true
	}
	return 0, false
}

// show writes a value as AWS does: quoted, collections as Java prints them, secrets not at all.
func show(s *schema.Shape, v reflect.Value) string {
	if secret(s) {
		return ""
	}
	switch s.Kind {
	case schema.List:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = plainText(v.Index(i))
		}
		return " '[" + strings.Join(parts, ", ") + "]'"
	case schema.Map:
		var parts []string
		for _, k := range record.SortedKeys(v) {
			parts = append(parts, k+"="+plainText(v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key()))))
		}
		return " '{" + strings.Join(parts, ", ") + "}'"
	}
	return " '" + plainText(v) + "'"
}

func secret(s *schema.Shape) bool {
	return s.Sensitive || s.Elem != nil && s.Elem.Shape.Sensitive
}

func plainText(v reflect.Value) string {
	v = record.Deref(v)
	switch {
	case !v.IsValid():
		return "null"
	case v.Kind() == reflect.String:
		return v.String()
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanFloat():
		return fraction(v.Float())
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	}
	return "..."
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func lowerFirst(s string) string {
	if s != "" && s[0] >= 'A' && s[0] <= 'Z' {
		return string(s[0]+'a'-'A') + s[1:]
	}
	return s
}
