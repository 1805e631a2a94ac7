package process

import "time"

// thawLimit is how long a sandbox has to let its programs go on; one that does not is ended.
const thawLimit = 2 * time.Second

// freeze stops the sandboxes of a pool that have been idle for a while. Lambda does so as soon as there is a response; here what a function left to do
// has a moment more, and one that is called all the time is not stopped and started for each call.
func (d *Driver) freeze(p *pool, now time.Time) {
	if d.o.FreezeAfter < 0 || !d.sandboxed() {
		return
	}
	before := now.Add(-d.o.FreezeAfter)
	for _, e := range p.resting(before) {
		d.work.Go(func() { e.freeze(before) })
	}
}

// resting lists the environments that run although they have been idle since before. Those that deliver telemetry are let be: it is on its way yet.
func (p *pool) resting(before time.Time) (found []*environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.idle {
		if !e.used.Before(before) {
			break // the others were used later
		}
		if !e.ice.TryLock() { // it is being stopped
			continue
		}
		if !e.frozen && (e.api == nil || !e.api.Listens()) {
			found = append(found, e)
		}
		e.ice.Unlock()
	}
	return found
}

// freeze stops the environment, if it is still idle. An invocation that takes it meanwhile waits in thaw.
func (e *environment) freeze(before time.Time) {
	e.ice.Lock()
	defer e.ice.Unlock()
	if e.frozen || !e.pool.rests(e, before) {
		return
	}
	if err := e.control().Freeze(true); err != nil {
		e.d.o.Log.Debug("an idle environment was not frozen", "function", e.pool.v.Function, "error", err) // it ended
		return
	}
	e.frozen = true
}

// rests tells whether an environment has been idle since before.
func (p *pool) rests(e *environment, before time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.idle {
		if x == e {
			return e.used.Before(before)
		}
	}
	return false
}

// thaw lets the environment go on if it is frozen.
func (e *environment) thaw() {
	e.ice.Lock()
	defer e.ice.Unlock()
	if !e.frozen {
		return
	}
	e.frozen = false
	late := time.AfterFunc(thawLimit, e.endAll)
	defer late.Stop()
	if e.control().Freeze(false) != nil {
		e.endAll() // who uses it finds that it has ended
	}
}
