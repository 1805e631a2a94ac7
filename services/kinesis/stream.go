package kinesis

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/journal"
	"sundog/engine/store"
)

// stream is a stream's record. It is shared and read-only once decoded.
type stream struct {
	ref
	ID       string // StreamId
	Gen      uint64 // of its rows
	Revision uint64 // of the record
	Created  time.Time
	OnDemand bool
	Hours    int // retention
	Next     uint32
	Shards   []shard           // by number
	Tags     map[string]string `json:",omitempty"`
	Policy   string            `json:",omitempty"`
	Monitor  []string          `json:",omitempty"` // which metrics of single shards it has

	open []int // the open shards in Shards, by hash range
}

// shard is one shard of a stream. Parents are numbers plus one, so that 0 is none; one may be gone already.
type shard struct {
	N                uint32
	Parent, Adjacent uint32 `json:",omitempty"`
	Lo, Hi           hash
	Opened           time.Time
	Closed           time.Time `json:",omitzero"`

	log journal.Log // of an open shard: writers need it for each record
}

func (s *shard) isOpen() bool { return s.Closed.IsZero() }

// parents gives the numbers of the shards that s was made of.
func (s *shard) parents() []uint32 {
	var out []uint32
	for _, p := range []uint32{s.Parent, s.Adjacent} {
		if p > 0 {
			out = append(out, p-1)
		}
	}
	return out
}

func (st *stream) retention() time.Duration { return time.Duration(st.Hours) * time.Hour }

// index finds the open shards and their logs.
func (st *stream) index() {
	st.open = st.open[:0:0]
	for i := range st.Shards {
		if sh := &st.Shards[i]; sh.isOpen() {
			sh.log = st.log(sh.N)
			st.open = append(st.open, i)
		}
	}
	sort.Slice(st.open, func(i, j int) bool { return st.Shards[st.open[i]].Lo.less(st.Shards[st.open[j]].Lo) })
}

// shardFor gives the open shard that a hash key falls to.
func (st *stream) shardFor(h hash) *shard {
	i := sort.Search(len(st.open), func(i int) bool { return !st.Shards[st.open[i]].Hi.less(h) })
	return &st.Shards[st.open[i]]
}

// shard gives the shard of a number; nil when it is not there.
func (st *stream) shard(n uint32) *shard {
	i, ok := slices.BinarySearchFunc(st.Shards, n, func(s shard, n uint32) int { return int(int64(s.N) - int64(n)) })
	if !ok {
		return nil
	}
	return &st.Shards[i]
}

// named gives the shard of an id; nil when it is not there.
func (st *stream) named(id string) *shard {
	n, ok := shardNumber(id)
	if !ok {
		return nil
	}
	return st.shard(n)
}

func (st *stream) clone() *stream {
	c := *st
	c.Shards, c.Tags, c.open = slices.Clone(st.Shards), maps.Clone(st.Tags), nil
	return &c
}

// cache remembers decoded records by name. One counts only as long as the state row, which every request reads, says so.
type cache struct {
	mu sync.RWMutex
	m  map[ref]*stream
}

const maxCached = 4096

func (c *cache) get(at ref, state []byte) *stream {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if st := c.m[at]; st != nil && bytes.Equal(st.state(), state) {
		return st
	}
	return nil
}

func (c *cache) put(st *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= maxCached {
		c.m = map[ref]*stream{}
	}
	c.m[st.ref] = st
}

// state is the value of the stream's state row.
func (st *stream) state() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, st.Gen), st.Revision)
}

// load reads a stream; nil when there is none.
func (s *service) load(r store.Reader, at ref) (*stream, error) {
	state, err := r.Get(stateKey(at))
	if err != nil || state == nil {
		return nil, err
	}
	if st := s.streams.get(at, state); st != nil {
		return st, nil
	}
	raw, err := r.Get(streamKey(at))
	if err != nil || raw == nil {
		return nil, err
	}
	st := &stream{}
	if err := json.Unmarshal(raw, st); err != nil {
		return nil, err
	}
	st.index()
	s.streams.put(st)
	return st, nil
}

// find reads a stream that has to be there.
func (s *service) find(r store.Reader, at ref) (*stream, error) {
	st, err := s.load(r, at)
	if err == nil && st == nil {
		return nil, errNoStream(at)
	}
	return st, err
}

// save writes a record that was changed.
func (s *service) save(tx store.Tx, st *stream) error {
	st.Revision++
	raw, err := json.Marshal(st)
	if err != nil {
		return err
	}
	if err := tx.Put(streamKey(st.ref), raw); err != nil {
		return err
	}
	return tx.Put(stateKey(st.ref), st.state())
}

// change reads a stream, lets f change a copy, and writes it.
func (s *service) change(ctx context.Context, at ref, f func(store.Tx, *stream) error) error {
	return s.update(ctx, func(tx store.Tx) error {
		st, err := s.find(tx, at)
		if err != nil {
			return err
		}
		st = st.clone()
		if err := f(tx, st); err != nil {
			return err
		}
		return s.save(tx, st)
	})
}

func (s *service) update(ctx context.Context, f func(store.Tx) error) error {
	return fromStore(s.d.Store.Update(ctx, f))
}

func (s *service) view(ctx context.Context, f func(store.Reader) error) error {
	return fromStore(s.d.Store.View(ctx, f))
}

// eachStream walks over a scope's streams by name, those after a name, until f returns false.
func (s *service) eachStream(r store.Reader, sc cloud.Scope, after string, f func(*stream) (bool, error)) error {
	prefix := controlKey(sc, "state")
	o := store.Prefix(prefix)
	o.KeysOnly = true
	if after != "" {
		o.Lo = prefix.Clone().Str(after).End()
	}
	it := r.Scan(o)
	defer func() { _ = it.Close() }()
	for it.Next() {
		name, _, err := store.CutStr(it.Key()[len(prefix):])
		if err != nil {
			return err
		}
		st, err := s.find(r, ref{sc, name})
		if err != nil {
			return err
		}
		if more, err := f(st); err != nil || !more {
			return err
		}
	}
	return it.Err()
}
