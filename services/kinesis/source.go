package kinesis

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/journal"
	"sundog/engine/store"
)

// source is the room's bus.Stream: of streams, and of consumers, which read all of their stream.
type source struct{ *service }

var _ bus.Stream = source{}

// open finds the stream that an ARN names.
func (s *service) open(r store.Reader, a cloud.ARN) (*stream, error) {
	at, consumerName, ok := refOfARN(a)
	switch {
	case !ok:
		return nil, errNoStream(at)
	case consumerName == "":
		return s.find(r, at)
	}
	var out *stream
	err := s.onConsumer(r, a, func(st *stream, _ *consumer) error { out = st; return nil })
	return out, err
}

// Shards gives the stream's shards, closed ones with records among them.
func (s source) Shards(ctx context.Context, a cloud.ARN) (out []bus.Shard, err error) {
	err = s.view(ctx, func(r store.Reader) error {
		st, err := s.open(r, a)
		if err != nil {
			return err
		}
		out = make([]bus.Shard, len(st.Shards))
		for i := range st.Shards {
			out[i].Name, out[i].ID = shardID(st.Shards[i].N), st.busID(st.Shards[i].N)
			for _, p := range st.Shards[i].parents() {
				out[i].Parents = append(out[i].Parents, st.busID(p))
			}
		}
		return nil
	})
	return out, err
}

// busID is what pollers call a shard: a stream that is made again under its name has other shards, though they are numbered the same.
func (st *stream) busID(n uint32) string { return shardID(n) + "." + strconv.FormatUint(st.Gen, 16) }

// shardOf finds a shard of the stream that an ARN names by its bus ID; io.EOF when it is gone, for its records are over the retention period, or
// with the stream.
func (s *service) shardOf(r store.Reader, a cloud.ARN, id string) (*stream, *shard, error) {
	name, gen, ok := strings.Cut(id, ".")
	n, isShard := shardNumber(name)
	at, _, _ := refOfARN(a)
	if !ok || !isShard {
		return nil, nil, errNoShard(at, id)
	}
	st, err := s.open(r, a)
	if err != nil && cloud.AsError(err).Kind != cloud.NotFound {
		return nil, nil, err
	}
	if err != nil || strconv.FormatUint(st.Gen, 16) != gen {
		return nil, nil, io.EOF
	}
	sh := st.shard(n)
	if sh == nil {
		return nil, nil, io.EOF
	}
	return st, sh, nil
}

// maxPollBytes is how much one read by a poller gives at most: more than a batch takes.
const maxPollBytes = 6 << 20

// Read gives records as functions get them.
func (s source) Read(ctx context.Context, a cloud.ARN, shard string, after []byte, max int) (out []bus.Record, next []byte, err error) {
	from, err := journal.Parse(after)
	if err != nil {
		return nil, nil, err
	}
	arn, since := a.String(), s.d.Clock.Wall()
	var p page
	err = s.view(ctx, func(r store.Reader) error {
		st, sh, err := s.shardOf(r, a, shard)
		if err != nil {
			return err
		}
		if p, err = s.read(r, st, sh.N, from, max, maxPollBytes); err != nil {
			return err
		}
		out, next = make([]bus.Record, len(p.records)), nil
		for i := range p.records {
			rec := &p.records[i]
			out[i] = bus.Record{Sequence: sequence(sh.N, rec.at), Position: rec.at[:], Key: rec.key, Time: rec.time(), JSON: rec.json(st, sh.N, arn)}
		}
		if p.next != nil {
			next = p.next[:]
		}
		return nil
	})
	at, reader, _ := refOfARN(a)
	switch {
	case reader == "" && !errors.Is(err, io.EOF):
		s.measureGet(at, p, since, err)
	case err == nil:
		s.measureEvent(at, consumerName(reader), p)
	}
	return out, next, err
}

// Latest gives the position after the newest record.
func (s source) Latest(ctx context.Context, a cloud.ARN, shard string) (out []byte, err error) {
	err = s.view(ctx, func(r store.Reader) error {
		st, sh, err := s.shardOf(r, a, shard)
		if err != nil {
			return err
		}
		p, err := st.log(sh.N).Latest(r)
		out = make([]byte, store.StampLen)
		if p != nil {
			copy(out, p[:])
		}
		return err
	})
	return out, err
}

// Wait returns when the shard has a record after a position; io.EOF when it is closed and has none.
func (s source) Wait(ctx context.Context, a cloud.ARN, shard string, after []byte) error {
	from, err := journal.Parse(after)
	if err != nil {
		return err
	}
	var log journal.Log
	var state store.Key
	err = s.view(ctx, func(r store.Reader) error {
		st, sh, err := s.shardOf(r, a, shard)
		if err == nil {
			log, state = st.log(sh.N), stateKey(st.ref)
		}
		return err
	})
	if err != nil {
		return err
	}
	return log.Wait(ctx, s.d.Store, state, func() (found bool, err error) {
		err = s.view(ctx, func(r store.Reader) error {
			st, sh, err := s.shardOf(r, a, shard)
			if err != nil {
				return err
			}
			p, err := s.read(r, st, sh.N, from, 1, 1)
			if found = len(p.records) > 0 || p.ahead > 0; err == nil && !found && !sh.isOpen() {
				err = io.EOF
			}
			return err
		})
		return found, err
	})
}
