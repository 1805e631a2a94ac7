package telemetry

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

func decodeJSON[T any](b []byte) (v T, err error) {
	err = json.Unmarshal(b, &v)
	return v, err
}

// list gives the JSON rows of a scan.
func list[T any](ctx context.Context, r *recorder, o store.ScanOptions) (out []T, err error) {
	err = r.o.Store.View(ctx, func(rd store.Reader) error {
		out = nil
		return rows(rd, o, decodeJSON[T], func(v T) bool {
			out = append(out, v)
			return true
		})
	})
	return out, err
}

// one gives one JSON row; nil when it is absent.
func one[T any](ctx context.Context, r *recorder, k store.Key) (v *T, err error) {
	err = r.o.Store.View(ctx, func(rd store.Reader) error {
		v = nil
		b, err := rd.Get(k)
		if err != nil || b == nil {
			return err
		}
		v = new(T)
		return json.Unmarshal(b, v)
	})
	return v, err
}

// Metrics gives the periods of a metric that have values, oldest first; those of one period by unit.
func (r *recorder) Metrics(ctx context.Context, q MetricQuery) (out []Datapoint, err error) {
	id := MetricID{Namespace: q.Namespace, Name: q.Name, Dimensions: q.Dimensions}
	err = r.o.Store.View(ctx, func(rd store.Reader) error {
		p := periods{q: q, last: map[string]int{}}
		// Hours are older than all minutes.
		for _, name := range []string{"hour", "metric"} {
			k := metricKey(name, id, q.Scope)
			o := store.Prefix(k)
			o.Lo = k.Clone().U64(uint64(max(q.From.Truncate(time.Minute).Unix(), 0)))
			if !q.To.IsZero() {
				o.Hi = k.Clone().U64(uint64(max(q.To.Unix(), 0)))
			}
			if err := rows(rd, o, decodeJSON[Datapoint], p.add); err != nil {
				return err
			}
		}
		out = p.out
		return nil
	})
	return out, err
}

// periods gathers data points into the periods of a query.
type periods struct {
	q    MetricQuery
	out  []Datapoint
	last map[string]int // the place in out of a unit's latest period
}

func (p *periods) add(d Datapoint) bool {
	if p.q.Unit != "" && d.Unit != p.q.Unit {
		return true
	}
	period, origin := max(p.q.Period, time.Minute), p.q.From.Truncate(time.Minute)
	at := d.Time.Truncate(period)
	if !p.q.From.IsZero() {
		at = origin.Add(d.Time.Sub(origin).Truncate(period))
	}
	i, ok := p.last[d.Unit]
	if !ok || !p.out[i].Time.Equal(at) {
		i, p.last[d.Unit] = len(p.out), len(p.out)
		p.out = append(p.out, Datapoint{Time: at, Unit: d.Unit})
	}
	p.out[i].add(d)
	return true
}

// MetricIDs gives the metrics of a scope that have values.
func (r *recorder) MetricIDs(ctx context.Context, sc cloud.Scope) (out []MetricID, err error) {
	return list[MetricID](ctx, r, store.Prefix(scopeKey("metricid", sc)))
}

// Trace gives the spans of a trace by start time.
func (r *recorder) Trace(ctx context.Context, root string) (out []Span, err error) {
	return list[Span](ctx, r, store.Prefix(table("span").Str(root)))
}

// Traces gives the heads of traces, newest first.
func (r *recorder) Traces(ctx context.Context, q SpanQuery) (out []Head, err error) {
	p := table("trace")
	o := store.Prefix(p)
	o.Reverse = true
	if q.Limit == 0 {
		q.Limit = 100
	}
	err = r.o.Store.View(ctx, func(rd store.Reader) error {
		out = nil
		err := rows(rd, o, decodeJSON[Span], func(s Span) bool {
			inTime := !s.Start.Before(q.From) && (q.To.IsZero() || s.Start.Before(q.To))
			if inTime && (q.Scope == (cloud.Scope{}) || s.Scope == q.Scope) {
				out = append(out, Head{Span: s})
			}
			return len(out) < q.Limit
		})
		for i := range out {
			if err != nil {
				break
			}
			err = out[i].complete(rd)
		}
		return err
	})
	return out, err
}

// complete reads what is known of the whole trace.
func (h *Head) complete(rd store.Reader) error {
	b, err := rd.Get(table("root").Str(h.Trace))
	if err != nil || b == nil {
		return err
	}
	row, err := decodeJSON[rootRow](b)
	h.Faults = row.Faults
	return err
}

// pruneChunk is how many traces one transaction removes.
const pruneChunk = 500

// prune removes the oldest traces over the limit.
func (r *recorder) prune() error {
	var cut []byte // the newest of those that go
	err := r.o.Store.View(context.Background(), func(rd store.Reader) error {
		o := store.Prefix(table("trace"))
		o.Reverse, o.KeysOnly = true, true
		it := rd.Scan(o)
		defer func() { _ = it.Close() }()
		for n := 0; it.Next(); n++ {
			if n == r.o.MaxTraces {
				cut = slices.Clone(it.Key())
				break
			}
		}
		return it.Err()
	})
	for err == nil && cut != nil {
		var more bool
		err = r.o.Store.Update(context.Background(), func(tx store.Tx) (err error) {
			more, err = pruneTraces(tx, append(slices.Clone(cut), 0))
			return err
		})
		if !more {
			break
		}
	}
	return err
}

func pruneTraces(tx store.Tx, hi []byte) (more bool, err error) {
	p := table("trace")
	it := tx.Scan(store.ScanOptions{Lo: p, Hi: hi, KeysOnly: true})
	defer func() { _ = it.Close() }()
	for n := 0; it.Next(); n++ {
		if n == pruneChunk {
			return true, nil
		}
		k := slices.Clone(it.Key())
		_, rest, err := store.CutU64(k[len(p):])
		if err != nil {
			return false, err
		}
		root, _, err := store.CutStr(rest)
		if err != nil {
			return false, err
		}
		spans := table("span").Str(root)
		if err := cmp.Or(tx.Delete(k), tx.Delete(table("root").Str(root)), tx.DeleteRange(spans, spans.End())); err != nil {
			return false, err
		}
	}
	return false, it.Err()
}
