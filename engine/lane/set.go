package lane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"sundog/engine/store"
	"sundog/engine/store/overlay"
)

const (
	maxBatch  = 512 // functions in one commit
	maxFlight = 8   // commits of one shard on their way to the disk
)

// Set implements Lanes for all shards of a store. A shard has goroutines only while it has work.
type Set struct {
	store  store.Store
	log    *slog.Logger
	shards [256]shard

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup // accepted and not answered
}

var _ Lanes = (*Set)(nil)

// New makes lanes over a store; when it is a store.Submitter, commits overlap. log gets what owners' open functions fail with.
func New(s store.Store, log *slog.Logger) *Set {
	l := &Set{store: s, log: log}
	for i := range l.shards {
		sh := &l.shards[i]
		sh.set, sh.id = l, store.Shard(i)
		sh.landed.L = &sh.mu
	}
	return l
}

// Do implements Lanes. When ctx ends before fn has begun, fn does not run and ctx's error is returned; after that Do waits for the commit.
func (l *Set) Do(ctx context.Context, s store.Shard, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return store.ErrClosed
	}
	l.calls.Add(1)
	l.mu.Unlock()
	defer l.calls.Done()
	c := &call{fn: fn, done: make(chan struct{})}
	sh := &l.shards[s]
	sh.add(c)
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
	}
	if sh.take(c) {
		return ctx.Err()
	}
	<-c.done
	return c.err
}

// Own implements Lanes. A shard may have several owners; they are opened in the order of Own.
func (l *Set) Own(s store.Shard, open func(context.Context) error, shut func()) {
	sh := &l.shards[s]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.owners = append(sh.owners, &owner{open: open, shut: shut})
}

// Close implements Lanes. It also shuts the owners.
func (l *Set) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.calls.Wait()
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		for sh.running || sh.landing {
			sh.landed.Wait()
		}
		owners := sh.owners
		sh.mu.Unlock()
		shut(owners)
	}
	return nil
}

// call is one Do.
type call struct {
	fn   func(store.Tx) error
	err  error
	done chan struct{}
}

type owner struct {
	open   func(context.Context) error
	shut   func()
	opened bool // touched by the shard's runner only, and by Close after it
}

func shut(owners []*owner) {
	for _, o := range owners {
		if o.opened {
			o.opened = false
			o.shut()
		}
	}
}

// flight is a batch whose writes are visible and that waits to be durable.
type flight struct {
	calls []*call
	wait  func() error
}

// shard is one lane. Its runner takes batches from the queue; its lander answers them in order once they are durable.
type shard struct {
	set *Set
	id  store.Shard

	mu      sync.Mutex
	landed  sync.Cond // flights became fewer, or a goroutine ended
	queue   []*call
	flights []flight
	running bool
	landing bool
	stale   bool // a commit failed: memory must be rebuilt
	owners  []*owner
}

func (sh *shard) add(c *call) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.queue = append(sh.queue, c)
	if !sh.running {
		sh.running = true
		go sh.run()
	}
}

// take removes a call that has not begun; false when it has.
func (sh *shard) take(c *call) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for i, q := range sh.queue {
		if q == c {
			sh.queue = append(sh.queue[:i:i], sh.queue[i+1:]...)
			return true
		}
	}
	return false
}

// run works off the queue and ends when it is empty.
func (sh *shard) run() {
	for {
		batch := sh.next()
		if batch == nil {
			return
		}
		if err := sh.ready(); err != nil {
			answer(batch, err)
			continue
		}
		sh.fly(batch)
	}
}

// next takes a batch once there is room for one more flight; nil ends the runner.
func (sh *shard) next() []*call {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for len(sh.flights) >= maxFlight {
		sh.landed.Wait()
	}
	n := min(len(sh.queue), maxBatch)
	if n == 0 {
		sh.running = false
		sh.queue = nil
		sh.landed.Broadcast()
		return nil
	}
	batch := sh.queue[:n:n]
	sh.queue = sh.queue[n:]
	return batch
}

