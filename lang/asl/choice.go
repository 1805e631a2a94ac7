package asl

import (
	"errors"
	"strings"
	"time"

	"sundog/lang/jsonpath"
)

// rule is a choice rule, or a condition inside one.
type rule struct {
	And, Or  []rule
	Not      *rule
	variable *expr
	op       operator
	value    any   // what the variable is compared with
	valueAt  *expr // or the path to it
	Next     string
	Assign   *template
}

// operator is a comparison without its type and Path: what NumericLessThanPath has between Numeric and Path.
type operator struct {
	kind string // "String", "Numeric", "Boolean", "Timestamp", "Is"
	test string // "Equals", "LessThan", ..., "Matches", "Null", "Present", ...
}

// parseOperator reads the name of a comparison; false when there is none of that name.
func parseOperator(name string) (op operator, path, ok bool) {
	if rest, is := strings.CutPrefix(name, "Is"); is {
		switch rest {
		case "Null", "Present", "Numeric", "String", "Boolean", "Timestamp":
			return operator{"Is", rest}, false, true
		}
		return op, false, false
	}
	name, path = strings.CutSuffix(name, "Path")
	for _, kind := range []string{"String", "Numeric", "Boolean", "Timestamp"} {
		test, is := strings.CutPrefix(name, kind)
		if !is {
			continue
		}
		switch test {
		case "Equals":
			return operator{kind, test}, path, true
		case "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals":
			return operator{kind, test}, path, kind != "Boolean"
		case "Matches":
			return operator{kind, test}, path, kind == "String" && !path
		}
	}
	return op, false, false
}

// errCondition is a path of a rule that leads nowhere.
type errCondition struct{ path string }

func (e errCondition) Error() string {
	return "Invalid path '" + e.path + "': The choice state's condition path references an invalid value."
}

func (r *rule) holds(sc *scope) (bool, error) {
	switch {
	case r.Not != nil:
		ok, err := r.Not.holds(sc)
		return !ok, err
	case r.And != nil:
		for i := range r.And {
			if ok, err := r.And[i].holds(sc); err != nil || !ok {
				return false, err
			}
		}
		return true, nil
	case r.Or != nil:
		for i := range r.Or {
			if ok, err := r.Or[i].holds(sc); err != nil || ok {
				return ok, err
			}
		}
		return false, nil
	}
	return r.compare(sc)
}

func (r *rule) compare(sc *scope) (bool, error) {
	v, err := r.variable.eval(sc)
	if r.op == (operator{"Is", "Present"}) {
		want, _ := r.value.(bool)
		return (err == nil) == want, nil
	}
	if err != nil {
		return false, errCondition{r.variable.text}
	}
	if r.op.kind == "Is" {
		want, _ := r.value.(bool)
		return isType(r.op.test, v) == want, nil
	}
	w := r.value
	if r.valueAt != nil {
		if w, err = r.valueAt.eval(sc); err != nil {
			return false, errCondition{r.valueAt.text}
		}
	}
	return r.op.holds(v, w), nil
}

func isType(name string, v any) bool {
	switch name {
	case "Null":
		return v == nil
	case "Timestamp":
		s, ok := v.(string)
		if !ok {
			return false
		}
		_, err := parseTimestamp(s)
		return err == nil
	}
	return jsonpath.TypeName(v) == map[string]string{"Numeric": "number", "String": "string", "Boolean": "boolean"}[name]
}

// holds compares; values of another type than the operator's never match.
func (op operator) holds(v, w any) bool {
	switch op.kind {
	case "Boolean":
		a, ok1 := v.(bool)
		b, ok2 := w.(bool)
		return ok1 && ok2 && a == b
	case "Numeric":
		a, ok1 := v.(jsonpath.Number)
		b, ok2 := w.(jsonpath.Number)
		return ok1 && ok2 && op.order(jsonpath.CompareNumbers(a, b))
	}
	a, ok1 := v.(string)
	b, ok2 := w.(string)
	if !ok1 || !ok2 {
		return false
	}
	if op.kind == "Timestamp" {
		s, err1 := parseTimestamp(a)
		t, err2 := parseTimestamp(b)
		return err1 == nil && err2 == nil && op.order(s.Compare(t))
	}
	if op.test == "Matches" {
		return wildcard(b, a)
	}
	return op.order(strings.Compare(a, b))
}

func (op operator) order(c int) bool {
	switch op.test {
	case "Equals":
		return c == 0
	case "LessThan":
		return c < 0
	case "LessThanEquals":
		return c <= 0
	case "GreaterThan":
		return c > 0
	}
	return c >= 0
}

// wildcard matches a StringMatches pattern: * is any text, \* a star, \\ a backslash. It takes time proportional to the product
// of the lengths at most.
func wildcard(pattern, s string) bool {
	type symbol struct {
		c    byte
		star bool
	}
	var p []symbol
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern) && (pattern[i+1] == '*' || pattern[i+1] == '\\'):
			i++
			p = append(p, symbol{c: pattern[i]})
		case pattern[i] == '*':
			p = append(p, symbol{star: true})
		default:
			p = append(p, symbol{c: pattern[i]})
		}
	}
	i, j, star, mark := 0, 0, -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i].star:
			star, mark = i, j
			i++
		case i < len(p) && p[i].c == s[j]:
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i].star {
		i++
	}
	return i == len(p)
}

var errTimestamp = errors.New("String does not match RFC3339 timestamp") //nolint:staticcheck // as AWS words it

// parseTimestamp reads the profile of RFC 3339 that the language asks for: an upper-case T and a zone, Z or an offset.
func parseTimestamp(s string) (time.Time, error) {
	if len(s) < 11 || s[10] != 'T' || strings.HasSuffix(s, "z") {
		return time.Time{}, errTimestamp
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errTimestamp
}
