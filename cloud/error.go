package cloud

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrorKind says what sort of failure an Error is; it decides the HTTP status where a service does not say otherwise.
type ErrorKind uint8

// The kinds of errors.
const (
	Internal       ErrorKind = iota // our fault: 500
	Invalid                         // the request is wrong: 400
	NotFound                        // the resource is not there: 404 in REST protocols, 400 in the others
	Conflict                        // the resource is in the wrong state: 409 in REST protocols, 400 in the others
	Denied                          // not permitted: 403 in REST protocols and query, 400 in JSON
	Throttled                       // too much: 429 in REST protocols, 400 in the others
	TooLarge                        // over a size limit: 413 in REST protocols, 400 in the others
	NotImplemented                  // not served by this platform: 501 everywhere
	Unavailable                     // try again: 503 everywhere
)

// Error is the one error type of the platform. Code and Message are what the client sees; the cause is only logged. A room's
// errors.go has one constructor per error that its service documents.
type Error struct {
	Kind    ErrorKind
	Code    string         // the service's own error code, such as "ResourceNotFoundException"
	Message string         // as AWS words it
	Status  int            // HTTP status; 0: by Kind and protocol
	Fields  map[string]any // further members of the error's shape, by the model's names
	Cause   error          // for the log only
	// Query is how the query protocol puts the error, in services that speak another protocol too; nil: as the model says.
	Query *Wording
}

// Wording is the code and message of an error in another protocol; "" is the same as in the others. The code also goes into the header by
// which JSON services tell the code of query.
type Wording struct{ Code, Message string }

// Errorf makes an Error of a kind with AWS's code and a message.
func Errorf(kind ErrorKind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error gives code, message and cause, for logs.
func (e *Error) Error() string {
	s := e.Code + ": " + e.Message
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// With gives a copy with one more member of the error's shape.
func (e *Error) With(field string, value any) *Error {
	c := *e
	c.Fields = map[string]any{}
	for k, v := range e.Fields {
		c.Fields[k] = v
	}
	c.Fields[field] = value
	return &c
}

// WithStatus gives a copy with a fixed HTTP status.
func (e *Error) WithStatus(status int) *Error {
	c := *e
	c.Status = status
	return &c
}

// InQuery gives a copy with a wording of its own in the query protocol.
func (e *Error) InQuery(code, message string) *Error {
	c := *e
	c.Query = &Wording{code, message}
	return &c
}

// AsError gives the *Error in err's chain. Any other error becomes an Internal one with a message that says nothing of the cause.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Internal, Code: "InternalFailure", Message: "The request processing has failed because of an unknown error, exception or failure.", Status: http.StatusInternalServerError, Cause: err}
}

// IsCode tells whether err is an Error with that code.
func IsCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// NotImplementedf refuses by name what the platform does not do: HTTP 501, code NotImplemented.
func NotImplementedf(format string, args ...any) *Error {
	return &Error{Kind: NotImplemented, Code: "NotImplemented", Message: fmt.Sprintf(format, args...), Status: http.StatusNotImplemented}
}
