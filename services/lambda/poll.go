package lambda

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/eventpattern"
)

// pollers run the event source mappings that are enabled.
type pollers struct {
	r      *lambdaRoom
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	active map[string]*poller // by the mapping's id
	last   map[string]string
	work   sync.WaitGroup
}

// poller runs one mapping.
type poller struct {
	r       *lambdaRoom
	m       mapping
	sc      cloud.Scope
	src     cloud.ARN
	filters []*eventpattern.Pattern
	cancel  context.CancelFunc
	over    chan struct{}
}

// start begins polling for every mapping that is enabled.
func (p *pollers) start(ctx context.Context) error {
	p.mu.Lock()
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.active, p.last = map[string]*poller{}, map[string]string{}
	p.mu.Unlock()
	var all []mapping
	err := p.r.d.Store.View(ctx, func(rd store.Reader) error {
		for s := range 256 {
			err := each(rd, store.K(store.Shard(s), service, "mapping"), func(m mapping) (bool, error) { all = append(all, m); return true, nil })
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, m := range all {
		p.restart(m)
	}
	return err
}

// restart ends a mapping's poller and, if the mapping is enabled, begins a new one when the old one has ended.
func (p *pollers) restart(m mapping) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil || p.ctx.Err() != nil {
		return // not started yet, or closed
	}
	old := p.active[m.id()]
	delete(p.active, m.id())
	if old != nil {
		old.cancel()
	}
	if !m.Enabled {
		return
	}
	filters, err := m.filters()
	if err != nil {
		p.r.d.Log.Error("an event source mapping has filters that cannot be read", "mapping", m.id(), "error", err)
		return
	}
	ctx, cancel := context.WithCancel(p.ctx)
	n := &poller{r: p.r, m: m, sc: m.function().Scope, src: m.source(), filters: filters, cancel: cancel, over: make(chan struct{})}
	p.active[m.id()] = n
	p.work.Go(func() {
		defer close(n.over)
		if old != nil {
			<-old.over
		}
		if m.queue() {
			n.pollQueue(ctx)
		} else {
			n.pollStream(ctx)
		}
	})
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

// lastResult shows what became of the last batch of a stream.
func (p *pollers) lastResult(m *mapping) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.last[m.id()]; ok && !m.queue() {
		m.Config.LastProcessingResult = &s
	}
}

func (p *poller) note(result string) {
	p.r.pollers.mu.Lock()
	defer p.r.pollers.mu.Unlock()
	p.r.pollers.last[p.m.id()] = result
}

// matches tells whether an event passes the filters: one of them is enough.
func (p *poller) matches(event any) bool {
	if len(p.filters) == 0 {
		return true
	}
	for _, f := range p.filters {
		if f.Match(event) {
			return true
		}
	}
	return false
}

// pause waits, and tells whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// backoff doubles from 200 ms to 10 s.
func backoff(attempt int) time.Duration {
	return min(200*time.Millisecond<<min(attempt, 10), 10*time.Second)
}

// call runs the function with a batch of records, as its role. Throttles are tried again for as long as patience lasts.
func (p *poller) call(ctx context.Context, records []json.RawMessage, trace cloud.Trace, patience time.Duration) (cloud.Result, error) {
	payload, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		return cloud.Result{}, err
	}
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

// reports tells whether the function may name the items that failed.
func (p *poller) reports() bool { return len(p.m.Config.FunctionResponseTypes) > 0 }

// failures reads a response with batchItemFailures (Lambda Developer Guide, "Implementing partial batch responses"). ok is false when the whole
// batch counts as failed; without names all of it succeeded.
func failures(payload []byte) (ids []string, ok bool) {
	var r struct {
		Items []struct {
			ID *string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if string(payload) == "null" || len(payload) == 0 {
		return nil, true
	}
	if err := json.Unmarshal(payload, &r); err != nil {
		return nil, false
	}
	for _, i := range r.Items {
		if i.ID == nil || *i.ID == "" {
			return nil, false
		}
		ids = append(ids, *i.ID)
	}
	return ids, true
}
