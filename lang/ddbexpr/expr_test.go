package ddbexpr

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"sundog/cloud"
)

func testParams(t testing.TB) *Params {
	t.Helper()
	var values map[string]Value
	err := json.Unmarshal([]byte(`{":one":{"N":"1"},":two":{"N":"2"},":zero":{"N":"0"},":a":{"S":"a"},":b":{"S":"b"},":abc":{"S":"abc"},":t":{"BOOL":true},
		":ss":{"SS":["a","b"]},":m":{"M":{"x":{"N":"1"}}},":tS":{"S":"S"},":tL":{"S":"L"},":bin":{"B":"YWJj"},":empty":{"L":[]},":list":{"L":[{"N":"1"}]}}`), &values)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewParams(map[string]string{"#n": "n", "#nm": "name"}, values)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rows reads a table of n columns, separated by bars.
func rows(t testing.TB, file string, n int) [][]string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cols := strings.SplitN(line, "|", n)
		if len(cols) != n {
			t.Fatalf("%s: %q has %d columns", file, line, len(cols))
		}
		for i := range cols {
			cols[i] = strings.TrimSpace(cols[i])
		}
		out = append(out, cols)
	}
	return out
}

func item(t testing.TB, s string) Item {
	t.Helper()
	var it Item
	if err := json.Unmarshal([]byte(s), &it); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return it
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return cloud.AsError(err).Message
}

