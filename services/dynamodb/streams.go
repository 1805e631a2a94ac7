package dynamodb

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	api "sundog/api/dynamodbstreams"
	"sundog/cloud"
	"sundog/engine/journal"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"

	dynamo "sundog/api/dynamodb"
)

// The operations of DynamoDB Streams.

func streamARN(s *string) (cloud.ARN, error) {
	if s == nil {
		return cloud.ARN{}, errNull("streamArn")
	}
	a, err := cloud.ParseARN(*s)
	if err != nil {
		return a, errValidation("Invalid StreamArn")
	}
	return a, nil
}

func (st *stream) status() string {
	if st.Closed.IsZero() {
		return "ENABLED"
	}
	return "DISABLED"
}

// describeStream serves DescribeStream.
func (s *service) describeStream(ctx context.Context, in *api.DescribeStreamInput) (*api.DescribeStreamOutput, error) {
	a, err := streamARN(in.StreamArn)
	if err != nil {
		return nil, err
	}
	if err := first(checkMin("limit", in.Limit, 1), checkMax("limit", in.Limit, 100)); err != nil {
		return nil, err
	}
	var out *api.StreamDescription
	err = s.view(ctx, func(r store.Reader) error {
		st, err := s.streamOf(r, a)
		if err != nil {
			return err
		}
		out = st.describe()
		out.Shards, err = s.shards(r, st, in)
		if in.Limit != nil && len(out.Shards) > int(*in.Limit) {
			out.Shards = out.Shards[:*in.Limit]
			out.LastEvaluatedShardId = out.Shards[len(out.Shards)-1].ShardId
		}
		return err
	})
	return &api.DescribeStreamOutput{StreamDescription: out}, err
}

func (st *stream) describe() *api.StreamDescription {
	arn, status := st.arn().String(), st.status()
	hash, sort := "HASH", "RANGE"
	d := &api.StreamDescription{StreamArn: &arn, StreamLabel: &st.Label, StreamStatus: &status, StreamViewType: &st.View, CreationRequestDateTime: &st.Created,
		TableName: &st.Table, KeySchema: []api.KeySchemaElement{{AttributeName: &st.Key.Hash, KeyType: &hash}}}
	if st.Key.Range != "" {
		d.KeySchema = append(d.KeySchema, api.KeySchemaElement{AttributeName: &st.Key.Range, KeyType: &sort})
	}
	return d
}

func (s *service) shards(r store.Reader, st *stream, in *api.DescribeStreamInput) ([]api.Shard, error) {
	out := []api.Shard{}
	if in.ShardFilter != nil { // CHILD_SHARDS: no shard of ours ever splits
		return out, nil
	}
	for i, id := range st.shardIDs() {
		if in.ExclusiveStartShardId != nil && id <= *in.ExclusiveStartShardId {
			continue
		}
		start := sequence(journal.Position{})
		rng := &api.SequenceNumberRange{StartingSequenceNumber: &start}
		if !st.Closed.IsZero() {
			last, err := st.latest(r, i)
			if err != nil {
				return nil, err
			}
			end := sequence(last)
			rng.EndingSequenceNumber = &end
		}
		out = append(out, api.Shard{ShardId: &id, SequenceNumberRange: rng})
	}
	return out, nil
}

// listStreams serves ListStreams.
func (s *service) listStreams(ctx context.Context, in *api.ListStreamsInput) (*api.ListStreamsOutput, error) {
	if err := first(checkMin("limit", in.Limit, 1), checkMax("limit", in.Limit, 100)); err != nil {
		return nil, err
	}
	sc := cloud.CallFrom(ctx).Scope
	limit := 100
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	prefix := controlKey(sc, "stream")
	if in.TableName != nil {
		prefix = prefix.Str(*in.TableName)
	}
	opt := store.Prefix(prefix)
	if in.ExclusiveStartStreamArn != nil {
		a, err := streamARN(in.ExclusiveStartStreamArn)
		if err != nil {
			return nil, err
		}
		table, label, ok := cutStream(a)
		if !ok {
			return nil, errValidation("Invalid StreamArn")
		}
		opt.Lo = slices.MaxFunc([][]byte{opt.Lo, append(streamKey(sc, table, label), 0)}, slices.Compare)
	}
	var out *api.ListStreamsOutput
	err := s.view(ctx, func(r store.Reader) error {
		out = &api.ListStreamsOutput{Streams: []api.Stream{}}
		it := r.Scan(opt)
		defer func() { _ = it.Close() }()
		for it.Next() {
			var st stream
			if err := json.Unmarshal(it.Value(), &st); err != nil {
				return err
			}
			if len(out.Streams) == limit {
				out.LastEvaluatedStreamArn = out.Streams[limit-1].StreamArn
				break
			}
			arn := st.arn().String()
			out.Streams = append(out.Streams, api.Stream{StreamArn: &arn, TableName: &st.Table, StreamLabel: &st.Label})
		}
		return it.Err()
	})
	return out, err
}

// iterator is what a ShardIterator holds.
type iterator struct {
	ARN    string
	Part   int
	After  []byte // a position; nil: the oldest
	Issued int64  // ms, on Clock.Wall
}

const iteratorLife = 15 * time.Minute

func (s *service) encodeIterator(arn string, part int, after *journal.Position) *string {
	var at []byte
	if after != nil {
		at = after[:]
	}
	b, err := json.Marshal(iterator{arn, part, at, s.deps.Clock.Wall().UnixMilli()})
	if err != nil { // cannot be: texts, numbers and bytes
		return nil
	}
	t := arn + "|1|" + base64.RawURLEncoding.EncodeToString(b)
	return &t
}

