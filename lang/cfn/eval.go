package cfn

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"sundog/internal/pattern"
)

// noValue is what {"Ref": "AWS::NoValue"} gives: its place is left out.
type noValue struct{}

type evaluator struct {
	b     *Bound
	l     Lookup
	under []string // conditions being decided
}

func (e *evaluator) eval(v Value) (any, error) {
	if name, arg, ok := v.call(); ok {
		return e.call(name, arg, v)
	}
	switch v.Kind {
	case Bool:
		return v.Text == "true", nil
	case Number:
		return json.Number(v.Text), nil
	case String:
		return e.dynamic(v)
	case List:
		out := make([]any, 0, len(v.Items))
		for _, item := range v.Items {
			x, err := e.eval(item)
			if err != nil {
				return nil, err
			}
			if x != (noValue{}) {
				out = append(out, x)
			}
		}
		return out, nil
	case Map:
		out := make(map[string]any, len(v.Items))
		for i, item := range v.Items {
			x, err := e.eval(item)
			if err != nil {
				return nil, err
			}
			if x != (noValue{}) {
				out[v.Keys[i]] = x
			}
		}
		return out, nil
	}
	return nil, nil
}

var dynamicForm = pattern.New(`\{\{resolve:([a-z-]+):([^{}]+)\}\}`)

func (e *evaluator) dynamic(v Value) (any, error) {
	if !strings.Contains(v.Text, "{{resolve:") {
		return v.Text, nil
	}
	var failed error
	s := dynamicForm.ReplaceAllStringFunc(v.Text, func(m string) string {
		parts := dynamicForm.FindStringSubmatch(m)
		r, err := e.b.env.resolve(parts[1], parts[2])
		if err != nil && failed == nil {
			failed = err
		}
		return r
	})
	return s, failed
}

func (e *evaluator) call(name string, arg, at Value) (any, error) {
	switch name {
	case "Ref":
		return e.ref(arg)
	case "Fn::GetAtt":
		return e.getAtt(arg)
	case "Fn::Sub":
		return e.sub(arg)
	case "Fn::Join":
		return e.join(arg)
	case "Fn::Select":
		return e.selectOne(arg)
	case "Fn::Split":
		return e.split(arg)
	case "Fn::If":
		if arg.Kind != List || len(arg.Items) != 3 {
			return nil, arg.errorf("Template error: Fn::If requires a list argument with three elements")
		}
		yes, err := e.b.decide(arg.Items[0].Text, e.under)
		if err != nil {
			return nil, err
		}
		if yes {
			return e.eval(arg.Items[1])
		}
		return e.eval(arg.Items[2])
	case "Fn::FindInMap":
		return e.findInMap(arg)
	case "Fn::ImportValue":
		return e.importValue(arg)
	case "Fn::Base64":
		s, err := e.str(arg, name)
		return base64.StdEncoding.EncodeToString([]byte(s)), err
	case "Fn::Cidr":
		return e.cidr(arg)
	case "Fn::GetAZs":
		return e.zones(arg)
	case "Fn::Length":
		list, err := e.list(arg, name)
		return json.Number(strconv.Itoa(len(list))), err
	case "Fn::ToJsonString":
		x, err := e.eval(arg)
		if err != nil {
			return nil, err
		}
		s, err := json.Marshal(x)
		return string(s), err
	}
	return nil, at.errorf("Template error: %s is only supported in Conditions", name)
}

func (e *evaluator) ref(arg Value) (any, error) {
	switch arg.Text {
	case "AWS::NoValue":
		return noValue{}, nil
	case "AWS::NotificationARNs":
		return anyList(e.b.env.NotificationARNs), nil
	}
	if s, ok := e.b.pseudo(arg.Text); ok {
		return s, nil
	}
	if p := e.b.parameter(arg.Text); p != nil {
		v := e.b.values[p.Name]
		s := v.Value
		if _, ssm := p.inner(); ssm {
			s = v.Resolved
		}
		if p.IsList() {
			return anyList(splitList(s)), nil
		}
		return s, nil
	}
	if err := e.reachable(arg.Text, arg); err != nil {
		return nil, err
	}
	return e.l.Ref(arg.Text)
}

func (b *Bound) pseudo(name string) (string, bool) {
	switch name {
	case "AWS::AccountId":
		return b.env.Account, true
	case "AWS::Region":
		return b.env.Region, true
	case "AWS::Partition":
		return b.env.Partition, true
	case "AWS::URLSuffix":
		return b.env.URLSuffix, true
	case "AWS::StackName":
		return b.env.StackName, true
	case "AWS::StackId":
		return b.env.StackID, true
	}
	return "", false
}

func (e *evaluator) reachable(id string, at Value) error {
	r := e.b.Resource(id)
	if r == nil || !e.b.Active(r.Condition) || e.l == nil {
		return at.errorf("Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", id)
	}
	return nil
}

func (e *evaluator) getAtt(arg Value) (any, error) {
	id, attribute, err := attributeOf(arg)
	if err != nil {
		return nil, err
	}
	name, err := e.str(attribute, "Fn::GetAtt")
	if err != nil {
		return nil, err
	}
	if err := e.reachable(id, arg); err != nil {
		return nil, err
	}
	return e.l.GetAtt(id, name)
}

