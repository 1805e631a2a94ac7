package bus

import (
	"sundog/cloud"
	"sundog/engine/store"
)

// Targets share what the dispatcher has, by service: how many deliveries run at once, and how many wait in memory. A target gets at most half of
// what its service has free, so that one that stands still never takes all, and each gets a little even when nothing is free. So neither a slow
// endpoint nor many of them hold up what is delivered to others.
const (
	maxKnown = 8192     // deliveries of a service in memory; the others wait in the store
	maxBytes = 64 << 20 // of their payloads
	minKnown = 8        // deliveries of a target for which there is room in any case
)

// pool is the targets of one service.
type pool struct {
	running, known, bytes int
	starved               []*target // have a backlog, nothing in memory, and found no room
}

func (p *pool) full() bool { return p.known >= 2*maxKnown || p.bytes >= 2*maxBytes }

// target is what waits for one target.
type target struct {
	arn          cloud.ARN
	pool         *pool
	tasks        []task
	running      int
	known, bytes int // of the unordered deliveries in memory
	// waiting are the shards in which deliveries wait for room in memory, apart from what is due; see backlog.go.
	waiting  map[store.Shard]bool
	draining bool // a scan for them is on its way
}

// task is one delivery, or a turn of a group.
type task struct {
	entry *entry
	group *group
}

// target gives what is known of a target; the caller holds mu.
func (b *Dispatcher) target(arn cloud.ARN) *target {
	q := b.targets[arn]
	if q != nil {
		return q
	}
	p := b.pools[arn.Service]
	if p == nil {
		p = &pool{}
		b.pools[arn.Service] = p
	}
	q = &target{arn: arn, pool: p, waiting: map[store.Shard]bool{}}
	b.targets[arn] = q
	return q
}

// leave forgets a target of which there is nothing any more; the caller holds mu.
func (b *Dispatcher) leave(q *target) {
	if q.running == 0 && len(q.tasks) == 0 && q.known == 0 && len(q.waiting) == 0 && !q.draining {
		delete(b.targets, q.arn)
	}
}

// room tells whether one more delivery to a target may be in memory.
func (q *target) room() bool {
	p := q.pool
	if q.known < minKnown {
		return !p.full()
	}
	return q.known < (maxKnown-p.known)/2 && q.bytes < (maxBytes-p.bytes)/2
}

// allowance is how many deliveries to a target may run at once; the caller holds mu.
func (b *Dispatcher) allowance(q *target) int {
	return min(b.o.PerTarget, max(1, (b.o.Total-q.pool.running)/2))
}

// ready queues a task for its target and sees that there is a worker; the caller holds mu.
func (b *Dispatcher) ready(q *target, t task) {
	q.tasks = append(q.tasks, t)
	b.staff(q)
}

// staff starts workers for a target as its allowance lets it; the caller holds mu.
func (b *Dispatcher) staff(q *target) {
	for len(q.tasks) > 0 && q.running < b.allowance(q) && !b.closed {
		t := q.next()
		q.running++
		q.pool.running++
		b.work.Add(1)
		go b.worker(q, t)
	}
}

func (q *target) next() task {
	t := q.tasks[0]
	q.tasks[0] = task{}
	q.tasks = q.tasks[1:]
	return t
}

// worker runs tasks of a target until there are none, or others need the place more.
func (b *Dispatcher) worker(q *target, t task) {
	defer b.work.Done()
	for more := true; more; {
		var over *entry
		if t.group != nil {
			b.turn(t.group)
		} else if v := b.attempt(t.entry); v.kind == finished && t.entry.over {
			b.report(t.entry, v)
			over = t.entry
		} else {
			b.settle(t.entry, v)
		}
		t, more = b.another(q, over)
	}
}

// another gives a worker its next task, after one that is over and leaves nothing to be settled; false ends it.
func (b *Dispatcher) another(q *target, over *entry) (task, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if over != nil {
		b.unload(over)
		b.refill()
	}
	q.running--
	q.pool.running--
	if len(q.tasks) == 0 || q.running >= b.allowance(q) || b.closed {
		b.leave(q)
		return task{}, false
	}
	t := q.next()
	q.running++
	q.pool.running++
	b.staff(q)
	return t, true
}

// enter counts a delivery that is in memory from now on; the caller holds mu.
func (q *target) enter(e *entry) {
	q.known++
	q.bytes += len(e.Payload)
	q.pool.known++
	q.pool.bytes += len(e.Payload)
}

// exit is the opposite of enter; the caller holds mu.
func (b *Dispatcher) exit(q *target, payload int) {
	q.known--
	q.bytes -= payload
	q.pool.known--
	q.pool.bytes -= payload
	b.drain(q)
	b.leave(q)
	if p := q.pool; len(p.starved) > 0 && !p.full() {
		starved := p.starved
		p.starved = nil
		for _, q := range starved {
			b.drain(q)
		}
	}
}
