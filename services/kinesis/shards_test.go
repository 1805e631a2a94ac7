package kinesis

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/engine/journal"
)

func (b *bench) split(name, shard, at string) {
	b.t.Helper()
	must[api.SplitShardOutput](b, "SplitShard", &api.SplitShardInput{StreamName: &name, ShardToSplit: &shard, NewStartingHashKey: &at})
}

func (b *bench) merge(name, one, other string) {
	b.t.Helper()
	must[api.MergeShardsOutput](b, "MergeShards", &api.MergeShardsInput{StreamName: &name, ShardToMerge: &one, AdjacentShardToMerge: &other})
}

const half = "170141183460469231731687303715884105728"

// A shard that is closed gives its records, then its children; their numbers all come after its own.
func TestSplitAndMerge(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	old := b.put("s", "a", "before")
	b.split("s", first, half)
	young := b.put("s", "a", "after")
	got, out := b.read(b.iterator("s", first, "TRIM_HORIZON"), 0)
	if got != "before" || out.NextShardIterator != nil || len(out.ChildShards) != 2 || *out.ChildShards[1].HashKeyRange.StartingHashKey != half || out.ChildShards[0].ParentShards[0] != first {
		t.Fatalf("%s %+v", got, out)
	}
	b.merge("s", shardID(2), shardID(1))
	shards := b.shards("s")
	if len(shards) != 4 || *shards[1].ParentShardId != first || shards[1].AdjacentParentShardId != nil || *shards[3].ParentShardId != shardID(2) || *shards[3].AdjacentParentShardId != shardID(1) {
		t.Fatalf("%+v", shards)
	}
	if r := shards[3].HashKeyRange; *r.StartingHashKey != "0" || *r.EndingHashKey != maxHash.String() || shards[3].SequenceNumberRange.EndingSequenceNumber != nil {
		t.Fatalf("%+v", shards[3])
	}
	for i, sh := range shards[:3] {
		if end := sh.SequenceNumberRange.EndingSequenceNumber; end == nil || *end <= *sh.SequenceNumberRange.StartingSequenceNumber {
			t.Fatalf("shard %d: %+v", i, sh.SequenceNumberRange)
		}
	}
	if r := shards[0].SequenceNumberRange; *r.StartingSequenceNumber >= *old.SequenceNumber || *old.SequenceNumber >= *r.EndingSequenceNumber {
		t.Fatal(*r.StartingSequenceNumber, *old.SequenceNumber, *r.EndingSequenceNumber)
	}
	if r := shards[1].SequenceNumberRange; *young.ShardId != shardID(1) || *young.SequenceNumber <= *r.StartingSequenceNumber || *young.SequenceNumber <= *old.SequenceNumber {
		t.Fatal(*young.ShardId, *young.SequenceNumber, *r.StartingSequenceNumber)
	}
	if sum := must[api.DescribeStreamSummaryOutput](b, "DescribeStreamSummary", &api.DescribeStreamSummaryInput{StreamName: new("s")}); *sum.StreamDescriptionSummary.OpenShardCount != 1 {
		t.Fatal(*sum.StreamDescriptionSummary.OpenShardCount)
	}
}

// Scaling ends with shards of even size that cover all hash keys once, and a shard has two parents at most, who are there and closed.
func TestUpdateShardCount(t *testing.T) {
	b := open(t)
	b.create("s", 5)
	for i, n := range []int{3, 6, 4, 4, 7, 5, 3, 2, 1, 2} {
		out := must[api.UpdateShardCountOutput](b, "UpdateShardCount", &api.UpdateShardCountInput{StreamName: new("s"), TargetShardCount: new(int32(n)), ScalingType: new("UNIFORM_SCALING")})
		if *out.TargetShardCount != int32(n) {
			t.Fatalf("%+v", out)
		}
		shards := b.shards("s")
		known := map[string]api.Shard{}
		for _, sh := range shards {
			known[*sh.ShardId] = sh
		}
		want, open := evenly(n), 0
		ends := map[string]bool{}
		for _, sh := range shards {
			for _, p := range []*string{sh.ParentShardId, sh.AdjacentParentShardId} {
				if p != nil && known[*p].SequenceNumberRange.EndingSequenceNumber == nil {
					t.Fatalf("step %d: the parent %s of %s is open", i, *p, *sh.ShardId)
				}
			}
			if sh.SequenceNumberRange.EndingSequenceNumber == nil {
				ends[*sh.HashKeyRange.StartingHashKey] = true
				open++
			}
		}
		for _, w := range want {
			if !ends[w.String()] || open != n {
				t.Fatalf("step %d: %d open shards, none at %s", i, open, w)
			}
		}
	}
	for _, n := range []int32{5, 100} {
		_, err := call[api.UpdateShardCountOutput](b, "UpdateShardCount", &api.UpdateShardCountInput{StreamName: new("s"), TargetShardCount: &n, ScalingType: new("UNIFORM_SCALING")})
		if !cloud.IsCode(err, "LimitExceededException") {
			t.Fatal(err)
		}
	}
}

