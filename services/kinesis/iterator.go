package kinesis

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"time"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/engine/journal"
	"sundog/engine/store"
)

// iterator is what a ShardIterator holds.
type iterator struct {
	at     ref
	gen    uint64
	shard  uint32
	after  *journal.Position
	issued time.Time // on Clock.Wall
}

const (
	iteratorLife    = 5 * time.Minute
	iteratorVersion = 1
)

// encode writes the iterator: binary, so that it stays under the 512 characters that it may have.
func (s *service) encode(it iterator) *string {
	b := []byte{0, 0, 0, 0, 0, 0, 0, iteratorVersion}
	b = binary.BigEndian.AppendUint64(b, uint64(s.d.Clock.Wall().UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, it.gen)
	b = binary.BigEndian.AppendUint32(b, it.shard)
	if it.after == nil {
		b = append(b, 0)
	} else {
		b = append(append(b, 1), it.after[:]...)
	}
	for _, text := range []string{it.at.Account, it.at.Region, it.at.Name} {
		b = append(append(b, byte(len(text))), text...)
	}
	return new(base64.StdEncoding.EncodeToString(b))
}

func errIterator() error { return errArgument("Invalid ShardIterator.") }

// decodeIterator reads an iterator.
func decodeIterator(text string) (it iterator, err error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) < 29 || b[7] != iteratorVersion {
		return it, errIterator()
	}
	it.issued = time.UnixMilli(int64(binary.BigEndian.Uint64(b[8:])))
	it.gen, it.shard = binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint32(b[24:])
	has := b[28]
	b = b[29:]
	if has == 1 && len(b) >= store.StampLen {
		p := journal.Position(b[:store.StampLen])
		it.after, b = &p, b[store.StampLen:]
	}
	for _, to := range []*string{&it.at.Account, &it.at.Region, &it.at.Name} {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			return it, errIterator()
		}
		*to, b = string(b[1:1+int(b[0])]), b[1+int(b[0]):]
	}
	if len(b) > 0 || has > 1 {
		return it, errIterator()
	}
	return it, nil
}

// start is where reading begins, as GetShardIterator and SubscribeToShard are asked for it.
type start struct {
	kind     string
	sequence *string
	time     *time.Time
}

// getShardIterator serves GetShardIterator.
func (s *service) getShardIterator(ctx context.Context, in *api.GetShardIteratorInput) (*api.GetShardIteratorOutput, error) {
	at, err := s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	if err := refuseDryRun("GetShardIterator", in.DryRun); err != nil {
		return nil, err
	}
	out := &api.GetShardIteratorOutput{}
	err = s.view(ctx, func(r store.Reader) error {
		st, err := s.find(r, at)
		if err != nil {
			return err
		}
		sh := st.named(*in.ShardId)
		if sh == nil {
			return errNoShard(at, *in.ShardId)
		}
		after, err := s.startOf(r, st, sh.N, start{*in.ShardIteratorType, in.StartingSequenceNumber, in.Timestamp}, "GetShardIterator")
		if err != nil {
			return err
		}
		out.ShardIterator = s.encode(iterator{at: at, gen: st.Gen, shard: sh.N, after: after})
		return nil
	})
	return out, err
}

// startOf gives the position after which reading begins; nil is the oldest record.
func (s *service) startOf(r store.Reader, st *stream, shard uint32, at start, operation string) (*journal.Position, error) {
	switch at.kind {
	case "TRIM_HORIZON", "LATEST":
		if at.sequence != nil {
			return nil, errArgument("Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "+
				"Request specified %s and also a StartingSequenceNumber.", at.kind)
		}
		if at.kind == "TRIM_HORIZON" {
			return nil, nil
		}
		return st.log(shard).Latest(r)
	case "AT_TIMESTAMP":
		now := s.d.Clock.Now()
		switch {
		case at.time == nil:
			return nil, errArgument("Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.")
		case at.time.After(now):
			return nil, errArgument("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: %d, currentTimestampInMillis: %d",
				at.time.UnixMilli(), now.UnixMilli())
		}
		return st.since(r, shard, *at.time)
	}
	if at.sequence == nil {
		return nil, errArgument("Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "+
			"Request specified %s and no StartingSequenceNumber.", at.kind)
	}
	n, p, ok := parseSequence(*at.sequence)
	switch {
	case *at.sequence == "0": // before all
		return nil, nil
	case !ok:
		return nil, errArgument("StartingSequenceNumber %s used in %s on shard %s in stream %s under account %s is invalid.", *at.sequence, operation, shardID(shard), st.Name, st.Account)
	case n != shard:
		return nil, errArgument("Invalid StartingSequenceNumber. It encodes %s, while it was used in a call to a shard with %s", shardID(n), shardID(shard))
	}
	if at.kind == "AT_SEQUENCE_NUMBER" {
		p = p.Previous()
	}
	return &p, nil
}

