package eventpattern

import (
	"fmt"
	"strings"
)

// Error says why a pattern is refused.
type Error struct {
	// Reason is the service's own sentence, on one line.
	Reason string
	// Source is the text that Line and Column (from 1) point into; "" when the reason has no place.
	Source       string
	Line, Column int
	// Syntax tells that the text is not JSON.
	Syntax bool
	// Scope tells that the policy does not suit SNS's filter policy scope: the reason then stands alone, without "FilterPolicy: ".
	Scope   bool
	dialect Dialect
}

// Text gives the reason with its place, as the service prints it after its own prefix ("Event pattern is not valid. Reason: "
// for EventBridge, "Invalid parameter: Attributes Reason: FilterPolicy: " or "Invalid parameter: FilterPolicy: " for SNS).
func (e *Error) Text() string {
	if e.Line == 0 {
		return e.Reason
	}
	if e.Syntax && e.dialect.sns() {
		return fmt.Sprintf("failed to parse JSON. %s\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: %d, column: %d]", e.Reason, e.Line, e.Column)
	}
	return fmt.Sprintf("%s\n at [Source: (String)\"%s\"; line: %d, column: %d]", e.Reason, e.Source, e.Line, e.Column)
}

// Error gives EventBridge's whole message, or for SNS the reason with its place.
func (e *Error) Error() string {
	if e.dialect.sns() {
		return e.Text()
	}
	return "Event pattern is not valid. Reason: " + e.Text()
}

func (l *lexer) fail(at int, format string, args ...any) *Error {
	at = min(at, len(l.src))
	line := 1 + strings.Count(l.src[:at], "\n")
	column := at - strings.LastIndexByte(l.src[:at], '\n')
	return &Error{Reason: fmt.Sprintf(format, args...), Source: l.src, Line: line, Column: column, dialect: l.dialect}
}

func (l *lexer) syntax(at int, format string, args ...any) *Error {
	e := l.fail(at, format, args...)
	e.Syntax = true
	return e
}

func plain(d Dialect, format string, args ...any) *Error {
	return &Error{Reason: fmt.Sprintf(format, args...), dialect: d}
}
