package sfn

import (
	"context"
	"time"

	api "sundog/api/sfn"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/asl"
)

// maxSync is how long a synchronous express execution may take.
const maxSync = 5 * time.Minute

// startSync runs an express execution in memory and answers with its end.
func (r *sfnRoom) startSync(ctx context.Context, in *api.StartSyncExecutionInput) (*api.StartSyncExecutionOutput, error) {
	req := request{machine: deref(in.StateMachineArn), name: deref(in.Name), input: deref(in.Input)}
	if t, ok := cloud.ParseTrace(deref(in.TraceHeader)); ok {
		req.trace = t
	}
	q, rec, err := r.newRecord(ctx, &req)
	if err != nil {
		return nil, err
	}
	var m *asl.Machine
	if err := r.d.Store.View(ctx, func(tx store.Reader) error {
		found, err := r.prepare(tx, q, rec)
		if err != nil {
			return err
		}
		if !found.Express {
			return errType()
		}
		m, err = r.e.machine(tx, q.name, rec.Revision, true)
		return err
	}); err != nil {
		return nil, err
	}
	rec.ARN = cloud.NewARN("states", q.Scope, "express:"+q.Name+":"+req.name+":"+r.d.IDs.UUID()).String()
	defer r.d.Clock.Busy("sfn")()
	x := asl.New(m, r.e.env(rec.ARN), rec.info())
	if err := r.e.drive(ctx, rec, x); err != nil {
		return nil, err
	}
	rec.Status, rec.Stop = x.Status(), r.now()
	rec.Error, rec.Cause = x.Failure()
	r.e.over(rec)
	return syncAnswer(rec, x, rec.Stop, deref(in.IncludedData)), nil
}

func syncAnswer(rec *record, x *asl.Execution, stop time.Time, included string) *api.StartSyncExecutionOutput {
	took := max(stop.Sub(rec.Start), time.Millisecond)
	billed := (took.Milliseconds() + 99) / 100 * 100
	out := &api.StartSyncExecutionOutput{ExecutionArn: &rec.ARN, StateMachineArn: &rec.Machine, Name: &rec.Name, StartDate: &rec.Start, StopDate: &stop,
		Status: ptr(string(x.Status())), BillingDetails: &api.BillingDetails{BilledDurationInMilliseconds: &billed, BilledMemoryUsedInMB: ptr(int64(64))}}
	out.Error, out.Cause = x.Failure()
	if t := rec.Trace.String(); t != "" {
		out.TraceHeader = &t
	}
	if included == "METADATA_ONLY" {
		return out
	}
	whole := &api.CloudWatchEventsExecutionDataDetails{Included: ptr(true)}
	out.Input, out.InputDetails = &rec.Input, whole
	if x.Status() == asl.Succeeded {
		out.Output, out.OutputDetails = ptr(x.Output()), whole
	}
	return out
}

// drive runs an execution in memory to its end, or until the caller goes away.
func (e *engine) drive(ctx context.Context, rec *record, x *asl.Execution) error {
	ctx, cancel := context.WithTimeout(ctx, maxSync)
	defer cancel()
	p := &performer{e: e, arn: rec.ARN, name: rec.Name, role: rec.Role, scope: rec.scope()}
	p.call = cloud.Call{Scope: p.scope, Trace: rec.Trace.Under(rec.Span), Secure: true}
	events := make(chan asl.Event)
	tasks := map[string]context.CancelFunc{}
	x.Start()
	e.count(rec, "ExecutionsStarted", "Count", 1)
	for {
		e.log(rec, x.History())
		for _, c := range x.Commands() {
			if c.Cancel != "" {
				if stop := tasks[c.Cancel]; stop != nil {
					stop()
				}
				continue
			}
			taskCtx, stop := context.WithCancel(ctx)
			tasks[c.Run.ID] = stop
			go func(c asl.TaskCall) {
				defer stop()
				select {
				case events <- p.run(taskCtx, c):
				case <-ctx.Done():
				}
			}(*c.Run)
		}
		if x.Status() != asl.Running {
			return nil
		}
		if x.Runnable() {
			x.Step(e.d.Clock.Now(), asl.Event{Kind: asl.Wake})
			continue
		}
		if err := e.next(ctx, x, events); err != nil {
			return err
		}
	}
}

// next waits for a task's outcome or for what is due.
func (e *engine) next(ctx context.Context, x *asl.Execution, events <-chan asl.Event) error {
	due := make(chan struct{})
	if at := x.Due(); !at.IsZero() {
		stop := e.d.Clock.AfterNow(at, func() { close(due) })
		defer stop()
	}
	select {
	case ev := <-events:
		x.Step(e.d.Clock.Now(), ev)
	case <-due:
		x.Step(e.d.Clock.Now(), asl.Event{Kind: asl.Wake})
	case <-e.ctx.Done():
		return cloud.Errorf(cloud.Unavailable, "ServiceUnavailable", "The platform is shutting down.")
	case <-ctx.Done():
		x.Step(e.d.Clock.Now(), asl.Event{Kind: asl.Stop, Error: ptr(asl.ErrTimeout)})
	}
	return nil
}
