package sfn

import (
	"context"
	"errors"

	api "sundog/api/sfn"
	"sundog/cloud"
	"sundog/lang/asl"
	"sundog/lang/jsonpath"
)

// testState runs one state on its own. Mocked results are taken as they are: they are not checked against the service's model.
func (r *sfnRoom) testState(ctx context.Context, in *api.TestStateInput) (*api.TestStateOutput, error) {
	s, err := stateOf(in)
	if err != nil {
		return nil, err
	}
	probe, err := probeOf(in, s)
	if err != nil {
		return nil, err
	}
	input := deref(in.Input)
	if input == "" {
		input = "{}"
	}
	if _, err := jsonpath.Parse(input); err != nil {
		return nil, errInput(err.Error())
	}
	variables, err := variablesOf(deref(in.Variables))
	if err != nil {
		return nil, err
	}
	if err := checkContext(deref(in.Context)); err != nil {
		return nil, err
	}
	sc := cloud.CallFrom(ctx).Scope
	info := asl.Info{Input: input, RoleARN: deref(in.RoleArn), Region: sc.Region, Start: r.now(), Context: deref(in.Context), Name: "TestState"}
	p := &performer{e: r.e, name: "TestState", role: info.RoleARN, scope: sc, call: cloud.CallFrom(ctx)}
	asl.Inspect(s, r.e.env("TestState"), info, variables, probe, func(c asl.TaskCall) asl.Event { return r.answer(ctx, p, in, c) })
	return probed(probe, deref(in.InspectionLevel)), nil
}

// answer gives a task's outcome: the mock's, or that of a real run.
func (r *sfnRoom) answer(ctx context.Context, p *performer, in *api.TestStateInput, c asl.TaskCall) asl.Event {
	switch m := in.Mock; {
	case m != nil && m.Result != nil:
		return asl.Event{Kind: asl.TaskSucceeded, Task: c.ID, Output: *m.Result}
	case m != nil && m.ErrorOutput != nil:
		return asl.Event{Kind: asl.TaskFailed, Task: c.ID, Error: m.ErrorOutput.Error, Cause: m.ErrorOutput.Cause}
	}
	return p.run(ctx, c)
}

func stateOf(in *api.TestStateInput) (*asl.State, error) {
	var s *asl.State
	var err error
	if in.StateName == nil {
		s, err = asl.CompileState(deref(in.Definition))
	} else {
		var m *asl.Machine
		if m, err = asl.Compile(deref(in.Definition), asl.Options{}); err == nil {
			m.Walk(func(x *asl.State) {
				if x.Name == *in.StateName {
					s = x
				}
			})
			if s == nil {
				return nil, errValidation("State not found in definition")
			}
		}
	}
	var bad *asl.InvalidDefinition
	var no *asl.Unsupported
	switch {
	case errors.As(err, &bad):
		return nil, errDefinition(bad.Error())
	case errors.As(err, &no):
		return nil, cloud.NotImplementedf("%s", no.Error())
	}
	return s, err
}

// probeOf checks what TestState asks of mocks and roles.
func probeOf(in *api.TestStateInput, s *asl.State) (*asl.Probe, error) {
	p := &asl.Probe{}
	if c := in.StateConfiguration; c != nil {
		if c.ErrorCausedByState != nil || c.MapIterationFailureCount != nil || c.MapItemReaderData != nil {
			return nil, cloud.NotImplementedf("stateConfiguration other than retrierRetryCount is not implemented")
		}
		p.Retries = int(deref(c.RetrierRetryCount))
	}
	group := s.Type == asl.Map || s.Type == asl.Parallel
	if in.Mock == nil {
		if group {
			return nil, errDefinition("TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]")
		}
		if s.Type == asl.Task && in.RoleArn == nil {
			return nil, errValidation("RoleArn must be specified when testing a Task state")
		}
		return p, nil
	}
	m := in.Mock
	if mode := deref(m.FieldValidationMode); mode == "STRICT" || mode == "PRESENT" {
		return nil, cloud.NotImplementedf("mock.fieldValidationMode %s is not implemented: mocked results are not checked against the service's model", mode)
	}
	switch {
	case m.Result != nil && m.ErrorOutput != nil:
		return nil, errValidation("A test mock should have only one of the following fields: [result, errorOutput].")
	case s.Type != asl.Task && !group:
		return nil, errValidation("State type '%s' is not supported when a mock is specified", s.Type)
	case group && m.Result != nil:
		return p, mockGroup(p, *m.Result, s)
	case group:
		return nil, cloud.NotImplementedf("mock.errorOutput for a state of the type %s is not implemented", s.Type)
	}
	return p, nil
}

func mockGroup(p *asl.Probe, result string, s *asl.State) error {
	v, err := jsonpath.Parse(result)
	list, ok := v.([]any)
	switch {
	case err != nil || !ok:
		return errValidation("Mocked result must be an array.")
	case s.Type == asl.Parallel && len(list) != len(s.Branches):
		return errValidation("Mocked result must contain the same number of items as number of Parallel branches.")
	}
	p.Mock = &result
	return nil
}

func variablesOf(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	v, err := jsonpath.Parse(text)
	o, ok := v.(*jsonpath.Object)
	if err != nil || !ok {
		return nil, errValidation("Variables must be a JSON object")
	}
	out := map[string]string{}
	for k, e := range o.All() {
		out[k] = jsonpath.Text(e)
	}
	return out, nil
}

func checkContext(text string) error {
	if text == "" {
		return nil
	}
	v, err := jsonpath.Parse(text)
	o, ok := v.(*jsonpath.Object)
	if err != nil || !ok {
		return errValidation("Invalid Context object provided: it must be a JSON object")
	}
	for k := range o.All() {
		switch k {
		case "Execution", "State", "StateMachine", "Task", "Map":
		default:
			return errValidation("Invalid Context object provided: Field '%s' is not allowed", k)
		}
	}
	return nil
}

func probed(p *asl.Probe, level string) *api.TestStateOutput {
	out := &api.TestStateOutput{Output: p.Output, Error: p.Error, Cause: p.Cause, NextState: some(p.NextState), Status: some(p.Status)}
	if level != "DEBUG" && level != "TRACE" {
		return out
	}
	d := &api.InspectionData{Input: p.Input, AfterInputPath: p.AfterInputPath, AfterParameters: p.AfterParameters, Result: p.Result,
		AfterResultSelector: p.AfterResultSelector, AfterResultPath: p.AfterResultPath, AfterItemsPath: p.AfterItemsPath}
	if p.MaxConcurrency != nil {
		d.MaxConcurrency = ptr(int32(*p.MaxConcurrency))
	}
	if p.CatchIndex != nil || p.RetryIndex != nil {
		d.ErrorDetails = &api.InspectionErrorDetails{}
		if p.CatchIndex != nil {
			d.ErrorDetails.CatchIndex = ptr(int32(*p.CatchIndex))
		}
		if p.RetryIndex != nil {
			d.ErrorDetails.RetryIndex = ptr(int32(*p.RetryIndex))
			d.ErrorDetails.RetryBackoffIntervalSeconds = ptr(int32(p.Backoff.Seconds()))
		}
	}
	if len(p.Variables) > 0 {
		o := jsonpath.NewObject(len(p.Variables))
		for k, s := range p.Variables {
			if v, err := jsonpath.Parse(s); err == nil {
				o.Set(k, v)
			}
		}
		d.Variables = ptr(jsonpath.Text(o))
	}
	out.InspectionData = d
	return out
}
