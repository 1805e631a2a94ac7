package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

// The stages of an asynchronous invocation: deliveries of this room to itself.
const (
	stageRun    = "run"    // run the function
	stageEvents = "events" // put the result on an event bus
	stageBucket = "bucket" // put the result into a bucket
)

const (
	defaultRetries = 2
	defaultAge     = 6 * time.Hour
	slowestRetry   = 5 * time.Minute // of throttles and trouble of the platform
)

// asyncState is what an asynchronous invocation has been through.
type asyncState struct{ Errors int }

// enqueue accepts an asynchronous invocation: it runs once this is committed.
func (r *lambdaRoom) enqueue(ctx context.Context, p *plan, id string, payload []byte) error {
	r.count(p, "AsyncEventsReceived", "Count", 1, r.d.Clock.Now())
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		return r.d.Bus.Emit(tx, shardOf(p.ref.Scope), r.asyncDelivery(ctx, p, id, payload))
	})
}

func (r *lambdaRoom) asyncDelivery(ctx context.Context, p *plan, id string, payload []byte) bus.Delivery {
	now := r.d.Clock.Now()
	return bus.Delivery{
		ID: id, Scope: p.ref.Scope, Source: p.ref.arn(), Target: p.ref.qualified(), Payload: payload, Retry: bus.Retry{Max: -1},
		Parameters: map[string]string{"stage": stageRun, "at": strconv.FormatInt(now.UnixMilli(), 10)},
		Expires:    now.Add(7 * time.Hour), // the maximum age is this room's to apply
		As:         cloud.RootOf(p.ref.Account), Trace: cloud.CallFrom(ctx).Trace,
	}
}

// target takes deliveries in: events of other services, which it only accepts, and its own stages.
type target struct{ *lambdaRoom }

// Action is the permission that a delivery to a function needs.
func (target) Action(cloud.ARN) string { return "lambda:InvokeFunction" }

// Deliver accepts an event for a function, once by its id: the asynchronous invocation that follows is this room's, with its retries.
func (t target) Deliver(ctx context.Context, d bus.Delivery) (bus.Outcome, error) {
	switch d.Parameters["stage"] {
	case stageRun:
		return t.runStage(ctx, d)
	case stageEvents:
		return t.eventsStage(ctx, d)
	case stageBucket:
		return t.bucketStage(ctx, d)
	}
	f := refOf(d.Target)
	p, err := t.plan(ctx, f)
	if err != nil {
		return bus.Verdict(err)
	}
	payload, err := checkPayload(d.Payload, cloud.EventInvoke, false)
	if err != nil {
		return bus.Verdict(err)
	}
	now := t.d.Clock.Now().UnixMilli()
	next := t.asyncDelivery(ctx, p, t.d.IDs.UUID(), payload)
	if !followed(d.Source.Service) {
		next.Trace.Lineage = ""
	}
	return bus.Outcome{}, t.d.Store.Update(ctx, func(tx store.Tx) error {
		if seen, err := given(f.Scope).Accept(tx, d, now); err != nil || seen {
			return err
		}
		return t.d.Bus.Emit(tx, shardOf(f.Scope), next)
	})
}

func asyncKey(sc cloud.Scope, id string) []byte { return key(sc, "async").Str(id) }

