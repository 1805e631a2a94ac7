package eventpattern

import (
	"errors"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name, pattern, event string
		want                 bool
	}{
		{"one element must fit all", `{"r":{"a":["1"],"b":["2"]}}`, `{"r":[{"a":"1","b":"9"},{"a":"9","b":"2"}]}`, false},
		{"one element fits all", `{"r":{"a":["1"],"b":["2"]}}`, `{"r":[{"a":"9"},{"a":"1","b":"2"}]}`, true},
		{"nested arrays", `{"r":{"s":{"k":["x"]},"t":["1"]}}`, `{"r":[{"t":"2","s":[{"k":"x"}]},{"t":"1","s":[{"k":"y"},{"k":"x"}]}]}`, true},
		{"nested arrays, wrong partner", `{"r":{"s":{"k":["x"]},"t":["1"]}}`, `{"r":[{"t":"2","s":[{"k":"x"}]},{"t":"1","s":[{"k":"y"}]}]}`, false},
		{"absent anywhere", `{"r":{"a":[{"exists":false}]}}`, `{"r":[{"b":1},{"a":1}]}`, false},
		{"an object is no leaf", `{"a":[{"exists":true}]}`, `{"a":{"b":1}}`, false},
		{"or at two levels", `{"$or":[{"a":[1]},{"b":{"$or":[{"c":[2]},{"d":[3]}]}}]}`, `{"b":{"d":3}}`, true},
		{"or as a plain name", `{"$or":["x"]}`, `{"$or":"x"}`, true},
		{"or over operators is a name", `{"$or":[{"prefix":"a"},{"suffix":"b"}]}`, `{"$or":"xb"}`, true},
		{"big numbers are exact", `{"a":[9007199254740993]}`, `{"a":9007199254740992}`, false},
		{"wildcard escapes", `{"a":[{"wildcard":"\\*x*"}]}`, `{"a":"*xyz"}`, true},
		{"wildcard needs the end", `{"a":[{"wildcard":"*aba"}]}`, `{"a":"abab"}`, false},
		{"anything but any element", `{"a":[{"anything-but":"x"}]}`, `{"a":["x","y"]}`, true},
		{"not an object", `{"a":[1]}`, `[{"a":1}]`, false},
		{"both dotted and nested", `{"a":{"b":["1"],"c":["2"]}}`, `{"a.b":"1","a":{"c":"2"}}`, true},
		{"v6", `{"ip":[{"cidr":"2001:db8::/32"}]}`, `{"ip":"2001:db8:1::5"}`, true},
		{"ignore case", `{"a":[{"suffix":{"equals-ignore-case":".PNG"}}]}`, `{"a":"x.pNg"}`, true},
	} {
		p, err := Compile([]byte(c.pattern), EventBridge)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got, err := p.MatchJSON([]byte(c.event)); got != c.want || err != nil {
			t.Errorf("%s: got %v %v", c.name, got, err)
		}
	}
}

func TestErrorPlaces(t *testing.T) {
	for _, c := range []struct {
		pattern string
		dialect Dialect
		want    string
	}{
		{`{"s": "v"}`, EventBridge, "Event pattern is not valid. Reason: \"s\" must be an object or an array\n at [Source: (String)\"{\"s\": \"v\"}\"; line: 1, column: 8]"},
		{`{"k":[{"wildcard": 12}]}`, EventBridge, `; line: 1, column: 22]`},
		{`{"k":[{"suffix": [".a"]}]}`, EventBridge, `; line: 1, column: 19]`},
		{"{\"k\":\n [{\"Exists\": true}]}", EventBridge, `; line: 2, column: 18]`},
		{`{"k": [{"exists": null}]}`, SNSAttributes, "exists match pattern must be either true or false.\n at [Source: (String)\"{\"k\":[{\"exists\":null}]}\"; line: 1, column: 21]"},
		{`nonsense`, SNSBody, "failed to parse JSON. Unrecognized token 'nonsense': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 9]"},
		{`{"k":[{"numeric":[">",3,"<",1]}]}`, SNSBody, "Bottom must be less than top"},
		{`{"k":[{"numeric":["=",1000000000.5]}]}`, SNSBody, "Value must be between -1.0E9 and 1.0E9, inclusive"},
		{`{"k":[{"numeric":["=",5000000000.5]}]}`, EventBridge, "Value must be between -5.0E9 and 5.0E9, inclusive"},
		{`{"a":{"b":{"c":["1","2","3","4"]}},"d":{"e":["1","2","3"]},"f":["1","2","3"]}`, SNSBody, "Filter policy is too complex"},
		{`{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}`, SNSBody, "Filter policy can not have more than 5 keys"},
		{`{}`, EventBridge, "Empty objects are not allowed"},
		{`{"a":[1]} x`, EventBridge, "Unexpected character"},
	} {
		_, err := Compile([]byte(c.pattern), c.dialect)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.pattern, err, c.want)
		}
	}
}

