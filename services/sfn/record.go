package sfn

import (
	"time"

	"sundog/cloud"
	"sundog/lang/asl"
)

// record is what is kept of an execution besides the interpreter's rows.
type record struct {
	ARN      string      `json:"arn"`
	Machine  string      `json:"machine"` // the ARN without version and alias
	Name     string      `json:"name"`
	Revision string      `json:"revision"`
	Role     string      `json:"role"`
	Version  string      `json:"version,omitempty"` // ARN
	Alias    string      `json:"alias,omitempty"`   // ARN
	Status   asl.Status  `json:"status"`
	Start    time.Time   `json:"start"`
	Stop     time.Time   `json:"stop,omitzero"`
	Input    string      `json:"input"`
	Output   *string     `json:"output,omitempty"`
	Error    *string     `json:"error,omitempty"`
	Cause    *string     `json:"cause,omitempty"`
	Armed    time.Time   `json:"armed,omitzero"` // when its timer fires; zero: none is set
	Express  bool        `json:"express,omitempty"`
	Trace    cloud.Trace `json:"trace,omitzero"`
	Span     string      `json:"span,omitempty"` // under which its tasks hang
	Log      *logging    `json:"log,omitempty"`
}

func (c *record) scope() cloud.Scope {
	a, err := cloud.ParseARN(c.ARN)
	if err != nil {
		return cloud.Scope{}
	}
	return a.Scope()
}

func (c *record) machineName() name {
	q, err := parseMachine(c.Machine)
	if err != nil {
		return name{}
	}
	return q.name
}

// info is what the interpreter is told.
func (c *record) info() asl.Info {
	n := c.machineName()
	return asl.Info{Input: c.Input, ARN: c.ARN, Name: c.Name, RoleARN: c.Role, MachineARN: c.Machine, Machine: n.Name, Region: n.Region,
		VersionARN: c.Version, AliasARN: c.Alias, Start: c.Start, Express: c.Express}
}

// actor is the session of a role that an execution's tasks act as.
func actor(role, session string) (cloud.Principal, error) {
	a, err := cloud.ParseARN(role)
	if err != nil {
		return cloud.Principal{}, err
	}
	if len(session) > 64 {
		session = session[:64]
	}
	return cloud.RoleSession(a, session), nil
}