// ready opens the owners that are not open; after a failed commit it shuts and opens all of them.
func (sh *shard) ready() error {
	sh.mu.Lock()
	owners, stale := sh.owners, sh.stale
	sh.mu.Unlock()
	if stale {
		sh.drain()
		shut(owners)
		sh.mu.Lock()
		sh.stale = false
		sh.mu.Unlock()
	}
	for _, o := range owners {
		if o.opened {
			continue
		}
		if err := o.open(context.Background()); err != nil {
			sh.set.log.Error("opening a shard failed", "shard", sh.id, "error", err)
			return fmt.Errorf("opening shard %d: %w", sh.id, err)
		}
		o.opened = true
	}
	return nil
}

// drain waits until every flight has landed, so that nothing publishes to memory any more.
func (sh *shard) drain() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for len(sh.flights) > 0 {
		sh.landed.Wait()
	}
}

func (sh *shard) markStale() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.stale = len(sh.owners) > 0
}

// fly commits a batch and hands it to the lander.
func (sh *shard) fly(batch []*call) {
	b := &batchRun{shard: sh, calls: batch}
	wait, err := sh.submit(b.run)
	if len(b.rest) > 0 {
		sh.mu.Lock()
		sh.queue = append(append(make([]*call, 0, len(b.rest)+len(sh.queue)), b.rest...), sh.queue...)
		sh.mu.Unlock()
	}
	if err != nil {
		sh.markStale()
		answer(b.ran(), err)
		return
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.flights = append(sh.flights, flight{b.ran(), wait})
	if !sh.landing {
		sh.landing = true
		go sh.land()
	}
}

// submit begins a commit; without a Submitter it is over when it returns.
func (sh *shard) submit(fn func(store.Tx) error) (wait func() error, err error) {
	if s, ok := sh.set.store.(store.Submitter); ok {
		return s.Submit(context.Background(), fn)
	}
	err = sh.set.store.Update(context.Background(), fn)
	return func() error { return nil }, err
}

// land answers flights in order and ends when there is none.
func (sh *shard) land() {
	sh.mu.Lock()
	for len(sh.flights) > 0 {
		f := sh.flights[0]
		sh.mu.Unlock()
		err := f.wait()
		if err != nil {
			sh.markStale()
		}
		answer(f.calls, err)
		sh.mu.Lock()
		sh.flights = sh.flights[1:]
		sh.landed.Broadcast()
	}
	sh.flights, sh.landing = nil, false
	sh.landed.Broadcast()
	sh.mu.Unlock()
}

// answer ends calls; a failed commit's error goes before a function's own.
func answer(calls []*call, err error) {
	for _, c := range calls {
		if err != nil {
			c.err = err
		}
		close(c.done)
	}
}

// batchRun runs a batch's functions in one transaction.
type batchRun struct {
	shard *shard
	calls []*call
	rest  []*call // did not fit into this transaction any more
	runs  int
}

func (b *batchRun) ran() []*call { return b.calls[:len(b.calls)-len(b.rest)] }

// run is the transaction. It may run again after a conflict: then memory is rebuilt first, for functions may have changed it.
func (b *batchRun) run(tx store.Tx) error {
	if b.runs++; b.runs > 1 {
		b.shard.markStale()
		if err := b.shard.ready(); err != nil {
			return err
		}
	}
	b.rest = nil
	size := 0
	for i, c := range b.calls {
		own := overlay.New(tx)
		if c.err = guard(c.fn, own); c.err != nil {
			continue
		}
		if size += own.Size(); size > store.MaxUpdate/2 && i > 0 && size-own.Size() > 0 {
			b.rest = b.calls[i:]
			b.shard.markStale() // c will run again
			return nil
		}
		if c.err = own.WriteTo(tx); c.err != nil {
			return c.err
		}
		for _, h := range own.Hooks() {
			tx.AfterCommit(func(s store.Stamp) { b.shard.hook(h, s) })
		}
	}
	return nil
}

// hook runs a function that a commit caused; its panic ends nothing but itself.
func (sh *shard) hook(h func(store.Stamp), s store.Stamp) {
	defer func() {
		if p := recover(); p != nil {
			sh.set.log.Error("panic after a commit", "shard", sh.id, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	h(s)
}

// guard runs a function and makes an error of a panic.
func guard(fn func(store.Tx) error, tx store.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, p, debug.Stack())
		}
	}()
	return fn(tx)
}

// ErrPanic says that a function panicked in its lane; its writes were dropped.
var ErrPanic = errors.New("lane: panic")
