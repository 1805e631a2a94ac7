package logs

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	api "sundog/api/logs"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/timer"
)

// sweepTimer is the kind of the timers that remove expired events: one per group with a retention, every day.
const sweepTimer = "logs.sweep"

// retentions are the numbers of days that PutRetentionPolicy takes.
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func (r *logsRoom) putRetention(ctx context.Context, in *api.PutRetentionPolicyInput) (*api.PutRetentionPolicyOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}
	days := int32(number(in.RetentionInDays, 0))
	if !slices.Contains(retentions, days) {
		list := make([]string, len(retentions))
		for i, d := range retentions {
			list[i] = strconv.Itoa(int(d))
		}
		return nil, errParameter("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [%s]", days, strings.Join(list, ", "))
	}
	return &api.PutRetentionPolicyOutput{}, r.change(ctx, n, func(tx store.Tx, rec *record) error {
		rec.Retention = days
		return r.setSweep(tx, n)
	})
}

func (r *logsRoom) deleteRetention(ctx context.Context, in *api.DeleteRetentionPolicyInput) (*api.DeleteRetentionPolicyOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}
	return &api.DeleteRetentionPolicyOutput{}, r.change(ctx, n, func(tx store.Tx, rec *record) error {
		rec.Retention = 0
		return r.d.Timers.Cancel(tx, shardOf(n.Scope), sweepTimer, n.arn().String())
	})
}

func (r *logsRoom) setSweep(tx store.Tx, n name) error {
	return r.d.Timers.Set(tx, timer.Timer{Shard: shardOf(n.Scope), Kind: sweepTimer, ID: n.arn().String(), Due: r.d.Clock.Now().Add(day)})
}

// sweep removes the expired events of one group. Queries leave them out before that.
func (r *logsRoom) sweep(ctx context.Context, t timer.Timer) error {
	a, err := cloud.ParseARN(t.ID)
	if err != nil {
		return err
	}
	n := name{a.Scope(), strings.TrimPrefix(a.Resource, "log-group:")}
	var rec *record
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		rec, err = readRecord(rd, n)
		return err
	})
	if err != nil || rec == nil || rec.Retention == 0 {
		return err
	}
	if err := r.d.Telemetry.Expire(ctx, n.group(), r.cut(rec)); err != nil {
		return err
	}
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := readRecord(tx, n)
		if err != nil || rec == nil || rec.Retention == 0 {
			return err
		}
		return r.setSweep(tx, n)
	})
}

// cut gives the time before which a group's events have expired; zero when they never do.
func (r *logsRoom) cut(rec *record) time.Time {
	if rec.Retention == 0 {
		return time.Time{}
	}
	return r.d.Clock.Now().Add(-time.Duration(rec.Retention) * day)
}
