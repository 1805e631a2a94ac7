package asl

import (
	"errors"
	"strings"

	"sundog/lang/jsonpath"
)

// root says in which document a path begins.
type root uint8

const (
	inInput    root = iota // $
	inContext              // $$
	inVariable             // $name
)

// expr is a path or a call of an intrinsic function.
type expr struct {
	text     string
	root     root
	variable string
	path     *jsonpath.Path
	call     *call
}

// compileExpr reads a path ("$.a", "$$.State.Name", "$variable.a") or an intrinsic call ("States.Format(...)").
func compileExpr(s string) (*expr, error) {
	if strings.HasPrefix(s, "States.") {
		c, err := compileCall(s)
		return &expr{text: s, call: c}, err
	}
	return compilePath(s)
}

func compilePath(s string) (*expr, error) {
	x := &expr{text: s}
	if !strings.HasPrefix(s, "$") {
		return nil, &jsonpath.PathError{Msg: "a path begins with $"}
	}
	rest := s[1:]
	switch {
	case strings.HasPrefix(rest, "$"):
		x.root, rest = inContext, rest[1:]
	case rest != "" && (rest[0] == '_' || isLetter(rest[0])):
		n := 0
		for n < len(rest) && (rest[n] == '_' || isLetter(rest[n]) || rest[n] >= '0' && rest[n] <= '9') {
			n++
		}
		x.root, x.variable, rest = inVariable, rest[:n], rest[n:]
	}
	var err error
	x.path, err = jsonpath.Compile("$" + rest)
	return x, err
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 }

// scope is what an expression can see.
type scope struct {
	input    any
	raw      func() string // the input's text, for messages
	context  func() *jsonpath.Object
	variable func(name string) (any, bool)
	env      Env
}

// errNoVariable is given for a variable that nothing has assigned.
var errNoVariable = errors.New("the variable is not assigned")

// eval gives the expression's value. The error of a path has jsonpath.ErrNotFound in its chain when there is no such node.
func (x *expr) eval(sc *scope) (any, error) {
	if x.call != nil {
		return x.call.eval(sc, 0)
	}
	switch x.root {
	case inContext:
		return x.path.Get(sc.context())
	case inVariable:
		v, ok := sc.variable(x.variable)
		if !ok {
			return nil, errNoVariable
		}
		return x.path.Get(v)
	}
	return x.path.Get(sc.input)
}

// variables adds the names of the variables that the expression reads.
func (x *expr) variables(add func(string)) {
	switch {
	case x == nil:
	case x.call != nil:
		x.call.variables(add)
	case x.root == inVariable:
		add(x.variable)
	}
}
