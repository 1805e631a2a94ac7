package kinesis

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"

	api "sundog/api/kinesis"
	"sundog/engine/bus"
	"sundog/services/servicetest"
)

// lineage is a stream with what was put into it, by key.
type lineage struct {
	*bench
	rt  *rapid.T
	put map[string][]string
	seq map[string]string // the last sequence number of each key
	n   int
}

// add puts records in one call; their numbers grow with each key.
func (m *lineage) add(keys []string) {
	in := &api.PutRecordsInput{StreamName: new("s")}
	for _, k := range keys {
		m.n++
		data := fmt.Sprint(k, m.n)
		m.put[k] = append(m.put[k], data)
		in.Records = append(in.Records, api.PutRecordsRequestEntry{PartitionKey: new(k), Data: []byte(data)})
	}
	for i, r := range must[api.PutRecordsOutput](m.bench, "PutRecords", in).Records {
		if k := keys[i]; *r.SequenceNumber <= m.seq[k] {
			m.rt.Fatalf("key %s: %s after %s", k, *r.SequenceNumber, m.seq[k])
		}
		m.seq[keys[i]] = *r.SequenceNumber
	}
}

func (m *lineage) openShards() []shard {
	var out []shard
	for _, sh := range m.record().Shards {
		if sh.isOpen() {
			out = append(out, sh)
		}
	}
	slices.SortFunc(out, func(a, b shard) int { return slices.Compare(a.Lo[:], b.Lo[:]) })
	return out
}

// change does one thing to the shards, whichever is possible.
func (m *lineage) change() {
	open := m.openShards()
	i := rapid.IntRange(0, len(open)-1).Draw(m.rt, "shard")
	sh := open[i]
	switch kind := rapid.IntRange(0, 3).Draw(m.rt, "kind"); {
	case kind == 0:
		if at := sh.Lo.add(rapid.Int64Range(1, 1<<62).Draw(m.rt, "at")); sh.Lo.less(at) && at.less(sh.Hi) {
			m.bench.split("s", shardID(sh.N), at.String())
		}
	case kind == 1 && i+1 < len(open):
		a, b := shardID(sh.N), shardID(open[i+1].N)
		if rapid.Bool().Draw(m.rt, "turned") {
			a, b = b, a
		}
		m.merge("s", a, b)
	case kind == 2:
		n := int32(rapid.IntRange((len(open)+1)/2, 2*len(open)).Draw(m.rt, "count"))
		if n > 12 {
			return
		}
		must[api.UpdateShardCountOutput](m.bench, "UpdateShardCount", &api.UpdateShardCountInput{StreamName: new("s"), TargetShardCount: &n, ScalingType: new("UNIFORM_SCALING")})
	case kind == 3: // as after a restart: nothing is remembered
		m.s.streams.mu.Lock()
		m.s.streams.m = nil
		m.s.streams.mu.Unlock()
	}
}

// read gives all records, parents before children, as a poller reads them.
func (m *lineage) read() map[string][]string {
	src, arn := source{m.s}, ref{servicetest.Scope, "s"}.arn()
	shards, err := src.Shards(m.ctx, arn)
	if err != nil {
		m.rt.Fatal(err)
	}
	done, out, last := map[string]bool{}, map[string][]string{}, map[string]string{}
	for len(done) < len(shards) {
		i := slices.IndexFunc(shards, func(s bus.Shard) bool {
			return !done[s.ID] && !slices.ContainsFunc(s.Parents, func(p string) bool { return !done[p] })
		})
		if i < 0 {
			m.rt.Fatalf("shards that are their own ancestors: %v", shards)
		}
		var at []byte
		for {
			records, next, err := src.Read(m.ctx, arn, shards[i].ID, at, rapid.IntRange(1, 4).Draw(m.rt, "page"))
			if err != nil {
				m.rt.Fatal(err)
			}
			if len(records) == 0 {
				break
			}
			at = next
			for _, r := range records {
				if r.Sequence <= last[r.Key] {
					m.rt.Fatalf("key %s: %s is read after %s", r.Key, r.Sequence, last[r.Key])
				}
				last[r.Key] = r.Sequence
				out[r.Key] = append(out[r.Key], dataIn(m.rt, r.JSON))
			}
		}
		if sh := m.record().named(shards[i].Name); !sh.isOpen() {
			if err := src.Wait(m.ctx, arn, shards[i].ID, at); !errors.Is(err, io.EOF) {
				m.rt.Fatalf("the closed shard %s: %v", shards[i].ID, err)
			}
		}
		done[shards[i].ID] = true
	}
	return out
}

// Whatever is done to the shards, who reads parents before children gets every record once, those of a key in the order in which they were put; and the
// open shards have every hash key once.
func TestOrderModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &lineage{bench: open(t), rt: rt, put: map[string][]string{}, seq: map[string]string{}}
		m.create("s", rapid.IntRange(1, 4).Draw(rt, "shards"))
		key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h"})
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			if rapid.Bool().Draw(rt, "puts") {
				m.add(rapid.SliceOfN(key, 1, 6).Draw(rt, "keys"))
			} else {
				m.change()
			}
			open := m.openShards()
			for i := range open {
				if i == 0 && open[i].Lo != (hash{}) || i > 0 && open[i].Lo != open[i-1].Hi.add(1) || i == len(open)-1 && open[i].Hi != maxHash {
					rt.Fatalf("the hash keys of the open shards: %v", open)
				}
			}
		}
		got := m.read()
		for k, want := range m.put {
			if !slices.Equal(got[k], want) {
				rt.Fatalf("key %s: got %v, want %v", k, got[k], want)
			}
		}
	})
}
