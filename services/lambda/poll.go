package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

// pollers run the event source mappings that are enabled.
type pollers struct {
	r      *lambdaRoom
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	active map[string]*poller // by the mapping's id; one that was ended stays until it is over
	work   sync.WaitGroup
}

// poller runs one mapping.
type poller struct {
	r       *lambdaRoom
	m       mapping
	sc      cloud.Scope
	src     cloud.ARN
	filters []filter
	cancel  context.CancelFunc
	over    chan struct{}
	calm    chan struct{} // what the mapping was before has ended
	settle  func()        // closes calm

	mu     sync.Mutex
	result string // what LastProcessingResult was last set to
}

// start begins polling for every mapping that is enabled, and ends what a former process did not end.
func (p *pollers) start(ctx context.Context) error {
	p.mu.Lock()
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.active = map[string]*poller{}
	p.mu.Unlock()
	var all []mapping
	err := p.r.d.Store.View(ctx, func(rd store.Reader) error {
		all = nil
		return anywhere(rd, "mapping", func(_ cloud.Scope, m mapping) { all = append(all, m) })
	})
	for _, m := range all {
		if m.Enabled || m.is(disabling) || m.is(deleting) {
			p.restart(m)
		}
	}
	return err
}

// restart ends a mapping's poller and, when it is over, begins a new one if the mapping is enabled.
func (p *pollers) restart(m mapping) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil || p.ctx.Err() != nil {
		return // not started yet, or closed
	}
	old := p.active[m.id()]
	if old != nil {
		old.cancel()
	}
	ctx, cancel := context.WithCancel(p.ctx)
	n := &poller{r: p.r, m: m, sc: m.function().Scope, src: m.source(), cancel: cancel, over: make(chan struct{}), calm: make(chan struct{})}
	n.settle = sync.OnceFunc(func() { close(n.calm) })
	p.active[m.id()] = n
	p.work.Go(func() {
		defer p.gone(n)
		if old != nil {
			<-old.over
		}
		n.run(ctx)
	})
}

// gone notes that a poller is over.
func (p *pollers) gone(n *poller) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n.cancel()
	n.settle()
	if p.active[n.m.id()] == n {
		delete(p.active, n.m.id())
	}
	close(n.over)
}

// settled waits until what a mapping was before its last change has ended.
func (p *pollers) settled(ctx context.Context, id string) error {
	p.mu.Lock()
	n := p.active[id]
	p.mu.Unlock()
	if n == nil || n.m.Enabled {
		return nil
	}
	select {
	case <-n.calm:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends all pollers and waits for what they run.
func (p *pollers) close() error {
	p.mu.Lock()
	if p.cancel != nil {
		p.cancel()
	}
	p.mu.Unlock()
	p.work.Wait()
	return nil
}

// linger is how long a mapping can still be seen as being deleted.
const linger = time.Second

// run does what the mapping asks for until ctx ends: it polls, or settles a mapping that is disabled or deleted.
func (p *poller) run(ctx context.Context) {
	if !p.m.Enabled {
		if p.m.is(deleting) {
			if p.settle(); !pause(ctx, linger) {
				return // the next start goes on
			}
		}
		if err := p.r.ended(ctx, p.sc, p.m.id()); err != nil && ctx.Err() == nil {
			p.r.d.Log.Error("an event source mapping stays as it was", "mapping", p.m.id(), "error", err)
		}
		return
	}
	filters, err := p.m.filters()
	if err != nil {
		p.r.d.Log.Error("an event source mapping has filters that cannot be read", "mapping", p.m.id(), "error", err)
		return
	}
	p.filters = filters
	if p.m.queue() {
		p.pollQueue(ctx)
	} else {
		p.pollStream(ctx)
	}
}

func resultKey(sc cloud.Scope, id string) []byte { return key(sc, "processed").Str(id) }

// lastResult shows what became of the last batch of a stream.
func (m *mapping) lastResult(rd store.Reader) error {
	if m.queue() {
		return nil
	}
	var s string
	ok, err := load(rd, resultKey(m.function().Scope, m.id()), &s)
	if ok {
		m.Config.LastProcessingResult = &s
	}
	return err
}

// The results that a stream's mapping shows.
const (
	resultOK      = "OK"
	resultProblem = "PROBLEM: Function call failed"
)

// note keeps what became of a batch; a result that is kept already costs nothing.
func (p *poller) note(ctx context.Context, result string) {
	p.mu.Lock()
	same := p.result == result
	p.result = result
	p.mu.Unlock()
	if same {
		return
	}
	err := p.r.d.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		b, err := tx.Get(mappingKey(p.sc, p.m.id()))
		if err != nil || b == nil {
			return err
		}
		return save(tx, resultKey(p.sc, p.m.id()), result)
	})
	if err != nil {
		p.r.d.Log.Warn("the result of a batch is not kept", "mapping", p.m.id(), "error", err)
	}
}