// getRecords serves GetRecords.
func (s *service) getRecords(ctx context.Context, in *api.GetRecordsInput) (*api.GetRecordsOutput, error) {
	it, err := decodeIterator(*in.ShardIterator)
	if err != nil {
		return nil, err
	}
	if err := refuseDryRun("GetRecords", in.DryRun); err != nil {
		return nil, err
	}
	if in.StreamARN != nil || in.StreamId != nil {
		if at, err := s.at(ctx, nil, in.StreamARN, in.StreamId); err != nil || at != it.at {
			return nil, errIterator()
		}
	}
	if now := s.d.Clock.Wall(); now.Sub(it.issued) > iteratorLife {
		return nil, errExpiredIterator(it.issued, now)
	}
	limit := 10000
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	out, since := &api.GetRecordsOutput{}, s.d.Clock.Wall()
	var p page
	err = s.view(ctx, func(r store.Reader) error {
		st, err := s.find(r, it.at)
		if err != nil {
			return err
		}
		if st.Gen != it.gen {
			return errIterator()
		}
		if p, err = s.read(r, st, it.shard, it.after, limit, maxReadBytes); err == nil {
			out = s.records(st, it, p)
		}
		return err
	})
	s.measureGet(it.at, p, since, err)
	return out, err
}

// records gives a page as GetRecords does. A shard that is closed, and has no more records, tells its children instead of where to go on.
func (s *service) records(st *stream, it iterator, p page) *api.GetRecordsOutput {
	out := &api.GetRecordsOutput{Records: make([]api.Record, len(p.records)), MillisBehindLatest: new(s.behind(p))}
	for i := range p.records {
		out.Records[i] = p.records[i].output(it.shard)
	}
	if sh := st.shard(it.shard); p.ahead == 0 && (sh == nil || !sh.isOpen()) {
		out.ChildShards = st.children(it.shard)
		return out
	}
	it.after = p.next
	out.NextShardIterator = s.encode(it)
	return out
}

// behind is how far a page ends before the newest record, in milliseconds.
func (s *service) behind(p page) int64 {
	if p.ahead == 0 {
		return 0
	}
	return max(0, s.d.Clock.Now().UnixMilli()-p.ahead)
}

func (rec *record) output(shard uint32) api.Record {
	return api.Record{SequenceNumber: new(sequence(shard, rec.at)), ApproximateArrivalTimestamp: new(rec.time()), Data: rec.data, PartitionKey: &rec.key}
}

// children gives the shards that a shard was split or merged into.
func (st *stream) children(n uint32) []api.ChildShard {
	out := []api.ChildShard{}
	for i := range st.Shards {
		sh := &st.Shards[i]
		if sh.Parent != n+1 && sh.Adjacent != n+1 {
			continue
		}
		c := api.ChildShard{ShardId: new(shardID(sh.N)), HashKeyRange: sh.hashRange()}
		for _, p := range sh.parents() {
			c.ParentShards = append(c.ParentShards, shardID(p))
		}
		out = append(out, c)
	}
	return out
}

func (s *shard) hashRange() *api.HashKeyRange {
	return &api.HashKeyRange{StartingHashKey: new(s.Lo.String()), EndingHashKey: new(s.Hi.String())}
}

// token is what a NextToken of a list holds.
type token struct {
	At     ref
	After  string
	Filter *api.ShardFilter `json:",omitempty"`
	Issued int64            // ms, on Clock.Wall
}

func (s *service) nextToken(t token) *string {
	t.Issued = s.d.Clock.Wall().UnixMilli()
	b, err := json.Marshal(t)
	if err != nil { // cannot be: texts and times
		return nil
	}
	return new(base64.StdEncoding.EncodeToString(b))
}

// parseToken reads a NextToken that is not too old.
func (s *service) parseToken(text string, sc cloud.Scope) (t token, err error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	if err != nil || t.At.Scope != sc {
		return t, errArgument("Invalid NextToken.")
	}
	made, now := time.UnixMilli(t.Issued), s.d.Clock.Wall()
	if now.Sub(made) > iteratorLife {
		return t, errExpiredToken(made, now)
	}
	return t, nil
}
