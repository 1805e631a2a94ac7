package sfn

import (
	"context"
	"encoding/json"

	api "sundog/api/sfn"
	"sundog/engine/store"
	"sundog/lang/asl"
)

func (r *sfnRoom) getHistory(ctx context.Context, in *api.GetExecutionHistoryInput) (*api.GetExecutionHistoryOutput, error) {
	rec, err := r.executionRecord(ctx, deref(in.ExecutionArn))
	if err != nil {
		return nil, err
	}
	data := in.IncludeExecutionData == nil || *in.IncludeExecutionData
	out := &api.GetExecutionHistoryOutput{Events: []api.HistoryEvent{}}
	return out, r.d.Store.View(ctx, func(tx store.Reader) error {
		var err error
		out.NextToken, err = page(tx, historyKey(rec.ARN), deref(in.ReverseOrder), in.MaxResults, in.NextToken, func(_, value []byte) (bool, error) {
			e, err := decode[asl.HistoryEvent](value)
			if err != nil {
				return false, err
			}
			shown, err := show(e, data)
			out.Events = append(out.Events, shown)
			return true, err
		})
		return err
	})
}

// show makes the API's event. Its detail members have the names that asl.Details writes.
func show(e *asl.HistoryEvent, data bool) (api.HistoryEvent, error) {
	out := api.HistoryEvent{Id: &e.ID, PreviousEventId: &e.PreviousID, Type: &e.Type, Timestamp: &e.Time}
	d := e.Details
	if d == nil {
		return out, nil
	}
	if !data {
		bare := *d
		bare.Input, bare.Output, bare.Parameters, bare.AssignedVariables = nil, nil, nil, nil
		d = &bare
	}
	whole := &api.HistoryEventExecutionDataDetails{Truncated: ptr(false)}
	fill := func(to any, input, output **api.HistoryEventExecutionDataDetails) error {
		b, err := json.Marshal(d)
		if err != nil {
			return err
		}
		if input != nil && d.Input != nil {
			*input = whole
		}
		if output != nil && d.Output != nil {
			*output = whole
		}
		return json.Unmarshal(b, to) // members differ from the model's names in the case of the first letter only, which Unmarshal ignores
	}
	switch e.Member() {
	case "stateEnteredEventDetails":
		v := &api.StateEnteredEventDetails{}
		out.StateEnteredEventDetails = v
		return out, fill(v, &v.InputDetails, nil)
	case "stateExitedEventDetails":
		v := &api.StateExitedEventDetails{}
		out.StateExitedEventDetails = v
		if d.AssignedVariables != nil {
			v.AssignedVariablesDetails = &api.AssignedVariablesDetails{Truncated: ptr(false)}
		}
		return out, fill(v, nil, &v.OutputDetails)
	}
	return showMore(out, e.Type, fill)
}

type filler = func(to any, input, output **api.HistoryEventExecutionDataDetails) error

func showMore(out api.HistoryEvent, typ string, fill filler) (api.HistoryEvent, error) {
	switch typ {
	case "ExecutionStarted":
		v := &api.ExecutionStartedEventDetails{}
		out.ExecutionStartedEventDetails = v
		return out, fill(v, &v.InputDetails, nil)
	case "ExecutionSucceeded":
		v := &api.ExecutionSucceededEventDetails{}
		out.ExecutionSucceededEventDetails = v
		return out, fill(v, nil, &v.OutputDetails)
	case "ExecutionFailed":
		out.ExecutionFailedEventDetails = &api.ExecutionFailedEventDetails{}
		return out, fill(out.ExecutionFailedEventDetails, nil, nil)
	case "ExecutionAborted":
		out.ExecutionAbortedEventDetails = &api.ExecutionAbortedEventDetails{}
		return out, fill(out.ExecutionAbortedEventDetails, nil, nil)
	case "ExecutionTimedOut":
		out.ExecutionTimedOutEventDetails = &api.ExecutionTimedOutEventDetails{}
		return out, fill(out.ExecutionTimedOutEventDetails, nil, nil)
	case "MapStateStarted":
		out.MapStateStartedEventDetails = &api.MapStateStartedEventDetails{}
		return out, fill(out.MapStateStartedEventDetails, nil, nil)
	case "MapIterationStarted":
		out.MapIterationStartedEventDetails = &api.MapIterationEventDetails{}
		return out, fill(out.MapIterationStartedEventDetails, nil, nil)
	case "MapIterationSucceeded":
		out.MapIterationSucceededEventDetails = &api.MapIterationEventDetails{}
		return out, fill(out.MapIterationSucceededEventDetails, nil, nil)
	case "MapIterationFailed":
		out.MapIterationFailedEventDetails = &api.MapIterationEventDetails{}
		return out, fill(out.MapIterationFailedEventDetails, nil, nil)
	case "MapIterationAborted":
		out.MapIterationAbortedEventDetails = &api.MapIterationEventDetails{}
		return out, fill(out.MapIterationAbortedEventDetails, nil, nil)
	}
	return showTask(out, typ, fill)
}

