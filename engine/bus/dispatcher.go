package bus

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/telemetry"
	"sundog/internal/recent"
)

// Options are what a Dispatcher stands on. Telemetry may be nil.
type Options struct {
	Store     store.Store
	Clock     cloud.Clock
	IDs       cloud.IDs
	Log       *slog.Logger
	Telemetry telemetry.Recorder
	// Authorise judges a delivery that needs the action; see Policies. A refusal is an *Error of kind Denied; other errors of kinds that
	// never change by themselves end the delivery too, and any other error is infrastructure's.
	Authorise func(ctx context.Context, d Delivery, action string) error
	PerTarget int // deliveries to one target at once; 0: 64
	Total     int // deliveries to the targets of one service at once, besides one for each target; 0: 1024
}

// Binding finds the rooms by an ARN's service; each func gives nil when there is none.
type Binding struct {
	Target func(service string) Target
	Source func(service string) Source
	Stream func(service string) Stream
	Report func(service string) Reporter // of the room that emits; nil: there is none at all
}

// Dispatcher implements Bus. Memory holds a bounded window over the outboxes.
//
// Lock order: scans, then mu.
type Dispatcher struct {
	o    Options
	bind Binding

	ctx    context.Context // ends at Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	scans sync.Mutex // one scan at a time

	mu      sync.Mutex
	started bool
	closed  bool
	known   map[string]*entry         // unordered deliveries in memory, by name
	early   *recent.Map[string, bool] // names that a scan found and that are over; see arrive
	removed map[string]bool           // names that left known during the running scan; nil: none runs
	groups  map[string]*group         // groups in memory, by key
	parcels map[string]*parcel        // of which due deliveries are in memory, by name
	targets map[cloud.ARN]*target
	pools   map[string]*pool // by service
	next    [256]int64       // earliest due moment in the store that is not in memory, by shard; 0: none
	spilt   [256]bool        // due deliveries wait in the store for room in memory
	spiltG  [256]bool        // groups wait in the store for room in memory
	spills  bool             // one of the above is set
	rescan  bool             // a scan for what was spilt is on its way
	alarm   int64
	stop    func()
	held    int // what the clock must wait for
	idle    func()

	settling []*settlement
	flushing bool
}

var _ Bus = (*Dispatcher)(nil)