func TestShardFilters(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	born := b.Clock.Now()
	b.advance(time.Hour)
	b.split("s", first, half)
	cut := b.Clock.Now()
	b.advance(time.Hour)
	b.merge("s", shardID(1), shardID(2))
	ids := func(f *api.ShardFilter) string {
		var all []string
		for _, sh := range must[api.ListShardsOutput](b, "ListShards", &api.ListShardsInput{StreamName: new("s"), ShardFilter: f}).Shards {
			all = append(all, strings.TrimLeft(strings.TrimPrefix(*sh.ShardId, shardPrefix), "0"))
		}
		return strings.Join(all, ",")
	}
	for _, x := range []struct {
		kind string
		time *time.Time
		id   *string
		want string
	}{
		{"AT_LATEST", nil, nil, "3"}, {"AT_TRIM_HORIZON", nil, nil, ""}, {"FROM_TRIM_HORIZON", nil, nil, ",1,2,3"}, {"AFTER_SHARD_ID", nil, new(shardID(1)), "2,3"},
		{"AT_TIMESTAMP", new(born.Add(time.Minute)), nil, ""}, {"AT_TIMESTAMP", new(cut.Add(time.Minute)), nil, "1,2"}, {"FROM_TIMESTAMP", new(cut.Add(time.Minute)), nil, "1,2,3"},
	} {
		if got := ids(&api.ShardFilter{Type: &x.kind, Timestamp: x.time, ShardId: x.id}); got != x.want {
			t.Errorf("%s: %q, want %q", x.kind, got, x.want)
		}
	}
	page := must[api.ListShardsOutput](b, "ListShards", &api.ListShardsInput{StreamName: new("s"), MaxResults: new(int32(3))})
	rest := must[api.ListShardsOutput](b, "ListShards", &api.ListShardsInput{NextToken: page.NextToken})
	if len(page.Shards) != 3 || len(rest.Shards) != 1 || rest.NextToken != nil {
		t.Fatal(len(page.Shards), len(rest.Shards))
	}
	b.Clock.AdvanceWall(6 * time.Minute)
	if _, err := call[api.ListShardsOutput](b, "ListShards", &api.ListShardsInput{NextToken: page.NextToken}); !cloud.IsCode(err, "ExpiredNextTokenException") {
		t.Fatal(err)
	}
}

func TestHashArithmetic(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 100, 1000} {
		starts := evenly(n)
		least, most := maxHash.number(), new(big.Int)
		for i, s := range starts {
			end := maxHash
			if i+1 < n {
				end = starts[i+1].add(-1)
			}
			w := new(big.Int).Sub(end.number(), s.number())
			if w.Cmp(least) < 0 {
				least = w
			}
			if w.Cmp(most) > 0 {
				most = w
			}
		}
		if d := new(big.Int).Sub(most, least); starts[0] != (hash{}) || d.Cmp(big.NewInt(int64(n))) > 0 {
			t.Errorf("%d ranges differ by %s", n, d)
		}
	}
	if (hash{}).add(-1) != maxHash || maxHash.add(1) != (hash{}) || fmt.Sprint(maxHash) != "340282366920938463463374607431768211455" {
		t.Fatal(maxHash)
	}
}

// A sequence number gives back its shard and position, and what is none is refused.
func TestSequence(t *testing.T) {
	for _, shard := range []uint32{0, 1, 1<<32 - 1} {
		for _, p := range []journal.Position{{}, {11: 1}, {0: 0xff, 11: 0xff}} {
			s := sequence(shard, p)
			n, q, ok := parseSequence(s)
			if len(s) != 56 || n != shard || q != p || !ok {
				t.Errorf("%d %x: %s", shard, p, s)
			}
		}
	}
	digits := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var p journal.Position
		for i := range p {
			p[i] = byte(digits.Uint32())
		}
		shard := digits.Uint32()
		want := new(big.Int).Or(new(big.Int).Lsh(big.NewInt(sequenceVersion), versionShift), new(big.Int).Lsh(new(big.Int).SetBytes(p[:]), positionShift))
		want.Or(want, big.NewInt(int64(shard)<<shardShift|sequenceKind))
		if got := sequence(shard, p); got != want.String() {
			t.Fatalf("%d %x: %s, want %s", shard, p, got, want)
		}
	}
	if sequence(7, journal.Position{7: 1}) >= sequence(0, journal.Position{7: 2}) {
		t.Error("the order is not that of positions")
	}
	for _, bad := range []string{"", "0", "x", "-1", "49", sequence(0, journal.Position{}) + "0", "1" + sequence(0, journal.Position{})[1:]} {
		if _, _, ok := parseSequence(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}
