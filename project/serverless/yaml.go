package serverless

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"sundog/internal/pattern"
)

const (
	maxFileBytes = 8 << 20 // of one YAML or JSON file
	maxNodes     = 500_000 // of one document, aliases counted where they are used
)

// parseYAML reads one YAML document. Only the parser's tree is used: scalars are resolved here as js-yaml's core schema does
// (so a date stays a text and 0123 is decimal), duplicate keys are errors, merge keys and anchors work, and CloudFormation's
// short tags become their long forms. The answer of an empty document is null.
func parseYAML(file string, data []byte) (*Value, error) {
	at := Pos{File: file}
	if len(data) > maxFileBytes {
		return nil, failure(at, "", "the file is larger than %d bytes", maxFileBytes)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return &Value{Pos: Pos{File: file, Line: 1, Column: 1}}, nil
		}
		return nil, syntaxError(file, data, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, syntaxError(file, data, err)
		}
		return nil, failure(at, "", "expected a single YAML document")
	}
	b := &treeBuilder{file: file, active: map[*yaml.Node]bool{}}
	return b.build(&doc, 0)
}

var lineInError = pattern.New(`line (\d+)`)

// syntaxError turns the parser's error, which knows a line only, into one with a position at that line's first character.
func syntaxError(file string, data []byte, err error) error {
	p := Pos{File: file, Line: 1, Column: 1}
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := lineInError.FindStringSubmatch(msg); m != nil {
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			p.Line = n
		}
		msg = strings.TrimLeft(strings.Replace(msg, m[0], "", 1), ": ")
	}
	lines := strings.Split(string(data), "\n")
	if p.Line <= len(lines) {
		line := lines[p.Line-1]
		p.Column = len(line) - len(strings.TrimLeft(line, " \t")) + 1
	}
	return failure(p, "", "not valid YAML: %s", msg)
}

type treeBuilder struct {
	file   string
	nodes  int
	active map[*yaml.Node]bool // anchors being expanded, to find one that holds itself
}

func (b *treeBuilder) pos(n *yaml.Node) Pos { return Pos{File: b.file, Line: n.Line, Column: n.Column} }

func (b *treeBuilder) build(n *yaml.Node, depth int) (*Value, error) {
	b.nodes++
	if depth > maxDepth || b.nodes > maxNodes {
		return nil, failure(b.pos(n), "", "the document is too deep or too large")
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return &Value{Pos: b.pos(n)}, nil
		}
		return b.build(n.Content[0], depth)
	case yaml.AliasNode:
		return b.alias(n, depth)
	}
	v, err := b.plain(n, depth)
	if err != nil {
		return nil, err
	}
	if tag := n.Tag; strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") && tag != "!" {
		return b.shortTag(n, v)
	}
	return v, nil
}

func (b *treeBuilder) alias(n *yaml.Node, depth int) (*Value, error) {
	if n.Alias == nil || b.active[n.Alias] {
		return nil, failure(b.pos(n), "", "the alias *%s holds itself", n.Value)
	}
	b.active[n.Alias] = true
	defer delete(b.active, n.Alias)
	return b.build(n.Alias, depth+1)
}

func (b *treeBuilder) plain(n *yaml.Node, depth int) (*Value, error) {
	v := &Value{Pos: b.pos(n)}
	switch n.Kind {
	case yaml.ScalarNode:
		resolveScalar(n, v)
		return v, nil
	case yaml.SequenceNode:
		v.Kind = List
		for _, c := range n.Content {
			item, err := b.build(c, depth+1)
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, item)
		}
		return v, nil
	}
	v.Kind = Map
	return v, b.mapping(n, v, depth)
}

// mapping fills a map: its own keys in order, then those of merge keys that it does not have itself.
func (b *treeBuilder) mapping(n *yaml.Node, v *Value, depth int) error {
	var merges []*Value
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, c := n.Content[i], n.Content[i+1]
		item, err := b.build(c, depth+1)
		if err != nil {
			return err
		}
		if k.Kind == yaml.ScalarNode && k.Value == "<<" && k.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
			merges = append(merges, item)
			continue
		}
		key, err := b.key(k, depth)
		if err != nil {
			return err
		}
		if f := v.field(key); f != nil {
			return failure(b.pos(k), "", "the key %s is there twice, first at line %d", quote(key), f.Pos.Line)
		}
		v.Fields = append(v.Fields, Field{Key: key, Pos: b.pos(k), Value: item})
	}
	for _, m := range merges {
		if err := mergeInto(v, m); err != nil {
			return err
		}
	}
	return nil
}

func (b *treeBuilder) key(k *yaml.Node, depth int) (string, error) {
	v, err := b.build(k, depth+1)
	if err != nil {
		return "", err
	}
	switch v.Kind {
	case String, Number, Bool:
		return v.Str(), nil
	case Null:
		return "null", nil
	}
	return "", failure(b.pos(k), "", "a key must be a plain text, not %s", v.Kind)
}

func mergeInto(v, m *Value) error {
	switch m.Kind {
	case Map:
		for _, f := range m.Fields {
			if v.field(f.Key) == nil {
				v.Fields = append(v.Fields, f)
			}
		}
		return nil
	case List:
		for _, it := range m.Items {
			if it.Kind != Map {
				return failure(it.Pos, "", "a merge key (<<) takes maps, not %s", it.Kind)
			}
			if err := mergeInto(v, it); err != nil {
				return err
			}
		}
		return nil
	}
	return failure(m.Pos, "", "a merge key (<<) takes a map, not %s", m.Kind)
}

var (
	basedInt   = pattern.New(`^([-+]?)0(b[01]+|x[0-9a-fA-F]+|o[0-7]+)$`)
	plainFloat = pattern.New(`^(?:[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?)$`)
)

// resolveScalar gives a scalar its type: quoted and tagged-as-text ones are texts, the rest by js-yaml 4's core rules.
func resolveScalar(n *yaml.Node, v *Value) {
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	s := n.Value
	v.Kind, v.Text = String, s
	if quoted || n.Style&yaml.TaggedStyle != 0 {
		return
	}
	switch s {
	case "", "~", "null", "Null", "NULL":
		v.Kind, v.Text = Null, ""
		return
	case "true", "True", "TRUE", "false", "False", "FALSE":
		v.Kind, v.Text, v.Flag = Bool, "", s[0] == 't' || s[0] == 'T'
		return
	}
	if f, ok := scalarNumber(s); ok {
		v.Kind, v.Num, v.Text = Number, f, jsNumber(f)
	}
}

func scalarNumber(s string) (float64, bool) {
	if m := basedInt.FindStringSubmatch(s); m != nil {
		base := map[byte]int{'b': 2, 'x': 16, 'o': 8}[m[2][0]]
		n, err := strconv.ParseUint(m[2][1:], base, 64)
		if err != nil {
			return 0, false
		}
		if m[1] == "-" {
			return -float64(n), true
		}
		return float64(n), true
	}
	if plainFloat.MatchString(s) {
		f, err := strconv.ParseFloat(s, 64)
		return f, err == nil || f != 0
	}
	return 0, false
}