// warn logs trouble with the source: at first, and about once a minute as long as it lasts.
func (p *poller) warn(tries int, err error, more ...any) {
	if tries%6 == 0 {
		p.r.d.Log.Warn("reading a source", append([]any{"source", p.src.String(), "mapping", p.m.id(), "error", err}, more...)...)
	}
}

// problem shows what keeps a stream from being read, unless the platform itself does.
func (p *poller) problem(ctx context.Context, err error) {
	if e := cloud.AsError(err); e.Kind != cloud.Internal && e.Kind != cloud.Unavailable {
		p.note(ctx, "PROBLEM: "+e.Message)
	}
}

// pause waits, and tells whether to go on.
func pause(ctx context.Context, d time.Duration) bool { return pauseOr(ctx, d, nil) }

// pauseOr waits for a time or for a sign; false when ctx ends before.
func pauseOr(ctx context.Context, d time.Duration, sign <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-sign:
		return true
	case <-ctx.Done():
		return false
	}
}

// backoff doubles from 200 ms to 10 s.
func backoff(attempt int) time.Duration {
	return min(200*time.Millisecond<<min(attempt, 10), 10*time.Second)
}

// maxRecords is what the records of one batch may measure (Lambda Developer Guide, "Batching behavior"), with room for what is around them.
const maxRecords = maxSync - 4096

// call runs the function with a batch, as its role. Throttles are tried again for as long as patience lasts.
func (p *poller) call(ctx context.Context, payload []byte, trace cloud.Trace, patience time.Duration) (cloud.Result, error) {
	// A batch that runs is finished when the poller ends: only waiting stops.
	run := cloud.WithCall(context.WithoutCancel(ctx), cloud.Call{Scope: p.sc, Trace: trace, RequestID: p.r.d.IDs.UUID(), Secure: true})
	for attempt, waited := 0, time.Duration(0); ; attempt++ {
		pl, err := p.r.plan(run, p.m.function())
		if err != nil {
			return cloud.Result{}, err
		}
		res, err := p.r.run(run, pl, call{id: p.r.d.IDs.UUID(), payload: payload})
		if cloud.AsError(err).Kind != cloud.Throttled || err == nil || waited >= patience {
			return res, err
		}
		waited += backoff(attempt)
		if !pause(ctx, backoff(attempt)) {
			return res, err
		}
	}
}

// eventOf makes the event of a batch; more goes beside the records.
func eventOf[T any](records []T, text func(T) []byte, more any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"Records":[`)
	for i, r := range records {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(text(r))
	}
	b.WriteByte(']')
	if more != nil {
		raw, err := json.Marshal(more)
		if err != nil {
			return nil, err
		}
		b.WriteByte(',')
		b.Write(raw[1 : len(raw)-1])
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// reports tells whether the function may name the items that failed.
func (p *poller) reports() bool { return len(p.m.Config.FunctionResponseTypes) > 0 }

// failures reads a response with batchItemFailures (Lambda Developer Guide, "Implementing partial batch responses"). ok is false when the whole
// batch counts as failed; without names all of it succeeded. Keys are read as they are spelled.
func failures(payload []byte) (ids []string, ok bool) {
	switch string(bytes.TrimSpace(payload)) {
	case "", "null", `""`, "[]":
		return nil, true
	}
	var r map[string]json.RawMessage
	var items []map[string]json.RawMessage
	if json.Unmarshal(payload, &r) != nil || r["batchItemFailures"] != nil && json.Unmarshal(r["batchItemFailures"], &items) != nil {
		return nil, false
	}
	for _, i := range items {
		var id *string
		if json.Unmarshal(i["itemIdentifier"], &id) != nil || id == nil || *id == "" {
			return nil, false
		}
		ids = append(ids, *id)
	}
	return ids, true
}