func TestConditions(t *testing.T) {
	for _, r := range rows(t, "conditions.txt", 3) {
		c, err := testParams(t).Condition("FilterExpression", r[0])
		if err != nil {
			t.Errorf("%s: %v", r[0], err)
			continue
		}
		if got := c.Match(item(t, r[1])); got != (r[2] == "true") {
			t.Errorf("%s on %s: %v", r[0], r[1], got)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, r := range rows(t, "errors.txt", 3) {
		p := testParams(t)
		var err error
		switch r[0] {
		case "UpdateExpression":
			_, err = p.Update(r[1])
		case "ProjectionExpression":
			_, err = p.Projection(r[1])
		default:
			_, err = p.Condition(r[0], r[1])
		}
		if want := "Invalid " + r[0] + ": " + r[2]; message(err) != want {
			t.Errorf("%s\n got %s\nwant %s", r[1], message(err), want)
		}
	}
}

func TestUpdates(t *testing.T) {
	for _, r := range rows(t, "updates.txt", 3) {
		old := item(t, r[1])
		before := string(old.AppendJSON(nil))
		u, err := testParams(t).Update(r[0])
		var got Item
		if err == nil {
			got, err = u.Apply(old)
		}
		shown := string(got.AppendJSON(nil))
		if err != nil {
			shown = "! " + message(err)
		}
		if shown != r[2] {
			t.Errorf("%s on %s\n got %s\nwant %s", r[0], r[1], shown, r[2])
		}
		if after := string(old.AppendJSON(nil)); after != before {
			t.Errorf("%s changed its input %s to %s", r[0], before, after)
		}
	}
}

func TestProjection(t *testing.T) {
	it := item(t, `{"a":{"M":{"b":{"L":[{"N":"0"},{"M":{"c":{"S":"x"},"d":{"S":"y"}}},{"N":"2"}]},"e":{"N":"1"}}},"n":{"N":"1"},"name":{"S":"z"}}`)
	for expr, want := range map[string]string{
		"a.b[1].c, #nm":      `{"a":{"M":{"b":{"L":[{"M":{"c":{"S":"x"}}}]}}},"name":{"S":"z"}}`,
		"a.b[2], a.b[0]":     `{"a":{"M":{"b":{"L":[{"N":"0"},{"N":"2"}]}}}}`,
		"a.x, n.y, a.b[9].c": `{}`,
		"a":                  `{"a":` + string(it.Get("a").AppendJSON(nil)) + `}`,
	} {
		pr, err := testParams(t).Projection(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got := string(pr.Apply(it).AppendJSON(nil)); got != want {
			t.Errorf("%s\n got %s\nwant %s", expr, got, want)
		}
	}
}

func TestParams(t *testing.T) {
	one := map[string]Value{":v": Int(1)}
	for _, c := range []struct {
		names  map[string]string
		values map[string]Value
		want   string
	}{
		{map[string]string{}, nil, "ExpressionAttributeNames must not be empty"},
		{nil, map[string]Value{}, "ExpressionAttributeValues must not be empty"},
		{map[string]string{"n": "a"}, nil, `ExpressionAttributeNames contains invalid key: Syntax error; key: "n"`},
		{nil, map[string]Value{"#v": Int(1)}, `ExpressionAttributeValues contains invalid key: Syntax error; key: "#v"`},
		{map[string]string{"#b": "x", "#a": "y"}, one, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}"},
		{nil, one, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}"},
	} {
		p, err := NewParams(c.names, c.values)
		if err == nil {
			err = p.Unused()
		}
		if message(err) != c.want {
			t.Errorf("got %s\nwant %s", message(err), c.want)
		}
	}
}

func TestKeyConditions(t *testing.T) {
	both := KeySchema{"a", "n", S, N}
	for _, c := range []struct {
		key        KeySchema
		expr, want string
	}{
		{both, "a = :a", ""}, {both, "a = :a AND n > :one", ""}, {both, ":one < n AND a = :a", ""}, {both, "a = :a AND n BETWEEN :one AND :two", ""},
		{both, "n = :one", "Query condition missed key schema element: a"},
		{both, "a = :a AND b = :b", "Query condition missed key schema element: n"},
		{KeySchema{"a", "", S, None}, "a = :a AND b = :b", "Query key condition not supported"},
		{both, "a > :a", "Query key condition not supported"},
		{both, "a = :a OR n = :one", "Invalid operator used in KeyConditionExpression: OR"},
		{both, "a = :a AND a = :b", "KeyConditionExpressions must only contain one condition per key"},
		{both, "a = n", "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"},
		{both, "a.b = :a", "KeyConditionExpressions cannot have conditions on nested attributes"},
		{both, "size(a) = :a", "KeyConditionExpressions cannot contain nested operations"},
		{both, "a = :one", "One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{both, "a = :a AND n = :one AND b = :b", "Conditions can be of length 1 or 2 only"},
	} {
		k, err := testParams(t).KeyCondition(c.expr, c.key)
		if message(err) != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.expr, message(err), c.want)
		}
		if err == nil && k.Hash.Text != "a" {
			t.Errorf("%s: %+v", c.expr, k)
		}
	}
	k, err := testParams(t).KeyCondition(":one < n AND a = :a", both)
	if err != nil || k.Compare != GreaterThan || !k.Holds(Int(2)) || k.Holds(Int(1)) {
		t.Errorf("mirrored comparison: %+v, %v", k, err)
	}
}

func TestLegacy(t *testing.T) {
	filter := map[string]Comparator{"n": {"GT", []Value{Int(1)}}, "s": {"NOT_CONTAINS", []Value{String("x")}}}
	and, err := LegacyFilter(filter, "")
	if err != nil {
		t.Fatal(err)
	}
	or, err := LegacyFilter(filter, "OR")
	if err != nil {
		t.Fatal(err)
	}
	it := item(t, `{"n":{"N":"2"},"s":{"S":"axb"}}`)
	if and.Match(it) || !or.Match(it) || !and.Match(item(t, `{"n":{"N":"2"},"s":{"S":"ab"}}`)) {
		t.Error("wrong answer of a legacy filter")
	}
	no := false
	one := Int(1)
	for want, e := range map[string]Expectation{
		"": {Exists: &no},
		"One or more parameter values were invalid: Value must be provided when Exists is null for Attribute: a":                    {},
		"One or more parameter values were invalid: Value cannot be used when Exists is false for Attribute: a":                     {Exists: &no, Value: &one},
		"One or more parameter values were invalid: Invalid number of argument(s) for the BETWEEN ComparisonOperator":               {Comparator: Comparator{"BETWEEN", []Value{one}}},
		"One or more parameter values were invalid: ComparisonOperator LT is not valid for BOOL AttributeValue type":                {Comparator: Comparator{"LT", []Value{Boolean(true)}}},
		"One or more parameter values were invalid: Exists and ComparisonOperator cannot be used together for Attribute: a":         {Exists: &no, Comparator: Comparator{"NULL", nil}},
		"The BETWEEN condition was provided a range where the lower bound is greater than the upper bound":                          {Comparator: Comparator{"BETWEEN", []Value{Int(2), one}}},
		"One or more parameter values were invalid: AttributeValueList can only be used with a ComparisonOperator for Attribute: a": {Comparator: Comparator{"", []Value{one}}},
		"One or more parameter values were invalid: AttributeValues inside AttributeValueList must be of same type":                 {Comparator: Comparator{"IN", []Value{one, String("a")}}},
		"One or more parameter values were invalid: Value and AttributeValueList cannot be used together for Attribute: a":          {Value: &one, Comparator: Comparator{"EQ", []Value{one}}},
		"One or more parameter values were invalid: ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type":          {Comparator: Comparator{"BEGINS_WITH", []Value{one}}},
		"One or more parameter values were invalid: Invalid number of argument(s) for the NULL ComparisonOperator":                  {Comparator: Comparator{"NULL", []Value{one}}},
		"Unsupported operator on ComparisonOperator: FOO":                                                                           {Comparator: Comparator{"FOO", nil}},
	} {
		if _, err := LegacyExpected(map[string]Expectation{"a": e}, "AND"); message(err) != want {
			t.Errorf("got %s\nwant %s", message(err), want)
		}
	}
	set, err := StringSet([]string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := LegacyUpdate(map[string]AttributeUpdate{"a": {"PUT", &one}, "b": {"ADD", &one}, "c": {"DELETE", nil}, "d": {"DELETE", &set}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := u.Apply(item(t, `{"b":{"N":"1"},"c":{"N":"1"},"d":{"SS":["a","b"]}}`))
	if want := `{"a":{"N":"1"},"b":{"N":"2"},"d":{"SS":["b"]}}`; err != nil || string(got.AppendJSON(nil)) != want {
		t.Errorf("got %s, %v", got.AppendJSON(nil), err)
	}
	if _, err := u.Apply(item(t, `{"b":{"S":"1"}}`)); message(err) != "Type mismatch for attribute to update" {
		t.Error(err)
	}
}

func FuzzExpressions(f *testing.F) {
	for _, r := range rows(f, "conditions.txt", 3) {
		f.Add(r[0])
	}
	for _, r := range rows(f, "updates.txt", 3) {
		f.Add(r[0])
	}
	it := item(f, `{"a":{"M":{"b":{"L":[{"S":"x"}]}}},"n":{"N":"1"}}`)
	f.Fuzz(func(t *testing.T, s string) {
		p := testParams(t)
		if c, err := p.Condition("FilterExpression", s); err == nil {
			c.Match(it)
		}
		if u, err := p.Update(s); err == nil {
			if got, err := u.Apply(it); err == nil {
				if _, err := DecodeItem(got.AppendBinary(nil)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if pr, err := p.Projection(s); err == nil {
			pr.Apply(it)
		}
		_, _ = p.KeyCondition(s, KeySchema{"a", "n", S, N})
	})
}
