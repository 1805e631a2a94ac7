package deploy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestParseCanary(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"10%/5m", "[{10 5m0s}]"},
		{"2.5%/30s, 50%/1h30m", "[{2.5 30s} {50 1h30m0s}]"},
		{"10%", "a step is a part and a time"},
		{"10/5m", "a step is a part and a time"},
		{"x%/5m", "a step is a part and a time"},
		{"10%/5", "no time for a step"},
		{"10%/-5m", "no time for a step"},
		{"0%/5m", "under 100%, not 0%"},
		{"100%/5m", "under 100%, not 100%"},
		{"20%/1m,20%/1m", "over that of the step before"},
		{"", "a step is a part and a time"},
	} {
		got, err := ParseCanary(c.text)
		if err != nil && !strings.Contains(err.Error(), c.want) || err == nil && fmt.Sprint(got) != c.want {
			t.Errorf("%q: %v %v, want %s", c.text, got, err, c.want)
		}
	}
}

func TestCanaryInTemplate(t *testing.T) {
	c := Canary{Steps: []CanaryStep{{10, time.Minute}}, MaxErrorRate: 1.5}
	change := func(memory string) map[string]map[string]any {
		out, err := c.in([]byte(`{"Resources":{"F":{"Type":"AWS::Lambda::Function","Metadata":{"Mine":1},"Properties":{"MemorySize":` + memory + `}},"Q":{"Type":"AWS::SQS::Queue"}},"Outputs":{"O":{"Value":1}}}`))
		var doc struct {
			Resources map[string]map[string]any
			Outputs   map[string]any
		}
		if err == nil {
			err = json.Unmarshal(out, &doc)
		}
		if err != nil || len(doc.Outputs) != 1 {
			t.Fatal(err, doc.Outputs)
		}
		return doc.Resources
	}
	r := change("128")
	if got := fmt.Sprint(r["F"]["Metadata"], r["Q"]); got != "map[Mine:1 Sundog::Canary:true] map[Type:AWS::SQS::Queue]" {
		t.Error(got)
	}
	last := r["SundogCanary"]
	p := last["Properties"].(map[string]any)
	if got := fmt.Sprint(last["DependsOn"], p["Functions"], p["Steps"], p["MaxErrorRate"]); got != "[F Q] [map[Ref:F]] [map[Percent:10 Seconds:60]] 1.5" {
		t.Error(got)
	}
	again, other := change("128"), change("256")
	if a, b := again["SundogCanary"]["Properties"].(map[string]any)["Revision"], other["SundogCanary"]["Properties"].(map[string]any)["Revision"]; a != p["Revision"] || a == b {
		t.Error(a, b, p["Revision"])
	}
}
