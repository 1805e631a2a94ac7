package gateway

import (
	"fmt"
	"testing"

	"sundog/cloud"
	"sundog/engine/policy"
)

// Who names resources without end is reported up to a bound, and takes memory up to it.
func TestWarningsAreBounded(t *testing.T) {
	told := 0
	g := New(Options{Clock: wall{}, Identity: keys{}, Warn: func(Missing) { told++ }})
	for i := range maxWarned + 1000 {
		a := cloud.Access{Action: "s3:GetObject", Resource: cloud.NewARN("s3", cloud.Scope{}, fmt.Sprint("bucket/", i/2))}
		for range 2 {
			g.warn(policy.Request{Action: a.Action, Resource: a.Resource}, a)
		}
	}
	for i := range 2 * maxWarned {
		a := cloud.Access{Action: "s3:PutObject", Resource: cloud.NewARN("s3", cloud.Scope{}, fmt.Sprint("bucket/", i))}
		g.warn(policy.Request{Action: a.Action, Resource: a.Resource}, a)
	}
	kept := 0
	g.warned.Range(func(any, any) bool { kept++; return true })
	if told != maxWarned || kept != maxWarned {
		t.Errorf("%d warnings, %d are remembered", told, kept)
	}
}
