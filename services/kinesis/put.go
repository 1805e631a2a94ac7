package kinesis

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"unicode/utf8"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/engine/journal"
	"sundog/engine/store"
)

// The limits of records (Kinesis Data Streams API reference, PutRecord and PutRecords).
const (
	maxRecord = 1 << 20  // data and partition key
	maxPut    = 10 << 20 // of all records of one call
)

// entry is a record that is to be put.
type entry struct {
	key  string
	hash hash
	data []byte
}

// placed is where a record came to.
type placed struct {
	shard uint32
	at    journal.Position
}

// entryOf checks a record and finds its hash key.
func entryOf(partition, explicit *string, data []byte, member string) (entry, error) {
	switch {
	case partition == nil:
		return entry{}, errMember(" null", member+"partitionKey", "Member must not be null")
	case len(data)+len(*partition) > maxRecord:
		return entry{}, errMember("", member+"data", "Member must have length less than or equal to 1048576")
	}
	e := entry{key: *partition, data: data}
	if explicit == nil {
		e.hash = hashOf(*partition)
		return e, nil
	}
	var ok bool
	if e.hash, ok = parseHash(*explicit); !ok {
		return e, errArgument("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was %s", *explicit)
	}
	return e, nil
}

// put writes records in one commit, in order. many tells PutRecords from PutRecord, for the metrics.
func (s *service) put(ctx context.Context, at ref, all []entry, many bool) ([]placed, error) {
	since, out := s.d.Clock.Wall(), make([]placed, len(all))
	var st *stream
	err := s.update(ctx, func(tx store.Tx) (err error) { st, err = s.append(tx, at, all, out); return err })
	s.measurePut(at, all, many, since, err)
	if err == nil {
		s.measureShards(st, all, out, s.d.Clock.Now())
	}
	return out, err
}

// append writes records in a transaction that writes nothing else with a stamp, and gives the stream. out gets where they came to, once it is committed.
func (s *service) append(tx store.Tx, at ref, all []entry, out []placed) (*stream, error) {
	st, err := s.find(tx, at)
	if err != nil {
		return nil, err
	}
	now := s.d.Clock.Now()
	arrival := binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))
	var value []byte
	for i := range all {
		e := &all[i]
		sh := st.shardFor(e.hash)
		out[i].shard = sh.N
		value = appendRecord(value[:0], e.key, e.data)
		if err := sh.log.Append(tx, arrival, value); err != nil {
			return nil, err
		}
	}
	tx.AfterCommit(func(stamp store.Stamp) {
		for i := range out {
			out[i].at = journal.At(stamp, uint32(i))
		}
		s.sweeps.Arm(at, now.Add(st.retention()))
	})
	return st, nil
}

// putRecord serves PutRecord.
func (s *service) putRecord(ctx context.Context, in *api.PutRecordInput) (*api.PutRecordOutput, error) {
	at, err := s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	if err := refuseDryRun("PutRecord", in.DryRun); err != nil {
		return nil, err
	}
	e, err := entryOf(in.PartitionKey, in.ExplicitHashKey, in.Data, "")
	if err != nil {
		return nil, err
	}
	if in.SequenceNumberForOrdering != nil {
		if err := s.checkOrdering(ctx, at, *in.SequenceNumberForOrdering); err != nil {
			return nil, err
		}
	}
	out, err := s.put(ctx, at, []entry{e}, false)
	if err != nil {
		return nil, err
	}
	return &api.PutRecordOutput{ShardId: new(shardID(out[0].shard)), SequenceNumber: new(sequence(out[0].shard, out[0].at)), EncryptionType: nil}, nil
}

// checkOrdering refuses a sequence number that nobody was given: the record would not come after it. Otherwise its number is larger anyway.
func (s *service) checkOrdering(ctx context.Context, at ref, text string) error {
	return s.view(ctx, func(r store.Reader) error {
		st, err := s.find(r, at)
		if err != nil {
			return err
		}
		n, p, ok := parseSequence(text)
		if ok && n < st.Next {
			last, err := st.log(n).Latest(r)
			if err != nil || last == nil || !last.Before(p) {
				return err
			}
		}
		return errArgument("ExclusiveMinimumSequenceNumber %s used in PutRecord on stream %s under account %s is invalid.", text, at.Name, at.Account)
	})
}

// putRecords serves PutRecords. Records go in together or not at all: none fails alone.
func (s *service) putRecords(ctx context.Context, in *api.PutRecordsInput) (*api.PutRecordsOutput, error) {
	at, err := s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	if err := refuseDryRun("PutRecords", in.DryRun); err != nil {
		return nil, err
	}
	all, size := make([]entry, len(in.Records)), 0
	for i, r := range in.Records {
		if all[i], err = entryOf(r.PartitionKey, r.ExplicitHashKey, r.Data, member(i)); err != nil {
			return nil, err
		}
		size += len(r.Data) + len(all[i].key)
	}
	if size > maxPut {
		return nil, errArgument("Records size exceeds 10 MB limit")
	}
	places, err := s.put(ctx, at, all, true)
	if err != nil {
		return nil, err
	}
	out := &api.PutRecordsOutput{FailedRecordCount: new(int32(0)), Records: make([]api.PutRecordsResultEntry, len(places))}
	for i, p := range places {
		out.Records[i] = api.PutRecordsResultEntry{SequenceNumber: new(sequence(p.shard, p.at)), ShardId: new(shardID(p.shard))}
	}
	return out, nil
}

func refuseDryRun(operation string, dry *bool) error {
	if dry != nil && *dry {
		return cloud.NotImplementedf("kinesis:%s: DryRun is not served", operation)
	}
	return nil
}

// appendText appends a JSON text.
func appendText(b []byte, s string) []byte {
	plain := utf8.ValidString(s)
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] != '"' && s[i] != '\\'
	}
	if plain {
		return append(append(append(b, '"'), s...), '"')
	}
	text, err := json.Marshal(s)
	if err != nil { // cannot be: a text
		return append(b, `""`...)
	}
	return append(b, text...)
}
