package asl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sundog/lang/jsonpath"
)

// fork starts the branches of a Parallel.
func (x *Execution) fork(t *thread, s *State) error {
	_, params, err := x.arguments(t, s)
	if err != nil {
		return err
	}
	if x.probe.mocked(x, t, s) {
		return nil
	}
	if len(x.threads)+len(s.Branches) > maxThreads {
		return runtime("The execution has more than %d branches and iterations at once.", maxThreads)
	}
	if len(s.Branches)*len(params.str()) > maxForked {
		return tooLarge(s.Name)
	}
	t.Phase, t.Group = phaseGroup, &group{Count: len(s.Branches), Next: len(s.Branches)}
	x.emit(t, "ParallelStateStarted", nil)
	for i := range s.Branches {
		b := x.newThread(t.ID, i)
		b.Prev, b.State, b.in = t.Prev, s.Branches[i].StartAt, params
		x.push(b)
	}
	return nil
}

// mapItems starts the iterations of a Map.
func (x *Execution) mapItems(t *thread, s *State) error {
	effective, err := x.pick(t, s.input, t.in)
	if err != nil {
		return err
	}
	x.probe.before(&effective, nil)
	sc := x.scope(t, &effective)
	concurrency, err := s.concurrency(sc)
	if err != nil {
		return err
	}
	items, err := s.list(sc)
	if err != nil {
		return err
	}
	x.probe.mapped(items, s.maxConcurrency)
	if x.probe.mocked(x, t, s) {
		return nil
	}
	t.items = make([]string, len(items))
	for i, v := range items {
		t.items[i] = jsonpath.Text(v)
	}
	x.changed["i"+strconv.Itoa(t.ID)] = true
	t.Phase, t.Group = phaseGroup, &group{Count: len(items), Max: concurrency}
	x.emit(t, "MapStateStarted", &Details{Length: ptr(int64(len(items)))})
	if len(items) == 0 {
		return x.join(t, s)
	}
	started := t.Prev
	for t.Group.Next < min(concurrency, len(items)) {
		if err := x.iterate(t, s, started); err != nil {
			return err
		}
	}
	return nil
}

// concurrency gives how many iterations run at once.
func (s *State) concurrency(sc *scope) (int, error) {
	n := s.maxConcurrency.fixed
	if p := s.maxConcurrency.path; p != nil {
		v, err := p.eval(sc)
		if err != nil {
			return 0, badPath(p, err)
		}
		shown, ok := v.(string)
		if !ok {
			shown = jsonpath.Text(v)
		}
		if n, err = strconv.ParseInt(shown, 10, 64); err != nil {
			return 0, runtime("The MaxConcurrencyPath field refers to value \"%s\" which is not a valid integer: %s", shown, p.text)
		}
		if n < 0 {
			return 0, runtime("The MaxConcurrencyPath field refers to value \"%s\" which is not a valid non-negative integer: %s", shown, p.text)
		}
	}
	if n == 0 || n > maxIterations {
		n = maxIterations
	}
	return int(n), nil
}

func (s *State) list(sc *scope) ([]any, error) {
	v, path := sc.input, "$"
	if s.items != nil {
		path = s.items.path.Canonical()
		var err error
		if v, err = s.items.eval(sc); err != nil {
			return nil, badPath(s.items, err)
		}
	}
	l, ok := v.([]any)
	if !ok {
		return nil, &Failure{Name: ErrRuntime, Cause: fmt.Sprintf("Reference path \"%s\" must point to array.", path)}
	}
	return l, nil
}

