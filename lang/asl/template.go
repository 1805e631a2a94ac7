package asl

import (
	"errors"
	"fmt"
	"strings"

	"sundog/lang/jsonpath"
)

// template is a payload template: JSON in which a member "name.$" is filled by the expression in its string.
type template struct {
	literal any // when nothing in it is an expression
	isConst bool
	names   []string    // of an object
	values  []*template // of an object or array
	array   bool
	expr    *expr
	field   string // "name.$"
}

// compileTemplate reads a payload template; at tells where an expression is wrong.
func compileTemplate(v any, at string, bad func(at, field string)) *template {
	switch x := v.(type) {
	case *jsonpath.Object:
		return compileObject(x, at, bad)
	case []any:
		t := &template{array: true, isConst: true, literal: v}
		for _, e := range x {
			c := compileTemplate(e, at, bad)
			t.isConst = t.isConst && c.isConst
			t.values = append(t.values, c)
		}
		return t
	}
	return &template{literal: v, isConst: true}
}

func compileObject(o *jsonpath.Object, at string, bad func(at, field string)) *template {
	t := &template{isConst: true, literal: o}
	for k, v := range o.All() {
		name, dynamic := strings.CutSuffix(k, ".$")
		if !dynamic {
			c := compileTemplate(v, at, bad)
			t.isConst = t.isConst && c.isConst
			t.names, t.values = append(t.names, k), append(t.values, c)
			continue
		}
		t.isConst = false
		s, ok := v.(string)
		x, err := compileExpr(s)
		if !ok || err != nil {
			bad(at, k)
			x = &expr{text: s, path: identity}
		}
		t.names, t.values = append(t.names, name), append(t.values, &template{expr: x, field: k})
	}
	return t
}

var identity = func() *jsonpath.Path {
	p, err := jsonpath.Compile("$")
	if err != nil {
		panic(err)
	}
	return p
}()

// render fills the template. Errors are *Failure, worded as Step Functions does.
func (t *template) render(sc *scope) (any, error) {
	switch {
	case t.isConst:
		return t.literal, nil
	case t.expr != nil:
		v, err := t.expr.eval(sc)
		if err != nil {
			return nil, t.failure(sc, err)
		}
		return v, nil
	case t.array:
		list := make([]any, len(t.values))
		for i, e := range t.values {
			v, err := e.render(sc)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	}
	o := jsonpath.NewObject(len(t.names))
	for i, n := range t.names {
		v, err := t.values[i].render(sc)
		if err != nil {
			return nil, err
		}
		o.Set(n, v)
	}
	return o, nil
}

func (t *template) failure(sc *scope, err error) error {
	var f *Failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, errNoVariable):
		return runtime("The variable '%s' specified for the field '%s' has not been assigned", t.expr.text, t.field)
	case t.expr.call != nil:
		return &Failure{Name: ErrIntrinsic, Cause: fmt.Sprintf("The function '%s' had the following error: %s", t.expr.text, err), located: true}
	}
	return runtime("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", t.expr.text, t.field, sc.raw())
}

// variables adds the names of the variables that the template reads.
func (t *template) variables(add func(string)) {
	if t == nil {
		return
	}
	t.expr.variables(add)
	for _, v := range t.values {
		v.variables(add)
	}
}
