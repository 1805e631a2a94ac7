package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/runtimes"
	"sundog/internal/connlimit"
)

var (
	errClosed  = cloud.Errorf(cloud.Unavailable, "ServiceException", "The platform is shutting down.")
	errDropped = errors.New("process: the version was dropped") // the caller takes a new pool
)

// queueTime is how much longer than the function's timeout an invocation without a deadline waits for an environment.
const queueTime = 10 * time.Second

// reserveKB is the memory of the machine that new environments leave alone.
const reserveKB = 192 << 10

// Driver runs functions in processes. It implements compute.Compute.
type Driver struct {
	o            Options
	ctx          context.Context // ends at Close
	cancel       context.CancelFunc
	runtimes     string       // where the embedded runtimes are
	etc          string       // the /etc of sandboxes
	ownEtc       func() error // makes etc, once
	ownJavaStore func() error // the same for what Java functions need there
	wantEtc      atomic.Bool  // soon, so that the first sandbox finds it made
	compiled     sync.Map     // interpreters' paths whose runtime is, or is being, compiled
	spawner      *spawner
	groups       *groups
	interpreters interpreters
	spares       *spares
	seeds        *seeds
	connections  *connlimit.Limit // of all sandboxes
	hosts        atomic.Int64     // numbers the hosts' folders
	live         atomic.Int64     // environments of all pools
	booting      atomic.Int64     // of those, the ones that start
	processors   processors

	mu     sync.RWMutex
	pools  map[string]*pool
	closed bool
	work   sync.WaitGroup // everything that Close waits for

	memMu sync.Mutex
	memAt time.Time
	memOK bool

	watchMu sync.Mutex
	watched map[*environment]struct{} // all that live, starting ones too
}

// New makes a driver and its folder. The caller closes it.
func New(o Options) (*Driver, error) {
	if o.Dir == "" || o.Clock == nil || o.IDs == nil {
		return nil, errors.New("process: Dir, Clock and IDs are required")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	o.Dir = dir
	d := &Driver{o: o.withDefaults(), groups: newGroups(), pools: map[string]*pool{}, watched: map[*environment]struct{}{}}
	if d.runtimes, err = runtimes.Extract(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "environments"), 0o700); err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	sweep(filepath.Join(dir, "environments"))
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.spawner = newSpawner(o.Reexec)
	d.ownEtc, d.ownJavaStore = sync.OnceValue(d.makeEtc), sync.OnceValue(d.makeJavaStore)
	if d.etc = filepath.Join(dir, "etc"); o.Reexec && !o.Unsandboxed {
		d.spawner.sandbox = d.trySandbox
	}
	d.connections = connlimit.New(connlimit.Files()/2, d.o.Connections, func() {
		d.o.Log.Warn("functions have half as many connections open as this process may have files; further ones are reset")
	})
	d.seeds = &seeds{d: d}
	d.spares = &spares{d: d, stocks: map[spareKey]*stock{}}
	d.work.Go(d.keep)
	return d, nil
}

// Invoke takes the most recently used idle environment, or starts one.
func (d *Driver) Invoke(ctx context.Context, v compute.Version, i compute.Invocation) (compute.Result, error) {
	wait := v.Timeout + queueTime
	if !i.Deadline.IsZero() {
		wait = i.Deadline.Sub(d.o.Clock.Wall())
	}
	for {
		r, err := d.invoke(ctx, &v, &i, wait)
		if !errors.Is(err, errDropped) {
			return r, err
		}
	}
}

func (d *Driver) invoke(ctx context.Context, v *compute.Version, i *compute.Invocation, wait time.Duration) (compute.Result, error) {
	p, err := d.enter(v)
	if err != nil {
		return compute.Result{}, err
	}
	defer d.work.Done()
	g, err := p.acquire(ctx, wait)
	if err != nil {
		return compute.Result{}, err
	}
	if g.u != nil {
		return g.u.result(i)
	}
	r, broken := g.e.run(i)
	if broken || !g.e.attached {
		p.release(g.e, broken)
		return r, nil
	}
	d.work.Go(func() { // the response does not wait for extensions
		e, answered, settled := g.e, g.e.used, i.Settled
		broken := e.settle(i, e.deadline)
		took := d.o.Clock.Wall().Sub(answered)
		p.release(e, broken)
		if settled != nil {
			settled(took)
		}
	})
	return r, nil
}

