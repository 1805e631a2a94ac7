package asl

import (
	"fmt"
	"slices"
	"strings"

	"sundog/lang/jsonpath"
)

// Options say for what kind of state machine a definition is compiled.
type Options struct {
	Express bool
}

// Compile reads a definition. A definition with errors gives *InvalidDefinition, one that asks for what is not served
// *Unsupported.
func Compile(definition string, o Options) (*Machine, error) {
	m, found, unsupported := compileAll(definition, o)
	for _, d := range found {
		if d.Severity == "ERROR" {
			return nil, &InvalidDefinition{Diagnostics: found}
		}
	}
	if unsupported != "" {
		return nil, &Unsupported{What: unsupported}
	}
	return m, nil
}

// Validate gives everything that is to be said about a definition, errors first; none for a sound one.
func Validate(definition string, o Options) []Diagnostic {
	_, found, _ := compileAll(definition, o)
	slices.SortStableFunc(found, func(a, b Diagnostic) int { return strings.Compare(a.Severity, b.Severity) })
	return found
}

// CompileState reads the definition of one state on its own, as TestState takes it. Its transitions are not checked.
func CompileState(definition string) (*State, error) {
	v, err := jsonpath.Parse(definition)
	o, ok := v.(*jsonpath.Object)
	if err != nil || !ok {
		return nil, &InvalidDefinition{Diagnostics: []Diagnostic{notJSON(err)}}
	}
	c := &compiler{}
	s := c.state("TestState", o, "", nil)
	if len(c.found) > 0 {
		return nil, &InvalidDefinition{Diagnostics: c.found}
	}
	if c.unsupported != "" {
		return nil, &Unsupported{What: c.unsupported}
	}
	return s, nil
}

func notJSON(err error) Diagnostic {
	msg := "the definition is not an object"
	if err != nil {
		msg = err.Error()
	}
	return Diagnostic{Severity: "ERROR", Code: codeJSON, Message: msg, Location: "/"}
}

func compileAll(definition string, o Options) (*Machine, []Diagnostic, string) {
	v, err := jsonpath.Parse(definition)
	obj, ok := v.(*jsonpath.Object)
	if err != nil || !ok {
		return nil, []Diagnostic{notJSON(err)}, ""
	}
	c := &compiler{options: o}
	c.language = c.queryLanguage(obj, "", "")
	m := c.machine(obj, "", 0)
	return m, c.found, c.unsupported
}

type compiler struct {
	options     Options
	found       []Diagnostic
	unsupported string
	language    string // QueryLanguage of the whole definition
	states      int
	nataState   bool // the state at hand is in JSONata: numbers may be expressions
}

func (c *compiler) add(code, at, format string, args ...any) {
	if len(c.found) < maxDiagnostics {
		if at == "" {
			at = "/"
		}
		c.found = append(c.found, Diagnostic{Severity: "ERROR", Code: code, Message: fmt.Sprintf(format, args...), Location: at})
	}
}

func (c *compiler) schema(at, format string, args ...any) { c.add(codeSchema, at, format, args...) }

func (c *compiler) refuse(what string) {
	if c.unsupported == "" {
		c.unsupported = what
	}
}

const (
	langPath = "JSONPath"
	langNata = "JSONata"
)

