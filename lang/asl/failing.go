package asl

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"sundog/lang/jsonpath"
)

// fail handles the failure of the thread's state: retry, catch, or the end of the thread.
func (x *Execution) fail(t *thread, f *Failure) {
	x.touch(t)
	if f.located {
		f = &Failure{Name: f.Name, Cause: fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", t.State, t.Event, f.Cause)}
	}
	s := x.state(t)
	x.abandon(t, t.Prev)
	if s != nil && x.retry(t, s, f) {
		return
	}
	if t.Group != nil {
		x.emit(t, string(s.Type)+"StateFailed", nil)
		x.dropGroup(t)
	}
	if s != nil && x.catch(t, s, f) {
		return
	}
	if x.probe != nil {
		x.probe.failed(x, f)
		return
	}
	if t.Parent != 0 {
		x.childFailed(x.threads[t.Parent], t, f)
		return
	}
	x.head.Status = Failed
	x.head.Error, x.head.Cause = f.pointers()
	x.emit(t, "ExecutionFailed", &Details{Error: x.head.Error, Cause: x.head.Cause})
	x.drop(t)
}

// retry waits for the state's next attempt if an entry of Retry has one left.
func (x *Execution) retry(t *thread, s *State, f *Failure) bool {
	for i, r := range s.Retry {
		if !f.matchesAny(r.Errors) {
			continue
		}
		if t.Retried == nil {
			t.Retried = make([]int, len(s.Retry))
		}
		n := t.Retried[i]
		if x.probe != nil {
			n = x.probe.Retries
		}
		if n >= r.MaxAttempts {
			return false
		}
		delay := r.delay(n, x.env)
		if x.probe != nil {
			x.probe.retriable(x, f, i, delay)
			return true
		}
		t.Retried[i]++
		t.Tries++
		x.dropGroup(t)
		t.Phase, t.Due = phaseRetry, x.now.Add(delay)
		return true
	}
	return false
}

// delay is the pause before attempt n+1.
func (r Retrier) delay(n int, env Env) time.Duration {
	sec := r.Interval * math.Pow(r.Backoff, float64(n))
	if r.MaxDelay > 0 {
		sec = min(sec, r.MaxDelay)
	}
	sec = min(sec, maxWait.Seconds())
	if r.FullJitter {
		sec *= env.Random()
	}
	return time.Duration(sec * float64(time.Second))
}

// catch leaves for the handler of the first entry of Catch that matches.
func (x *Execution) catch(t *thread, s *State, f *Failure) bool {
	for i, k := range s.Catch {
		if !f.matchesAny(k.Errors) {
			continue
		}
		o := jsonpath.NewObject(2)
		o.Set("Error", f.Name)
		o.Set("Cause", f.Cause)
		info := docValue(o)
		out, err := k.result.combine(t.in, info)
		var assigned *jsonpath.Object
		if err == nil {
			assigned, err = x.assigned(t, k.Assign, &info)
		}
		x.probe.caught(i, f)
		if err == nil {
			err = x.leave(t, s, out, assigned, k.Next)
		}
		if err != nil {
			x.failUncaught(t, asFailure(err))
		}
		return true
	}
	return false
}

// failUncaught ends the thread for a failure inside a handler.
func (x *Execution) failUncaught(t *thread, f *Failure) {
	if t.Parent != 0 {
		x.childFailed(x.threads[t.Parent], t, f)
		return
	}
	x.abort(Failed, "ExecutionFailed", f)
}

// stop is StopExecution.
func (x *Execution) stop(ev Event) {
	x.close(Aborted, "ExecutionAborted", ev.Error, ev.Cause, 0)
}

// timeOut is the end of the definition's TimeoutSeconds.
func (x *Execution) timeOut() {
	x.close(TimedOut, "ExecutionTimedOut", nil, nil, 0)
}

// abort ends the execution for a failure that no state caused.
func (x *Execution) abort(status Status, event string, f *Failure) {
	name, cause := f.pointers()
	x.close(status, event, name, cause, x.head.Events)
}

func (x *Execution) close(status Status, event string, name, cause *string, prev int64) {
	ids := slices.Sorted(maps.Keys(x.threads))
	for _, id := range ids {
		x.quit(x.threads[id])
		x.drop(x.threads[id])
	}
	x.head.Status, x.head.Error, x.head.Cause, x.head.Queue = status, name, cause, nil
	x.event(event, prev, &Details{Error: name, Cause: cause})
}
