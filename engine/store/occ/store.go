package occ

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sundog/engine/store"
	"sundog/engine/store/overlay"
)

// retryFor bounds how long an Update is tried again after conflicts.
const retryFor = 5 * time.Second

// Store implements store.Store over a Driver.
type Store struct {
	drv Driver

	mu      sync.Mutex // commits are validated and applied under it
	log     log
	last    uint64        // number of the newest commit
	begun   atomic.Uint64 // last, raised before a commit is applied: a snapshot holds no later one
	visible atomic.Uint64 // last, raised after a commit is applied: a snapshot holds all up to it
	durable watermark

	act    sync.Mutex // active and its order
	active list       // running Updates by what they saw

	queues queues
	watch  watchers

	life    sync.RWMutex // held for reading by every call; Close takes it
	closed  bool
	running sync.WaitGroup // commits that are not durable yet
}

var _ store.Store = (*Store)(nil)
var _ store.Submitter = (*Store)(nil)

// New makes a store of a driver. last is the number of the newest commit of an earlier run, or a number above it.
func New(drv Driver, last uint64) *Store {
	s := &Store{drv: drv, last: last}
	s.log.init(last)
	s.begun.Store(last)
	s.visible.Store(last)
	s.durable.n.Store(last)
	s.active.init()
	s.watch.init()
	return s
}

// enter begins a call; leave ends it.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return store.ErrClosed
	}
	s.running.Add(1)
	s.life.RUnlock()
	return nil
}

func (s *Store) leave() { s.running.Done() }

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	snap, err := s.drv.Snapshot(false)
	if err != nil {
		return err
	}
	// A commit that is not durable may be in the snapshot: what fn reads must be known.
	upto := s.begun.Load()
	if s.durable.n.Load() >= upto {
		_, err := run(snap, func() error { return fn(snap) })
		return err
	}
	r := &recorder{base: snap}
	closed, failed := run(snap, func() error { return fn(r) })
	if !closed {
		return failed
	}
	if err := s.durable.wait(ctx, s.seen(r, upto)); err != nil {
		return err
	}
	return failed
}

// run runs a function and closes its snapshot, also when it panics. closed is false when closing failed; the error then says so.
func run(snap Snapshot, fn func() error) (closed bool, err error) {
	defer func() {
		if e := snap.Close(); e != nil {
			closed, err = false, errors.Join(err, e)
		}
	}()
	return true, fn()
}

