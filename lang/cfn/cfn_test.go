package cfn

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// made answers with what a lookup was asked for.
type made struct{}

func (made) Ref(id string) (any, error)       { return "ref-" + id, nil }
func (made) GetAtt(id, a string) (any, error) { return "att-" + id + "-" + a, nil }

var env = Env{Account: "123456789012", Region: "eu-west-1", StackName: "shop", StackID: "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/1",
	Import: func(name string) (string, error) { return "imported " + name, nil },
	Dynamic: func(service, reference string) (string, error) {
		if reference == "absent" {
			return "", errors.New("no such parameter")
		}
		return service + "=" + reference, nil
	}}

// evaluate puts a YAML value under the property P of a resource and gives it evaluated, as JSON.
func evaluate(t *testing.T, value string) string {
	t.Helper()
	body := `
Parameters:
  Name: {Type: String, Default: orders}
  Zones: {Type: CommaDelimitedList, Default: "a, b,c"}
  Image: {Type: "AWS::SSM::Parameter::Value<String>", Default: /img}
Mappings:
  Size: {prod: {mb: 512, list: [x, y]}, dev: {mb: 128}}
Conditions:
  IsProd: !Equals [!Ref Name, prod]
  NotProd: !Not [!Condition IsProd]
  Both: !And [!Condition NotProd, !Equals [!Ref "AWS::Region", eu-west-1]]
  Either: !Or [!Condition IsProd, !Condition Both]
Transform: AWS::LanguageExtensions
Resources:
  Topic: {Type: "AWS::SNS::Topic"}
  Subject:
    Type: AWS::SQS::Queue
    Properties:
      P: ` + value
	tmpl, err := Parse([]byte(body))
	if err != nil {
		return "parse: " + err.Error()
	}
	b, err := tmpl.Bind(nil, env)
	if err != nil {
		return "bind: " + err.Error()
	}
	if _, err := b.Graph(); err != nil {
		return "graph: " + err.Error()
	}
	p, err := b.Properties(tmpl.Resource("Subject"), made{})
	if err != nil {
		return "error: " + err.Error()
	}
	v, ok := p["P"]
	if !ok {
		return "absent"
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestFunctions(t *testing.T) {
	for _, c := range [][2]string{
		{`!Ref Topic`, `"ref-Topic"`},
		{`!GetAtt Topic.TopicArn`, `"att-Topic-TopicArn"`},
		{`!GetAtt [Topic, "Nested.Arn"]`, `"att-Topic-Nested.Arn"`},
		{`!GetAtt Topic`, `parse: Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute`},
		{`!GetAtt Gone.Arn`, `parse: Template error: instance of Fn::GetAtt references undefined resource Gone`},
		{`!Ref Gone`, `parse: Template format error: Unresolved resource dependencies [Gone] in the Resources block of the template`},
		{`!Ref AWS::AccountId`, `"123456789012"`},
		{`!Ref AWS::URLSuffix`, `"amazonaws.com"`},
		{`!Ref AWS::NoValue`, `absent`},
		{`[1, !Ref AWS::NoValue, {a: !Ref AWS::NoValue, b: true}]`, `[1,{"b":true}]`},
		{`!Ref Zones`, `["a","b","c"]`},
		{`!Ref Image`, `"ssm=/img"`},
		{`!Sub "arn:${AWS::Partition}:${Topic}:${Topic.Arn}:${!Literal}:${Name}"`, `"arn:aws:ref-Topic:att-Topic-Arn:${Literal}:orders"`},
		{`!Sub ["${a}-${Name}", {a: !GetAtt Topic.Arn}]`, `"att-Topic-Arn-orders"`},
		{`!Sub "${Topic.}"`, `parse: Template error: instance of Fn::Sub references invalid resource attribute Topic.`},
		{`!Sub "${a b}"`, `parse: Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons`},
		{`!Join ["-", [a, !Ref Name, 7, true]]`, `"a-orders-7-true"`},
		{`!Join [",", !Ref Zones]`, `"a,b,c"`},
		{`!Select [1, !Ref Zones]`, `"b"`},
		{`!Select ["3", !Ref Zones]`, `error: Template error: Fn::Select cannot select nonexistent value at index 3`},
		{`!Split ["|", "a||b"]`, `["a","","b"]`},
		{`!Select [0, !Split ["-", !GetAtt Topic.Arn]]`, `"att"`},
		{`!If [IsProd, big, !Sub "small-${Name}"]`, `"small-orders"`},
		{`!If [Either, !Ref "AWS::NoValue", x]`, `absent`},
		{`!If [Nope, a, b]`, `parse: Template error: unresolved condition dependency Nope in Fn::If`},
		{`!FindInMap [Size, dev, mb]`, `128`},
		{`!FindInMap [Size, prod, list]`, `["x","y"]`},
		{`!FindInMap [Size, test, mb]`, `error: Template error: Unable to get mapping for Size::test::mb`},
		{`!FindInMap [Size, test, mb, {DefaultValue: 1}]`, `1`},
		{`!ImportValue net-vpc`, `"imported net-vpc"`},
		{`{"Fn::ImportValue": !Sub "${AWS::StackName}-x"}`, `"imported shop-x"`},
		{`!Base64 hi`, `"aGk="`},
		{`!Cidr [10.0.0.0/24, 3, 5]`, `["10.0.0.0/27","10.0.0.32/27","10.0.0.64/27"]`},
		{`!GetAZs ""`, `["eu-west-1a","eu-west-1b","eu-west-1c"]`},
		{`{"Fn::Length": !Ref Zones}`, `3`},
		{`{"Fn::ToJsonString": {a: [1, !Ref Name]}}`, `"{\"a\":[1,\"orders\"]}"`},
		{`"x-{{resolve:ssm:/db/name:1}}-y"`, `"x-ssm=/db/name:1-y"`},
		{`"{{resolve:ssm:absent}}"`, `error: no such parameter`},
		{`012345678901`, `"012345678901"`},
		{`2012-10-17`, `"2012-10-17"`},
		{`[yes, "yes", No, ~, 1.50, 0x1F]`, `[true,"yes",false,null,1.50,"0x1F"]`},
		{`{Condition: {Bool: {"aws:SecureTransport": false}}}`, `{"Condition":{"Bool":{"aws:SecureTransport":false}}}`},
		{`!Equals [a, b]`, `error: Template error: Fn::Equals is only supported in Conditions`},
		{`!Foo bar`, `parse: Template format error: Encountered unsupported function: Fn::Foo Supported functions are: [` + strings.Join(functions, ", ") + `]`},
		{`!Transform {Name: "AWS::Include"}`, `parse: Fn::Transform is not implemented`},
		{`{"Fn::ForEach::Loop": []}`, `parse: Fn::ForEach::Loop is not implemented`},
	} {
		if got := evaluate(t, c[0]); got != c[1] {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, c[1])
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range [][2]string{
		{``, `Template format error: unsupported structure.`},
		{`[]`, `Template format error: unsupported structure.`},
		{`{"Resources": {}}`, `Template format error: At least one Resources member must be defined.`},
		{`{"Resources": {"A": {"Type": "T"},}}`, `Template format error: JSON not well-formed. (line 1, column 34)`},
		{"Resources:\n  A: {Type: T\n", `Template format error: YAML not well-formed.`},
		{`{"Resorces": {}}`, `Invalid template property or properties [Resorces]`},
		{"Resources: {A: {}}", `Template format error: [/Resources/A] Every Resources object must contain a Type member.`},
		{"Resources: {a-b: {Type: T}}", `Template format error: Resource name a-b is non alphanumeric.`},
		{"Resources: {A: {Type: T, Propertys: {}}}", `Invalid template resource property 'Propertys'`},
		{"Resources: {A: {Type: T, DependsOn: B}}", `Template format error: Unresolved resource dependencies [B] in the Resources block of the template`},
		{"Resources: {A: {Type: T, Condition: C}}", `Template format error: Unresolved condition dependency C in the Resources block of the template`},
		{"Resources: {A: {Type: T}}\nOutputs: {O: {Value: !Ref B}}", `Template format error: Unresolved resource dependencies [B] in the Outputs block of the template`},
		{"Resources: {A: {Type: T}}\nOutputs: {O: {Description: x}}", `Template format error: Every Outputs member must contain a Value object`},
		{"Conditions: {C: !Equals [!Ref A, x]}\nResources: {A: {Type: T}}", `Template format error: Unresolved dependencies [A]. Cannot reference resources in the Conditions block of the template`},
		{"Parameters: {P: {Type: Strin}}\nResources: {A: {Type: T}}", `Template format error: Unrecognized parameter type: Strin`},
		{"Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: T}}", `The transform AWS::Serverless-2016-10-31 is not implemented`},
		{"Resources: {A: {Type: T, Properties: &x {a: 1}}, B: {Type: T, Properties: *x}}", `Template format error: YAML aliases are not allowed in CloudFormation templates`},
		{"Resources: {A: {Type: T}, A: {Type: T}}", `Template format error: duplicate key "A" at line 1, column 27`},
		{"Resources: {A: {Type: T, Properties: {x: {\"Fn::Length\": [1]}}}}", `Template format error: Encountered unsupported function: Fn::Length`},
	} {
		_, err := Parse([]byte(c[0]))
		var e *Error
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), c[1]) {
			t.Errorf("%s\n got %v\nwant %s", c[0], err, c[1])
		}
	}
}

func TestParameters(t *testing.T) {
	tmpl, err := Parse([]byte(`
Parameters:
  Stage: {Type: String, AllowedValues: [dev, prod]}
  Name: {Type: String, AllowedPattern: "[a-z]+", MinLength: 2, MaxLength: 5, Default: abc}
  Size: {Type: Number, MinValue: 1, MaxValue: 10, Default: 3, ConstraintDescription: one to ten}
  Secret: {Type: String, NoEcho: true, Default: x}
Resources: {A: {Type: T}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		given map[string]string
		want  string
	}{
		{map[string]string{}, "Parameters: [Stage] must have values"},
		{map[string]string{"Stage": "dev", "Other": "1"}, "Parameters: [Other] do not exist in the template"},
		{map[string]string{"Stage": "test"}, "Parameter 'Stage' must be one of AllowedValues"},
		{map[string]string{"Stage": "dev", "Name": "ABC"}, "Parameter 'Name' must match pattern [a-z]+"},
		{map[string]string{"Stage": "dev", "Name": "a"}, "Parameter 'Name' must contain at least 2 characters"},
		{map[string]string{"Stage": "dev", "Name": "abcdef"}, "Parameter 'Name' must contain at most 5 characters"},
		{map[string]string{"Stage": "dev", "Size": "11"}, "Parameter Size failed to satisfy constraint: one to ten"},
		{map[string]string{"Stage": "dev", "Size": "x"}, "Parameter 'Size' must be a number"},
		{map[string]string{"Stage": "dev"}, "<nil>"},
	} {
		b, err := tmpl.Bind(c.given, env)
		if got := fmt.Sprint(err); got != c.want {
			t.Errorf("%v: got %s, want %s", c.given, got, c.want)
		}
		if err == nil && !reflect.DeepEqual(b.Values()[3], ParameterValue{Name: "Secret", Value: "x", NoEcho: true}) {
			t.Errorf("got %+v", b.Values())
		}
	}
}

func TestGraph(t *testing.T) {
	parse := func(body string) (*Graph, error) {
		t.Helper()
		tmpl, err := Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		b, err := tmpl.Bind(nil, env)
		if err != nil {
			t.Fatal(err)
		}
		return b.Graph()
	}
	g, err := parse(`
Conditions: {Never: !Equals [a, b]}
Resources:
  A: {Type: T, Properties: {x: !GetAtt B.Arn, y: !If [Never, !Ref Unmade, z]}}
  B: {Type: T, DependsOn: [C, Unmade]}
  C: {Type: T}
  D: {Type: T, Properties: {x: !Sub "${C}${A.Arn}"}}
  Unmade: {Type: T, Condition: Never}`)
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]string{{"C"}, {"B"}, {"A"}, {"D"}}; !reflect.DeepEqual(g.Layers, want) {
		t.Errorf("got %v", g.Layers)
	}
	_, err = parse(`
Resources:
  A: {Type: T, Properties: {x: !Ref B}}
  B: {Type: T, Properties: {x: !Ref A}}
  User: {Type: T, DependsOn: A}`)
	if want := "Circular dependency between resources: [A, B]"; fmt.Sprint(err) != want {
		t.Errorf("got %v", err)
	}
	_, err = parse(`
Conditions: {Never: !Equals [a, b]}
Resources:
  A: {Type: T, Properties: {x: !Ref Unmade}}
  Unmade: {Type: T, Condition: Never}`)
	if want := "Template format error: Unresolved resource dependencies [Unmade] in the Resources block of the template"; fmt.Sprint(err) != want {
		t.Errorf("got %v", err)
	}
}

func TestCircularConditions(t *testing.T) {
	tmpl, err := Parse([]byte("Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}\nResources: {R: {Type: T}}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tmpl.Bind(nil, env); err == nil || !strings.Contains(err.Error(), "circular condition dependency") {
		t.Fatalf("got %v", err)
	}
}

func TestOutputsAndPolicies(t *testing.T) {
	tmpl, err := Parse([]byte(`
Conditions: {Never: !Equals [a, b]}
Resources: {A: {Type: T, DeletionPolicy: Retain, UpdateReplacePolicy: Bogus}}
Outputs:
  Arn: {Value: !GetAtt A.Arn, Description: its ARN, Export: {Name: !Sub "${AWS::StackName}-arn"}}
  Unmade: {Value: x, Condition: Never}
  Count: {Value: 3}`))
	if err != nil {
		t.Fatal(err)
	}
	b, err := tmpl.Bind(nil, env)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.OutputValues(made{})
	want := []OutputValue{{ID: "Arn", Description: "its ARN", Value: "att-A-Arn", Export: "shop-arn"}, {ID: "Count", Value: "3"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v %v", got, err)
	}
	if p, err := b.Policy(tmpl.Resource("A").DeletionPolicy); p != "Retain" || err != nil {
		t.Errorf("got %s %v", p, err)
	}
	if _, err := b.Policy(tmpl.Resource("A").UpdateReplacePolicy); err == nil {
		t.Error("accepted Bogus")
	}
}

func TestChanged(t *testing.T) {
	raw := func(s string) (m map[string]json.RawMessage) {
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	got := Changed(raw(`{"a":1,"b":{"x":1,"y":[true]},"c":"x","d":0}`), raw(`{"a":"1","b":{"y":["true"],"x":1.0},"c":"y","e":0}`))
	if want := []string{"b", "c", "d", "e"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestYAMLAndJSONAgree(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		fromJSON, err := parseJSON(b)
		if err != nil {
			t.Fatal(f, err)
		}
		fromYAML, err := parseYAML(b)
		if err != nil {
			t.Fatal(f, err)
		}
		x, errX := json.Marshal(fromJSON)
		y, errY := json.Marshal(fromYAML)
		if string(x) != string(y) || errX != nil || errY != nil {
			t.Errorf("%s: the two readings differ", f)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"Resources: {A: {Type: T, Properties: {x: !Sub '${A.b}'}}}", `{"Resources":{"A":{"Type":"T","Properties":{"x":{"Fn::If":["C",1,2]}}}},"Conditions":{"C":{"Fn::Equals":[1,{"Fn::If":[]}]}}}`, "a: &a [*a]", "{", "Resources: {A: {Type: T, Properties: {x: !Cidr [::/0, 200, 128]}}}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tmpl, err := Parse(body)
		if err != nil {
			return
		}
		b, err := tmpl.Bind(nil, env)
		if err != nil {
			return
		}
		if _, err := b.Graph(); err != nil {
			return
		}
		for _, r := range b.ActiveResources() {
			if _, err := b.Properties(r, made{}); err != nil {
				continue
			}
		}
		if _, err := b.OutputValues(made{}); err != nil {
			return
		}
	})
}