// result tells an invocation that its environment did not come up, with what that wrote.
func (u *unbooted) result(i *compute.Invocation) (compute.Result, error) {
	if u.err != nil {
		return compute.Result{}, u.err
	}
	e := u.e
	r := compute.Result{Kind: u.a.kind, Cold: true, Init: u.took, MaxMemoryMB: u.peakMB, Environment: e.id, LogStream: e.stream}
	r.Payload = bytes.ReplaceAll(u.a.payload, []byte(e.initID), []byte(i.RequestID))
	r.Error = strings.ReplaceAll(u.a.text, e.initID, i.RequestID)
	if e.before != nil { // the second init is a part of the invocation
		r.Init, r.Duration = 0, spent(u.a.kind, u.took, e.pool.v.Timeout)
	}
	if i.Started != nil {
		s := e.start()
		s.Cold, s.Early, s.Failed, s.Init = true, false, true, r.Init
		i.Started(s)
	}
	if e.host != nil {
		e.out.begin(i.Log)
		e.out.end()
	}
	return r, nil
}

// enter gives the version's pool and counts the caller in: it calls d.work.Done when it leaves.
func (d *Driver) enter(v *compute.Version) (*pool, error) {
	d.mu.RLock()
	p := d.pools[v.ID]
	if p != nil {
		d.work.Add(1)
	}
	d.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	if v.Timeout <= 0 || v.MemoryMB <= 0 || v.ID == "" {
		return nil, fmt.Errorf("process: version %q without id, timeout or memory", v.ID)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	if p = d.pools[v.ID]; p == nil {
		p = &pool{d: d, v: *v}
		d.pools[v.ID] = p
	}
	d.work.Add(1)
	return p, nil
}

// Ensure starts environments beforehand until there are n, keeps as many, tells of them, and returns when they are ready.
func (d *Driver) Ensure(ctx context.Context, v compute.Version, n int, told func(compute.Start, []compute.LogLine)) error {
	p, err := d.enter(&v)
	if err != nil {
		return err
	}
	defer d.work.Done()
	return p.ensure(ctx, n, told)
}

// Drop ends a version's idle environments at once and the busy ones after their call.
func (d *Driver) Drop(versionID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.pools[versionID]; p != nil { // none are left after Close
		delete(d.pools, versionID)
		p.drop()
	}
}

// Runtimes tells which runtimes can run here. The first call starts the interpreters to ask for their versions.
func (d *Driver) Runtimes(context.Context) []compute.Runtime {
	var all []compute.Runtime
	for _, n := range runtimes.Names() {
		r := d.interpreters.describe(n)
		if n.Family == runtimes.Java && r.Missing == "" {
			r.Missing = d.lacksClient()
		}
		all = append(all, r)
	}
	return all
}

// Stats counts the environments of all versions.
func (d *Driver) Stats() compute.Stats {
	var s compute.Stats
	for _, p := range d.allPools() {
		idle, busy, starting := p.counts()
		s.Idle, s.Busy, s.Starting = s.Idle+idle, s.Busy+busy, s.Starting+starting
	}
	return s
}

// Isolation tells how environments are held together: "sandbox", "pid", "userns", "reaper" or "plain"; and whether the kernel bounds their memory.
func (d *Driver) Isolation() (processes string, memory bool) {
	return string(d.spawner.modeHere()), d.groups.base != ""
}

// Sandboxed tells whether environments are sandboxes; if not, lack says why, nil when none was wanted.
func (d *Driver) Sandboxed() (ok bool, lack error) {
	ok = d.sandboxed()
	return ok, d.spawner.lack
}

// MemoryBy tells what bounds the memory of environments: "cgroup v2", "cgroup v1" or "sampling".
func (d *Driver) MemoryBy() string {
	switch {
	case d.groups.base == "":
		return "sampling"
	case d.groups.v2:
		return "cgroup v2"
	}
	return "cgroup v1"
}

func (d *Driver) allPools() []*pool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	all := make([]*pool, 0, len(d.pools))
	for _, p := range d.pools {
		all = append(all, p)
	}
	return all
}

