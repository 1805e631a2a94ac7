package occ

import (
	"bytes"
	"hash/maphash"
	"slices"
	"sort"

	"sundog/engine/store"
	"sundog/engine/store/overlay"
)

// seed is one per process: hashes are compared within a process only.
var seed = maphash.MakeSeed()

func hash(key []byte) uint64 { return maphash.Bytes(seed, key) }

// record is what one commit wrote.
type record struct {
	n       uint64
	keys    [][]byte // sorted
	hashes  []uint64 // of keys
	stamped [][]byte // sorted
	dels    []overlay.Range
}

func newRecord(n uint64, b *overlay.Buffer, stamped []overlay.KV) *record {
	r := &record{n: n, keys: make([][]byte, 0, b.Len()), hashes: make([]uint64, 0, b.Len()), dels: b.Ranges()}
	_ = b.Each(func(key []byte, _ overlay.Op) error {
		r.keys, r.hashes = append(r.keys, key), append(r.hashes, hash(key))
		return nil
	})
	for _, kv := range stamped {
		r.stamped = append(r.stamped, kv.Key)
	}
	slices.SortFunc(r.stamped, bytes.Compare)
	return r
}

// touches tells whether the commit wrote inside g, and a hash of where.
func (r *record) touches(g overlay.Range) (uint64, bool) {
	for _, keys := range [][][]byte{r.keys, r.stamped} {
		i := sort.Search(len(keys), func(i int) bool { return bytes.Compare(keys[i], g.Lo) >= 0 })
		if i < len(keys) && g.Has(keys[i]) {
			return hash(keys[i]), true
		}
	}
	for _, d := range r.dels {
		lo := d.Lo
		if bytes.Compare(g.Lo, lo) > 0 {
			lo = g.Lo
		}
		if d.Has(lo) && g.Has(lo) {
			return hash(g.Lo), true
		}
	}
	return 0, false
}

// log is the index of recent commits. The store's mutex guards it.
type log struct {
	records []*record         // in order of n, without gaps, from head on
	head    int               // first record that is still there
	last    map[uint64]uint64 // hash of a key -> newest commit in records that wrote it
	floor   uint64            // records begin after this commit
	dels    int               // range deletes in records
}

func (l *log) init(n uint64) { l.last, l.floor = map[uint64]uint64{}, n }

func (l *log) add(r *record) {
	l.records = append(l.records, r)
	l.dels += len(r.dels)
	for _, h := range r.hashes {
		l.last[h] = r.n
	}
	for _, k := range r.stamped {
		l.last[hash(k)] = r.n
	}
}

// prune forgets commits up to n.
func (l *log) prune(n uint64) {
	for l.head < len(l.records) && l.records[l.head].n <= n {
		r := l.records[l.head]
		l.records[l.head] = nil
		l.head++
		l.floor = r.n
		l.dels -= len(r.dels)
		for _, h := range r.hashes {
			l.forget(h, r.n)
		}
		for _, k := range r.stamped {
			l.forget(hash(k), r.n)
		}
	}
	if l.head == len(l.records) {
		l.records, l.head = l.records[:0], 0
	} else if l.head > 1024 && l.head > len(l.records)/2 {
		l.records = slices.Delete(l.records, 0, l.head)
		l.head = 0
	}
}

func (l *log) forget(h, n uint64) {
	if l.last[h] == n {
		delete(l.last, h)
	}
}

// after gives the records of commits after n.
func (l *log) after(n uint64) []*record {
	all := l.records[l.head:]
	if n <= l.floor {
		return all
	}
	return all[min(n-l.floor, uint64(len(all))):]
}

// validate tells whether no commit after saw wrote what r read; if one did, it gives the hash of a key that both touched.
func (l *log) validate(r *recorder, saw uint64) (uint64, bool) {
	for i := range r.reads {
		if l.last[r.reads[i].hash] > saw {
			return r.reads[i].hash, false
		}
	}
	if l.dels == 0 && len(r.walks) == 0 {
		return 0, true
	}
	for _, rec := range l.after(saw) {
		if h, ok := r.touched(rec); ok {
			return h, false
		}
	}
	return 0, true
}

