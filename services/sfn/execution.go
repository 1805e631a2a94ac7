package sfn

import (
	"context"
	"errors"
	"strings"
	"time"

	api "sundog/api/sfn"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/asl"
	"sundog/lang/jsonpath"
)

// request is a wish to start an execution.
type request struct {
	machine string // ARN, with version or alias or without
	name    string // "": made up
	input   string
	trace   cloud.Trace
}

// prepare finds what is to be started. It runs in the Update that starts it.
func (r *sfnRoom) prepare(tx store.Reader, q qualified, rec *record) (*machine, error) {
	if q.alias != "" {
		a, err := aliasOf(tx, q)
		if err != nil {
			return nil, errNoMachine(q.aliasARN(q.alias))
		}
		rec.Alias = q.aliasARN(q.alias)
		q.version, q.alias = a.choose(r.e.env(rec.ARN).Random()), ""
	}
	m, rev, err := resolve(tx, q)
	if err != nil {
		return nil, err
	}
	rec.Machine, rec.Revision, rec.Role, rec.Express, rec.Log = q.arn("stateMachine").String(), rev.Revision, rev.Role, m.Express, m.Log
	if q.version > 0 {
		rec.Version = q.versionARN(q.version)
	}
	return m, nil
}

// newRecord checks a request and makes the record of its execution.
func (r *sfnRoom) newRecord(ctx context.Context, req *request) (qualified, *record, error) {
	q, err := parseMachine(req.machine)
	if err != nil {
		return q, nil, err
	}
	if req.name == "" {
		req.name = r.d.IDs.UUID()
	} else if err := checkName(req.name); err != nil {
		return q, nil, err
	}
	if req.input == "" {
		req.input = "{}"
	}
	if _, err := jsonpath.Parse(req.input); err != nil {
		return q, nil, errInput(err.Error())
	}
	if len(req.input) > asl.MaxData {
		return q, nil, errInput("the input is longer than 262144 bytes")
	}
	if req.trace.IsZero() {
		req.trace = cloud.CallFrom(ctx).Trace
	}
	rec := &record{Name: req.name, Status: asl.Running, Start: r.now(), Input: req.input, Trace: req.trace, Span: cloud.NewSpanID(r.d.IDs),
		ARN: cloud.NewARN("states", q.Scope, "execution:"+q.Name+":"+req.name).String()}
	return q, rec, nil
}

// launch starts an execution durably. A standard execution is found again by its name.
func (r *sfnRoom) launch(ctx context.Context, req request) (*record, error) {
	q, rec, err := r.newRecord(ctx, &req)
	if err != nil {
		return nil, err
	}
	express, err := r.isExpress(ctx, q)
	if err != nil {
		return nil, err
	}
	if express {
		rec.ARN = cloud.NewARN("states", q.Scope, "express:"+q.Name+":"+req.name+":"+r.d.IDs.UUID()).String()
	}
	err = r.e.begin(ctx, rec, func(tx store.Tx) (*asl.Machine, error) {
		var old record
		found, err := load(tx, execKey(rec.ARN), &old)
		if err != nil {
			return nil, err
		}
		if found {
			if old.Status != asl.Running || old.Input != rec.Input {
				return nil, errExecutionExists(rec.ARN)
			}
			*rec = old
			return nil, nil
		}
		m, err := r.prepare(tx, q, rec)
		if err != nil {
			return nil, err
		}
		if m.Express != express {
			return nil, errMachineDeleting(rec.Machine) // replaced between the two reads
		}
		return r.e.machine(tx, q.name, rec.Revision, m.Express)
	})
	return rec, err
}

func (r *sfnRoom) isExpress(ctx context.Context, q qualified) (bool, error) {
	var m *machine
	err := r.d.Store.View(ctx, func(tx store.Reader) (err error) {
		m, err = machineOf(tx, q.name)
		return err
	})
	return err == nil && m.Express, err
}