// runStage runs the function for an asynchronous invocation. A function error is tried again after one minute, then after two; throttles and trouble of
// the platform until the event is too old.
func (t target) runStage(ctx context.Context, d bus.Delivery) (bus.Outcome, error) {
	f := refOf(d.Target)
	p, err := t.plan(ctx, f)
	if err != nil {
		return bus.Verdict(err)
	}
	cfg := p.fn.Events[f.exactQualifier()]
	var st asyncState
	if err := t.d.Store.View(ctx, func(r store.Reader) error { _, err := load(r, asyncKey(f.Scope, d.ID), &st); return err }); err != nil {
		return bus.Outcome{}, err
	}
	at, err := strconv.ParseInt(d.Parameters["at"], 10, 64)
	if err != nil {
		return bus.Outcome{Kind: bus.Permanent, Code: "InternalFailure", Reason: "malformed delivery"}, nil
	}
	e := ended{d: d, p: p, cfg: cfg, count: st.Errors}
	age := t.d.Clock.Now().Sub(time.UnixMilli(at))
	if e.condition, e.err = hopeless(p, cfg, age); e.condition != "" {
		return bus.Outcome{}, t.finish(ctx, e)
	}
	res, err := t.run(ctx, p, call{id: d.ID, payload: d.Payload})
	if cloud.IsCode(err, codeRecursive) {
		e.condition, e.err = conditionLoop, cloud.AsError(err)
		return bus.Outcome{}, t.finish(ctx, e)
	}
	if err != nil {
		return bus.Outcome{Kind: bus.Again, After: min(time.Second<<min(d.Attempt, 10), slowestRetry), Code: cloud.AsError(err).Code, Reason: err.Error()}, nil
	}
	t.count(p, "AsyncEventAge", "Milliseconds", float64(age.Milliseconds()), t.d.Clock.Now())
	e.result, e.count = &res, st.Errors+1
	e.d.Trace.Lineage = visited(d.Trace.Lineage, p.lineage) // what it leads to comes after it
	switch {
	case res.FunctionError == "":
		e.condition = conditionSuccess
	case st.Errors < cfg.retries():
		st.Errors++
		err := t.d.Store.Update(ctx, func(tx store.Tx) error { return save(tx, asyncKey(f.Scope, d.ID), st) })
		return bus.Outcome{Kind: bus.Again, After: time.Duration(st.Errors) * time.Minute, Code: res.FunctionError, Reason: string(res.Payload)}, err
	default:
		e.condition = conditionFailed
	}
	return bus.Outcome{}, t.finish(ctx, e)
}

// hopeless tells why an event is not tried again: it is too old, or the function is reserved no concurrency at all. "": it is tried.
func hopeless(p *plan, cfg eventConfig, age time.Duration) (condition string, err *cloud.Error) {
	switch {
	case age > cfg.age():
		return conditionAge, nil
	case p.fn.Reserved != nil && *p.fn.Reserved == 0:
		return conditionZero, errTooMany("ReservedFunctionConcurrentInvocationLimitExceeded")
	}
	return "", nil
}

// How an asynchronous invocation ends, as its record says.
const (
	conditionSuccess = "Success"
	conditionFailed  = "RetriesExhausted"
	conditionAge     = "EventAgeExceeded"
	conditionZero    = "ZeroReservedConcurrency"
	conditionLoop    = "RecursiveInvocation"
)

// ended is an asynchronous invocation that is over.
type ended struct {
	d         bus.Delivery
	p         *plan
	cfg       eventConfig
	condition string
	count     int           // how often the function ran
	result    *cloud.Result // nil: it never ran
	err       *cloud.Error  // why it could not; nil
}

// finish forgets an asynchronous invocation and sends what became of it to its destination and, when it failed, to the dead letter target.
func (r *lambdaRoom) finish(ctx context.Context, e ended) error {
	var out []bus.Delivery
	dest := e.cfg.OnFailure
	if e.condition == conditionSuccess {
		dest = e.cfg.OnSuccess
	} else {
		r.count(e.p, "AsyncEventsDropped", "Count", 1, r.d.Clock.Now())
	}
	if dl := e.p.main.Config.DeadLetterConfig; dl != nil && e.condition != conditionSuccess {
		if d, err := r.deadLetter(e, str(dl.TargetArn)); err == nil {
			out = append(out, d)
		}
	}
	if dest != "" {
		body, err := json.Marshal(r.resultRecord(e, dest))
		if err != nil {
			return err
		}
		d, err := r.toDestination(e.p, dest, e.d.ID+"-"+e.condition, body, e.d.Trace)
		switch {
		case err != nil:
			return err
		case len(body) > maxRecord:
			r.count(e.p, "DestinationDeliveryFailures", "Count", 1, r.d.Clock.Now())
			r.d.Log.Warn("the record of an asynchronous invocation is too large for a destination", "function", e.p.ref.arn().String(), "bytes", len(body))
		default:
			out = append(out, d)
		}
	}
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		if err := e.d.Accept(tx); err != nil {
			return err
		}
		if err := tx.Delete(asyncKey(e.p.ref.Scope, e.d.ID)); err != nil || len(out) == 0 {
			return err
		}
		return r.d.Bus.Emit(tx, shardOf(e.p.ref.Scope), out...)
	})
}

