package dynamodb

import (
	"context"
	"io"
	"strings"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/journal"
	"sundog/engine/store"
)

// changes is the room's bus.Stream.
type changes struct{ *service }

var _ bus.Stream = changes{}

// streamOf reads the stream that an ARN names.
func (s *service) streamOf(r store.Reader, a cloud.ARN) (*stream, error) {
	table, label, ok := cutStream(a)
	if !ok {
		return nil, errNoStream(a.String())
	}
	st, err := loadStream(r, a.Scope(), table, label)
	if err == nil && (st == nil || !st.Closed.IsZero() && s.deps.Clock.Now().After(st.Closed.Add(retention))) {
		return nil, errNoStream(a.String())
	}
	return st, err
}

func cutStream(a cloud.ARN) (table, label string, ok bool) {
	rest, ok := strings.CutPrefix(a.Resource, "table/")
	if !ok || a.Service != roomName {
		return "", "", false
	}
	return strings.Cut(rest, "/stream/")
}

// Shards gives the stream's shards; none is ever split.
func (c changes) Shards(ctx context.Context, a cloud.ARN) (all []bus.Shard, err error) {
	err = c.view(ctx, func(r store.Reader) error {
		st, err := c.streamOf(r, a)
		if err != nil {
			return err
		}
		all = nil
		for _, id := range st.shardIDs() {
			all = append(all, bus.Shard{ID: id, Name: id})
		}
		return nil
	})
	return all, err
}

// at reads the stream and the number of a shard.
func (s *service) at(r store.Reader, a cloud.ARN, shard string) (*stream, int, error) {
	st, err := s.streamOf(r, a)
	if err != nil {
		return nil, 0, err
	}
	part := st.part(shard)
	if part < 0 {
		return nil, 0, cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Requested resource not found: Shard: %s not found", shard)
	}
	return st, part, nil
}

// part is at for pollers: a stream that is gone is at its end.
func (c changes) part(r store.Reader, a cloud.ARN, shard string) (*stream, int, error) {
	if _, err := c.streamOf(r, a); err != nil && cloud.AsError(err).Kind == cloud.NotFound {
		return nil, 0, io.EOF
	}
	return c.at(r, a, shard)
}

// Read gives records as JSON.
func (c changes) Read(ctx context.Context, a cloud.ARN, shard string, after []byte, max int) (out []bus.Record, next []byte, err error) {
	from, err := journal.Parse(after)
	if err != nil {
		return nil, nil, err
	}
	arn := a.String()
	err = c.view(ctx, func(r store.Reader) error {
		st, part, err := c.part(r, a, shard)
		if err != nil {
			return err
		}
		recs, n, err := c.readLog(r, st.Gen, part, from, max)
		out, next = make([]bus.Record, len(recs)), nil
		if n != nil {
			next = n[:]
		}
		for i := range recs {
			out[i] = bus.Record{Sequence: sequence(recs[i].position), Position: recs[i].position[:], Key: recs[i].key(st), Time: recs[i].at, JSON: recs[i].json(st, arn)}
		}
		return err
	})
	return out, next, err
}

// key is the partition key of a record's item, within which its order is kept.
func (rec *logRecord) key(st *stream) string {
	return string(rec.keys.Pick(st.Key.Hash).AppendBinary(nil))
}

// Latest gives the position after the newest record.
func (c changes) Latest(ctx context.Context, a cloud.ARN, shard string) (out []byte, err error) {
	err = c.view(ctx, func(r store.Reader) error {
		st, part, err := c.part(r, a, shard)
		if err != nil {
			return err
		}
		p, err := st.latest(r, part)
		out = p[:]
		return err
	})
	return out, err
}

// latest gives the position of a part's newest record; the zero one when it has none.
func (st *stream) latest(r store.Reader, part int) (journal.Position, error) {
	p, err := logOf(st.Gen, part).Latest(r)
	if err != nil || p == nil {
		return journal.Position{}, err
	}
	return *p, nil
}

// Wait returns when the shard has a record after a position; io.EOF when the stream is closed and has none.
func (c changes) Wait(ctx context.Context, a cloud.ARN, shard string, after []byte) error {
	from, err := journal.Parse(after)
	if err != nil {
		return err
	}
	var log journal.Log
	var row store.Key
	err = c.view(ctx, func(r store.Reader) error {
		st, part, err := c.part(r, a, shard)
		if err == nil {
			log, row = logOf(st.Gen, part), streamKey(st.Scope, st.Table, st.Label)
		}
		return err
	})
	if err != nil {
		return err
	}
	return log.Wait(ctx, c.deps.Store, row, func() (found bool, err error) {
		err = c.view(ctx, func(r store.Reader) error {
			st, part, err := c.part(r, a, shard)
			if err != nil {
				return err
			}
			recs, _, err := c.readLog(r, st.Gen, part, from, 1)
			if found = len(recs) > 0; err == nil && !found && !st.Closed.IsZero() {
				err = io.EOF
			}
			return err
		})
		return found, err
	})
}
