package ddbexpr

import (
	"maps"
	"slices"
	"strings"
)

const maxExpression = 4096

// Params are the names and values that a request gives for its expressions, and the record of which were used.
type Params struct {
	names  map[string]string
	values map[string]Value
	used   map[string]bool
}

// NewParams checks the names and values. nil means not given; an empty map that was given is an error.
func NewParams(names map[string]string, values map[string]Value) (*Params, error) {
	if names != nil && len(names) == 0 {
		return nil, Invalidf("ExpressionAttributeNames must not be empty")
	}
	for k, v := range names {
		if !validPlaceholder(k, '#') {
			return nil, Invalidf("ExpressionAttributeNames contains invalid key: Syntax error; key: \"%s\"", k)
		}
		if v == "" {
			return nil, Invalidf("ExpressionAttributeNames contains invalid value: Empty attribute name for key %s", k)
		}
	}
	if values != nil && len(values) == 0 {
		return nil, Invalidf("ExpressionAttributeValues must not be empty")
	}
	for k := range values {
		if !validPlaceholder(k, ':') {
			return nil, Invalidf("ExpressionAttributeValues contains invalid key: Syntax error; key: \"%s\"", k)
		}
	}
	return &Params{names: names, values: values}, nil
}

func validPlaceholder(k string, mark byte) bool {
	return len(k) > 1 && k[0] == mark && runOf(k, 1, isPart) == len(k)
}

func (p *Params) use(key string) {
	if p.used == nil {
		p.used = make(map[string]bool, len(p.names)+len(p.values))
	}
	p.used[key] = true
}

// Unused reports names and values that no expression used. Call it when all expressions are parsed.
func (p *Params) Unused() error {
	if len(p.used) == len(p.names)+len(p.values) {
		return nil
	}
	if keys := p.unused(slices.Collect(maps.Keys(p.names))); keys != "" {
		return Invalidf("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", keys)
	}
	if keys := p.unused(slices.Collect(maps.Keys(p.values))); keys != "" {
		return Invalidf("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", keys)
	}
	return nil
}

func (p *Params) unused(keys []string) string {
	keys = slices.DeleteFunc(keys, func(k string) bool { return p.used[k] })
	slices.Sort(keys)
	return strings.Join(keys, ", ")
}