func (r *sfnRoom) startExecution(ctx context.Context, in *api.StartExecutionInput) (*api.StartExecutionOutput, error) {
	req := request{machine: deref(in.StateMachineArn), name: deref(in.Name), input: deref(in.Input)}
	if t, ok := cloud.ParseTrace(deref(in.TraceHeader)); ok {
		req.trace = t
	}
	rec, err := r.launch(ctx, req)
	if err != nil {
		return nil, err
	}
	return &api.StartExecutionOutput{ExecutionArn: &rec.ARN, StartDate: &rec.Start}, nil
}

// executionRecord reads the record of a standard execution.
func (r *sfnRoom) executionRecord(ctx context.Context, arn string) (*record, error) {
	if strings.Contains(arn, ":express:") {
		return nil, errType()
	}
	if _, err := parseTyped(arn, "execution"); err != nil {
		if cloud.IsCode(err, "InvalidArn") && !strings.HasPrefix(arn, "arn:") {
			return nil, err
		}
		return nil, errNoExecution(arn)
	}
	rec := &record{}
	err := r.d.Store.View(ctx, func(tx store.Reader) error {
		found, err := load(tx, execKey(arn), rec)
		if err == nil && !found {
			err = errNoExecution(arn)
		}
		return err
	})
	return rec, err
}

