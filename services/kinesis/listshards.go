package kinesis

import (
	"context"
	"time"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/engine/store"
)

const shardsPerPage = 1000

// listShards serves ListShards.
func (s *service) listShards(ctx context.Context, in *api.ListShardsInput) (*api.ListShardsOutput, error) {
	at, from, filter, err := s.shardsAsked(ctx, in)
	if err != nil {
		return nil, err
	}
	keep, err := s.filter(filter)
	if err != nil {
		return nil, err
	}
	limit := shardsPerPage
	if in.MaxResults != nil {
		limit = min(limit, int(*in.MaxResults))
	}
	out := &api.ListShardsOutput{}
	err = s.view(ctx, func(r store.Reader) error {
		st, err := s.find(r, at)
		if err != nil {
			return err
		}
		if t := in.StreamCreationTimestamp; t != nil && t.Unix() != st.Created.Unix() {
			return errNoStream(at)
		}
		var found []shard
		out.NextToken = nil
		for i := range st.Shards {
			sh := &st.Shards[i]
			if from != "" && shardID(sh.N) <= from || !keep(st, sh) {
				continue
			}
			if len(found) == limit {
				out.NextToken = s.nextToken(token{At: at, After: shardID(found[limit-1].N), Filter: filter})
				break
			}
			found = append(found, *sh)
		}
		out.Shards, err = st.describe(r, found)
		return err
	})
	return out, err
}

// shardsAsked gives the stream, where the page begins, and the filter: all from the token, if there is one.
func (s *service) shardsAsked(ctx context.Context, in *api.ListShardsInput) (at ref, from string, filter *api.ShardFilter, err error) {
	if in.NextToken == nil {
		at, err = s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
		return at, text(in.ExclusiveStartShardId), in.ShardFilter, err
	}
	if in.StreamName != nil || in.StreamCreationTimestamp != nil || in.ExclusiveStartShardId != nil {
		return at, "", nil, errArgument("NextToken and StreamName cannot be provided together.")
	}
	t, err := s.parseToken(*in.NextToken, cloud.CallFrom(ctx).Scope)
	return t.At, t.After, t.Filter, err
}

// filter gives which shards a filter lets through (API reference, ShardFilter).
func (s *service) filter(f *api.ShardFilter) (func(*stream, *shard) bool, error) {
	if f == nil {
		return func(*stream, *shard) bool { return true }, nil
	}
	stamp := func(use func(t time.Time, sh *shard) bool) (func(*stream, *shard) bool, error) {
		if f.Timestamp == nil {
			return nil, errArgument("Timestamp must be provided for the shard filter type %s.", *f.Type)
		}
		return func(st *stream, sh *shard) bool {
			t := *f.Timestamp
			if oldest := s.d.Clock.Now().Add(-st.retention()); t.Before(oldest) {
				t = oldest
			}
			if t.Before(st.Created) {
				t = st.Created
			}
			return use(t, sh)
		}, nil
	}
	openAt := func(t time.Time, sh *shard) bool { return !sh.Opened.After(t) && (sh.isOpen() || sh.Closed.After(t)) }
	switch *f.Type {
	case "AFTER_SHARD_ID":
		if f.ShardId == nil {
			return nil, errArgument("ShardId must be provided for the shard filter type AFTER_SHARD_ID.")
		}
		return func(_ *stream, sh *shard) bool { return shardID(sh.N) > *f.ShardId }, nil
	case "AT_LATEST":
		return func(_ *stream, sh *shard) bool { return sh.isOpen() }, nil
	case "AT_TRIM_HORIZON":
		return func(st *stream, sh *shard) bool {
			t := s.d.Clock.Now().Add(-st.retention())
			if t.Before(st.Created) {
				t = st.Created
			}
			return openAt(t, sh)
		}, nil
	case "FROM_TRIM_HORIZON":
		return func(*stream, *shard) bool { return true }, nil
	case "AT_TIMESTAMP":
		return stamp(openAt)
	case "FROM_TIMESTAMP":
		return stamp(func(t time.Time, sh *shard) bool { return sh.isOpen() || sh.Closed.After(t) })
	}
	return nil, errArgument("Unknown shard filter type %s.", *f.Type)
}
