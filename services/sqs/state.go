package sqs

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"sundog/engine/store"
)

// The bounds of a queue's memory.
const (
	windowSize = 4096    // ready messages known of a standard queue
	fifoWindow = 20_000  // waiting messages known of a FIFO queue, over all groups
	maxFlying  = 120_000 // in flight (SQS Developer Guide, "Amazon SQS message quotas")
	seqBlock   = 10_000  // sequence numbers reserved by one write of the "high" row
)

// queue is the memory of one queue: a window over its rows. Only the lane of its shard touches it; every change is made after all
// that can fail, for a failed commit drops the whole memory of the shard.
type queue struct {
	name   name
	shard  store.Shard
	rec    record
	cfg    config
	next   uint64 // the next sequence number
	high   uint64 // reserved up to here
	count  int64  // messages in the queue, in all states
	oldest int64  // no message was sent before, unix ms; 0: not known
	cursor uint64 // rows up to here are known to window or groups, or have a flight row
	whole  bool   // there are no rows after cursor

	window  []uint64          // standard: ready and never received or delayed, ascending
	again   again             // standard: delayed, or ready again
	turn    bool              // standard: take the next from again before window
	fair    *fair             // standard, with message groups
	groups  map[string]*group // FIFO: the groups that have something waiting or in flight
	turns   groupHeap         // FIFO: groups that can give a message, by their first
	waiting int               // FIFO: sequence numbers in groups
	delayed map[uint64]int64  // FIFO: of those in groups; due, unix ms

	flying map[uint64]flying
	due    dueHeap // flying and delayed by time; may hold entries that no longer count
	delays delays

	attempts attempts
}

type flying struct {
	flight
	group   string
	changed bool // its visibility was changed since the receive
}

func (q *queue) fifo() bool { return q.cfg.fifo }

// load gives the memory of a queue, building it from the store when it is not there. errNoQueue when there is no such queue.
func (r *sqsRoom) load(tx store.Tx, n name) (*queue, error) {
	s := n.shard()
	if q := r.shards[s][n]; q != nil {
		return q, nil
	}
	rec, err := readRecord(tx, n)
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return nil, errNoQueue()
	}
	q := &queue{
		name: n, shard: s, rec: *rec, cfg: rec.config(), groups: map[string]*group{},
		flying: map[uint64]flying{}, delayed: map[uint64]int64{},
	}
	if rec.Fair {
		q.fair = newFair()
	}
	if err := q.open(tx, r.d.Clock.Now().UnixMilli()); err != nil {
		return nil, err
	}
	if r.shards[s] == nil {
		r.shards[s] = map[name]*queue{}
	}
	r.shards[s][n] = q
	return q, nil
}

func readRecord(rd store.Reader, n name) (*record, error) {
	text, err := rd.Get(n.recordKey())
	if err != nil || text == nil {
		return nil, err
	}
	return decodeRecord(text)
}

func decodeRecord(text []byte) (*record, error) {
	rec := &record{}
	return rec, json.Unmarshal(text, rec)
}

// open reads the counters, and what is in flight.
func (q *queue) open(tx store.Tx, now int64) error {
	var err error
	if q.count, err = counter(tx, q.countKey()); err != nil {
		return err
	}
	high, err := counter(tx, q.highKey())
	if err != nil {
		return err
	}
	q.high = uint64(high)
	q.next = q.high + 1
	q.again.more = !q.fifo()
	table := q.dueTable()
	o := store.ScanOptions{Lo: table, Hi: table.End(), KeysOnly: true}
	if !q.fifo() {
		o.Lo = q.dueKey(dueItem{now + 1, 0})
	}
	it := tx.Scan(o)
	defer func() { _ = it.Close() }()
	for it.Next() {
		i, err := cutDue(it.Key()[len(table):])
		if err != nil {
			return err
		}
		f, _, err := readFlight(tx, q.flightKey(i.seq))
		if err != nil {
			return err
		}
		if f.Count == 0 {
			q.delays.add(i.at, 1)
			continue
		}
		group, err := q.groupOf(tx, i.seq)
		if err != nil {
			return err
		}
		if i.at > now {
			q.fly(i.seq, f, group, now)
		} else { // behind it in its group may be what is in flight
			q.line(group, i.seq)
		}
	}
	return it.Err()
}

