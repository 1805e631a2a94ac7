package enginetest

import (
	"context"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/engine/timer"
)

type target struct{ got []string }

func (*target) Action(cloud.ARN) string { return "sqs:SendMessage" }

func (x *target) Deliver(_ context.Context, d bus.Delivery) (bus.Outcome, error) {
	x.got = append(x.got, d.ID)
	return bus.Outcome{}, nil
}

// TestKit lets a timer emit from a lane, over a restart.
func TestKit(t *testing.T) {
	k := New(t)
	x := &target{}
	begin := func(k *Kit) {
		k.Timers.Handle("test.tick", func(ctx context.Context, tm timer.Timer) error {
			return k.Lanes.Do(ctx, 1, func(tx store.Tx) error {
				return k.Bus.Emit(tx, 1, bus.Delivery{ID: tm.ID, Target: cloud.NewARN("sqs", cloud.Scope{}, "q"), NotBefore: k.Clock.Now().Add(time.Minute)})
			})
		})
		k.Begin(bus.Binding{Target: func(string) bus.Target { return x }})
	}
	begin(k)
	if err := k.Store.Update(t.Context(), func(tx store.Tx) error {
		return k.Timers.Set(tx, timer.Timer{Kind: "test.tick", ID: "a", Due: Start.Add(time.Hour)})
	}); err != nil {
		t.Fatal(err)
	}
	k.Advance(time.Minute)
	k.Stop()
	k = Over(t, k.Store, k.Clock, k.IDs)
	begin(k)
	k.Advance(time.Hour + time.Second)
	k.Settle()
	if len(x.got) != 1 || x.got[0] != "a" {
		t.Fatalf("arrived %v", x.got)
	}
}
