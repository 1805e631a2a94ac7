package asl

import (
	"fmt"
	"strings"
)

// Diagnostic is one finding in a definition, as ValidateStateMachineDefinition reports it.
type Diagnostic struct {
	Severity string // "ERROR" or "WARNING"
	Code     string // "SCHEMA_VALIDATION_FAILED", ...
	Message  string
	Location string // a pointer such as "/States/A/Next"
}

// The codes of diagnostics.
const (
	codeSchema     = "SCHEMA_VALIDATION_FAILED"
	codeTransition = "MISSING_TRANSITION_TARGET"
	codeJSON       = "INVALID_JSON_DESCRIPTION"
)

// InvalidDefinition is a definition that cannot be run.
type InvalidDefinition struct{ Diagnostics []Diagnostic }

// Error words the findings as CreateStateMachine does.
func (e *InvalidDefinition) Error() string {
	parts := make([]string, 0, len(e.Diagnostics))
	for _, d := range e.Diagnostics {
		if d.Severity == "ERROR" {
			parts = append(parts, fmt.Sprintf("%s: %s at %s", d.Code, d.Message, d.Location))
		}
	}
	return "Invalid State Machine Definition: '" + strings.Join(parts, ", ") + "'"
}

// Unsupported is a sound definition that uses what this platform does not run.
type Unsupported struct{ What string }

// Error names it.
func (e *Unsupported) Error() string { return e.What + " is not implemented" }

// maxDiagnostics bounds the list of findings of one definition.
const maxDiagnostics = 100
