package storetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync"

	"sundog/engine/store"
	"sundog/engine/store/overlay"
)

// A process that is going to be killed runs Work and tells every answer it got as a line; Check then finds out whether a store that was
// opened afterwards keeps what was told.
//
//	ack W N   writer W's commit N was acknowledged: it put (W, N), added 1 to a counter, and appended to a log
//	saw W N   a View saw that writer W had come to N

const crashWriters = 8

func crashKey(w int) store.Key { return key("crash", w) }

// Work writes and reads until the context ends or the store fails, and writes a line for every answer.
func Work(ctx context.Context, s store.Store, out io.Writer) error {
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(out, format, args...) // the reader may have gone, then nobody asks
	}
	var wg sync.WaitGroup
	errs := make(chan error, 2*crashWriters)
	for w := range crashWriters {
		wg.Go(func() {
			for n := int64(1); ctx.Err() == nil; n++ {
				if err := s.Update(ctx, func(tx store.Tx) error { return crashStep(tx, w, n) }); err != nil {
					errs <- err
					return
				}
				say("ack %d %d\n", w, n)
			}
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				var n int64
				if err := s.View(ctx, func(r store.Reader) error {
					v, err := r.Get(crashKey(w))
					n = overlay.Count(v)
					return err
				}); err != nil {
					errs <- err
					return
				}
				say("saw %d %d\n", w, n)
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

func crashStep(tx store.Tx, w int, n int64) error {
	if err := tx.Put(crashKey(w), overlay.Counter(n)); err != nil {
		return err
	}
	if err := tx.Put(key("crashes", w).U64(uint64(n)), make([]byte, 100)); err != nil {
		return err
	}
	if err := tx.Add(key("crashed"), 1); err != nil {
		return err
	}
	return tx.PutStamped(key("crashlog"), nil, nil)
}

// Told is what Work's lines promise, by writer.
type Told [crashWriters]int64

// Listen reads lines until there are no more, or until a number of acknowledgements has been read; a last line without end is left out.
func (told *Told) Listen(in *bufio.Reader, acks int) (n int, err error) {
	for n < acks {
		line, err := in.ReadString('\n')
		if err != nil {
			return n, err
		}
		var what string
		var w int
		var at int64
		if _, err := fmt.Sscanf(line, "%s %d %d", &what, &w, &at); err != nil {
			return n, fmt.Errorf("line %q: %w", line, err)
		}
		told[w] = max(told[w], at)
		if what == "ack" {
			n++
		}
	}
	return n, nil
}

// Check tells what a store has lost of what was told, or how it contradicts itself; nil when all is well.
func (told *Told) Check(s store.Store) error {
	return s.View(context.Background(), func(r store.Reader) error {
		total := int64(0)
		for w := range told {
			v, err := r.Get(crashKey(w))
			if err != nil {
				return err
			}
			n := overlay.Count(v)
			if n < told[w] {
				return fmt.Errorf("writer %d: %d was told, %d is kept", w, told[w], n)
			}
			keys, _, err := scan(r, store.Prefix(key("crashes", w)))
			if err != nil {
				return err
			}
			if int64(len(keys)) != n {
				return fmt.Errorf("writer %d: %d commits, %d of their keys", w, n, len(keys))
			}
			total += n
		}
		v, err := r.Get(key("crashed"))
		if err != nil {
			return err
		}
		if n := overlay.Count(v); n != total {
			return fmt.Errorf("%d commits, the counter has %d", total, n)
		}
		keys, _, err := scan(r, store.Prefix(key("crashlog")))
		if err != nil {
			return err
		}
		if int64(len(keys)) != total {
			return fmt.Errorf("%d commits, %d in the log", total, len(keys))
		}
		return nil
	})
}