// seen gives the newest commit up to upto that wrote something r read and is not durable; 0 when there is none.
func (s *Store) seen(r *recorder, upto uint64) uint64 {
	after := s.durable.n.Load()
	if after >= upto {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return min(s.log.newest(r, after), upto)
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	wait, err := s.Submit(ctx, fn)
	if err != nil {
		return err
	}
	return wait()
}

// Submit implements store.Submitter.
func (s *Store) Submit(ctx context.Context, fn func(store.Tx) error) (wait func() error, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	left := false
	defer func() {
		if !left {
			s.leave() // failed, or fn panicked
		}
	}()
	p, err := s.try(ctx, fn)
	if err != nil {
		return nil, err
	}
	left = true
	return func() error {
		defer s.leave()
		return s.finish(p)
	}, nil
}

// pending is a commit that is visible and not known to be durable.
type pending struct {
	n      uint64
	seen   uint64 // commits up to this one must be durable before the answer leaves, when nothing was written
	commit Commit // nil: nothing was written
	rec    *record
	hooks  []func(store.Stamp)
}

// finish waits for durability, then tells those who wait for the commit.
func (s *Store) finish(p pending) error {
	if p.commit != nil {
		if err := p.commit.Wait(); err != nil {
			return err
		}
		s.durable.raise(p.n)
		s.watch.notify(p.rec)
	}
	if err := s.durable.wait(context.Background(), p.seen); err != nil {
		return err
	}
	var stamp store.Stamp
	binary.BigEndian.PutUint64(stamp[:], p.n)
	for _, h := range p.hooks {
		h(stamp)
	}
	return nil
}

// try runs fn until it commits.
func (s *Store) try(ctx context.Context, fn func(store.Tx) error) (pending, error) {
	var held hold
	var limit *time.Timer
	for {
		p, err := s.turn(ctx, fn, &held)
		var c conflict
		if !errors.As(err, &c) {
			if limit != nil {
				limit.Stop()
			}
			return p, err
		}
		if limit == nil {
			limit = time.NewTimer(retryFor)
		}
		select {
		case <-limit.C:
			return pending{}, store.ErrConflict
		case <-ctx.Done():
			limit.Stop()
			return pending{}, ctx.Err()
		default:
		}
		held.want(c.key)
		if !s.queues.acquire(ctx, &held, limit.C) {
			if err := ctx.Err(); err != nil {
				limit.Stop()
				return pending{}, err
			}
			return pending{}, store.ErrConflict
		}
	}
}

// conflict is a failed validation; key is the hash of a key that another commit wrote.
type conflict struct{ key uint64 }

func (conflict) Error() string { return "occ: conflict" }

// turn is an attempt with the turns in the queues that held has, which end with it.
func (s *Store) turn(ctx context.Context, fn func(store.Tx) error, held *hold) (pending, error) {
	defer s.queues.release(held)
	return s.attempt(ctx, fn, held)
}

// attempt runs fn once against a fresh snapshot.
func (s *Store) attempt(ctx context.Context, fn func(store.Tx) error, held *hold) (pending, error) {
	a := s.begin()
	defer s.end(a)
	snap, err := s.drv.Snapshot(true)
	if err != nil {
		return pending{}, err
	}
	r := &recorder{base: snap, queues: &s.queues, held: held}
	b := overlay.New(r)
	closed, failed := run(snap, func() error { return fn(b) })
	if !closed {
		return pending{}, failed
	}
	upto := s.begun.Load()
	if r.queue != 0 {
		return pending{}, conflict{r.queue}
	}
	if failed != nil {
		if err := s.durable.wait(ctx, s.seen(r, upto)); err != nil {
			return pending{}, err
		}
		return pending{}, failed
	}
	if b.Empty() {
		return pending{n: a.saw, seen: s.seen(r, upto), hooks: b.Hooks()}, nil
	}
	c, err := s.drv.Prepare(b)
	if err != nil {
		return pending{}, err
	}
	return s.commit(a, r, b, c)
}

func (s *Store) commit(a *updater, r *recorder, b *overlay.Buffer, c Commit) (pending, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key, ok := s.log.validate(r, a.saw); !ok {
		c.Discard()
		return pending{}, conflict{key}
	}
	n := s.last + 1
	stamped := b.Stamp(n)
	s.begun.Store(n)
	done, err := c.Apply(n, stamped)
	if err != nil {
		s.begun.Store(s.last)
		return pending{}, err
	}
	s.last = n
	rec := newRecord(n, b, stamped)
	s.log.add(rec)
	s.visible.Store(n)
	if done {
		s.durable.raise(n)
	}
	s.log.prune(min(s.oldest(), s.durable.n.Load()))
	return pending{n: n, commit: c, rec: rec, hooks: b.Hooks()}, nil
}

// begin registers a running Update.
func (s *Store) begin() *updater {
	s.act.Lock()
	defer s.act.Unlock()
	a := &updater{saw: s.visible.Load()}
	s.active.push(a)
	return a
}

func (s *Store) end(a *updater) {
	s.act.Lock()
	defer s.act.Unlock()
	s.active.remove(a)
}

// oldest gives the commit number up to which every running Update has seen everything.
func (s *Store) oldest() uint64 {
	s.act.Lock()
	defer s.act.Unlock()
	if a := s.active.front(); a != nil {
		return a.saw
	}
	return s.visible.Load()
}

// Watch implements store.Store.
func (s *Store) Watch(prefix []byte) (wake <-chan struct{}, stop func()) { return s.watch.add(prefix) }

// Close implements store.Store. Closing again gives nil.
func (s *Store) Close() error {
	s.life.Lock()
	if s.closed {
		s.life.Unlock()
		return nil
	}
	s.closed = true
	s.life.Unlock()
	s.running.Wait()
	return s.drv.Close()
}
