package timer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

const (
	maxRunning = 64 // handlers at once
	maxScan    = 256
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// Options are what a Wheel stands on.
type Options struct {
	Store store.Store
	Clock cloud.Clock
	Log   *slog.Logger
}

// Wheel implements Timers. Timers live in the store, ordered by their due time within their shard; memory holds one moment per shard. A timer
// that fails is put back with a growing delay (1 s to 5 min), which outlives a restart as well.
//
// Rows: (shard, "timer", "due", due, kind, id) -> attempts, first due, payload; (shard, "timer", "id", kind, id) -> due.
type Wheel struct {
	o        Options
	handlers map[string]func(context.Context, Timer) error

	mu      sync.Mutex
	ctx     context.Context // nil before Start
	cancel  context.CancelFunc
	next    [256]int64      // earliest due moment that is not handled, by shard; 0: none
	stop    func()          // of the alarm
	alarm   int64           // when it rings; 0: not set
	running map[string]bool // rows being handled; true: look at the shard again afterwards
	slots   chan struct{}
	work    sync.WaitGroup
	unknown map[string]bool // kinds that have been complained about
}

var _ Timers = (*Wheel)(nil)

// New makes the timers of a store. Nothing fires before Start.
func New(o Options) *Wheel {
	return &Wheel{
		o: o, handlers: map[string]func(context.Context, Timer) error{}, running: map[string]bool{},
		slots: make(chan struct{}, maxRunning), unknown: map[string]bool{},
	}
}

// Handle implements Timers.
func (w *Wheel) Handle(kind string, fn func(ctx context.Context, t Timer) error) {
	w.handlers[kind] = fn
}

// row is what is stored of a timer, and where.
type row struct {
	Timer
	at       int64 // the moment under which it is stored: Due, or later after failures
	attempts uint64
}

func nanos(t time.Time) int64 {
	if t.Unix() <= 0 {
		return 1
	}
	return t.UnixNano()
}

func dueTable(s store.Shard) store.Key { return store.K(s, "timer", "due") }

func dueKey(s store.Shard, at int64, kind, id string) store.Key {
	return dueTable(s).U64(uint64(at)).Str(kind).Str(id)
}

func idKey(s store.Shard, kind, id string) store.Key {
	return store.K(s, "timer", "id").Str(kind).Str(id)
}

func (r row) value() []byte {
	b := binary.AppendUvarint(nil, r.attempts)
	b = binary.BigEndian.AppendUint64(b, uint64(nanos(r.Due)))
	return append(b, r.Payload...)
}

func readRow(s store.Shard, key, value []byte) (r row, err error) {
	at, rest, err := store.CutU64(key)
	if err != nil {
		return r, err
	}
	r.Shard, r.at = s, int64(at)
	if r.Kind, rest, err = store.CutStr(rest); err != nil {
		return r, err
	}
	if r.ID, _, err = store.CutStr(rest); err != nil {
		return r, err
	}
	attempts, n := binary.Uvarint(value)
	if n <= 0 || len(value) < n+8 {
		return r, fmt.Errorf("timer: malformed row %s %s", r.Kind, r.ID)
	}
	r.attempts = attempts
	r.Due = time.Unix(0, int64(binary.BigEndian.Uint64(value[n:]))).UTC()
	r.Payload = append([]byte(nil), value[n+8:]...)
	return r, nil
}

// Set implements Timers. A zero Due is due at once.
func (w *Wheel) Set(tx store.Tx, t Timer) error {
	return w.put(tx, row{Timer: t, at: nanos(t.Due)})
}

func (w *Wheel) put(tx store.Tx, r row) error {
	if err := w.Cancel(tx, r.Shard, r.Kind, r.ID); err != nil {
		return err
	}
	if err := tx.Put(dueKey(r.Shard, r.at, r.Kind, r.ID), r.value()); err != nil {
		return err
	}
	tx.AfterCommit(func(store.Stamp) { w.notice(r.Shard, r.at) })
	return tx.Put(idKey(r.Shard, r.Kind, r.ID), binary.BigEndian.AppendUint64(nil, uint64(r.at)))
}

// Cancel implements Timers. A timer that is not set is no error; one whose handler runs already is not called back.
func (w *Wheel) Cancel(tx store.Tx, s store.Shard, kind, id string) error {
	at, err := tx.Get(idKey(s, kind, id))
	if err != nil || at == nil {
		return err
	}
	if err := tx.Delete(dueKey(s, int64(binary.BigEndian.Uint64(at)), kind, id)); err != nil {
		return err
	}
	return tx.Delete(idKey(s, kind, id))
}

// Start implements Timers. Handlers get a context that ends with ctx and at Close.
func (w *Wheel) Start(ctx context.Context) error {
	first := [256]int64{}
	if err := w.o.Store.View(ctx, func(r store.Reader) error {
		for s := range first {
			o := store.Prefix(dueTable(store.Shard(s)))
			o.KeysOnly = true
			it := r.Scan(o)
			if it.Next() {
				at, _, err := store.CutU64(it.Key()[len(o.Lo):])
				if err != nil {
					return errors.Join(err, it.Close())
				}
				first[s] = int64(at)
			}
			if err := errors.Join(it.Err(), it.Close()); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("starting timers: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ctx, w.cancel = context.WithCancel(ctx)
	for s, at := range first {
		if at != 0 && (w.next[s] == 0 || at < w.next[s]) {
			w.next[s] = at
		}
	}
	w.arm()
	return nil
}

// Close implements Timers.
func (w *Wheel) Close() error {
	w.mu.Lock()
	if w.cancel != nil {
		w.cancel()
	}
	if w.stop != nil {
		w.stop()
	}
	w.mu.Unlock()
	w.work.Wait()
	return nil
}

// notice remembers that a shard has something to do at a moment.
func (w *Wheel) notice(s store.Shard, at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next[s] == 0 || at < w.next[s] {
		w.next[s] = at
		w.arm()
	}
}

// arm sets the alarm to the earliest moment of all shards; the caller holds mu.
func (w *Wheel) arm() {
	if w.ctx == nil || w.ctx.Err() != nil {
		return
	}
	first := int64(0)
	for _, at := range w.next {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	if first == w.alarm {
		return
	}
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	if w.alarm = first; first != 0 {
		w.stop = w.o.Clock.AfterNow(time.Unix(0, first), w.ring)
	}
}

// ring fires what is due in every shard.
func (w *Wheel) ring() {
	defer w.o.Clock.Busy("timer")()
	w.mu.Lock()
	if w.ctx.Err() != nil {
		w.mu.Unlock()
		return
	}
	w.work.Add(1)
	defer w.work.Done()
	w.alarm, w.stop = 0, nil
	now := w.o.Clock.Now()
	var due []store.Shard
	for s, at := range w.next {
		if at != 0 && at <= now.UnixNano() {
			due = append(due, store.Shard(s))
			w.next[s] = 0 // what is set from here on is noticed again
		}
	}
	w.mu.Unlock()
	for _, s := range due {
		next, err := w.fire(s, now)
		if err != nil && w.ctx.Err() == nil {
			w.o.Log.Error("reading due timers failed", "shard", s, "error", err)
			next = now.Add(firstRetry).UnixNano()
		}
		if next != 0 {
			w.notice(s, next)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arm()
}

// fire starts the handlers of a shard's due timers and gives the next moment to look at it.
func (w *Wheel) fire(s store.Shard, now time.Time) (next int64, err error) {
	lo := []byte(dueTable(s))
	for {
		rows, after, err := w.due(s, lo, now)
		if err != nil {
			return 0, err
		}
		for _, r := range rows {
			w.begin(r)
		}
		if len(rows) < maxScan {
			return after, nil
		}
		last := rows[len(rows)-1]
		lo = append(dueKey(s, last.at, last.Kind, last.ID), 0)
	}
}

// due reads due rows from lo on, and the moment of the first that is not due.
func (w *Wheel) due(s store.Shard, lo []byte, now time.Time) (rows []row, next int64, err error) {
	table := dueTable(s)
	err = w.o.Store.View(w.ctx, func(r store.Reader) error {
		rows, next = nil, 0
		it := r.Scan(store.ScanOptions{Lo: lo, Hi: table.End()})
		for len(rows) < maxScan && it.Next() {
			row, err := readRow(s, it.Key()[len(table):], it.Value())
			if err != nil {
				return errors.Join(err, it.Close())
			}
			if row.at > now.UnixNano() {
				next = row.at
				break
			}
			rows = append(rows, row)
		}
		return errors.Join(it.Err(), it.Close())
	})
	return rows, next, err
}

// begin hands a due row to its handler when there is a free slot. A row that is being handled is looked at again afterwards.
func (w *Wheel) begin(r row) {
	fn := w.handlers[r.Kind]
	key := string(idKey(r.Shard, r.Kind, r.ID))
	w.mu.Lock()
	defer w.mu.Unlock()
	if fn == nil {
		if !w.unknown[r.Kind] {
			w.unknown[r.Kind] = true
			w.o.Log.Error("a timer is due and nothing handles its kind; it is kept", "kind", r.Kind)
		}
		return
	}
	if _, on := w.running[key]; on {
		w.running[key] = true
		return
	}
	w.running[key] = false
	w.work.Add(1)
	w.mu.Unlock()
	w.slots <- struct{}{}
	w.mu.Lock()
	done := w.o.Clock.Busy("timer " + r.Kind)
	go func() {
		defer w.work.Done()
		defer done()
		err := w.handle(fn, r)
		<-w.slots
		w.end(key, r, err)
	}()
}

func (w *Wheel) handle(fn func(context.Context, Timer) error, r row) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err := w.ctx.Err(); err != nil {
		return err
	}
	return fn(w.ctx, r.Timer)
}

// end takes a handled row away, or puts a failed one back for later, unless it was set anew or cancelled meanwhile.
func (w *Wheel) end(key string, r row, failed error) {
	again := int64(0)
	if failed != nil && w.ctx.Err() != nil {
		failed, again = nil, -1 // we are closing: the row stays for the next start
	}
	if failed != nil {
		r.attempts++
		w.o.Log.Error("a timer failed", "kind", r.Kind, "id", r.ID, "attempt", r.attempts, "error", failed)
		again = w.o.Clock.Now().Add(delay(r.attempts)).UnixNano()
	}
	if again >= 0 {
		if err := w.settle(r, again); err != nil {
			w.o.Log.Error("a timer could not be settled and will fire again", "kind", r.Kind, "id", r.ID, "error", err)
			w.notice(r.Shard, w.o.Clock.Now().Add(firstRetry).UnixNano())
		}
	}
	w.mu.Lock()
	look := w.running[key]
	delete(w.running, key)
	w.mu.Unlock()
	if look {
		w.notice(r.Shard, 1)
	}
}

// delay is 1 s, 2 s, 4 s ... 5 min.
func delay(attempts uint64) time.Duration {
	return min(firstRetry<<min(attempts-1, 10), lastRetry)
}

func (w *Wheel) settle(r row, again int64) error {
	return w.o.Store.Update(context.WithoutCancel(w.ctx), func(tx store.Tx) error {
		at, err := tx.Get(idKey(r.Shard, r.Kind, r.ID))
		if err != nil || len(at) != 8 || int64(binary.BigEndian.Uint64(at)) != r.at {
			return err
		}
		if again != 0 {
			next := r
			next.at = again
			return w.put(tx, next)
		}
		return w.Cancel(tx, r.Shard, r.Kind, r.ID)
	})
}