// fly notes that a message is in flight.
func (q *queue) fly(seq uint64, f flight, group string, now int64) {
	q.flying[seq] = flying{flight: f, group: group}
	q.lock(group, seq, now)
	heap.Push(&q.due, dueItem{f.Due, seq})
}

// groupOf reads the group of a message, in queues where it matters.
func (q *queue) groupOf(tx store.Tx, seq uint64) (string, error) {
	if !q.grouped() {
		return "", nil
	}
	b, err := tx.Get(q.msgKey(seq))
	if err != nil || b == nil {
		return "", err
	}
	return groupIn(b)
}

// grouped tells whether memory needs to know the groups of messages.
func (q *queue) grouped() bool { return q.fifo() || q.fair != nil }

// message reads one; nil when it was deleted.
func (q *queue) message(tx store.Reader, seq uint64) (*message, error) {
	b, err := tx.Get(q.msgKey(seq))
	if err != nil || b == nil {
		return nil, err
	}
	m, err := decodeMessage(b)
	if err != nil {
		return nil, fmt.Errorf("message %d of %s: %w", seq, q.name.Queue, err)
	}
	m.Sequence = seq
	return m, nil
}

// readFlight reads a message's flight row; the zero flight when there is none.
func readFlight(rd store.Reader, k store.Key) (f flight, ok bool, err error) {
	b, err := rd.Get(k)
	if err != nil || b == nil {
		return f, false, err
	}
	f, err = decodeFlight(b)
	return f, err == nil, err
}