func decodeIterator(t *string) (it iterator, err error) {
	if t == nil {
		return it, errNull("shardIterator")
	}
	_, text, _ := strings.Cut(*t, "|1|")
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &it)
	}
	if err != nil || it.Part < 0 || it.Part >= streamParts {
		return it, errValidation("Invalid ShardIterator")
	}
	return it, nil
}

// getShardIterator serves GetShardIterator.
func (s *service) getShardIterator(ctx context.Context, in *api.GetShardIteratorInput) (*api.GetShardIteratorOutput, error) {
	a, err := streamARN(in.StreamArn)
	if err != nil {
		return nil, err
	}
	if in.ShardId == nil {
		return nil, errNull("shardId")
	}
	if in.ShardIteratorType == nil {
		return nil, errNull("shardIteratorType")
	}
	var part int
	var after *journal.Position
	err = s.view(ctx, func(r store.Reader) error {
		st, p, err := s.at(r, a, *in.ShardId)
		if err != nil {
			return err
		}
		part = p
		after, err = startOf(r, st, p, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.GetShardIteratorOutput{ShardIterator: s.encodeIterator(a.String(), part, after)}, nil
}

// startOf gives the position that an iterator type stands for.
func startOf(r store.Reader, st *stream, part int, in *api.GetShardIteratorInput) (*journal.Position, error) {
	switch typ := *in.ShardIteratorType; typ {
	case "TRIM_HORIZON":
		return nil, nil
	case "LATEST":
		after, err := st.latest(r, part)
		return &after, err
	case "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER":
		if in.SequenceNumber == nil {
			return nil, errValidation("SequenceNumber is required for ShardIteratorType %s", typ)
		}
		p, ok := positionOf(*in.SequenceNumber)
		if !ok {
			return nil, errValidation("Invalid SequenceNumber")
		}
		if typ == "AT_SEQUENCE_NUMBER" {
			p = p.Previous()
		}
		return &p, nil
	case "AT_TIMESTAMP":
		return nil, cloud.NotImplementedf("dynamodbstreams:GetShardIterator: ShardIteratorType AT_TIMESTAMP is not served")
	default:
		return nil, errMember(typ, "shardIteratorType", "Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_SEQUENCE_NUMBER, TRIM_HORIZON]")
	}
}

// getRecords serves GetRecords.
func (s *service) getRecords(ctx context.Context, in *api.GetRecordsInput) (*api.GetRecordsOutput, error) {
	it, err := decodeIterator(in.ShardIterator)
	if err != nil {
		return nil, err
	}
	if err := first(checkMin("limit", in.Limit, 1), checkMax("limit", in.Limit, 1000)); err != nil {
		return nil, err
	}
	if s.deps.Clock.Wall().After(time.UnixMilli(it.Issued).Add(iteratorLife)) {
		return nil, errExpiredIterator()
	}
	a, err := cloud.ParseARN(it.ARN)
	if err != nil {
		return nil, errValidation("Invalid ShardIterator")
	}
	after, err := journal.Parse(it.After)
	if err != nil {
		return nil, errValidation("Invalid ShardIterator")
	}
	limit := 1000
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	out := &api.GetRecordsOutput{}
	err = s.view(ctx, func(r store.Reader) error {
		st, err := s.streamOf(r, a)
		if err != nil {
			return err
		}
		recs, next, err := s.readLog(r, st.Gen, it.Part, after, limit)
		out.Records = make([]api.Record, len(recs))
		for i := range recs {
			out.Records[i] = recs[i].record(st)
		}
		if st.Closed.IsZero() || len(recs) > 0 {
			out.NextShardIterator = s.encodeIterator(it.ARN, it.Part, next)
		}
		return err
	})
	return out, err
}

// record gives a record in the API's form.
func (rec *logRecord) record(st *stream) api.Record {
	id, name, version, source, seq, size := rec.id(st.Gen), eventNames[rec.event], "1.1", "aws:dynamodb", sequence(rec.position), rec.size()
	at := rec.at.Truncate(time.Second)
	out := api.Record{EventID: &id, EventName: &name, EventVersion: &version, EventSource: &source, AwsRegion: &st.Region,
		Dynamodb: &api.StreamRecord{ApproximateCreationDateTime: &at, Keys: streamAttributes(rec.keys), NewImage: streamAttributes(rec.new),
			OldImage: streamAttributes(rec.old), SequenceNumber: &seq, SizeBytes: &size, StreamViewType: &st.View}}
	if rec.expired {
		principal, typ := "dynamodb.amazonaws.com", "Service"
		out.UserIdentity = &api.Identity{PrincipalId: &principal, Type: &typ}
	}
	return out
}

// streamAttributes is attributes for the types of the streams API, which are the same under another name.
func streamAttributes(it ddbexpr.Item) map[string]api.AttributeValue {
	if it == nil {
		return nil
	}
	return convertMap(attributes(it))
}

func convertMap(m map[string]dynamo.AttributeValue) map[string]api.AttributeValue {
	if m == nil {
		return nil
	}
	out := make(map[string]api.AttributeValue, len(m))
	for k, v := range m {
		out[k] = convertValue(v)
	}
	return out
}

func convertValue(v dynamo.AttributeValue) api.AttributeValue {
	out := api.AttributeValue{S: v.S, N: v.N, B: v.B, SS: v.SS, NS: v.NS, BS: v.BS, M: convertMap(v.M), NULL: v.NULL, BOOL: v.BOOL}
	if v.L != nil {
		out.L = make([]api.AttributeValue, len(v.L))
		for i := range v.L {
			out.L[i] = convertValue(v.L[i])
		}
	}
	return out
}