// asRole is the principal of a function's role, as which its destinations are reached.
func asRole(p *plan) cloud.Principal {
	role, err := cloud.ParseARN(str(p.main.Config.Role))
	if err != nil {
		return cloud.Principal{}
	}
	return cloud.RoleSession(role, p.ref.name)
}

func (r *lambdaRoom) deadLetter(e ended, target string) (bus.Delivery, error) {
	a, err := cloud.ParseARN(target)
	if err != nil {
		return bus.Delivery{}, err
	}
	text, code := e.condition, 200
	if e.err != nil {
		text, code = e.err.Message, e.err.Status
	}
	if e.result != nil {
		var shape struct {
			Message string `json:"errorMessage"`
		}
		if json.Unmarshal(e.result.Payload, &shape) == nil && shape.Message != "" {
			text = shape.Message
		}
	}
	return bus.Delivery{
		ID: e.d.ID + "-dlq", Scope: a.Scope(), Source: e.p.ref.arn(), Target: a, Payload: e.d.Payload, As: asRole(e.p), Trace: e.d.Trace, Retry: bus.Retry{Max: 10},
		Report: map[string]string{failureMetric: "DeadLetterErrors"},
		Attributes: map[string]bus.Attribute{
			"RequestID": {Type: "String", Value: e.d.ID}, "ErrorCode": {Type: "Number", Value: strconv.Itoa(code)}, "ErrorMessage": {Type: "String", Value: strings.ToValidUTF8(text[:min(len(text), 1024)], "")},
		},
	}, nil
}

// maxRecord bounds the record of an invocation: the store keeps no larger deliveries. AWS's destinations take half of it.
const maxRecord = store.MaxValue - 64<<10

// maxToTopic bounds the payloads that the record of a failure takes to a topic: those that are larger together are left out.
const maxToTopic = 256 << 10

// resultRecord is what a destination gets (Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations").
func (r *lambdaRoom) resultRecord(e ended, dest string) map[string]any {
	rec := map[string]any{
		"version": "1.0", "timestamp": stampOf(r.d.Clock.Now()),
		"requestContext": map[string]any{
			"requestId": e.d.ID, "functionArn": e.p.ref.exact().String(), "condition": e.condition, "approximateInvokeCount": e.count,
		},
		"requestPayload": json.RawMessage(e.d.Payload),
	}
	size := len(e.d.Payload)
	if e.result != nil {
		response := map[string]any{"statusCode": 200, "executedVersion": e.result.ExecutedVersion}
		if e.result.FunctionError != "" {
			response["functionError"] = e.result.FunctionError
		}
		rec["responseContext"] = response
		if json.Valid(e.result.Payload) {
			rec["responsePayload"] = json.RawMessage(e.result.Payload)
		}
		size += len(e.result.Payload)
	}
	if e.condition != conditionSuccess && size > maxToTopic && mustARN(dest).Service == "sns" {
		delete(rec, "requestPayload")
		delete(rec, "responsePayload")
	}
	return rec
}