// newest gives the newest commit after n that wrote what r read; 0 when there is none.
func (l *log) newest(r *recorder, n uint64) uint64 {
	found := uint64(0)
	for i := range r.reads {
		if c := l.last[r.reads[i].hash]; c > n {
			found = max(found, c)
		}
	}
	if l.dels == 0 && len(r.walks) == 0 {
		return found
	}
	records := l.after(n)
	for i := len(records) - 1; i >= 0 && records[i].n > found; i-- {
		if _, ok := r.touched(records[i]); ok {
			return records[i].n
		}
	}
	return found
}

// read is one Get: the key's hash and its place in the arena.
type read struct {
	hash   uint64
	at, to int
}

// recorder remembers what is read from a snapshot.
type recorder struct {
	base   Snapshot
	reads  []read
	walks  []*walk
	arena  []byte
	queues *queues // nil: reads never queue
	held   *hold
	queue  uint64 // the hash of a contended key that was read without its queue; 0: none
}

// touched tells whether rec wrote inside a walked range, or deleted a range with a key that was read.
func (r *recorder) touched(rec *record) (uint64, bool) {
	for _, w := range r.walks {
		if w.walked {
			if h, ok := rec.touches(w.Range); ok {
				return h, true
			}
		}
	}
	for _, d := range rec.dels {
		for i := range r.reads {
			if d.Has(r.arena[r.reads[i].at:r.reads[i].to]) {
				return r.reads[i].hash, true
			}
		}
	}
	return 0, false
}

// errQueue makes fn end early when it reads a key that others contend for: the Update begins again in the key's queue.
type errQueue struct{ conflict }

// Get implements store.Reader.
func (r *recorder) Get(key []byte) ([]byte, error) {
	h := hash(key)
	if r.queues != nil && r.queues.contended(h) && !r.held.has(h) {
		r.queue = h
		return nil, errQueue{conflict{h}}
	}
	at := len(r.arena)
	r.arena = append(r.arena, key...)
	r.reads = append(r.reads, read{h, at, len(r.arena)})
	return r.base.Get(key)
}

// walk is the range that one iterator has walked over.
type walk struct {
	overlay.Range
	walked bool
}

// Scan implements store.Reader.
func (r *recorder) Scan(o store.ScanOptions) store.Iterator {
	it := &walker{Iterator: r.base.Scan(o), r: r, o: o}
	it.restart(o.Lo, o.Hi)
	return it
}

type walker struct {
	store.Iterator
	r *recorder
	o store.ScanOptions
	w *walk
}

// restart begins a new walk at one of the bounds.
func (it *walker) restart(lo, hi []byte) {
	it.w = &walk{Range: overlay.Range{Lo: bytes.Clone(lo), Hi: bytes.Clone(hi)}}
	it.r.walks = append(it.r.walks, it.w)
}

// Next implements store.Iterator.
func (it *walker) Next() bool {
	ok := it.Iterator.Next()
	switch {
	case ok && it.o.Reverse:
		it.w.Lo = append(it.w.Lo[:0], it.Iterator.Key()...)
	case ok:
		it.w.Hi = append(append(it.w.Hi[:0], it.Iterator.Key()...), 0)
	case it.o.Reverse:
		it.w.Lo = bytes.Clone(it.o.Lo)
	default:
		it.w.Hi = bytes.Clone(it.o.Hi)
	}
	it.w.walked = true
	return ok
}

// Seek implements store.Iterator.
func (it *walker) Seek(key []byte) {
	it.Iterator.Seek(key)
	if it.o.Reverse {
		hi := append(bytes.Clone(key), 0)
		if it.o.Hi != nil && bytes.Compare(hi, it.o.Hi) > 0 {
			hi = it.o.Hi
		}
		it.restart(it.o.Lo, hi)
		return
	}
	if bytes.Compare(key, it.o.Lo) < 0 {
		key = it.o.Lo
	}
	it.restart(key, it.o.Hi)
}
