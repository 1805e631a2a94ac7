package sfn

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/telemetry"
	"sundog/lang/asl"
	"sundog/lang/jsonpath"
)

// performer runs tasks for an execution, or for TestState.
type performer struct {
	e     *engine
	arn   string // of the execution
	name  string // of the execution
	role  string
	scope cloud.Scope
	call  cloud.Call
	// holding keeps a moving clock from going on while the end of a nested execution is reported; nil: nothing is held.
	holding func()
}

func (p *performer) letGo() {
	if p.holding != nil {
		p.holding()
		p.holding = nil
	}
}

// launch starts a task in its own goroutine. The caller holds r.
func (e *engine) launch(arn string, r *run, c asl.TaskCall) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return // it runs again at the next start
	}
	r.users++
	e.work.Add(1)
	e.mu.Unlock()
	ctx, cancel := context.WithCancel(e.ctx)
	r.tasks[c.ID] = cancel
	p := &performer{e: e, arn: arn, name: r.rec.Name, role: r.rec.Role, scope: r.rec.scope()}
	p.call = cloud.Call{Scope: p.scope, Trace: r.rec.Trace.Under(r.rec.Span), Secure: true}
	done := e.d.Clock.Busy("sfn task")
	go func() {
		defer e.work.Done()
		defer done()
		defer p.letGo()
		defer e.leave(arn, r)
		ev, ok := e.turn(ctx, p, c, done)
		cancelled := ctx.Err() != nil
		cancel()
		r.mu.Lock()
		delete(r.tasks, c.ID)
		r.mu.Unlock()
		if ok && !cancelled {
			e.deliver(arn, ev)
		}
	}()
}

// turn waits for a free slot and runs the task; false: nothing is to be reported. waiting is called when the task begins to wait for
// something that is not this platform's work.
func (e *engine) turn(ctx context.Context, p *performer, c asl.TaskCall, waiting func()) (asl.Event, bool) {
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		return asl.Event{}, false
	}
	release := func() { <-e.slots }
	if c.Resource.Pattern == asl.Sync || c.Resource.Pattern == asl.Sync2 {
		return p.nested(ctx, c, release, waiting)
	}
	defer release()
	ev := p.run(ctx, c)
	if c.Resource.Pattern == asl.WaitForTaskToken && ev.Kind == asl.TaskSucceeded {
		ev.Kind = asl.TaskSubmitted
	}
	return ev, true
}

// run runs a task that answers at once and gives its outcome.
func (p *performer) run(ctx context.Context, c asl.TaskCall) asl.Event {
	role := p.role
	if c.RoleARN != "" {
		role = c.RoleARN
	}
	as, err := actor(role, p.name)
	if err != nil {
		return failed(c, "States.Permissions", "The role "+role+" cannot be assumed: "+err.Error())
	}
	call := p.call
	call.Principal, call.RequestID = as, p.e.d.IDs.UUID()
	span := p.span(&call, c)
	ctx = cloud.WithCall(ctx, call)
	var ev asl.Event
	if c.Resource.Kind == asl.LambdaFunction || c.Resource.Service == "lambda" && c.Resource.Action == "invoke" {
		ev = p.invoke(ctx, as, c)
	} else {
		ev = p.integrate(ctx, as, c)
	}
	span(ev)
	return ev
}

// span records a task as a span of the execution's trace.
func (p *performer) span(call *cloud.Call, c asl.TaskCall) func(asl.Event) {
	if call.Trace.IsZero() || p.e.d.Telemetry == nil {
		return func(asl.Event) {}
	}
	s := telemetry.Span{Trace: call.Trace.Root, ID: cloud.NewSpanID(p.e.d.IDs), Parent: call.Trace.Parent, Scope: p.scope, Name: c.State, Kind: "state",
		Resource: p.arn, Start: p.e.d.Clock.Now()}
	call.Trace = call.Trace.Under(s.ID)
	return func(ev asl.Event) {
		s.End = p.e.d.Clock.Now()
		if ev.Kind == asl.TaskFailed {
			s.Fault = deref(ev.Error) + ": " + deref(ev.Cause)
		}
		p.e.d.Telemetry.Span(s)
	}
}

func failed(c asl.TaskCall, name, cause string) asl.Event {
	return asl.Event{Kind: asl.TaskFailed, Task: c.ID, Error: &name, Cause: &cause}
}

// invoke calls a function.
func (p *performer) invoke(ctx context.Context, as cloud.Principal, c asl.TaskCall) asl.Event {
	fn, payload, mode := c.Resource.ARN, c.Parameters, cloud.Mode{}
	if c.Resource.Kind == asl.Service {
		v, err := jsonpath.Parse(c.Parameters)
		o, ok := v.(*jsonpath.Object)
		if err != nil || !ok {
			return failed(c, asl.ErrRuntime, "The Parameters of lambda:invoke are not an object")
		}
		if fn, payload, mode, err = p.invocation(o); err != nil {
			return failed(c, asl.ErrRuntime, err.Error())
		}
	}
	arn, err := cloud.ParseARN(fn)
	if err != nil {
		return failed(c, asl.ErrRuntime, "The function '"+fn+"' is not an ARN")
	}
	res, err := persist(ctx, func() (cloud.Result, error) { return p.e.d.Invoker.Invoke(ctx, as, arn, []byte(payload), mode) })
	if err != nil {
		return p.fault(ctx, c, err)
	}
	return asl.LambdaOutcome(c, asl.LambdaReply{Payload: string(res.Payload), FunctionError: res.FunctionError, Version: res.ExecutedVersion, RequestID: res.RequestID,
		TraceID: cloud.CallFrom(ctx).Trace.String(), Date: p.e.d.Clock.Now()})
}

// persist makes a call again, up to three times, while the platform says that it is unavailable, as AWS's own clients do. A platform
// that goes down cancels ctx meanwhile, so that its end is not taken for the task's failure.
func persist[T any](ctx context.Context, call func() (T, error)) (T, error) {
	for pause := time.Second; ; pause *= 2 {
		v, err := call()
		if err == nil || cloud.AsError(err).Kind != cloud.Unavailable || pause > 4*time.Second {
			return v, err
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return v, err
		}
	}
}

// invocation reads the parameters of lambda:invoke.
func (p *performer) invocation(o *jsonpath.Object) (fn, payload string, mode cloud.Mode, err error) {
	payload = "{}"
	for k, v := range o.All() {
		s, isText := v.(string)
		switch k {
		case "FunctionName":
			fn = s
		case "Payload":
			if v != nil {
				payload = jsonpath.Text(v)
			}
		case "Qualifier":
			defer func() { fn += ":" + s }()
		case "InvocationType":
			mode.Type = cloud.InvocationType(s)
		case "ClientContext":
			if !isText {
				return "", "", mode, fmt.Errorf("the field 'ClientContext' is not a string")
			}
			mode.ClientContext = []byte(s)
		default:
			return "", "", mode, fmt.Errorf("the field '%s' is not supported by lambda:invoke", k)
		}
	}
	if !strings.HasPrefix(fn, "arn:") {
		fn = cloud.NewARN("lambda", p.scope, "function:"+fn).String()
	}
	return fn, payload, mode, nil
}
