package sfn

import (
	"context"
	"encoding/base64"
	"strings"

	api "sundog/api/sfn"
	"sundog/lang/asl"
	"sundog/lang/jsonpath"
)

// newToken makes a task token: it names the execution and the task, and holds a secret by which it is recognised.
func newToken(arn, task, secret string) string {
	return base64.StdEncoding.EncodeToString([]byte(arn + "\n" + task + "\n" + secret))
}

func parseToken(token string) (arn, task string, err error) {
	b, err := base64.StdEncoding.DecodeString(token)
	parts := strings.Split(string(b), "\n")
	if err != nil || len(parts) != 3 || !strings.HasPrefix(parts[0], "arn:") {
		return "", "", errToken()
	}
	return parts[0], parts[1], nil
}

// report hands an event to the task that a token names.
func (r *sfnRoom) report(ctx context.Context, token string, ev asl.Event) error {
	arn, task, err := parseToken(token)
	if err != nil {
		return err
	}
	ev.Task = task
	known, err := r.e.knows(ctx, arn, task, token)
	if err != nil {
		return err
	}
	if !known {
		return errTaskGone()
	}
	applied, err := r.e.step(ctx, arn, ev)
	if err == nil && !applied {
		err = errTaskGone()
	}
	return err
}

// knows tells whether the execution awaits the task with that very token.
func (e *engine) knows(ctx context.Context, arn, task, token string) (bool, error) {
	h := e.hold(arn)
	defer e.release(arn, h)
	if err := e.load(ctx, arn, h); err != nil {
		return false, errToken()
	}
	if h.x == nil {
		return false, nil
	}
	for _, c := range h.x.InFlight() {
		if c.ID == task {
			if c.Token != token {
				return false, errToken()
			}
			return true, nil
		}
	}
	return false, nil
}

func (r *sfnRoom) sendTaskSuccess(ctx context.Context, in *api.SendTaskSuccessInput) (*api.SendTaskSuccessOutput, error) {
	output := deref(in.Output)
	if _, err := jsonpath.Parse(output); err != nil {
		return nil, errOutput("Invalid JSON in output: " + err.Error())
	}
	if len(output) > asl.MaxData {
		return nil, errOutput("The output is longer than 262144 bytes")
	}
	return &api.SendTaskSuccessOutput{}, r.report(ctx, deref(in.TaskToken), asl.Event{Kind: asl.TaskSucceeded, Output: output})
}

func (r *sfnRoom) sendTaskFailure(ctx context.Context, in *api.SendTaskFailureInput) (*api.SendTaskFailureOutput, error) {
	return &api.SendTaskFailureOutput{}, r.report(ctx, deref(in.TaskToken), asl.Event{Kind: asl.TaskFailed, Error: in.Error, Cause: in.Cause})
}

func (r *sfnRoom) sendTaskHeartbeat(ctx context.Context, in *api.SendTaskHeartbeatInput) (*api.SendTaskHeartbeatOutput, error) {
	return &api.SendTaskHeartbeatOutput{}, r.report(ctx, deref(in.TaskToken), asl.Event{Kind: asl.TaskHeartbeat})
}
