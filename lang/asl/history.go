package asl

import (
	"strings"
	"time"
)

// HistoryEvent is one event of an execution's history, as GetExecutionHistory shows it.
type HistoryEvent struct {
	ID         int64     `json:"id"`
	PreviousID int64     `json:"prev"`
	Type       string    `json:"type"`
	Time       time.Time `json:"time"`
	Details    *Details  `json:"details,omitempty"` // nil: this type has none
}

// Details are the details of all types of events together, by the names of the API; Member tells which member holds them.
type Details struct {
	Name                   *string           `json:"name,omitempty"`
	Input                  *string           `json:"input,omitempty"`
	Output                 *string           `json:"output,omitempty"`
	Error                  *string           `json:"error,omitempty"`
	Cause                  *string           `json:"cause,omitempty"`
	Resource               *string           `json:"resource,omitempty"`
	ResourceType           *string           `json:"resourceType,omitempty"`
	Region                 *string           `json:"region,omitempty"`
	Parameters             *string           `json:"parameters,omitempty"`
	RoleARN                *string           `json:"roleArn,omitempty"`
	WorkerName             *string           `json:"workerName,omitempty"`
	Length                 *int64            `json:"length,omitempty"`
	Index                  *int64            `json:"index,omitempty"`
	TimeoutInSeconds       *int64            `json:"timeoutInSeconds,omitempty"`
	HeartbeatInSeconds     *int64            `json:"heartbeatInSeconds,omitempty"`
	TaskCredentials        *TaskCredentials  `json:"taskCredentials,omitempty"`
	AssignedVariables      map[string]string `json:"assignedVariables,omitempty"` // name -> JSON
	StateMachineVersionARN *string           `json:"stateMachineVersionArn,omitempty"`
	StateMachineAliasARN   *string           `json:"stateMachineAliasArn,omitempty"`
}

// TaskCredentials is the role that a Task's Credentials name.
type TaskCredentials struct {
	RoleARN string `json:"roleArn"`
}

// Member names the member of the API's HistoryEvent that holds the details: "stateEnteredEventDetails" of "PassStateEntered".
// It is "" for types without one.
func (e HistoryEvent) Member() string {
	if e.Details == nil {
		return ""
	}
	switch {
	case strings.HasSuffix(e.Type, "StateEntered"):
		return "stateEnteredEventDetails"
	case strings.HasSuffix(e.Type, "StateExited"):
		return "stateExitedEventDetails"
	}
	return strings.ToLower(e.Type[:1]) + e.Type[1:] + "EventDetails"
}

// emit adds an event behind the thread's last one and makes it the thread's last.
func (x *Execution) emit(t *thread, typ string, d *Details) int64 {
	id := x.event(typ, t.Prev, d)
	t.Prev = id
	x.touch(t)
	return id
}

// event adds an event.
func (x *Execution) event(typ string, prev int64, d *Details) int64 {
	x.head.Events++
	x.changed["h"] = true
	x.bytes += d.size()
	x.history = append(x.history, HistoryEvent{ID: x.head.Events, PreviousID: prev, Type: typ, Time: x.now, Details: d})
	return x.head.Events
}

// size is about how many bytes the documents have.
func (d *Details) size() int {
	n := 0
	if d != nil {
		for _, s := range []*string{d.Input, d.Output, d.Parameters, d.Cause} {
			if s != nil {
				n += len(*s)
			}
		}
	}
	return n
}

func ptr[T any](v T) *T { return &v }

// optional gives nil for nothing.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
