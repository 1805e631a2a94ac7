package kinesis

import (
	"context"
	"slices"
	"time"

	api "sundog/api/kinesis"
	"sundog/engine/journal"
	"sundog/engine/store"
)

// reshape changes the shards of a stream's record in a transaction.
type reshape struct {
	tx  store.Tx
	st  *stream
	now time.Time
}

// open adds a shard.
func (r *reshape) open(lo, hi hash, parents ...uint32) (uint32, error) {
	sh := shard{N: r.st.Next, Lo: lo, Hi: hi, Opened: r.now}
	for i, to := range []*uint32{&sh.Parent, &sh.Adjacent} {
		if i < len(parents) {
			*to = parents[i] + 1
		}
	}
	r.st.Next++
	r.st.Shards = append(r.st.Shards, sh)
	return sh.N, r.tx.PutStamped(r.st.markKey(sh.N, opened), nil, []byte{})
}

// shut closes a shard. Its records, and its mark, all come before what is opened after.
func (r *reshape) shut(n uint32) error {
	r.st.shard(n).Closed = r.now
	return r.tx.PutStamped(r.st.markKey(n, closed), nil, []byte{})
}

// split makes two shards of one: the second begins at a hash key within it.
func (r *reshape) split(n uint32, at hash) (low, high uint32, err error) {
	lo, hi := r.st.shard(n).Lo, r.st.shard(n).Hi
	if err := r.shut(n); err != nil {
		return 0, 0, err
	}
	if low, err = r.open(lo, at.add(-1), n); err != nil {
		return 0, 0, err
	}
	high, err = r.open(at, hi, n)
	return low, high, err
}

// merge makes one shard of two whose ranges follow one another; the first parent is the one that the caller named first.
func (r *reshape) merge(a, b uint32) (uint32, error) {
	lo, hi := r.st.shard(a).Lo, r.st.shard(b).Hi
	if r.st.shard(b).Lo.less(lo) {
		lo, hi = r.st.shard(b).Lo, r.st.shard(a).Hi
	}
	for _, n := range []uint32{a, b} {
		if err := r.shut(n); err != nil {
			return 0, err
		}
	}
	return r.open(lo, hi, a, b)
}

// scale splits and merges until there are as many shards of even size: what a wanted border lies in is split there, and the parts between two borders are
// merged. Shards in between are opened and closed at once, as the service's are.
func (r *reshape) scale(want int) error {
	starts := evenly(want)
	r.st.index()
	var parts []uint32 // open shards by range
	for _, i := range r.st.open {
		parts = append(parts, r.st.Shards[i].N)
	}
	for i := 0; i < len(parts); i++ {
		sh := r.st.shard(parts[i])
		j, exact := slices.BinarySearchFunc(starts, sh.Lo, func(a, b hash) int { return slices.Compare(a[:], b[:]) })
		if exact {
			j++
		}
		if j == len(starts) || sh.Hi.less(starts[j]) {
			continue
		}
		low, high, err := r.split(sh.N, starts[j])
		if err != nil {
			return err
		}
		parts = slices.Replace(parts, i, i+1, low, high)
	}
	at, last := uint32(0), -1 // what the parts of one range were merged to so far, and which range that is
	for _, n := range parts {
		j, exact := slices.BinarySearchFunc(starts, r.st.shard(n).Lo, func(a, b hash) int { return slices.Compare(a[:], b[:]) })
		if !exact {
			j--
		}
		if j != last {
			at, last = n, j
			continue
		}
		var err error
		if at, err = r.merge(at, n); err != nil {
			return err
		}
	}
	return nil
}

// mayOpen refuses more shards than the account may have, or a stream's record can hold.
func (s *service) mayOpen(r store.Reader, st *stream, more int) error {
	open, err := s.openShards(r, st)
	switch {
	case err != nil:
		return err
	case open+more > maxShards:
		return errLimit("This request would exceed the shard limit for the account %s in %s. Current shard count for the account: %d. Limit: %d. Number of additional shards that would have resulted from this request: %d. "+
			"Refer to the AWS Service Limits page (https://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits.",
			st.Account, st.Region, open, maxShards, more)
	case len(st.Shards)+more > maxKept:
		return errLimit("Stream %s under account %s has %d shards, closed ones among them until their records are over the retention period; it may have %d.", st.Name, st.Account, len(st.Shards), maxKept)
	}
	return nil
}

// splitShard serves SplitShard.
func (s *service) splitShard(ctx context.Context, in *api.SplitShardInput) (*api.SplitShardOutput, error) {
	at, err := s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	key, ok := parseHash(*in.NewStartingHashKey)
	err = s.reshape(ctx, at, func(r *reshape) error {
		sh := r.st.named(*in.ShardToSplit)
		switch {
		case sh == nil:
			return errNoShardToChange(at, *in.ShardToSplit)
		case !sh.isOpen():
			return errClosed(at, sh)
		case !ok || !sh.Lo.less(key) || !key.less(sh.Hi):
			return errArgument("NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under account %s is not both greater than one plus the shard's StartingHashKey %s and less than the shard's EndingHashKey %s.",
				*in.NewStartingHashKey, *in.ShardToSplit, at.Name, at.Account, sh.Lo, sh.Hi)
		}
		if err := s.mayOpen(r.tx, r.st, 1); err != nil {
			return err
		}
		_, _, err := r.split(sh.N, key)
		return err
	})
	return &api.SplitShardOutput{}, err
}