func timePtr(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (r *sfnRoom) describeExecution(ctx context.Context, in *api.DescribeExecutionInput) (*api.DescribeExecutionOutput, error) {
	rec, err := r.executionRecord(ctx, deref(in.ExecutionArn))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeExecutionOutput{ExecutionArn: &rec.ARN, StateMachineArn: &rec.Machine, Name: &rec.Name, Status: ptr(string(rec.Status)),
		StartDate: &rec.Start, StopDate: timePtr(rec.Stop), Error: rec.Error, Cause: rec.Cause, StateMachineVersionArn: some(rec.Version),
		StateMachineAliasArn: some(rec.Alias), RedriveCount: ptr(int32(0)), RedriveStatus: ptr("NOT_REDRIVABLE")}
	out.RedriveStatusReason = ptr("Execution is " + string(rec.Status) + " and cannot be redriven")
	if rec.Status != asl.Running && rec.Status != asl.Succeeded {
		out.RedriveStatusReason = ptr("RedriveExecution is not implemented")
	}
	if t := rec.Trace.String(); t != "" {
		out.TraceHeader = &t
	}
	if deref(in.IncludedData) != "METADATA_ONLY" {
		out.Input, out.InputDetails = &rec.Input, &api.CloudWatchEventsExecutionDataDetails{Included: ptr(true)}
		if rec.Output != nil {
			out.Output, out.OutputDetails = rec.Output, &api.CloudWatchEventsExecutionDataDetails{Included: ptr(true)}
		}
	}
	return out, nil
}

func (r *sfnRoom) describeForExecution(ctx context.Context, in *api.DescribeStateMachineForExecutionInput) (*api.DescribeStateMachineForExecutionOutput, error) {
	rec, err := r.executionRecord(ctx, deref(in.ExecutionArn))
	if err != nil {
		return nil, err
	}
	n := rec.machineName()
	out := &api.DescribeStateMachineForExecutionOutput{StateMachineArn: &rec.Machine, Name: &n.Name, RoleArn: &rec.Role, UpdateDate: &rec.Start, LoggingConfiguration: rec.Log.shown(),
		TracingConfiguration: &api.TracingConfiguration{Enabled: ptr(false)}}
	if rec.Version != "" {
		out.StateMachineArn = &rec.Version
	}
	return out, r.d.Store.View(ctx, func(tx store.Reader) error {
		text, err := tx.Get(n.definitionKey(rec.Revision))
		if err != nil {
			return err
		}
		out.Definition = ptr(string(text))
		if m, err := asl.Compile(string(text), asl.Options{Express: rec.Express}); err == nil {
			out.VariableReferences = m.VariableReferences()
		}
		var m machine
		found, err := load(tx, n.machineKey(), &m)
		if err != nil || !found {
			return err
		}
		if m.Revision == rec.Revision {
			out.UpdateDate, out.TracingConfiguration.Enabled = &m.Changed, &m.Tracing
		}
		if m.Updated {
			out.RevisionId = &rec.Revision
		}
		return nil
	})
}

func (r *sfnRoom) listExecutions(ctx context.Context, in *api.ListExecutionsInput) (*api.ListExecutionsOutput, error) {
	if in.MapRunArn != nil {
		return nil, cloud.NotImplementedf("ListExecutions by mapRunArn: Distributed Map is not implemented")
	}
	q, err := parseMachine(deref(in.StateMachineArn))
	if err != nil {
		return nil, errNoMachine(deref(in.StateMachineArn))
	}
	out := &api.ListExecutionsOutput{Executions: []api.ExecutionListItem{}}
	return out, r.d.Store.View(ctx, func(tx store.Reader) error {
		m, err := machineOf(tx, q.name)
		if err != nil {
			return err
		}
		if m.Express {
			return errType()
		}
		out.NextToken, err = page(tx, q.started(), false, in.MaxResults, in.NextToken, func(key, _ []byte) (bool, error) {
			item, err := listItem(tx, key)
			if err != nil || item == nil || !wanted(item, q, deref(in.StatusFilter), deref(in.RedriveFilter)) {
				return false, err
			}
			out.Executions = append(out.Executions, *item)
			return true, nil
		})
		return err
	})
}

func listItem(tx store.Reader, key []byte) (*api.ExecutionListItem, error) {
	_, rest, err1 := store.CutU64(key)
	arn, _, err2 := store.CutStr(rest)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	var rec record
	found, err := load(tx, execKey(arn), &rec)
	if err != nil || !found {
		return nil, err
	}
	return &api.ExecutionListItem{ExecutionArn: &rec.ARN, StateMachineArn: &rec.Machine, Name: &rec.Name, Status: ptr(string(rec.Status)), StartDate: &rec.Start,
		StopDate: timePtr(rec.Stop), StateMachineVersionArn: some(rec.Version), StateMachineAliasArn: some(rec.Alias), RedriveCount: ptr(int32(0))}, nil
}

func wanted(item *api.ExecutionListItem, q qualified, status, redrive string) bool {
	switch {
	case status != "" && *item.Status != status, redrive == "REDRIVEN":
		return false
	case q.version > 0:
		return deref(item.StateMachineVersionArn) == q.versionARN(q.version)
	case q.alias != "":
		return deref(item.StateMachineAliasArn) == q.aliasARN(q.alias)
	}
	return true
}

func (r *sfnRoom) stopExecution(ctx context.Context, in *api.StopExecutionInput) (*api.StopExecutionOutput, error) {
	rec, err := r.executionRecord(ctx, deref(in.ExecutionArn))
	if err != nil {
		return nil, err
	}
	if _, err := r.e.step(ctx, rec.ARN, asl.Event{Kind: asl.Stop, Error: in.Error, Cause: in.Cause}); err != nil {
		return nil, err
	}
	if rec, err = r.executionRecord(ctx, rec.ARN); err != nil {
		return nil, err
	}
	return &api.StopExecutionOutput{StopDate: &rec.Stop}, nil
}

func (r *sfnRoom) describe(ctx context.Context, a cloud.ARN) (cloud.Description, error) {
	typ, id := a.ResourceType()
	n := name{a.Scope(), id}
	var out cloud.Description
	err := r.d.Store.View(ctx, func(tx store.Reader) error {
		switch typ {
		case "stateMachine":
			q, err := parseMachine(a.String())
			if err != nil {
				return err
			}
			m, err := machineOf(tx, q.name)
			if err != nil {
				return err
			}
			out = cloud.Description{Type: "AWS::StepFunctions::StateMachine", Name: m.Name, Tags: m.Tags, Attributes: map[string]string{"type": m.Type, "roleArn": m.Role}}
			return nil
		case "activity":
			_, v, err := activityOf(tx, a.String())
			if err != nil {
				return err
			}
			out = cloud.Description{Type: "AWS::StepFunctions::Activity", Name: v.Name, Tags: v.Tags}
			return nil
		}
		return errNoResource(n.arn(typ).String())
	})
	return out, err
}