func showTask(out api.HistoryEvent, typ string, fill filler) (api.HistoryEvent, error) {
	switch typ {
	case "TaskScheduled":
		out.TaskScheduledEventDetails = &api.TaskScheduledEventDetails{}
		return out, fill(out.TaskScheduledEventDetails, nil, nil)
	case "TaskStarted":
		out.TaskStartedEventDetails = &api.TaskStartedEventDetails{}
		return out, fill(out.TaskStartedEventDetails, nil, nil)
	case "TaskSubmitted":
		v := &api.TaskSubmittedEventDetails{}
		out.TaskSubmittedEventDetails = v
		return out, fill(v, nil, &v.OutputDetails)
	case "TaskSucceeded":
		v := &api.TaskSucceededEventDetails{}
		out.TaskSucceededEventDetails = v
		return out, fill(v, nil, &v.OutputDetails)
	case "TaskFailed":
		out.TaskFailedEventDetails = &api.TaskFailedEventDetails{}
		return out, fill(out.TaskFailedEventDetails, nil, nil)
	case "TaskTimedOut":
		out.TaskTimedOutEventDetails = &api.TaskTimedOutEventDetails{}
		return out, fill(out.TaskTimedOutEventDetails, nil, nil)
	case "LambdaFunctionScheduled":
		v := &api.LambdaFunctionScheduledEventDetails{}
		out.LambdaFunctionScheduledEventDetails = v
		return out, fill(v, &v.InputDetails, nil)
	case "LambdaFunctionSucceeded":
		v := &api.LambdaFunctionSucceededEventDetails{}
		out.LambdaFunctionSucceededEventDetails = v
		return out, fill(v, nil, &v.OutputDetails)
	case "LambdaFunctionFailed":
		out.LambdaFunctionFailedEventDetails = &api.LambdaFunctionFailedEventDetails{}
		return out, fill(out.LambdaFunctionFailedEventDetails, nil, nil)
	case "LambdaFunctionTimedOut":
		out.LambdaFunctionTimedOutEventDetails = &api.LambdaFunctionTimedOutEventDetails{}
		return out, fill(out.LambdaFunctionTimedOutEventDetails, nil, nil)
	case "ActivityScheduled":
		v := &api.ActivityScheduledEventDetails{}
		out.ActivityScheduledEventDetails = v
		return out, fill(v, &v.InputDetails, nil)
	case "ActivityStarted":
		out.ActivityStartedEventDetails = &api.ActivityStartedEventDetails{}
		return out, fill(out.ActivityStartedEventDetails, nil, nil)
	case "ActivitySucceeded":
		v := &api.ActivitySucceededEventDetails{}
		out.ActivitySucceededEventDetails = v
		return out, fill(v, nil, &v.OutputDetails)
	case "ActivityFailed":
		out.ActivityFailedEventDetails = &api.ActivityFailedEventDetails{}
		return out, fill(out.ActivityFailedEventDetails, nil, nil)
	case "ActivityTimedOut":
		out.ActivityTimedOutEventDetails = &api.ActivityTimedOutEventDetails{}
		return out, fill(out.ActivityTimedOutEventDetails, nil, nil)
	}
	return out, nil
}
