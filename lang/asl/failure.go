package asl

import "fmt"

// The error names of the language (Amazon States Language, "Appendix A: Predefined Error Codes").
const (
	ErrAll              = "States.ALL"
	ErrTimeout          = "States.Timeout"
	ErrHeartbeat        = "States.HeartbeatTimeout"
	ErrTaskFailed       = "States.TaskFailed"
	ErrPermissions      = "States.Permissions"
	ErrResultPath       = "States.ResultPathMatchFailure"
	ErrParameterPath    = "States.ParameterPathFailure"
	ErrBranchFailed     = "States.BranchFailed"
	ErrNoChoice         = "States.NoChoiceMatched"
	ErrIntrinsic        = "States.IntrinsicFailure"
	ErrRuntime          = "States.Runtime"
	ErrDataLimit        = "States.DataLimitExceeded"
	ErrToleratedFailure = "States.ExceedToleratedFailureThreshold"
)

// Failure is an error of a workflow: what Retry and Catch match, and what ends an execution.
type Failure struct {
	Name      string
	Cause     string
	noCause   bool // no cause at all, which is not the same as an empty one
	noName    bool
	located   bool // the cause is to be preceded by where it happened
	heartbeat bool // a timeout for want of a heartbeat: States.HeartbeatTimeout matches too
}

// Error gives name and cause.
func (f *Failure) Error() string { return f.Name + ": " + f.Cause }

// runtime makes a States.Runtime failure whose cause tells the state.
func runtime(format string, args ...any) *Failure {
	return &Failure{Name: ErrRuntime, Cause: fmt.Sprintf(format, args...), located: true}
}

// matches tells whether one entry of ErrorEquals covers the failure.
func (f *Failure) matches(pattern string) bool {
	switch {
	case f.Name == ErrRuntime && !f.noName:
		return false // never caught
	case pattern == ErrAll:
		return f.Name != ErrDataLimit
	case f.noName:
		return false
	case pattern == f.Name:
		return true
	case pattern == ErrHeartbeat:
		return f.heartbeat
	case pattern == ErrTaskFailed:
		return f.Name != ErrTimeout && f.Name != ErrDataLimit
	}
	return false
}

func (f *Failure) matchesAny(patterns []string) bool {
	for _, p := range patterns {
		if f.matches(p) {
			return true
		}
	}
	return false
}
