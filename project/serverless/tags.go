package serverless

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// shortTags are CloudFormation's tags that the framework's reader knows; each stands for Fn::<name>, but for Ref and Condition.
var shortTags = []string{"And", "Base64", "Cidr", "Condition", "Equals", "FindInMap", "GetAtt", "GetAZs", "If", "ImportValue",
	"Join", "Length", "Not", "Or", "Ref", "Select", "Split", "Sub", "ToJsonString", "Transform"}

// shortTag gives the long form of a tagged value: !GetAtt a.b is {"Fn::GetAtt": ["a", "b"]}.
func (b *treeBuilder) shortTag(n *yaml.Node, v *Value) (*Value, error) {
	name := strings.TrimPrefix(n.Tag, "!")
	known := false
	for _, t := range shortTags {
		known = known || t == name
	}
	if !known {
		return nil, failure(b.pos(n), didYouMean(name, shortTags), "unknown tag !%s", name)
	}
	key := "Fn::" + name
	if name == "Ref" || name == "Condition" {
		key = name
	}
	if name == "GetAtt" && v.Kind == String {
		res, attr, ok := strings.Cut(v.Text, ".")
		if !ok {
			return nil, failure(b.pos(n), "", "!GetAtt takes resource.attribute, not %s", quote(v.Text))
		}
		v = &Value{Kind: List, Pos: v.Pos, Items: []*Value{
			{Kind: String, Text: res, Pos: v.Pos}, {Kind: String, Text: attr, Pos: v.Pos}}}
	}
	return &Value{Kind: Map, Pos: v.Pos, Fields: []Field{{Key: key, Pos: v.Pos, Value: v}}}, nil
}
