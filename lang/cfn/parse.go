package cfn

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"sundog/internal/pattern"
)

const (
	maxDepth  = 64
	maxValues = 200_000
)

// ParseValue reads a document without looking at its sections: JSON if it begins with a brace, else YAML with CloudFormation's short tags.
func ParseValue(text []byte) (Value, error) {
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		return parseJSON(text)
	}
	return parseYAML(text)
}

type jsonReader struct {
	d     *json.Decoder
	text  []byte
	line  int // of mark
	start int // offset of the line of mark
	mark  int
	count int
}

func parseJSON(text []byte) (Value, error) {
	r := &jsonReader{d: json.NewDecoder(bytes.NewReader(text)), text: text, line: 1}
	r.d.UseNumber()
	v, err := r.value(0)
	if err == nil {
		if _, more := r.d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		var own *Error
		if errors.As(err, &own) {
			return Value{}, own
		}
		line, column := r.place(int(r.d.InputOffset()))
		e := errorf("Template format error: JSON not well-formed. (line %d, column %d)", line, column)
		e.Line, e.Column = line, column
		return Value{}, e
	}
	return v, nil
}

// place turns a growing offset into line and column.
func (r *jsonReader) place(offset int) (line, column int) {
	for ; r.mark < offset && r.mark < len(r.text); r.mark++ {
		if r.text[r.mark] == '\n' {
			r.line++
			r.start = r.mark + 1
		}
	}
	return r.line, max(1, offset-r.start)
}

func (r *jsonReader) value(depth int) (Value, error) {
	t, err := r.d.Token()
	if err != nil {
		return Value{}, err
	}
	line, column := r.place(int(r.d.InputOffset()))
	v := Value{Line: line, Column: column}
	if r.count++; depth > maxDepth || r.count > maxValues {
		return v, v.errorf("Template format error: the template is too deep or too large")
	}
	switch t := t.(type) {
	case nil:
	case bool:
		v.Kind, v.Text = Bool, "false"
		if t {
			v.Text = "true"
		}
	case json.Number:
		v.Kind, v.Text = Number, t.String()
	case string:
		v.Kind, v.Text = String, t
	case json.Delim:
		return r.container(v, t, depth)
	}
	return v, nil
}

func (r *jsonReader) container(v Value, t json.Delim, depth int) (Value, error) {
	v.Kind = List
	if t == '{' {
		v.Kind = Map
	}
	for r.d.More() {
		if v.Kind == Map {
			k, err := r.d.Token()
			if err != nil {
				return v, err
			}
			key, _ := k.(string)
			if _, twice := v.Get(key); twice {
				return v, v.errorf("Template format error: duplicate key %q", key)
			}
			v.Keys = append(v.Keys, key)
		}
		item, err := r.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.Items = append(v.Items, item)
	}
	_, err := r.d.Token()
	return v, err
}

func parseYAML(text []byte) (Value, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return Value{}, errorf("Template format error: YAML not well-formed. (%s)", firstLine(err.Error()))
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return Value{}, errorf("Template format error: unsupported structure.")
	}
	c := &converter{}
	return c.node(doc.Content[0], 0)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

type converter struct{ count int }

func (c *converter) node(n *yaml.Node, depth int) (Value, error) {
	v := Value{Line: n.Line, Column: n.Column}
	if c.count++; depth > maxDepth || c.count > maxValues {
		return v, v.errorf("Template format error: the template is too deep or too large")
	}
	var err error
	switch n.Kind {
	case yaml.AliasNode:
		return v, v.errorf("Template format error: YAML aliases are not allowed in CloudFormation templates")
	case yaml.MappingNode:
		v, err = c.mapping(v, n, depth)
	case yaml.SequenceNode:
		v.Kind = List
		for _, item := range n.Content {
			i, err := c.node(item, depth+1)
			if err != nil {
				return v, err
			}
			v.Items = append(v.Items, i)
		}
	case yaml.ScalarNode:
		v = scalar(v, n)
	default:
		return v, v.errorf("Template format error: unsupported structure.")
	}
	if err != nil {
		return v, err
	}
	return shortForm(v, n.Tag)
}

func (c *converter) mapping(v Value, n *yaml.Node, depth int) (Value, error) {
	v.Kind = Map
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode || k.Tag == "!!merge" {
			return v, v.errorf("Template format error: unsupported key at line %d, column %d", k.Line, k.Column)
		}
		if _, twice := v.Get(k.Value); twice {
			return v, v.errorf("Template format error: duplicate key %q at line %d, column %d", k.Value, k.Line, k.Column)
		}
		item, err := c.node(n.Content[i+1], depth+1)
		if err != nil {
			return v, err
		}
		v.Keys = append(v.Keys, k.Value)
		v.Items = append(v.Items, item)
	}
	return v, nil
}

var (
	numberForm = pattern.New(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
	truths     = map[string]string{"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
)

// scalar reads a plain scalar by YAML 1.1, except that account ids with leading zeros and dates stay texts, as CloudFormation has them.
func scalar(v Value, n *yaml.Node) Value {
	v.Kind, v.Text = String, n.Value
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if quoted || n.Tag == "!!str" && n.Style&yaml.TaggedStyle != 0 || strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		return v
	}
	lower := strings.ToLower(n.Value)
	if truth, ok := truths[lower]; ok && (n.Value == lower || n.Value == strings.ToUpper(lower) || n.Value == strings.ToUpper(lower[:1])+lower[1:]) {
		v.Kind, v.Text = Bool, truth
		return v
	}
	switch {
	case n.Value == "" || n.Value == "~" || lower == "null":
		v.Kind, v.Text = Null, ""
	case numberForm.MatchString(n.Value):
		v.Kind = Number
	}
	return v
}

// shortForm turns !Ref x into {"Ref": x} and the like.
func shortForm(v Value, tag string) (Value, error) {
	if !strings.HasPrefix(tag, "!") || strings.HasPrefix(tag, "!!") || tag == "!" {
		return v, nil
	}
	name := tag[1:]
	if name != "Ref" && name != "Condition" {
		name = "Fn::" + name
	}
	if name == "Fn::GetAtt" && v.Kind == String {
		id, attribute, _ := strings.Cut(v.Text, ".")
		v = Value{Kind: List, Line: v.Line, Column: v.Column, Items: []Value{text(v, id), text(v, attribute)}}
	}
	return Value{Kind: Map, Keys: []string{name}, Items: []Value{v}, Line: v.Line, Column: v.Column}, nil
}

func text(at Value, s string) Value {
	return Value{Kind: String, Text: s, Line: at.Line, Column: at.Column}
}
