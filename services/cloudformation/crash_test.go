package cloudformation

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"sundog/engine/store"
)

// dying is a store that refuses everything after some commits, as a process that was killed would never have made them.
type dying struct {
	store.Store
	left atomic.Int64
}

func (d *dying) Update(ctx context.Context, fn func(store.Tx) error) error {
	if d.left.Add(-1) < 0 {
		return store.ErrClosed
	}
	return d.Store.Update(ctx, fn)
}

func (d *dying) View(ctx context.Context, fn func(store.Reader) error) error {
	if d.left.Load() < 0 {
		return store.ErrClosed
	}
	return d.Store.View(ctx, fn)
}

// crashing runs a change on a stack again and again, killed after the first, second, ... commit, and hands each time the stack to
// check once the next process has ended the change. It ends when the change was done before the kill.
func crashing(t *testing.T, prepare, change func(*fixture) error, check func(f *fixture)) {
	t.Helper()
	for n := int64(1); ; n++ {
		f := newFixture(t)
		if prepare != nil {
			f.want(prepare(f))
			f.settled("shop")
		}
		f.want(f.s.close())
		healthy := f.d
		d := &dying{Store: f.st}
		d.left.Store(n)
		f.d.Store = d
		f.s = newService(f.d, f.w.types)
		f.want(change(f))
		f.s.runs.Wait()
		done := d.left.Load() >= 0
		f.want(f.s.close())
		f.d = healthy
		f.boot()
		f.s.runs.Wait()
		check(f)
		if t.Failed() {
			t.Fatalf("killed after %d commits", n)
		}
		if done {
			t.Logf("done in %d commits", n)
			return
		}
		if n > 100 {
			t.Fatal("it never ends")
		}
	}
}

func TestKilledInACreation(t *testing.T) {
	crashing(t, nil, func(f *fixture) error { return f.create(three) }, func(f *fixture) {
		f.status("CREATE_COMPLETE")
		if len(f.w.things) != 3 {
			f.Errorf("things %v\n%s", f.w.things, f.events("shop"))
		}
	})
}

func TestKilledInAFailingCreation(t *testing.T) {
	body := strings.Replace(three, "Name: c}, DeletionPolicy: Retain", "Fail: create}", 1)
	crashing(t, nil, func(f *fixture) error { return f.create(body) }, func(f *fixture) {
		f.status("ROLLBACK_COMPLETE")
		if len(f.w.things) != 0 {
			f.Errorf("things %v\n%s", f.w.things, f.events("shop"))
		}
	})
}

func TestKilledInAnUpdate(t *testing.T) {
	next := strings.Replace(strings.ReplaceAll(three, "Default: one", "Default: two"), "Name: c}, DeletionPolicy: Retain}", "Name: d}}\n  D: {Type: Test::Fixed, Properties: {Uses: !Ref C}}", 1)
	crashing(t, func(f *fixture) error { return f.create(three) }, func(f *fixture) error { return f.update(next) }, func(f *fixture) {
		f.status("UPDATE_COMPLETE")
		if s := names(f); s != `A="two" B= C=d D=` {
			f.Errorf("things %s\n%s", s, f.events("shop"))
		}
	})
}

func TestKilledInAFailingUpdate(t *testing.T) {
	next := "Resources:\n  A: {Type: Test::Thing, Properties: {Value: new}}\n  B: {Type: Test::Thing, Properties: {Uses: !GetAtt A.Arn, Name: other}}\n  C: {Type: Test::Thing, Properties: {Uses: !Ref B, Name: c, Fail: update}}\n  D: {Type: Test::Thing, Properties: {Uses: !Ref A}}\n"
	crashing(t, func(f *fixture) error { return f.create(three) }, func(f *fixture) error { return f.update(next) }, func(f *fixture) {
		f.status("UPDATE_ROLLBACK_COMPLETE")
		if s := names(f); s != `A="one" B= C=c` {
			f.Errorf("things %s\n%s", s, f.events("shop"))
		}
	})
}

func TestKilledInADeletion(t *testing.T) {
	var id string
	crashing(t, func(f *fixture) error {
		err := f.create(three)
		id = f.settled("shop").ID
		return err
	}, func(f *fixture) error { return f.delete() }, func(f *fixture) {
		if st := f.settled(id); st.Status != "DELETE_COMPLETE" || names(f) != "C=c" {
			f.Errorf("the stack is %s; things %s", st.Status, names(f))
		}
	})
}

// names gives the things that are there: logical id, name and value.
func names(f *fixture) string {
	var out []string
	for _, id := range []string{"A", "B", "C", "D"} {
		for physical, p := range f.w.things {
			if strings.Contains(physical, "-"+id+"-") {
				out = append(out, fmt.Sprintf("%s=%s%s", id, p["Value"], strings.Trim(string(p["Name"]), `"`)))
			}
		}
	}
	return strings.Join(out, " ")
}