// iterate starts the next iteration; prev is the event that it hangs on.
func (x *Execution) iterate(t *thread, s *State, prev int64) error {
	if len(x.threads) >= maxThreads {
		return runtime("The execution has more than %d branches and iterations at once.", maxThreads)
	}
	i := t.Group.Next
	t.Group.Next++
	c := x.newThread(t.ID, i)
	c.Item, c.State = &t.items[i], s.Processor.StartAt
	c.Prev = x.event("MapIterationStarted", prev, &Details{Name: &s.Name, Index: ptr(int64(i))})
	c.in = docText(t.items[i])
	if s.itemSelector != nil {
		effective, err := x.pick(t, s.input, t.in)
		if err != nil {
			return err
		}
		sc := x.scope(t, &effective)
		sc.context = func() *jsonpath.Object {
			o := x.contextObject(t)
			if m, ok := x.contextObject(c).Get("Map"); ok {
				o.Set("Map", m)
			}
			return o
		}
		v, err := s.itemSelector.render(sc)
		if err != nil {
			return err
		}
		if c.in = docValue(v); !c.in.fits() {
			return tooLarge(s.Name)
		}
	}
	x.push(c)
	return nil
}

// childDone takes the output of a branch or iteration.
func (x *Execution) childDone(p, c *thread, out doc) {
	s := x.state(p)
	if x.outputs[p.ID] == nil {
		x.outputs[p.ID] = map[int]string{}
	}
	x.outputs[p.ID][c.Slot] = out.str()
	x.changed["o"+strconv.Itoa(p.ID)+"."+strconv.Itoa(c.Slot)] = true
	p.Group.Done++
	p.Prev = c.Prev
	if s.Type == Map {
		p.Prev = x.event("MapIterationSucceeded", c.Prev, &Details{Name: &s.Name, Index: ptr(int64(c.Slot))})
	}
	x.drop(c)
	x.touch(p)
	var err error
	switch {
	case p.Group.Done == p.Group.Count:
		err = x.join(p, s)
	case p.Group.Next < p.Group.Count:
		err = x.iterate(p, s, c.Prev)
	}
	if err != nil {
		x.fail(p, asFailure(err))
	}
}

// join makes the result of all outputs.
func (x *Execution) join(t *thread, s *State) error {
	x.event(string(s.Type)+"StateSucceeded", t.Prev, nil)
	outputs := x.outputs[t.ID]
	size := 2
	for _, o := range outputs {
		size += len(o) + 1
	}
	if size > 8*MaxData {
		x.dropGroup(t)
		return tooLarge(s.Name)
	}
	parts := make([]string, len(outputs))
	for i := range parts {
		parts[i] = outputs[i]
	}
	x.dropGroup(t)
	return x.conclude(t, s, docText("["+strings.Join(parts, ",")+"]"))
}

// childFailed ends a Parallel or Map for the failure of one of its threads.
func (x *Execution) childFailed(p, c *thread, f *Failure) {
	s := x.state(p)
	last := c.Prev
	if s.Type == Map {
		x.event("MapIterationFailed", last, &Details{Name: &s.Name, Index: ptr(int64(c.Slot))})
	}
	x.drop(c)
	x.abandon(p, last)
	p.Prev = last
	x.touch(p)
	x.fail(p, f)
}

// abandon ends all threads below p.
func (x *Execution) abandon(p *thread, prev int64) {
	s := x.state(p)
	for _, c := range x.childrenOf(p) {
		if s.Type == Map {
			x.event("MapIterationAborted", prev, &Details{Name: &s.Name, Index: ptr(int64(c.Slot))})
		}
		x.abandon(c, prev)
		x.quit(c)
		if st := x.state(c); st != nil && c.Phase != phaseEnter {
			switch st.Type {
			case Task, Wait, Parallel, Map:
				x.event(string(st.Type)+"StateAborted", prev, nil)
			}
		}
		x.drop(c)
	}
}

// quit cancels what the thread waits for.
func (x *Execution) quit(t *thread) {
	if t.Task != nil && t.Phase == phaseTask {
		x.commands = append(x.commands, Command{Cancel: t.Task.ID})
	}
	t.Task, t.Due, t.Beat = nil, time.Time{}, time.Time{}
}

// childrenOf gives the threads right below p, by their slots.
func (x *Execution) childrenOf(p *thread) []*thread {
	if p.Group == nil {
		return nil
	}
	var out []*thread
	for _, t := range x.threads {
		if t.Parent == p.ID {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *thread) int { return a.Slot - b.Slot })
	return out
}
