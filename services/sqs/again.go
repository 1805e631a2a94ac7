package sqs

import (
	"container/heap"
	"slices"

	"sundog/engine/store"
)

// again is what memory knows of a standard queue's messages that are delayed, or visible again after a receive: those that are due first. The rest
// waits in the "due" table.
type again struct {
	items dueHeap
	upto  dueItem // rows up to here are in items, unless their message is in flight
	more  bool    // there are rows after upto
}

// dueTable has all messages that are delayed, in flight or visible again, by the moment when they are visible.
func (q *queue) dueTable() store.Key { return genKey(q.shard, "due", q.rec.Gen) }

func (q *queue) dueKey(i dueItem) store.Key { return q.dueTable().U64(uint64(i.at)).U64(i.seq) }

func cutDue(key []byte) (i dueItem, err error) {
	at, rest, err := store.CutU64(key)
	if err != nil {
		return i, err
	}
	seq, _, err := store.CutU64(rest)
	return dueItem{int64(at), seq}, err
}

// writeFlight puts a message's flight row; before is when the message would have been visible so far, 0: it had no row.
func (q *queue) writeFlight(tx store.Tx, seq uint64, f flight, before int64) error {
	if before != 0 {
		if err := tx.Delete(q.dueKey(dueItem{before, seq})); err != nil {
			return err
		}
	}
	if err := tx.Put(q.dueKey(dueItem{f.Due, seq}), nil); err != nil {
		return err
	}
	return tx.Put(q.flightKey(seq), f.encode())
}

// add takes a message in, unless it is due after those that memory knows.
func (q *queue) add(i dueItem, group string) {
	a := &q.again
	if a.more && a.upto.before(i) {
		q.fair.drop(i.seq)
		return
	}
	q.fair.note(i.seq, group)
	heap.Push(&a.items, i)
	if len(a.items) <= 2*windowSize {
		return
	}
	slices.SortFunc(a.items, dueItem.compare) // which is a heap, too
	for _, far := range a.items[windowSize:] {
		q.fair.drop(far.seq)
	}
	a.items = slices.Clone(a.items[:windowSize])
	a.upto, a.more = a.items[windowSize-1], true
}

// readAgain reads on when memory knows no message that is delayed or visible again, and there are some.
func (q *queue) readAgain(tx store.Tx) error {
	a := &q.again
	if len(a.items) > 0 || !a.more {
		return nil
	}
	table := q.dueTable()
	it := tx.Scan(store.ScanOptions{Lo: append(q.dueKey(a.upto), 0), Hi: table.End(), KeysOnly: true})
	defer func() { _ = it.Close() }()
	var found []dueItem
	upto, more := a.upto, false
	for it.Next() {
		if more = len(found) == windowSize; more {
			break
		}
		i, err := cutDue(it.Key()[len(table):])
		if err != nil {
			return err
		}
		upto = i
		if f, flies := q.flying[i.seq]; flies && f.Due == i.at {
			continue
		}
		group, err := q.groupOf(tx, i.seq)
		if err != nil {
			return err
		}
		q.fair.note(i.seq, group)
		found = append(found, i)
	}
	if err := it.Err(); err != nil {
		return err
	}
	a.items, a.upto, a.more = found, upto, more
	return nil
}

// ripe tells whether the first of them is visible.
func (a *again) ripe(now int64) bool { return len(a.items) > 0 && a.items[0].at <= now }

func (a *again) pop() uint64 { return heap.Pop(&a.items).(dueItem).seq }

// delays counts delayed messages by the moment when they are visible: to the millisecond while there are few moments, else to the second.
type delays struct {
	at     map[int64]int64
	coarse bool
}

const (
	maxMoments = 4096
	second     = 1000 // ms
)

func (d *delays) add(due, n int64) {
	if d.at == nil {
		d.at = map[int64]int64{}
	}
	d.at[d.moment(due)] += n
	if len(d.at) <= maxMoments || d.coarse {
		return
	}
	fine := d.at
	d.at, d.coarse = map[int64]int64{}, true
	for due, n := range fine {
		d.at[d.moment(due)] += n
	}
}

func (d *delays) moment(due int64) int64 {
	if d.coarse {
		return (due + second - 1) / second * second
	}
	return due
}

// count gives the number of messages that are delayed, and forgets the moments that are over.
func (d *delays) count(now int64) (n int64) {
	for at, k := range d.at {
		if at <= now {
			delete(d.at, at)
			continue
		}
		n += k
	}
	d.coarse = d.coarse && len(d.at) > 0
	return n
}
