package telemetry

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

// rows decodes the rows of a scan until fn returns false.
func rows[T any](r store.Reader, o store.ScanOptions, decode func([]byte) (T, error), fn func(T) bool) error {
	it := r.Scan(o)
	for it.Next() {
		v, err := decode(it.Value())
		if err != nil {
			_ = it.Close()
			return err
		}
		if !fn(v) {
			break
		}
	}
	return cmp.Or(it.Err(), it.Close())
}

// bounds gives the scan that a query needs.
func (q *LogQuery) bounds() store.ScanOptions {
	p := groupKey("log", q.Group)
	o := store.Prefix(p)
	o.Reverse = q.Descending
	raise := func(k []byte) {
		if string(k) > string(o.Lo) {
			o.Lo = k
		}
	}
	lower := func(k []byte) {
		if string(k) < string(o.Hi) {
			o.Hi = k
		}
	}
	if !q.From.IsZero() {
		raise(p.Clone().Raw([]byte(eventID(q.From, 0))))
	}
	if !q.To.IsZero() {
		lower(p.Clone().Raw([]byte(eventID(q.To.Add(time.Millisecond), 0))))
	}
	if q.After != "" {
		raise(p.Clone().Str(q.After).End())
	}
	if q.Before != "" {
		lower(p.Clone().Str(q.Before))
	}
	if string(o.Lo) > string(o.Hi) {
		o.Lo = o.Hi
	}
	return o
}

func (q *LogQuery) selects(e *LogEvent) bool {
	return (len(q.Streams) == 0 || slices.Contains(q.Streams, e.Stream)) && strings.HasPrefix(e.Stream, q.StreamPrefix) && (q.Match == nil || q.Match(e.Message))
}

// Logs gives the lines that a query selects, oldest first unless Descending.
func (r *recorder) Logs(ctx context.Context, q LogQuery) (out []LogEvent, err error) {
	if q.Limit == 0 {
		q.Limit = 10_000
	}
	if q.MaxBytes == 0 {
		q.MaxBytes = 64 << 20
	}
	err = r.o.Store.View(ctx, func(rd store.Reader) error {
		out = nil
		size := 0
		return rows(rd, q.bounds(), decodeEvent, func(e LogEvent) bool {
			if q.selects(&e) {
				out = append(out, e)
				size += len(e.Message) + eventBytes
			}
			return len(out) < q.Limit && size < q.MaxBytes && ctx.Err() == nil
		})
	})
	return out, cmp.Or(err, ctx.Err())
}

// Groups gives a scope's groups that lines were written to, by name.
func (r *recorder) Groups(ctx context.Context, sc cloud.Scope) (out []GroupInfo, err error) {
	return list[GroupInfo](ctx, r, store.Prefix(scopeKey("group", sc)))
}

// Group gives one group that lines were written to; nil when there is none.
func (r *recorder) Group(ctx context.Context, g LogGroup) (*GroupInfo, error) {
	return one[GroupInfo](ctx, r, groupKey("group", g))
}

// Streams gives a group's streams by name.
func (r *recorder) Streams(ctx context.Context, g LogGroup) (out []StreamInfo, err error) {
	return list[StreamInfo](ctx, r, store.Prefix(groupKey("stream", g)))
}

// Stream gives one stream; nil when there is none.
func (r *recorder) Stream(ctx context.Context, g LogGroup, stream string) (*StreamInfo, error) {
	return one[StreamInfo](ctx, r, groupKey("stream", g).Str(stream))
}

// DeleteStream removes a stream's lines, or those of the whole group.
func (r *recorder) DeleteStream(ctx context.Context, g LogGroup, stream string) error {
	if err := r.Flush(ctx); err != nil {
		return err
	}
	if stream != "" {
		if err := r.deleteLines(ctx, g, store.Prefix(groupKey("log", g)), func(e LogEvent) bool { return e.Stream == stream }); err != nil {
			return err
		}
		return r.o.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(groupKey("stream", g).Str(stream)) })
	}
	return r.o.Store.Update(ctx, func(tx store.Tx) error {
		for _, name := range []string{"log", "stream", "group"} {
			k := groupKey(name, g)
			if err := tx.DeleteRange(k, k.End()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Expire removes a group's lines with a time before that.
func (r *recorder) Expire(ctx context.Context, g LogGroup, before time.Time) error {
	p := groupKey("log", g)
	return r.deleteLines(ctx, g, store.ScanOptions{Lo: p, Hi: p.Clone().Raw([]byte(eventID(before, 0)))}, func(LogEvent) bool { return true })
}

// deleteChunk is how many lines one transaction looks at.
const deleteChunk = 2_000

// deleteLines removes the lines of a scan that gone selects, in chunks, and takes their bytes off their group and streams.
func (r *recorder) deleteLines(ctx context.Context, g LogGroup, o store.ScanOptions, gone func(LogEvent) bool) error {
	for more := true; more; {
		var next []byte
		err := r.o.Store.Update(ctx, func(tx store.Tx) (err error) {
			next, err = deletePart(tx, g, o, gone)
			return err
		})
		if err != nil {
			return err
		}
		more, o.Lo = next != nil, next
	}
	return nil
}

// deletePart looks at one chunk, and gives where the next begins; nil at the end.
func deletePart(tx store.Tx, g LogGroup, o store.ScanOptions, gone func(LogEvent) bool) (next []byte, err error) {
	it := tx.Scan(o)
	defer func() { _ = it.Close() }()
	b := newBatch(tx)
	for n := 0; it.Next(); n++ {
		k := slices.Clone(it.Key())
		if n == deleteChunk {
			next = k
			break
		}
		e, err := decodeEvent(it.Value())
		if err != nil {
			return nil, err
		}
		if !gone(e) {
			continue
		}
		if err := tx.Delete(k); err != nil {
			return nil, err
		}
		info, s := cached(b, b.groups, groupKey("group", g)), cached(b, b.streams, groupKey("stream", g).Str(e.Stream))
		size := int64(len(e.Message)) + eventBytes
		info.Bytes, s.Bytes = info.Bytes-size, s.Bytes-size
		if s.First.Before(e.Time) {
			s.First = e.Time
		}
	}
	return next, cmp.Or(it.Err(), b.finish())
}