// New makes a bus over a store. Emit works at once; deliveries begin after Start.
func New(o Options) *Dispatcher {
	if o.PerTarget == 0 {
		o.PerTarget = 64
	}
	if o.Total == 0 {
		o.Total = 1024
	}
	b := &Dispatcher{o: o, known: map[string]*entry{}, groups: map[string]*group{}, parcels: map[string]*parcel{}, targets: map[cloud.ARN]*target{}, pools: map[string]*pool{}, early: recent.New[string, bool](4096)}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// Bind tells where the rooms are. Call it before Start, and before Source and Stream.
func (b *Dispatcher) Bind(r Binding) { b.bind = r }

// Source implements Bus.
func (b *Dispatcher) Source(a cloud.ARN) (Source, error) {
	if b.bind.Source != nil {
		if s := b.bind.Source(a.Service); s != nil {
			return s, nil
		}
	}
	return nil, cloud.NotImplementedf("%s is not a source of messages on this platform.", a)
}

// Stream implements Bus.
func (b *Dispatcher) Stream(a cloud.ARN) (Stream, error) {
	if b.bind.Stream != nil {
		if s := b.bind.Stream(a.Service); s != nil {
			return s, nil
		}
	}
	return nil, cloud.NotImplementedf("%s has no change stream on this platform.", a)
}

// Permit implements Bus.
func (b *Dispatcher) Permit(ctx context.Context, as cloud.Principal, resource cloud.ARN, action string) error {
	call := cloud.Call{Principal: as, Scope: cloud.Scope{Account: as.Account, Region: resource.Region}, RequestID: b.o.IDs.UUID(), Secure: true}
	return b.o.Authorise(cloud.WithCall(ctx, call), Delivery{As: as, Scope: call.Scope, Target: resource}, action)
}

// Start begins to deliver, also what was left by an earlier run.
func (b *Dispatcher) Start(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.started = true
	var all []store.Shard
	for s := range b.next {
		all = append(all, store.Shard(s))
	}
	b.background(func() {
		b.scan(all, all)
		b.scanning(func() {
			for _, s := range all {
				b.tryScan(s, b.scanWaits)
				b.tryScan(s, b.sweep)
			}
		})
	}, func() {})
	return nil
}

// Close ends the deliveries that run, and waits for them; what is not settled is tried again at the next start.
func (b *Dispatcher) Close() error {
	b.mu.Lock()
	b.closed = true
	if b.stop != nil {
		b.stop()
	}
	b.mu.Unlock()
	b.cancel()
	b.work.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held > 0 {
		b.held = 0
		b.idle()
	}
	return nil
}

// entry is a delivery in memory.
type entry struct {
	stored
	shard   store.Shard
	at      int64     // under which it waits; 0 in a group
	index   store.Key // its own row in the due, wait or group table; nil: its parcel is due
	aside   bool      // it was put into its target's backlog
	group   *group
	to      *target     // while it is in known
	parcel  *parcel     // nil: it is stored by itself
	bit     int         // in the parcel
	scanned bool        // found in the store by a scan
	parked  bool        // waited as its group's head: it may have been cancelled since
	over    bool        // its rows are gone: the target has accepted it
	gone    atomic.Bool // cancelled, or its body is not there
}

// end takes a delivery out of the outbox.
func (e *entry) end(tx store.Tx) error {
	if err := e.strike(tx); err != nil {
		return err
	}
	if e.parcel != nil {
		return tx.Add(overKey(e.shard, e.parcel.name), 1<<e.bit)
	}
	return tx.Delete(bodyKey(e.shard, e.ID))
}

// strike takes away a delivery's index row, if it has one to itself.
func (e *entry) strike(tx store.Tx) error {
	if e.index == nil {
		return nil
	}
	return tx.Delete(e.index)
}

// waits tells whether a delivery is in the outbox.
func (e *entry) waits(r store.Reader) (bool, error) {
	if e.index != nil {
		if v, err := r.Get(e.index); v == nil || err != nil || e.parcel != nil {
			return v != nil, err
		}
	}
	if e.parcel != nil {
		v, err := r.Get(overKey(e.shard, e.parcel.name))
		return !e.parcel.isOver(v, e.bit), err
	}
	v, err := r.Get(bodyKey(e.shard, e.ID))
	return v != nil, err
}

func name(s store.Shard, id string) string { return string(rune(s)) + id }

// accept takes deliveries that have just been committed.
func (b *Dispatcher) accept(entries []*entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started || b.closed {
		return // Start finds them in the store
	}
	for _, e := range entries {
		b.arrive(e)
	}
}

// arrive takes one delivery that has been committed; the caller holds mu.
func (b *Dispatcher) arrive(e *entry) {
	switch {
	case e.OrderKey != "":
		b.noticeGroup(e.shard, groupKey(e.shard, e.Target, e.OrderKey), e.Target)
	case e.aside:
		b.waits(e.shard, e.Target)
	case e.at > b.o.Clock.Now().UnixNano():
		b.notice(e.shard, e.at)
	case b.wasEarly(e):
		// A scan can find a delivery before its commit is told of here, and it can be over by then. What is there shows another scan.
		b.goScan(e.shard)
	default:
		if q := b.target(e.Target); q.room() {
			b.load(q, e)
			return
		}
		if e.parcel != nil {
			e.parcel.partial = true
		}
		b.spilt[e.shard], b.spills = true, true
		b.refill()
	}
}

func (b *Dispatcher) wasEarly(e *entry) bool {
	if b.early.Len() == 0 {
		return false
	}
	_, over := b.early.Get(name(e.shard, e.ID))
	return over
}

// load brings a due delivery into memory and makes it ready; one that is there already is left. The caller holds mu.
func (b *Dispatcher) load(q *target, e *entry) {
	n := name(e.shard, e.ID)
	if b.known[n] != nil {
		return
	}
	b.known[n], e.to = e, q
	if p := e.parcel; p != nil {
		if p.live++; e.index == nil {
			b.parcels[name(p.shard, p.name)] = p
		}
	}
	q.enter(e)
	b.hold()
	b.ready(q, task{entry: e})
}

// unload takes a delivery out of memory that is over, or waits in the store for another moment; the caller holds mu.
func (b *Dispatcher) unload(e *entry) {
	n := name(e.shard, e.ID)
	delete(b.known, n)
	if b.removed != nil {
		b.removed[n] = true
	}
	if e.scanned {
		b.early.Put(n, true)
	}
	b.exit(e.to, len(e.Payload))
	b.drop(e.parcel)
	b.release()
}

func (b *Dispatcher) cancelled(s store.Shard, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.known[name(s, id)]; e != nil {
		e.gone.Store(true)
	}
}

// hold keeps the clock from moving on; release ends it. The caller holds mu.
func (b *Dispatcher) hold() {
	if b.held++; b.held == 1 {
		b.idle = b.o.Clock.Busy("bus")
	}
}

func (b *Dispatcher) release() {
	if b.held--; b.held == 0 {
		b.idle()
	}
}

// notice remembers that a shard has something due at a moment; the caller holds mu.
func (b *Dispatcher) notice(s store.Shard, at int64) {
	if b.next[s] == 0 || at < b.next[s] {
		b.next[s] = at
		b.arm()
	}
}

// arm sets the alarm to the earliest due moment; the caller holds mu.
func (b *Dispatcher) arm() {
	first := int64(0)
	for _, at := range b.next {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	if first == b.alarm || b.closed {
		return
	}
	if b.stop != nil {
		b.stop()
		b.stop = nil
	}
	if b.alarm = first; first != 0 {
		b.stop = b.o.Clock.AfterNow(time.Unix(0, first), b.ring)
	}
}

// ring looks at the shards in which something is due.
func (b *Dispatcher) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alarm, b.stop = 0, nil
	now := b.o.Clock.Now().UnixNano()
	var shards []store.Shard
	for s, at := range b.next {
		if at != 0 && at <= now {
			b.next[s] = 0
			shards = append(shards, store.Shard(s))
		}
	}
	b.goScan(shards...)
	b.arm()
}