// toDestination makes the delivery of a record to a queue, topic, function or event bus.
func (r *lambdaRoom) toDestination(p *plan, dest, id string, body []byte, trace cloud.Trace) (bus.Delivery, error) {
	a, err := cloud.ParseARN(dest)
	if err != nil {
		return bus.Delivery{}, err
	}
	d := bus.Delivery{ID: id, Scope: a.Scope(), Source: p.ref.arn(), Target: a, Payload: body, As: asRole(p), Trace: trace, Retry: bus.Retry{Max: 10}, Report: map[string]string{failureMetric: "DestinationDeliveryFailures"}}
	if stage, ok := map[string]string{"events": stageEvents, "s3": stageBucket}[a.Service]; ok {
		d.Target, d.Scope, d.As = p.ref.qualified(), p.ref.Scope, cloud.RootOf(p.ref.Account)
		d.Parameters = map[string]string{"stage": stage, "to": dest}
	}
	return d, nil
}

// failureMetric names, in a delivery, the metric of its function that counts when it fails for good.
const failureMetric = "metric"

// settled counts what reached an on-failure destination of a mapping, and what did not reach its dead letter target or destination.
func (r *lambdaRoom) settled(d bus.Delivery, res bus.Result) {
	if res.Kind == bus.Done {
		r.delivered(d, res.At)
		return
	}
	if name := d.Report[failureMetric]; name != "" {
		r.count(newPlan(refOf(d.Source)), name, "Count", 1, res.At)
	}
}

// bucketStage puts a record into a bucket as the function's role. Its key says when, and is the same each time that it is tried.
func (t target) bucketStage(ctx context.Context, d bus.Delivery) (bus.Outcome, error) {
	f := refOf(d.Target)
	p, err := t.plan(ctx, f)
	if err != nil {
		return bus.Verdict(err)
	}
	var rec struct {
		Timestamp      time.Time                  `json:"timestamp"`
		RequestContext struct{ RequestID string } `json:"requestContext"`
	}
	if err := json.Unmarshal(d.Payload, &rec); err != nil {
		return bus.Verdict(errBadPayload(err.Error()))
	}
	in, err := json.Marshal(map[string]string{
		"Bucket": strings.TrimPrefix(d.Parameters["to"], "arn:aws:s3:::"), "ContentType": "application/json",
		"Key": "aws/lambda/async/" + f.name + "/" + rec.Timestamp.Format("2006/01/02/2006-01-02T15.04.05-") + rec.RequestContext.RequestID,
	})
	if err != nil {
		return bus.Outcome{}, err
	}
	_, err = t.d.Caller.Call(ctx, asRole(p), "s3", "PutObject", in, bytes.NewReader(d.Payload))
	return bus.Verdict(err)
}

// eventsStage puts a record on an event bus as the function's role.
func (t target) eventsStage(ctx context.Context, d bus.Delivery) (bus.Outcome, error) {
	p, err := t.plan(ctx, refOf(d.Target))
	if err != nil {
		return bus.Verdict(err)
	}
	var rec struct {
		RequestContext struct{ Condition, FunctionArn string } `json:"requestContext"`
	}
	if err := json.Unmarshal(d.Payload, &rec); err != nil {
		return bus.Verdict(errBadPayload(err.Error()))
	}
	kind := "Lambda Function Invocation Result - Failure"
	if rec.RequestContext.Condition == conditionSuccess {
		kind = "Lambda Function Invocation Result - Success"
	}
	in, err := json.Marshal(map[string]any{"Entries": []map[string]any{{
		"Source": "lambda", "DetailType": kind, "Detail": string(d.Payload), "EventBusName": d.Parameters["to"],
		"Resources": []string{d.Parameters["to"], rec.RequestContext.FunctionArn},
	}}})
	if err != nil {
		return bus.Outcome{}, err
	}
	_, err = t.d.Caller.Call(ctx, asRole(p), "events", "PutEvents", in, nil)
	return bus.Verdict(err)
}
