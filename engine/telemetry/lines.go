package telemetry

import (
	"cmp"
	"context"
	"fmt"
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

// bounds gives the places of the lines that a query may select: from lo on, below hi.
func (q *LogQuery) bounds() (lo, hi place, err error) {
	hi = everything
	if !q.From.IsZero() {
		lo = placeOf(q.From, 0)
	}
	if !q.To.IsZero() {
		hi = placeOf(q.To.Add(time.Millisecond), 0)
	}
	for _, id := range []string{q.After, q.Before} {
		if _, ok := parsePlace(id); id != "" && !ok {
			return lo, hi, fmt.Errorf("telemetry: %q is no id of an event", id)
		}
	}
	if at, ok := parsePlace(q.After); ok && at.next().compare(lo) > 0 {
		lo = at.next()
	}
	if at, ok := parsePlace(q.Before); ok && at.compare(hi) < 0 {
		hi = at
	}
	return lo, hi, nil
}

func (q *LogQuery) wants(stream string) bool {
	return (len(q.Streams) == 0 || slices.Contains(q.Streams, stream)) && strings.HasPrefix(stream, q.StreamPrefix)
}

// Logs gives the lines that a query selects, oldest first unless Descending.
func (r *recorder) Logs(ctx context.Context, q LogQuery) (out []LogEvent, err error) {
	if q.Limit == 0 {
		q.Limit = 10_000
	}
	if q.MaxBytes == 0 {
		q.MaxBytes = 64 << 20
	}
	lo, hi, err := q.bounds()
	if err != nil {
		return nil, err
	}
	err = r.o.Store.View(ctx, func(rd store.Reader) error {
		out = nil
		size := 0
		m := merge{rd: rd, lo: lo, hi: hi, descending: q.Descending, wants: q.wants}
		return m.run(groupKey("lines", q.Group), func(e LogEvent) bool {
			if q.Match == nil || q.Match(e.Message) {
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
		gone := removal{group: g, wants: func(s string) bool { return s == stream }, to: everything}
		if err := r.deleteLines(ctx, gone); err != nil {
			return err
		}
		return r.o.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(groupKey("stream", g).Str(stream)) })
	}
	return r.o.Store.Update(ctx, func(tx store.Tx) error {
		for _, name := range []string{"lines", "stream", "group"} {
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
	return r.deleteLines(ctx, removal{group: g, wants: func(string) bool { return true }, to: placeOf(before, 0)})
}

// deleteChunk is how many lines one transaction looks at, and those of one more row; or batchBytes of rows.
const deleteChunk = 2_000

// removal says which lines of a group go: those before a place, of some streams.
type removal struct {
	group LogGroup
	wants func(stream string) bool
	to    place
}

// deleteLines removes lines, in chunks, and takes their bytes off their group and streams.
func (r *recorder) deleteLines(ctx context.Context, gone removal) error {
	p := groupKey("lines", gone.group)
	o := store.ScanOptions{Lo: p, Hi: gone.to.appendTo(p.Clone())}
	for more := true; more; {
		var next []byte
		err := r.o.Store.Update(ctx, func(tx store.Tx) (err error) {
			next, err = gone.part(tx, o)
			return err
		})
		if err != nil {
			return err
		}
		more, o.Lo = next != nil, next
	}
	return nil
}

// part looks at one part of the rows, and gives where the next begins; nil at the end.
func (d *removal) part(tx store.Tx, o store.ScanOptions) (next []byte, err error) {
	it := tx.Scan(o)
	defer func() { _ = it.Close() }()
	b := newBatch(tx)
	for n, size := 0, 0; it.Next(); {
		k := slices.Clone(it.Key())
		if n >= deleteChunk || size >= batchBytes {
			next = k
			break
		}
		ls, err := unpack(it.Value(), d.wants)
		if err != nil {
			return nil, err
		}
		n, size = n+max(len(ls.all), 1), size+len(ls.text)
		if err := d.from(b, k, ls); err != nil {
			return nil, err
		}
	}
	return next, cmp.Or(it.Err(), b.finish())
}

// from removes lines from one row. What is left of it stays under its key, whose places may then be wider than need be.
func (d *removal) from(b *batch, key []byte, ls *lines) error {
	var left []line
	for i := range ls.all {
		l := &ls.all[i]
		if !d.wants(ls.streams[l.stream]) || l.place().compare(d.to) >= 0 {
			left = append(left, *l)
			continue
		}
		info, s := cached(b, b.groups, groupKey("group", d.group)), cached(b, b.streams, groupKey("stream", d.group).Str(ls.streams[l.stream]))
		size := int64(l.to-l.from) + eventBytes
		info.Bytes, s.Bytes = info.Bytes-size, s.Bytes-size
		if at := nanos(l.at); s.First.Before(at) {
			s.First = at
		}
	}
	switch {
	case len(left) == len(ls.all):
		return nil
	case len(left) == 0:
		return b.tx.Delete(key)
	}
	return b.tx.Put(key, new(packer).pack(d.group, ls, left).row)
}
