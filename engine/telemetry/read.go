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

// maxValues bounds the distinct values that a data point keeps for percentiles.
const maxValues = 150

func (d *Datapoint) merge(v, n float64) {
	if d.Count == 0 {
		d.Min, d.Max = v, v
	}
	d.Min, d.Max = min(d.Min, v), max(d.Max, v)
	d.Sum += v * n
	d.Count += n
	if i := slices.Index(d.Values, v); i >= 0 {
		d.Counts[i] += n
	} else if len(d.Values) < maxValues {
		d.Values, d.Counts = append(d.Values, v), append(d.Counts, n)
	}
}

// add merges the rollup o, of a part of d's period, into d.
func (d *Datapoint) add(o Datapoint) {
	if o.Count == 0 {
		return
	}
	if d.Count == 0 {
		d.Min, d.Max, d.Unit = o.Min, o.Max, o.Unit
	}
	d.Min, d.Max = min(d.Min, o.Min), max(d.Max, o.Max)
	d.Sum += o.Sum
	d.Count += o.Count
	for i, v := range o.Values {
		if j := slices.Index(d.Values, v); j >= 0 {
			d.Counts[j] += o.Counts[i]
		} else if len(d.Values) < maxValues {
			d.Values, d.Counts = append(d.Values, v), append(d.Counts, o.Counts[i])
		}
	}
}

// each decodes the JSON rows of a scan until fn returns false.
func each[T any](r store.Reader, o store.ScanOptions, fn func(T) bool) error {
	it := r.Scan(o)
	for it.Next() {
		var v T
		if err := json.Unmarshal(it.Value(), &v); err != nil {
			_ = it.Close()
			return err
		}
		if !fn(v) {
			break
		}
	}
	return cmp.Or(it.Err(), it.Close())
}

// Logs gives the lines that a query selects, oldest first unless Descending.
func (r *recorder) Logs(ctx context.Context, q LogQuery) (out []LogEvent, err error) {
	if q.Limit == 0 {
		q.Limit = 10_000
	}
	p := groupKey("log", q.Group)
	o := store.Prefix(p)
	if !q.From.IsZero() {
		o.Lo = p.Clone().Raw([]byte(eventID(q.From, 0)))
	}
	if !q.To.IsZero() {
		o.Hi = p.Clone().Raw([]byte(eventID(q.To.Add(time.Millisecond), 0)))
	}
	if q.After != "" {
		if after := p.Clone().Str(q.After).End(); string(after) > string(o.Lo) {
			o.Lo = after
		}
	}
	o.Reverse = q.Descending
	err = r.o.Store.View(ctx, func(rd store.Reader) error {
		out = nil
		return each(rd, o, func(e LogEvent) bool {
			if len(q.Streams) > 0 && !slices.Contains(q.Streams, e.Stream) || q.Match != nil && !q.Match(e.Message) {
				return ctx.Err() == nil
			}
			out = append(out, e)
			return len(out) < q.Limit && ctx.Err() == nil
		})
	})
	return out, cmp.Or(err, ctx.Err())
}

// Streams gives a group's streams by name.
func (r *recorder) Streams(ctx context.Context, g LogGroup) (out []StreamInfo, err error) {
	err = r.o.Store.View(ctx, func(rd store.Reader) error {
		out = nil
		return each(rd, store.Prefix(groupKey("stream", g)), func(s StreamInfo) bool {
			out = append(out, s)
			return true
		})
	})
	return out, err
}

// DeleteStream removes a stream's lines, or those of the whole group.
func (r *recorder) DeleteStream(ctx context.Context, g LogGroup, stream string) error {
	return r.o.Store.Update(ctx, func(tx store.Tx) error {
		if stream == "" {
			logs, streams := groupKey("log", g), groupKey("stream", g)
			return cmp.Or(tx.DeleteRange(logs, logs.End()), tx.DeleteRange(streams, streams.End()))
		}
		it := tx.Scan(store.Prefix(groupKey("log", g)))
		defer func() { _ = it.Close() }()
		for it.Next() {
			var e LogEvent
			if err := json.Unmarshal(it.Value(), &e); err != nil {
				return err
			}
			if e.Stream == stream {
				if err := tx.Delete(slices.Clone(it.Key())); err != nil {
					return err
				}
			}
		}
		return cmp.Or(it.Err(), tx.Delete(groupKey("stream", g).Str(stream)))
	})
}

// Metrics gives the periods of a metric that have values, oldest first.
func (r *recorder) Metrics(ctx context.Context, q MetricQuery) (out []Datapoint, err error) {
	p := metricKey("metric", MetricID{Namespace: q.Namespace, Name: q.Name, Dimensions: q.Dimensions}, q.Scope)
	o := store.Prefix(p)
	o.Lo = p.Clone().U64(uint64(max(q.From.Unix(), 0)))
	if !q.To.IsZero() {
		o.Hi = p.Clone().U64(uint64(max(q.To.Unix(), 0)))
	}
	period := max(q.Period, time.Minute)
	err = r.o.Store.View(ctx, func(rd store.Reader) error {
		out = nil
		return each(rd, o, func(d Datapoint) bool {
			at := d.Time.Truncate(period)
			if n := len(out); n == 0 || !out[n-1].Time.Equal(at) {
				out = append(out, Datapoint{Time: at})
			}
			out[len(out)-1].add(d)
			return true
		})
	})
	return out, err
}

// MetricIDs gives the metrics of a scope that have values.
func (r *recorder) MetricIDs(ctx context.Context, sc cloud.Scope) (out []MetricID, err error) {
	err = r.o.Store.View(ctx, func(rd store.Reader) error {
		out = nil
		return each(rd, store.Prefix(scopeKey("metricid", sc)), func(m MetricID) bool {
			out = append(out, m)
			return true
		})
	})
	return out, err
}

// Trace gives the spans of a trace by start time.
func (r *recorder) Trace(ctx context.Context, root string) (out []Span, err error) {
	err = r.o.Store.View(ctx, func(rd store.Reader) error {
		out = nil
		return each(rd, store.Prefix(table("span").Str(root)), func(s Span) bool {
			out = append(out, s)
			return true
		})
	})
	return out, err
}

// Traces gives the first spans of traces, newest first.
func (r *recorder) Traces(ctx context.Context, q SpanQuery) (out []Span, err error) {
	p := table("trace")
	o := store.Prefix(p)
	o.Reverse = true
	if !q.From.IsZero() {
		o.Lo = p.Clone().U64(uint64(q.From.UnixNano()))
	}
	if !q.To.IsZero() {
		o.Hi = p.Clone().U64(uint64(q.To.UnixNano()))
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	err = r.o.Store.View(ctx, func(rd store.Reader) error {
		out = nil
		return each(rd, o, func(s Span) bool {
			out = append(out, s)
			return len(out) < q.Limit
		})
	})
	return out, err
}

// prune removes the oldest traces over the limit.
func (r *recorder) prune() error {
	return r.o.Store.Update(context.Background(), func(tx store.Tx) error {
		n := 0
		o := store.Prefix(table("trace"))
		o.Reverse = true
		it := tx.Scan(o)
		defer func() { _ = it.Close() }()
		for it.Next() {
			if n++; n <= r.o.MaxTraces {
				continue
			}
			var s Span
			if err := json.Unmarshal(it.Value(), &s); err != nil {
				return err
			}
			spans := table("span").Str(s.Trace)
			if err := cmp.Or(tx.Delete(slices.Clone(it.Key())), tx.DeleteRange(spans, spans.End())); err != nil {
				return err
			}
		}
		return it.Err()
	})
}