// admit reserves a place for one more environment on this machine; it ends the least recently used idle one of another version if it must.
func (d *Driver) admit() bool {
	for d.live.Add(1) > int64(d.o.MaxEnvironments) || !d.memory() {
		d.live.Add(-1)
		if !d.evict() {
			return false
		}
	}
	return true
}

func (d *Driver) evict() bool {
	var victim *pool
	var since time.Time
	for _, p := range d.allPools() {
		if t, ok := p.oldest(); ok && (victim == nil || t.Before(since)) {
			victim, since = p, t
		}
	}
	return victim != nil && victim.evict()
}

// memory tells whether the machine has memory left for one more; it looks at most every 100 ms.
func (d *Driver) memory() bool {
	d.memMu.Lock()
	defer d.memMu.Unlock()
	now := d.o.Clock.Wall()
	if now.Sub(d.memAt) > 100*time.Millisecond {
		kb := machineKB("MemAvailable:")
		d.memAt, d.memOK = now, kb == 0 || kb > reserveKB
	}
	return d.memOK
}

// background runs f in a goroutine that Close waits for; false when the driver is closed.
func (d *Driver) background(f func()) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return false
	}
	d.work.Go(f)
	return true
}

// keep ends what has been idle for too long, and, where the kernel does not, watches the environments' memory.
func (d *Driver) keep() {
	every := min(max(d.o.IdleTimeout/4, 5*time.Millisecond), 250*time.Millisecond)
	tick := time.NewTimer(every)
	defer tick.Stop()
	lastUse := d.o.Clock.Wall()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-tick.C:
			tick.Reset(every)
		}
		now := d.o.Clock.Wall()
		for _, p := range d.allPools() {
			p.expire(now.Add(-d.o.IdleTimeout))
			p.keep()
			p.attend(now.Add(-every))
			d.freeze(p, now)
		}
		d.spares.trim(now)
		d.sample()
		if d.wantEtc.Swap(false) {
			d.background(func() { _ = d.ownEtc() }) // what starts a sandbox gets the error
		}
		if d.live.Load() > 0 {
			lastUse = now
		} else if now.Sub(lastUse) > d.o.IdleTimeout {
			d.spares.clear(false)
			d.seeds.clear(false)
		}
	}
}

// sample kills what uses more memory than its function has: where no kernel group does, and where the kernel, at the limit, only takes the
// program's own pages away and reads them again, for minutes.
func (d *Driver) sample() {
	for _, e := range d.environments() {
		if e.overMemory() {
			e.oom.Store(true)
			e.endAll()
		}
	}
}

func (e *environment) overMemory() bool {
	v := &e.pool.v
	if used, ok := e.d.groups.anonymousKB(e.group); ok {
		return used > v.MemoryMB<<10
	}
	var pids []int
	for _, p := range e.heads() {
		pids = append(pids, treeOf(p.pid)...)
	}
	over := func(own, shared int) bool { return own > v.MemoryMB<<10 || own+shared > (v.MemoryMB+ephemeral(v))<<10 } // the latter is a group's limit
	return over(residentKB(pids)) && over(proportionalKB(pids))
}

func (d *Driver) environments() []*environment {
	d.watchMu.Lock()
	defer d.watchMu.Unlock()
	all := make([]*environment, 0, len(d.watched))
	for e := range d.watched {
		all = append(all, e)
	}
	return all
}

func (d *Driver) watch(e *environment, on bool) {
	d.watchMu.Lock()
	defer d.watchMu.Unlock()
	if on {
		d.watched[e] = struct{}{}
	} else {
		delete(d.watched, e)
	}
}

// Close ends every environment and waits for it; running invocations end as if their process had.
func (d *Driver) Close(ctx context.Context) error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	pools := d.pools
	d.pools = map[string]*pool{}
	d.mu.Unlock()
	d.cancel()
	for _, p := range pools {
		p.drop()
	}
	d.spares.clear(true)
	d.seeds.clear(true)
	for _, e := range d.environments() {
		if e.active.Load() { // the others end as idle ones do
			e.endAll()
		}
	}
	done := make(chan struct{})
	go func() { d.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	d.spawner.close()
	d.groups.close()
	return nil
}

var _ compute.Compute = (*Driver)(nil)