func TestScopeOfNestedPolicies(t *testing.T) {
	_, err := Compile([]byte(`{"o":{"k":["v"]}}`), SNSAttributes)
	var e *Error
	if !errors.As(err, &e) || !e.Scope {
		t.Fatalf("got %v", err)
	}
	if _, err := Compile([]byte(`{"o":{"k":["v"]}}`), SNSBody); err != nil {
		t.Fatal(err)
	}
}

func TestWorkIsBounded(t *testing.T) {
	or := `{"$or":[{"a":[1]},{"b":[1]}]}`
	for range 11 {
		or = `{"$or":[` + or + `,` + or + `],"x":{"$or":[{"a":[1]},{"b":[1]}]}}`
	}
	if _, err := Compile([]byte(or), EventBridge); err == nil {
		t.Fatal("accepted too many combinations")
	}
	if _, err := Compile([]byte(strings.Repeat(`{"a":`, 10000)), EventBridge); err == nil {
		t.Fatal("accepted a bottomless pattern")
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`{"a":[{"numeric":[">",0,"<=",5]}]}`, `{"$or":[{"a":[1]},{"b":["x",{"exists":false}]}]}`, `{"a":[{"anything-but":{"prefix":["x"]}}]}`, `{"a":[{"wildcard":"a\\**"}]}`, `{"a`, `[`,
		`{"store":["example_corp"],"event":[{"anything-but":"order_cancelled"}],"price_usd":[{"numeric":[">=",100]}]}`,
		`{"a":[{"anything-but":{"prefix":"order-"}},{"suffix":"ball"},{"equals-ignore-case":"TENNIS"},{"cidr":"10.0.0.0/24"},{"exists":true}]}`,
		`{"a":[{"anything-but":[100,500]},{"numeric":["=",301.5]},{"numeric":["<",-1e9]},null,true,2]}`,
		`{"a":{"b":{"c":["1","2","3","4"]}},"d":{"e":["1","2","3"]}}`, `{"source":["x"],"$or":[{"m":["c"]},{"t":["y"],"$or":[{"i":[1]},{"s":[2]}]}]}`,
		`{"a":[1],"a":[2]}`, `{"a":[]}`, `{"":[""]}`, "{\"a\":[\"\xff\\ud800\"]}", `{"a.b":["c"],"a":{"b":["c"]}}`, ` {"a":["b"]} `,
	} {
		f.Add(s, `{"a":[1,{"b":2}],"event":"order_placed","store":["example_corp"],"price_usd":100.0}`)
	}
	f.Fuzz(func(t *testing.T, pattern, event string) {
		var accepted [3]bool
		for _, d := range []Dialect{EventBridge, SNSAttributes, SNSBody} {
			p, err := Compile([]byte(pattern), d)
			if err != nil {
				if err.Error() == "" {
					t.Fatal("an error without words")
				}
				continue
			}
			accepted[d] = true
			first, err := p.MatchJSON([]byte(event))
			if err != nil {
				continue
			}
			if again, err := p.MatchJSON([]byte(event)); err != nil || again != first {
				t.Fatalf("%v, then %v %v", first, again, err)
			}
		}
		// A policy on attributes is one on the body that does not nest; every policy of SNS is a pattern of EventBridge's.
		if accepted[SNSAttributes] && !accepted[SNSBody] || accepted[SNSBody] && !accepted[EventBridge] {
			t.Fatalf("accepted: %v", accepted)
		}
	})
}
