package serverless

import (
	"strings"

	"sundog/internal/pattern"
)

// The framework's rules for logical ids: they decide what an update replaces, so they are kept to the letter.

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

var notAlphaNumeric = pattern.New(`[^0-9A-Za-z]`)

func alphaNumeric(s string) string { return notAlphaNumeric.ReplaceAllString(s, "") }

// idPart makes a part of a logical id of any text: letters and digits only, the first upper-case.
func idPart(s string) string { return upperFirst(alphaNumeric(s)) }

// functionID makes the stem of a function's logical ids of its key.
func functionID(key string) string {
	return upperFirst(strings.ReplaceAll(strings.ReplaceAll(key, "-", "Dash"), "_", "Underscore"))
}

var pathVariable = pattern.New(`\{(.*)\}`)

// pathPartID makes a part of a logical id of one part of an HTTP path: {id} is IdVar, a-b is ADashb.
func pathPartID(s string) string {
	s = strings.ReplaceAll(s, "-", "Dash")
	s = pathVariable.ReplaceAllString(s, "${1}Var")
	return idPart(s)
}

// pathID joins the parts of a path.
func pathID(path string) string {
	var b strings.Builder
	for _, p := range strings.Split(path, "/") {
		b.WriteString(pathPartID(p))
	}
	return b.String()
}

// Shorthands for the intrinsic functions of CloudFormation.

func ref(name string) *Value          { return object("Ref", name) }
func getAtt(name, attr string) *Value { return object("Fn::GetAtt", strs(name, attr)) }
func sub(text string) *Value          { return object("Fn::Sub", text) }
func join(sep string, parts ...*Value) *Value {
	return object("Fn::Join", list(str(sep), list(parts...)))
}

// joinText is join with an empty separator; a part may be a string or a *Value.
func joinText(parts ...any) *Value {
	l := make([]*Value, len(parts))
	for i, p := range parts {
		l[i] = toValue(p)
	}
	return join("", l...)
}

// isIntrinsic tells whether v is a map with one key that is a function of CloudFormation.
func isIntrinsic(v *Value) bool {
	if !v.Is(Map) || len(v.Fields) != 1 {
		return false
	}
	k := v.Fields[0].Key
	return k == "Ref" || k == "Condition" || strings.HasPrefix(k, "Fn::")
}

// resource makes a resource of a template; further pairs (DependsOn, DeletionPolicy, ...) come after the properties.
func resource(typ string, properties *Value, more ...any) *Value {
	r := object("Type", typ, "Properties", properties)
	for i := 0; i+1 < len(more); i += 2 {
		r.Set(more[i].(string), toValue(more[i+1]))
	}
	return r
}

// nameOfARN gives the part of a logical id for a resource that is named by an ARN or an intrinsic: the last part of a text, the
// resource of a GetAtt or Ref, the name of an import, the last part of a join.
func nameOfARN(v *Value) string {
	if v.Is(String) {
		if parts := strings.SplitN(v.Text, ":", 6); len(parts) == 6 {
			if segments := strings.Split(parts[5], "/"); len(segments) > 1 {
				return idPart(segments[1])
			}
		}
		return idPart(v.Text[strings.LastIndexByte(v.Text, ':')+1:])
	}
	if !isIntrinsic(v) {
		return ""
	}
	arg := v.Fields[0].Value
	switch v.Fields[0].Key {
	case "Fn::GetAtt":
		if arg.Is(List) && len(arg.Items) > 0 {
			return idPart(arg.Items[0].Str())
		}
		name, _, _ := strings.Cut(arg.Str(), ".")
		return idPart(name)
	case "Fn::Join":
		if arg.Is(List) && len(arg.Items) == 2 && len(arg.Items[1].items()) > 0 {
			parts := arg.Items[1].Items
			return lastOfJoin(parts[len(parts)-1])
		}
	case "Fn::Sub":
		text := arg
		if arg.Is(List) && len(arg.Items) > 0 {
			text = arg.Items[0]
		}
		parts := strings.FieldsFunc(text.Str(), func(r rune) bool { return r == ':' || r == '/' })
		if len(parts) > 0 {
			return idPart(parts[len(parts)-1])
		}
	}
	return idPart(arg.Str())
}

func lastOfJoin(v *Value) string {
	if isIntrinsic(v) {
		return nameOfARN(v)
	}
	s := v.Str()
	if i := strings.LastIndexAny(s, ":/"); i >= 0 {
		s = s[i+1:]
	}
	return idPart(s)
}
