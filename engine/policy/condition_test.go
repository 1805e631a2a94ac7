package policy

import (
	"os"
	"strings"
	"testing"

	"sundog/cloud"
)

// TestConditions reads testdata/conditions.txt: "condition JSON | keys, as name=a,b; name= is an empty list | true or false".
func TestConditions(t *testing.T) {
	raw, err := os.ReadFile("testdata/conditions.txt")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.SplitSeq(string(raw), "\n") {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, " | ")
		if len(f) != 3 {
			t.Fatalf("line %q", line)
		}
		count++
		keys := map[string][]string{}
		for _, kv := range strings.Fields(f[1]) {
			if k, v, ok := strings.Cut(kv, "="); ok {
				keys[k] = []string{}
				if v != "" {
					keys[k] = strings.Split(v, ",")
				}
			}
		}
		p := identityPolicy(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + f[0] + `}`)
		r := Request{Principal: principals["user"], Action: "a:B", Keys: func(k string) ([]string, bool) { v, ok := keys[k]; return v, ok }}
		if got := Evaluate(r, cloud.PolicySet{Identity: []*cloud.Policy{p}}).Allow; got != (strings.TrimSpace(f[2]) == "true") {
			t.Errorf("%s: %v", line, got)
		}
	}
	if count < 50 {
		t.Errorf("%d lines", count)
	}
}
