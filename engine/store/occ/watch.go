package occ

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"sundog/engine/store"
	"sundog/engine/store/overlay"
)

// watermark is the number up to which all commits are durable.
type watermark struct {
	n       atomic.Uint64
	mu      sync.Mutex
	waiting atomic.Int32
	waiters []waiter
}

type waiter struct {
	n  uint64
	ch chan struct{}
}

// raise moves the watermark up to n.
func (w *watermark) raise(n uint64) {
	for {
		old := w.n.Load()
		if old >= n {
			return
		}
		if w.n.CompareAndSwap(old, n) {
			break
		}
	}
	if w.waiting.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiters = slices.DeleteFunc(w.waiters, func(x waiter) bool {
		if x.n > w.n.Load() {
			return false
		}
		close(x.ch)
		return true
	})
}

// wait returns when the watermark has reached n, or ctx's error.
func (w *watermark) wait(ctx context.Context, n uint64) error {
	if w.n.Load() >= n {
		return nil
	}
	w.waiting.Add(1) // before the second look: raise then sees it
	defer w.waiting.Add(-1)
	w.mu.Lock()
	if w.n.Load() >= n {
		w.mu.Unlock()
		return nil
	}
	x := waiter{n, make(chan struct{})}
	w.waiters = append(w.waiters, x)
	w.mu.Unlock()
	select {
	case <-x.ch:
		return nil
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		w.waiters = slices.DeleteFunc(w.waiters, func(y waiter) bool { return y.ch == x.ch })
		return ctx.Err()
	}
}

// watchers finds the channels to wake by the prefixes of written keys.
type watchers struct {
	count   atomic.Int32
	mu      sync.RWMutex
	by      map[string][]chan struct{}
	lengths map[int]int // length of prefix -> how many prefixes have it
}

func (w *watchers) init() { w.by, w.lengths = map[string][]chan struct{}{}, map[int]int{} }

func (w *watchers) add(prefix []byte) (wake <-chan struct{}, stop func()) {
	p, ch := string(prefix), make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.by[p]) == 0 {
		w.lengths[len(p)]++
	}
	w.by[p] = append(w.by[p], ch)
	w.count.Add(1)
	return ch, sync.OnceFunc(func() { w.drop(p, ch) })
}

func (w *watchers) drop(p string, ch chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count.Add(-1)
	w.by[p] = slices.DeleteFunc(w.by[p], func(c chan struct{}) bool { return c == ch })
	if len(w.by[p]) > 0 {
		return
	}
	delete(w.by, p)
	if w.lengths[len(p)]--; w.lengths[len(p)] == 0 {
		delete(w.lengths, len(p))
	}
}

// notify wakes those who watch what a commit wrote.
func (w *watchers) notify(r *record) {
	if w.count.Load() == 0 {
		return
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, keys := range [][][]byte{r.keys, r.stamped} {
		for _, k := range keys {
			for n := range w.lengths {
				if n <= len(k) {
					wakeAll(w.by[string(k[:n])])
				}
			}
		}
	}
	for _, d := range r.dels {
		for p, all := range w.by {
			if overlaps(d, []byte(p)) {
				wakeAll(all)
			}
		}
	}
}

// overlaps tells whether a range holds keys with the prefix.
func overlaps(d overlay.Range, prefix []byte) bool {
	end := store.PrefixEnd(prefix)
	return (end == nil || bytes.Compare(d.Lo, end) < 0) && (d.Hi == nil || bytes.Compare(prefix, d.Hi) < 0)
}

func wakeAll(all []chan struct{}) {
	for _, ch := range all {
		select {
		case ch <- struct{}{}:
		default: // it has a wake-up that it has not taken yet
		}
	}
}

// updater is a running Update in the list of active ones.
type updater struct {
	saw        uint64 // it has seen all commits up to this one
	prev, next *updater
}

// list is a ring of updaters, oldest first.
type list struct{ root updater }

func (l *list) init() { l.root.prev, l.root.next = &l.root, &l.root }

func (l *list) push(a *updater) {
	a.prev, a.next = l.root.prev, &l.root
	a.prev.next, l.root.prev = a, a
}

func (l *list) remove(a *updater) { a.prev.next, a.next.prev = a.next, a.prev }

func (l *list) front() *updater {
	if l.root.next == &l.root {
		return nil
	}
	return l.root.next
}