func (e *evaluator) sub(arg Value) (any, error) {
	parts, vars, err := readSub(arg)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, p := range parts {
		if p.name == "" {
			b.WriteString(p.text)
			continue
		}
		var s string
		if own, ok := vars.Get(p.name); ok {
			s, err = e.str(own, "Fn::Sub")
		} else if strings.Contains(p.name, ".") {
			s, err = e.str(Value{Kind: Map, Keys: []string{"Fn::GetAtt"}, Items: []Value{text(arg, p.name)}}, "Fn::Sub")
		} else {
			s, err = e.str(Value{Kind: Map, Keys: []string{"Ref"}, Items: []Value{text(arg, p.name)}}, "Fn::Sub")
		}
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	return e.dynamic(text(arg, b.String()))
}

func (e *evaluator) join(arg Value) (any, error) {
	if arg.Kind != List || len(arg.Items) != 2 {
		return nil, arg.errorf("Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.")
	}
	delimiter, err := e.str(arg.Items[0], "Fn::Join")
	if err != nil {
		return nil, err
	}
	list, err := e.list(arg.Items[1], "Fn::Join")
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(list))
	for i, x := range list {
		s, ok := asText(x)
		if !ok {
			return nil, arg.errorf("Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.")
		}
		texts[i] = s
	}
	return e.dynamic(text(arg, strings.Join(texts, delimiter)))
}

func (e *evaluator) selectOne(arg Value) (any, error) {
	if arg.Kind != List || len(arg.Items) != 2 {
		return nil, arg.errorf("Template error: Fn::Select requires a list argument with two elements: an integer index and a list")
	}
	index, err := e.str(arg.Items[0], "Fn::Select")
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(index)
	if err != nil {
		return nil, arg.errorf("Template error: Fn::Select requires a list argument with a valid index value")
	}
	list, err := e.list(arg.Items[1], "Fn::Select")
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= len(list) {
		return nil, arg.errorf("Template error: Fn::Select cannot select nonexistent value at index %d", n)
	}
	return list[n], nil
}

func (e *evaluator) split(arg Value) (any, error) {
	if arg.Kind != List || len(arg.Items) != 2 || arg.Items[0].Kind != String || arg.Items[0].Text == "" {
		return nil, arg.errorf("Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.")
	}
	s, err := e.str(arg.Items[1], "Fn::Split")
	if err != nil {
		return nil, err
	}
	return anyList(strings.Split(s, arg.Items[0].Text)), nil
}

func (e *evaluator) findInMap(arg Value) (any, error) {
	if arg.Kind != List || len(arg.Items) < 3 || len(arg.Items) > 4 {
		return nil, arg.errorf("Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value")
	}
	var keys [3]string
	for i := range keys {
		var err error
		if keys[i], err = e.str(arg.Items[i], "Fn::FindInMap"); err != nil {
			return nil, err
		}
	}
	v := e.b.Mappings
	for i, k := range keys {
		next, ok := v.Get(k)
		if ok {
			v = next
			continue
		}
		if len(arg.Items) == 4 && e.b.extended {
			if d, ok := arg.Items[3].Get("DefaultValue"); ok {
				return e.eval(d)
			}
		}
		if i == 0 {
			return nil, arg.errorf("Template error: Mapping named '%s' is not present in the 'Mappings' section of template.", k)
		}
		return nil, arg.errorf("Template error: Unable to get mapping for %s", strings.Join(keys[:], "::"))
	}
	return e.eval(v)
}

func (e *evaluator) importValue(arg Value) (any, error) {
	name, err := e.str(arg, "Fn::ImportValue")
	if err != nil {
		return nil, err
	}
	if e.b.env.Import == nil {
		return nil, arg.refuse("Fn::ImportValue")
	}
	return e.b.env.Import(name)
}

func (e *evaluator) zones(arg Value) (any, error) {
	region, err := e.str(arg, "Fn::GetAZs")
	if err != nil {
		return nil, err
	}
	if region == "" {
		region = e.b.env.Region
	}
	return []any{region + "a", region + "b", region + "c"}, nil
}

// str evaluates what must be a text; numbers and booleans count as one.
func (e *evaluator) str(v Value, function string) (string, error) {
	x, err := e.eval(v)
	if err != nil {
		return "", err
	}
	s, ok := asText(x)
	if !ok {
		return "", v.errorf("Template error: %s: expected a string, found %s", function, describe(x))
	}
	return s, nil
}

func (e *evaluator) list(v Value, function string) ([]any, error) {
	x, err := e.eval(v)
	if err != nil {
		return nil, err
	}
	l, ok := x.([]any)
	if !ok {
		return nil, v.errorf("Template error: %s: expected a list, found %s", function, describe(x))
	}
	return l, nil
}

func asText(x any) (string, bool) {
	switch x := x.(type) {
	case string:
		return x, true
	case bool:
		return strconv.FormatBool(x), true
	case json.Number:
		return x.String(), true
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64), true
	case int:
		return strconv.Itoa(x), true
	case int64:
		return strconv.FormatInt(x, 10), true
	}
	return "", false
}

func describe(x any) string {
	switch x.(type) {
	case nil:
		return "null"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "another value"
}

func anyList(s []string) []any {
	out := make([]any, len(s))
	for i := range s {
		out[i] = s[i]
	}
	return out
}