// counter reads an Add counter.
func counter(rd store.Reader, k []byte) (int64, error) {
	b, err := rd.Get(k)
	if err != nil || len(b) != 8 {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// mature moves what became due to the ready ones.
func (q *queue) mature(now int64) {
	for len(q.due) > 0 && q.due[0].at <= now {
		item := heap.Pop(&q.due).(dueItem)
		if f, ok := q.flying[item.seq]; ok && f.Due == item.at {
			delete(q.flying, item.seq)
			q.unlock(f, item.seq, now)
			q.ready(item, f.group)
		} else if at, ok := q.delayed[item.seq]; ok && at == item.at {
			delete(q.delayed, item.seq) // it stands in its group already
		}
	}
}

// ready makes a message receivable again.
func (q *queue) ready(item dueItem, group string) {
	if q.fifo() {
		q.line(group, item.seq)
		return
	}
	q.add(item, group)
}

// nextDue is when something matures next; zero when nothing will.
func (q *queue) nextDue() time.Time {
	first := int64(math.MaxInt64)
	if len(q.again.items) > 0 {
		first = q.again.items[0].at
	}
	for len(q.due) > 0 {
		item := q.due[0]
		f, flies := q.flying[item.seq]
		at, delayed := q.delayed[item.seq]
		if flies && f.Due == item.at || delayed && at == item.at {
			first = min(first, item.at)
			break
		}
		heap.Pop(&q.due)
	}
	if first == math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMilli(first)
}

// pop takes the sequence number of the next ready message; false when none is ready.
func (q *queue) pop(tx store.Tx, now int64) (uint64, bool, error) {
	switch {
	case q.fifo():
		return q.popGroup(tx, now)
	case q.fair != nil:
		return q.popFair(tx, now)
	}
	for {
		if len(q.window) == 0 && !q.whole {
			if err := q.refill(tx, windowSize); err != nil {
				return 0, false, err
			}
		}
		if err := q.readAgain(tx); err != nil {
			return 0, false, err
		}
		seq, _, ok := q.front(now)
		if !ok {
			return 0, false, nil
		}
		if _, flies := q.flying[seq]; !flies {
			return seq, true, nil
		}
	}
}

// front takes the next of a standard queue's ready messages that memory knows: those that were given or delayed before, and those that were not,
// in turns.
func (q *queue) front(now int64) (seq uint64, given, ok bool) {
	switch {
	case q.again.ripe(now) && (q.turn || len(q.window) == 0):
		q.turn = false
		return q.again.pop(), true, true
	case len(q.window) > 0:
		seq, q.turn = q.window[0], true
		q.window = q.window[1:]
		return seq, false, true
	}
	return 0, false, false
}

// refill reads rows after the cursor, up to n, passing over those with a flight row: a standard queue's are in again, or in flight. A FIFO queue's
// stand in their groups unless they are in flight.
func (q *queue) refill(tx store.Tx, n int) error {
	q.whole = true // unless it stops before the end
	return q.scan(tx, q.cursor+1, math.MaxUint64, !q.grouped(), func(seq uint64, flight bool, value []byte) (bool, error) {
		if n == 0 {
			q.whole = false
			return false, nil
		}
		q.cursor = seq
		if _, flies := q.flying[seq]; flight && (flies || !q.fifo()) {
			return true, nil
		}
		n--
		return true, q.admit(tx, seq, flight, value)
	})
}

// scan calls fn for the messages from one sequence number to another, until it returns false: whether the message has a flight row, and, unless
// only keys are read, its row.
func (q *queue) scan(tx store.Tx, from, to uint64, keys bool, fn func(seq uint64, flight bool, value []byte) (bool, error)) error {
	msgs, flights := genKey(q.shard, "msg", q.rec.Gen), genKey(q.shard, "flight", q.rec.Gen)
	it := tx.Scan(store.ScanOptions{Lo: msgs.Clone().U64(from), Hi: msgs.End(), KeysOnly: keys})
	defer func() { _ = it.Close() }()
	fl := tx.Scan(store.ScanOptions{Lo: flights.Clone().U64(from), Hi: flights.End(), KeysOnly: true})
	defer func() { _ = fl.Close() }()
	flightSeq, haveFlight := nextSeq(fl, len(flights))
	for more := true; more; {
		seq, ok := nextSeq(it, len(msgs))
		if !ok || seq > to {
			break
		}
		for haveFlight && flightSeq < seq {
			flightSeq, haveFlight = nextSeq(fl, len(flights))
		}
		var err error
		if more, err = fn(seq, haveFlight && flightSeq == seq, it.Value()); err != nil {
			return err
		}
	}
	if err := it.Err(); err != nil {
		return err
	}
	return fl.Err()
}

// admit takes a row that was read into the window; flight: it has a flight row.
func (q *queue) admit(tx store.Tx, seq uint64, flight bool, value []byte) error {
	group := ""
	if q.grouped() {
		var err error
		if group, err = groupIn(value); err != nil {
			return err
		}
	}
	if q.fifo() {
		if flight {
			f, _, err := readFlight(tx, q.flightKey(seq))
			if err != nil {
				return err
			}
			q.hold(seq, f.Due)
		}
		q.line(group, seq)
		return nil
	}
	q.window = append(q.window, seq)
	q.fair.note(seq, group)
	return nil
}

// hold notes that a message in a FIFO queue's group is delayed, if it still is when it is asked for.
func (q *queue) hold(seq uint64, due int64) {
	q.delayed[seq] = due
	heap.Push(&q.due, dueItem{due, seq})
}

func nextSeq(it store.Iterator, prefix int) (uint64, bool) {
	if !it.Next() {
		return 0, false
	}
	seq, _, err := store.CutU64(it.Key()[prefix:])
	return seq, err == nil
}

// dueItem is one wake-up.
type dueItem struct {
	at  int64
	seq uint64
}

func (i dueItem) compare(j dueItem) int {
	return cmp.Or(cmp.Compare(i.at, j.at), cmp.Compare(i.seq, j.seq))
}
func (i dueItem) before(j dueItem) bool { return i.compare(j) < 0 }

type dueHeap []dueItem

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].before(h[j]) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(dueItem)) }
func (h *dueHeap) Pop() any          { o := *h; x := o[len(o)-1]; *h = o[:len(o)-1]; return x }

type seqHeap []uint64

func (h seqHeap) Len() int           { return len(h) }
func (h seqHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h seqHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *seqHeap) Push(x any)        { *h = append(*h, x.(uint64)) }
func (h *seqHeap) Pop() any          { o := *h; x := o[len(o)-1]; *h = o[:len(o)-1]; return x }
