package sfn

import (
	"context"
	"encoding/json"
	"time"
	"unicode"

	"sundog/cloud"
	"sundog/lang/asl"
	"sundog/lang/jsonpath"
)

// pollEvery is how often a nested execution is looked at besides when this process sees it end.
const pollEvery = 5 * time.Second

// nested runs states:startExecution.sync and .sync:2: it starts the execution, reports that, and waits for the end. After a restart it
// goes on waiting for the execution that was submitted.
func (p *performer) nested(ctx context.Context, c asl.TaskCall, release, waiting func()) (asl.Event, bool) {
	if c.Resource.Service != "states" {
		release()
		return failed(c, "States.TaskFailed", c.Resource.ARN+" is not implemented"), true
	}
	submission := c.Submission
	if !c.Submitted {
		ev := p.run(ctx, c)
		if ev.Kind != asl.TaskSucceeded || ctx.Err() != nil {
			release()
			return ev, true
		}
		submission = ev.Output
		ev.Kind = asl.TaskSubmitted
		p.e.deliver(p.arn, ev)
	}
	release() // waiting takes no slot: the nested execution may need one
	v, err := jsonpath.Parse(submission)
	o, ok := v.(*jsonpath.Object)
	if err != nil || !ok {
		return failed(c, asl.ErrRuntime, "The answer of StartExecution cannot be read"), true
	}
	arn, _ := o.Get("ExecutionArn")
	child, _ := arn.(string)
	return p.await(ctx, c, child, waiting)
}

func (p *performer) await(ctx context.Context, c asl.TaskCall, child string, waiting func()) (asl.Event, bool) {
	role := p.role
	if c.RoleARN != "" {
		role = c.RoleARN
	}
	as, err := actor(role, p.name)
	if err != nil {
		return failed(c, "States.Permissions", err.Error()), true
	}
	call := p.call
	call.Principal, call.RequestID = as, p.e.d.IDs.UUID()
	ctx = cloud.WithCall(ctx, call)
	for {
		ended, forget := p.e.ended(child)
		reply, err := p.e.d.Caller.Call(ctx, as, service, "DescribeExecution", rawJSON(map[string]string{"executionArn": child}), nil)
		if err != nil {
			forget()
			if ctx.Err() != nil {
				return asl.Event{}, false
			}
			return p.fault(ctx, c, err), true
		}
		ev, over := verdict(c, reply.Out)
		if over {
			forget()
			return ev, true
		}
		p.letGo()
		waiting() // from here on the end is told with a hold on the clock
		again := time.NewTimer(pollEvery)
		select {
		case p.holding = <-ended:
		case <-again.C:
		case <-ctx.Done():
			forget()
			again.Stop()
			p.stopChild(as, child)
			return asl.Event{}, false
		}
		again.Stop()
		forget()
	}
}

// stopChild stops the nested execution of a task that was given up, unless it is the platform that goes down.
func (p *performer) stopChild(as cloud.Principal, child string) {
	if p.e.ctx.Err() != nil {
		return
	}
	call := p.call
	call.Principal = as
	ctx := cloud.WithCall(p.e.ctx, call)
	if _, err := p.e.d.Caller.Call(ctx, as, service, "StopExecution", rawJSON(map[string]string{"executionArn": child}), nil); err != nil {
		p.e.d.Log.Warn("a nested execution could not be stopped", "execution", child, "error", err)
	}
}

// verdict makes the outcome of a DescribeExecution; false while it runs.
func verdict(c asl.TaskCall, described json.RawMessage) (asl.Event, bool) {
	v, err := jsonpath.Parse(string(described))
	o, ok := recase(v, unicode.ToUpper).(*jsonpath.Object)
	if err != nil || !ok {
		return failed(c, asl.ErrRuntime, "The answer of DescribeExecution cannot be read"), true
	}
	status, _ := o.Get("Status")
	if status == string(asl.Running) {
		return asl.Event{}, false
	}
	for _, k := range []string{"StartDate", "StopDate"} {
		if n, ok := o.Get(k); ok {
			o.Set(k, millis(n))
		}
	}
	if c.Resource.Pattern == asl.Sync2 {
		for _, k := range []string{"Input", "Output"} {
			if s, ok := o.Get(k); ok {
				if text, ok := s.(string); ok {
					if w, err := jsonpath.Parse(text); err == nil {
						o.Set(k, w)
					}
				}
			}
		}
	}
	if status != string(asl.Succeeded) {
		return failed(c, "States.TaskFailed", jsonpath.Text(o)), true
	}
	return asl.Event{Kind: asl.TaskSucceeded, Task: c.ID, Output: jsonpath.Text(o)}, true
}

// millis makes milliseconds of the seconds in which models give times.
func millis(v any) any {
	n, ok := v.(jsonpath.Number)
	if !ok {
		return v
	}
	f, err := n.Float64()
	if err != nil {
		return v
	}
	b, err := json.Marshal(int64(f * 1000))
	if err != nil {
		return v
	}
	return jsonpath.Number(b)
}
