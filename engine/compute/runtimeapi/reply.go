package runtimeapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
)

type errorShape struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

// refusal is why a request is not served.
type refusal struct {
	status        int
	kind, message string
}

func (no *refusal) write(w http.ResponseWriter) { refuse(w, no.status, no.kind, no.message) }

func (no *refusal) json() []byte { return failure(no.kind, no.message).Body }

func refuse(w http.ResponseWriter, status int, kind, message string) {
	reply(w, status, errorShape{message, kind})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who asked has gone if this fails
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte("{\"status\":\"OK\"}\n")) // as above
}

func failure(kind, message string) Response {
	b, err := json.Marshal(errorShape{message, kind})
	if err != nil {
		b = []byte(`{"errorType":"Runtime.Unknown"}`)
	}
	return Response{Body: b, Failed: true}
}

// trailerError reads the error that a runtime put behind a response that it had begun: its body is base64 of JSON. nil when there is none.
func trailerError(h http.Header) []byte {
	kind, body := h.Get("Lambda-Runtime-Function-Error-Type"), h.Get("Lambda-Runtime-Function-Error-Body")
	if kind == "" {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(body)
	if err == nil && json.Valid(b) && len(b) > 0 {
		return b
	}
	return failure(kind, body).Body
}

var errTooLarge = errors.New("response payload size exceeded maximum allowed payload size (6291556 bytes)")

// limitedBuffer keeps a streamed response that nobody takes as a stream.
type limitedBuffer struct{ b []byte }

// Write appends up to MaxResponse bytes in all.
func (l *limitedBuffer) Write(p []byte) (int, error) {
	if len(l.b)+len(p) > MaxResponse {
		return 0, errTooLarge
	}
	l.b = append(l.b, p...)
	return len(p), nil
}