func errClosed(at ref, sh *shard) error {
	return errArgument("Shard %s in stream %s under account %s is closed.", shardID(sh.N), at.Name, at.Account)
}

// mergeShards serves MergeShards.
func (s *service) mergeShards(ctx context.Context, in *api.MergeShardsInput) (*api.MergeShardsOutput, error) {
	at, err := s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	err = s.reshape(ctx, at, func(r *reshape) error {
		a, b := r.st.named(*in.ShardToMerge), r.st.named(*in.AdjacentShardToMerge)
		switch {
		case a == nil:
			return errNoShardToChange(at, *in.ShardToMerge)
		case b == nil:
			return errNoShardToChange(at, *in.AdjacentShardToMerge)
		case !a.isOpen():
			return errClosed(at, a)
		case !b.isOpen():
			return errClosed(at, b)
		case a.Hi == maxHash || b.Lo != a.Hi.add(1):
			if b.Hi == maxHash || a.Lo != b.Hi.add(1) {
				return errArgument("Shards %s and %s in stream %s under account %s are not an adjacent pair of shards eligible for merging", *in.ShardToMerge, *in.AdjacentShardToMerge, at.Name, at.Account)
			}
		}
		_, err := r.merge(a.N, b.N)
		return err
	})
	return &api.MergeShardsOutput{}, err
}

// updateShardCount serves UpdateShardCount.
func (s *service) updateShardCount(ctx context.Context, in *api.UpdateShardCountInput) (*api.UpdateShardCountOutput, error) {
	at, err := s.at(ctx, in.StreamName, in.StreamARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	want, have := int(*in.TargetShardCount), 0
	err = s.reshape(ctx, at, func(r *reshape) error {
		r.st.index()
		have = len(r.st.open)
		switch {
		case r.st.OnDemand:
			return errValidation("Request is invalid. Stream %s under account %s is in On-Demand mode.", at.Name, at.Account)
		case want > 2*have:
			return errLimit("UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: %d Target shard count: %d", have, want)
		case 2*want < have:
			return errLimit("UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: %d Target shard count: %d", have, want)
		}
		if err := s.mayOpen(r.tx, r.st, max(0, want-have)); err != nil {
			return err
		}
		return r.scale(want)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateShardCountOutput{StreamName: &at.Name, StreamARN: new(at.arn().String()), CurrentShardCount: new(int32(have)), TargetShardCount: in.TargetShardCount}, nil
}

// reshape changes the shards of a stream.
func (s *service) reshape(ctx context.Context, at ref, f func(*reshape) error) error {
	now := s.d.Clock.Now().UTC()
	return s.change(ctx, at, func(tx store.Tx, st *stream) error {
		tx.AfterCommit(func(store.Stamp) { s.sweeps.Arm(at, now.Add(st.retention())) })
		return f(&reshape{tx, st, now})
	})
}

// marks gives the sequence numbers between which each shard's records lie.
func (st *stream) marks(r store.Reader) (map[uint32]*api.SequenceNumberRange, error) {
	prefix := st.marksKey()
	o := store.Prefix(prefix)
	o.KeysOnly = true
	it := r.Scan(o)
	defer func() { _ = it.Close() }()
	out := map[uint32]*api.SequenceNumberRange{}
	for it.Next() {
		number, rest, err := store.CutU64(it.Key()[len(prefix):])
		if err != nil {
			return nil, err
		}
		if len(rest) != 1+store.StampLen {
			return nil, errBadLog
		}
		n := uint32(number)
		if out[n] == nil {
			out[n] = &api.SequenceNumberRange{}
		}
		seq := sequence(n, journal.Position(rest[1:]))
		if rest[0] == opened {
			out[n].StartingSequenceNumber = &seq
		} else {
			out[n].EndingSequenceNumber = &seq
		}
	}
	return out, it.Err()
}

// describe gives shards as the API does.
func (st *stream) describe(r store.Reader, shards []shard) ([]api.Shard, error) {
	marks, err := st.marks(r)
	if err != nil {
		return nil, err
	}
	out := make([]api.Shard, len(shards))
	for i := range shards {
		sh := &shards[i]
		out[i] = api.Shard{ShardId: new(shardID(sh.N)), HashKeyRange: sh.hashRange(), SequenceNumberRange: marks[sh.N]}
		if sh.Parent > 0 {
			out[i].ParentShardId = new(shardID(sh.Parent - 1))
		}
		if sh.Adjacent > 0 {
			out[i].AdjacentParentShardId = new(shardID(sh.Adjacent - 1))
		}
	}
	return out, nil
}
