package sfn

import (
	"context"
	"strings"

	"sundog/cloud"
	"sundog/engine/bus"
)

// target starts executions for rules and schedules.
type target struct{ *sfnRoom }

// Action is the permission that a delivery needs.
func (target) Action(cloud.ARN) string { return "states:StartExecution" }

// Deliver starts an execution with the payload as its input. Its name is made of the delivery's id, so that it starts once.
func (t target) Deliver(ctx context.Context, d bus.Delivery) (bus.Outcome, error) {
	name := d.Parameters["Name"]
	if name == "" {
		name = executionName(d.ID)
	}
	_, err := t.launch(ctx, request{machine: d.Target.String(), name: name, input: string(d.Payload), trace: d.Trace})
	if cloud.IsCode(err, "ExecutionAlreadyExists") {
		return bus.Outcome{}, nil
	}
	return bus.Verdict(err)
}

// executionName makes a valid name of an id.
func executionName(id string) string {
	s := strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '-'
	}, id)
	return s[max(0, len(s)-80):]
}
