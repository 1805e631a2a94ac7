package cloudformation

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/cfn"
)

// run carries out one operation. All its fields belong to its one goroutine; handlers run beside it and come back over a channel.
type run struct {
	*service
	busy    *hold
	ctx     context.Context // carries the operation's Call
	o       operation
	st      *stack
	b       *cfn.Bound // of the new revision; nil for a deletion
	g       *cfn.Graph
	records map[string]*record
	imports map[string]bool

	dirty  map[string]bool // records to write
	gone   []string        // records to delete
	events []event
}

// start goes on with the operations that a former process left.
func (s *service) start(ctx context.Context) error {
	var found []operation
	err := s.d.Store.View(ctx, func(r store.Reader) error {
		found = nil
		for shard := range 256 {
			if err := each(r, store.K(store.Shard(shard), name, "op"), func(_ []byte, o *operation) error {
				if !o.Stopped {
					found = append(found, *o)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.purge(ctx)
	}
	for _, o := range found {
		s.launch(o)
	}
	return err
}

// kept is how long a deleted stack can be described, as on AWS.
const kept = 90 * 24 * time.Hour

// purge removes what is left of stacks that were deleted long ago.
func (s *service) purge(ctx context.Context) error {
	var old []*stack
	limit := s.d.Clock.Now().Add(-kept)
	err := s.d.Store.View(ctx, func(r store.Reader) error {
		old = nil
		for shard := range 256 {
			if err := each(r, store.K(store.Shard(shard), name, "stack"), func(_ []byte, st *stack) error {
				if st.Status == "DELETE_COMPLETE" && st.Deleted.Before(limit) {
					old = append(old, st)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, st := range old {
		if err == nil {
			err = s.d.Store.Update(ctx, func(tx store.Tx) error { return st.purge(tx) })
		}
	}
	return err
}

func (st *stack) purge(tx store.Tx) error {
	for _, p := range []store.Key{resourcePrefix(st.Scope, st.ID), eventPrefix(st.Scope, st.ID), changePrefix(st.Scope, st.ID), table(st.Scope, "template").Str(st.ID)} {
		if err := tx.DeleteRange(p, p.End()); err != nil {
			return err
		}
	}
	return tx.Delete(stackKey(st.Scope, st.ID))
}

// close ends the runs; what they have not done is done at the next start.
func (s *service) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.runs.Wait()
	return nil
}

func (s *service) launch(o operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return // the row is there: the next start takes it up
	}
	s.runs.Add(1)
	busy := &hold{clock: s.d.Clock, what: "cloudformation " + nameOf(o.StackID)}
	busy.done = s.d.Clock.Busy(busy.what)
	go func() {
		defer s.runs.Done()
		defer func() { busy.done() }()
		if err := s.carryOut(o, busy); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, store.ErrClosed) {
			s.d.Log.Error("a stack operation stopped; it goes on at the next start", "stack", o.StackID, "operation", o.ID, "error", err)
		}
	}()
}

// hold makes the clock wait for a run, but for the times in which its handlers only wait for time to pass.
type hold struct {
	clock   cloud.Clock
	what    string
	mu      sync.Mutex
	resting int
	done    func()
}

func (h *hold) rest(wait func()) {
	h.mu.Lock()
	if h.resting++; h.resting == 1 {
		h.done()
	}
	h.mu.Unlock()
	wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.resting--; h.resting == 0 {
		h.done = h.clock.Busy(h.what)
	}
}

func (s *service) carryOut(o operation, busy *hold) error {
	call := cloud.Call{Principal: o.As, Scope: o.Scope, RequestID: s.d.IDs.UUID(), Trace: o.Trace, Endpoint: o.Endpoint, Secure: true}
	r := &run{service: s, busy: busy, ctx: cloud.WithCall(s.ctx, call), o: o, st: new(stack), imports: map[string]bool{}, dirty: map[string]bool{}}
	var body string
	err := s.d.Store.View(r.ctx, func(rd store.Reader) (err error) {
		if found, err := load(rd, stackKey(o.Scope, o.StackID), r.st); err != nil || !found {
			return errors.Join(err, missing(found))
		}
		if r.records, err = loadRecords(rd, o.Scope, o.StackID); err != nil {
			return err
		}
		body, err = loadTemplate(rd, r.st, o.Next.Template)
		return err
	})
	if err != nil {
		return err
	}
	if o.Kind != "delete" && o.Phase == "forward" {
		if err := r.bindNext(body); err != nil {
			return r.fail(nil, err)
		}
	}
	return r.phases()
}

func missing(found bool) error {
	if found {
		return nil
	}
	return errors.New("cloudformation: an operation without a stack")
}

func (r *run) bindNext(body string) error {
	t, err := cfn.Parse([]byte(body))
	if err != nil {
		return err
	}
	env := r.env(r.ctx, r.st, r.o.As, func(n string) { r.imports[n] = true })
	if r.b, err = t.Bind(r.o.Next.Given, env); err != nil {
		return err
	}
	r.g, err = r.b.Graph()
	return err
}

// phases does what the operation's phase asks for, until the operation ends.
func (r *run) phases() error {
	switch r.o.Kind + " " + r.o.Phase {
	case "create forward", "update forward":
		return r.forward()
	case "create rollback":
		return r.rollbackCreate()
	case "update cleanup":
		return r.cleanup("UPDATE_COMPLETE")
	case "update rollback":
		return r.rollbackUpdate()
	case "update undo":
		return r.cleanup("UPDATE_ROLLBACK_COMPLETE")
	case "delete forward":
		return r.deleteAll("DELETE")
	}
	return errors.New("cloudformation: unknown phase " + r.o.Kind + " " + r.o.Phase)
}

// phase moves the operation on, with the stack's status, in one commit.
func (r *run) phase(next, status, why string) error {
	r.o.Phase = next
	e := r.st.turn(r.d, status, why, r.o.Token)
	r.events = append(r.events, e)
	return r.flush(func(tx store.Tx) error {
		if err := save(tx, opKey(r.st.Scope, r.st.ID), r.o); err != nil {
			return err
		}
		return save(tx, stackKey(r.st.Scope, r.st.ID), r.st)
	})
}

// finish ends the operation.
func (r *run) finish(status, why string, also func(store.Tx) error) error {
	e := r.st.turn(r.d, status, why, r.o.Token)
	r.events = append(r.events, e)
	return r.flush(func(tx store.Tx) error {
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		if err := tx.Delete(opKey(r.st.Scope, r.st.ID)); err != nil {
			return err
		}
		return save(tx, stackKey(r.st.Scope, r.st.ID), r.st)
	})
}

// flush writes what has changed since the last flush, in one commit.
func (r *run) flush(also func(store.Tx) error) error {
	if also == nil && len(r.dirty)+len(r.gone)+len(r.events) == 0 {
		return nil
	}
	err := r.d.Store.Update(r.ctx, func(tx store.Tx) error {
		for _, id := range slices.Sorted(maps.Keys(r.dirty)) {
			if err := save(tx, resourcePrefix(r.st.Scope, r.st.ID).Str(id), r.records[id]); err != nil {
				return err
			}
		}
		for _, id := range r.gone {
			if err := tx.Delete(resourcePrefix(r.st.Scope, r.st.ID).Str(id)); err != nil {
				return err
			}
		}
		for _, e := range r.events {
			if err := saveEvent(tx, r.st, e); err != nil {
				return err
			}
		}
		if also != nil {
			return also(tx)
		}
		return nil
	})
	if err == nil {
		r.dirty, r.gone, r.events = map[string]bool{}, nil, nil
	}
	return err
}

// mark gives a record a status and says so in an event; both are written at the next flush.
func (r *run) mark(rec *record, status, why string) {
	rec.Status, rec.Reason, rec.Updated = status, why, r.d.Clock.Now()
	r.dirty[rec.ID] = true
	r.say(rec, status, why)
}

func (r *run) say(rec *record, status, why string) {
	e := r.st.say(r.d, rec.ID, rec.Physical, rec.Type, status, why, r.o.Token)
	shown := rec.Props
	if rec.Attempt != nil {
		shown = rec.Attempt
	}
	if b, err := jsonBytes(shown); err == nil && len(shown) > 0 && !r.secret() {
		e.Props = string(b)
	}
	r.events = append(r.events, e)
}

// secret tells whether the stack has parameters whose values must not be shown.
func (r *run) secret() bool {
	return slices.ContainsFunc(r.o.Next.Values, func(v cfn.ParameterValue) bool { return v.NoEcho })
}

func ended(status string) bool {
	return strings.HasSuffix(status, "_COMPLETE") || status == "DELETE_SKIPPED"
}