func (c *compiler) queryLanguage(o *jsonpath.Object, at, outer string) string {
	v, ok := o.Get("QueryLanguage")
	if !ok {
		if outer == "" {
			return langPath
		}
		return outer
	}
	s, _ := v.(string)
	switch {
	case s != langPath && s != langNata:
		c.schema(at+"/QueryLanguage", "Value is not one of the allowed values [JSONPath, JSONata]")
		return langPath
	case s == langPath && outer == langNata:
		c.schema(at, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
	}
	return s
}

var machineFields = []string{"Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage", "ProcessorConfig"}

// machine compiles a definition, a branch or a processor at a location.
func (c *compiler) machine(o *jsonpath.Object, at string, depth int) *Machine {
	m := &Machine{States: map[string]*State{}}
	var missing []string
	for _, f := range []string{"States", "StartAt"} {
		if _, ok := o.Get(f); !ok {
			missing = append(missing, f)
		}
	}
	if len(missing) > 0 {
		c.schema(at, "These fields are required: [%s]", strings.Join(missing, ", "))
	}
	if depth > maxNesting {
		c.schema(at, "Parallel and Map states are nested more than %d deep", maxNesting)
		return m
	}
	c.known(o, at, machineFields)
	m.StartAt, _ = c.str(o, at, "StartAt")
	if n := c.integer(o, at, "TimeoutSeconds", 0, 99999999); n != nil {
		m.TimeoutSeconds = *n
	}
	if v, ok := c.str(o, at, "Version"); ok && v != "1.0" {
		c.schema(at+"/Version", "Value is not one of the allowed values [1.0]")
	}
	if states := c.object(o, at, "States"); states != nil {
		c.allStates(m, states, at+"/States", depth)
		c.transitions(m, at)
	}
	return m
}

func (c *compiler) allStates(m *Machine, states *jsonpath.Object, at string, depth int) {
	if states.Len() == 0 {
		c.schema(at, "States must not be empty")
	}
	for name, v := range states.All() {
		loc := at + "/" + name
		if len([]rune(name)) > 80 {
			c.schema(loc, "State name must not be longer than 80 characters")
		}
		o, ok := v.(*jsonpath.Object)
		if !ok {
			c.schema(loc, "Expected value of type Object")
			continue
		}
		if c.states++; c.states > maxStates {
			return
		}
		m.Order = append(m.Order, name)
		m.States[name] = c.state(name, o, loc, &depth)
	}
}

// transitions checks that every target exists and every state can be reached.
func (c *compiler) transitions(m *Machine, at string) {
	reached := map[string]bool{}
	target := func(name, loc, field string) {
		if name == "" {
			return
		}
		if m.States[name] == nil {
			c.add(codeTransition, loc, "Missing '%s' target: %s", field, name)
		}
		reached[name] = true
	}
	target(m.StartAt, at+"/StartAt", "StartAt")
	for _, name := range m.Order {
		s, loc := m.States[name], at+"/States/"+name
		target(s.Next, loc+"/Next", "Next")
		target(s.Default, loc+"/Default", "Default")
		for i, r := range s.Choices {
			target(r.Next, fmt.Sprintf("%s/Choices[%d]/Next", loc, i), "Next")
		}
		for i, k := range s.Catch {
			target(k.Next, fmt.Sprintf("%s/Catch[%d]/Next", loc, i), "Next")
		}
	}
	for _, name := range m.Order {
		if !reached[name] && len(c.found) == 0 {
			c.add(codeTransition, at+"/States/"+name, "State \"%s\" is not reachable.", name)
		}
	}
}

// known reports members that nothing reads.
func (c *compiler) known(o *jsonpath.Object, at string, fields ...[]string) {
	for k := range o.All() {
		found := false
		for _, f := range fields {
			found = found || slices.Contains(f, k)
		}
		if !found {
			c.schema(at, "Field '%s' is not supported", k)
		}
	}
}

func (c *compiler) str(o *jsonpath.Object, at, key string) (string, bool) {
	v, ok := o.Get(key)
	if !ok {
		return "", false
	}
	s, ok := v.(string)
	if !ok {
		c.schema(at+"/"+key, "Expected value of type String")
	}
	return s, ok
}

func (c *compiler) boolean(o *jsonpath.Object, at, key string) bool {
	v, ok := o.Get(key)
	if !ok {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		c.schema(at+"/"+key, "Expected value of type Boolean")
	}
	return b
}

func (c *compiler) object(o *jsonpath.Object, at, key string) *jsonpath.Object {
	v, ok := o.Get(key)
	if !ok {
		return nil
	}
	x, ok := v.(*jsonpath.Object)
	if !ok {
		c.schema(at+"/"+key, "Expected value of type Object")
	}
	return x
}

func (c *compiler) list(o *jsonpath.Object, at, key string) []any {
	v, ok := o.Get(key)
	if !ok {
		return nil
	}
	l, ok := v.([]any)
	if !ok {
		c.schema(at+"/"+key, "Expected value of type Array")
	}
	return l
}

// objects gives the elements of a list that must all be objects.
func (c *compiler) objects(o *jsonpath.Object, at, key string) []*jsonpath.Object {
	var out []*jsonpath.Object
	for i, v := range c.list(o, at, key) {
		x, ok := v.(*jsonpath.Object)
		if !ok {
			c.schema(fmt.Sprintf("%s/%s[%d]", at, key, i), "Expected value of type Object")
			continue
		}
		out = append(out, x)
	}
	return out
}

// integer gives nil when the member is absent or wrong.
func (c *compiler) integer(o *jsonpath.Object, at, key string, lo, hi int64) *int64 {
	v, ok := o.Get(key)
	if !ok {
		return nil
	}
	n, ok := v.(jsonpath.Number)
	if s, isText := v.(string); isText && c.nataState && strings.HasPrefix(s, "{%") {
		return nil
	}
	if !ok {
		c.schema(at+"/"+key, "Expected value of type Integer")
		return nil
	}
	i, err := n.Int64()
	if err != nil {
		c.schema(at+"/"+key, "Expected value of type Integer")
		return nil
	}
	if i < lo || i > hi {
		c.schema(at+"/"+key, "Value is out of range: it must be from %d to %d", lo, hi)
		return nil
	}
	return &i
}

func (c *compiler) float(o *jsonpath.Object, at, key string, absent, least float64) float64 {
	v, ok := o.Get(key)
	if !ok {
		return absent
	}
	n, ok := v.(jsonpath.Number)
	if !ok {
		c.schema(at+"/"+key, "Expected value of type Number")
		return absent
	}
	f, err := n.Float64()
	if err != nil || f < least {
		c.schema(at+"/"+key, "Value must be at least %v", least)
		return absent
	}
	return f
}
