package cloudformation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	api "sundog/api/cloudformation"
	"sundog/engine/store"
)

func TestTimeout(t *testing.T) {
	f := newFixture(t)
	f.want(f.s.close()) // what is created now waits for the next start
	f.want(f.create(three))
	f.want(f.st.Update(f.ctx, func(tx store.Tx) error {
		st, err := find(tx, scope(f.ctx), "shop")
		if err != nil {
			return err
		}
		var o operation
		if _, err := load(tx, opKey(st.Scope, st.ID), &o); err != nil {
			return err
		}
		o.Next.Timeout = 20 * time.Millisecond
		return save(tx, opKey(st.Scope, st.ID), o)
	}))
	f.w.hang["B"] = make(chan struct{})
	f.boot()
	f.status("ROLLBACK_COMPLETE")
	if got := f.events("shop"); !strings.Contains(got, "shop ROLLBACK_IN_PROGRESS Stack creation time exceeded the specified timeout. Rollback requested by user.") || len(f.w.things) != 0 {
		t.Errorf("things %v, events\n%s", f.w.things, got)
	}
}

func TestTagsReachResources(t *testing.T) {
	f := newFixture(t)
	f.want(f.create(three))
	f.status("CREATE_COMPLETE")
	f.w.calls = nil
	k, v := "team", "blue"
	f.want(f.update(three, func(in *api.UpdateStackInput) { in.Tags = []api.Tag{{Key: &k, Value: &v}} }))
	f.status("UPDATE_COMPLETE")
	if got := strings.Join(f.w.calls, ","); got != "update A,update B,update C" {
		t.Errorf("calls %s", got)
	}
}

func TestLongListsComeInPages(t *testing.T) {
	f := newFixture(t)
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range 130 {
		fmt.Fprintf(&b, "  T%03d: {Type: Test::Thing}\n", i)
	}
	f.want(f.create(b.String()))
	f.status("CREATE_COMPLETE")
	n, seen := "shop", 0
	var next *string
	for pages := 0; pages == 0 || next != nil; pages++ {
		out, err := f.s.describeEvents(f.ctx, &api.DescribeStackEventsInput{StackName: &n, NextToken: next})
		f.want(err)
		seen, next = seen+len(out.StackEvents), out.NextToken
	}
	if seen != 2+3*130 {
		t.Errorf("saw %d events", seen)
	}
	seen = 0
	for pages := 0; pages == 0 || next != nil; pages++ {
		out, err := f.s.listResources(f.ctx, &api.ListStackResourcesInput{StackName: &n, NextToken: next})
		f.want(err)
		seen, next = seen+len(out.StackResourceSummaries), out.NextToken
	}
	if seen != 130 {
		t.Errorf("saw %d resources", seen)
	}
}
