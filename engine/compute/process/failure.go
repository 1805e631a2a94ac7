package process

import (
	"encoding/json"
	"fmt"
	"time"

	"sundog/engine/compute"
)

// answer is how an invocation, or an init, ended.
type answer struct {
	kind        compute.Failure
	payload     []byte // the response, or the error's JSON
	text        string // one line for the log; "" when all is well
	streamed    bool
	contentType string
	fatal       bool // the environment cannot go on
}

type errorShape struct {
	Type    string   `json:"errorType"`
	Message string   `json:"errorMessage"`
	Trace   []string `json:"trace,omitempty"`
}

func errorJSON(kind, message string) []byte {
	b, err := json.Marshal(errorShape{Type: kind, Message: message})
	if err != nil {
		return []byte(`{"errorType":"Runtime.Unknown"}`) // texts always marshal
	}
	return b
}

// timedOut words a timeout as Lambda does.
func timedOut(requestID string, limit time.Duration) answer {
	text := fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, limit.Seconds())
	return answer{kind: compute.Timeout, payload: errorJSON("Sandbox.Timedout", text), text: text, fatal: true}
}

// exited words the end of a process. outOfMemory says that it was killed for its memory.
func exited(requestID, status string, outOfMemory bool) answer {
	a := answer{kind: compute.Exit, fatal: true}
	a.text = "RequestId: " + requestID + " Error: Runtime exited with error: " + status
	if status == "exit status 0" {
		a.text = "RequestId: " + requestID + " Error: Runtime exited without providing a reason"
	}
	if outOfMemory {
		a.kind = compute.OutOfMemory
		a.text = "RequestId: " + requestID + " Error: Runtime exited with error: signal: killed"
	}
	a.payload = errorJSON("Runtime.ExitError", a.text)
	return a
}

// entrypoint words a bootstrap that cannot be started.
func entrypoint(text string) answer {
	return answer{kind: compute.Init, payload: errorJSON("Runtime.InvalidEntrypoint", text), text: text, fatal: true}
}

// reported words an error that the runtime itself reported.
func reported(kind compute.Failure, body []byte, fatal bool) answer {
	var e errorShape
	text := "error"
	if json.Unmarshal(body, &e) == nil {
		if text = e.Type; e.Message != "" {
			text += ": " + e.Message
		}
	} else {
		body = errorJSON("Runtime.Unknown", "The runtime reported an error that is not JSON")
	}
	return answer{kind: kind, payload: body, text: firstLine(text), fatal: fatal}
}

// errorType gives the errorType of an error's JSON; "" when it has none.
func errorType(payload []byte) string {
	var e errorShape
	if json.Unmarshal(payload, &e) != nil {
		return ""
	}
	return e.Type
}

func firstLine(s string) string {
	for i := range len(s) {
		if s[i] == '\n' {
			return s[:i]
		}
	}
	return s
}

// tooLarge is a response over Lambda's limit.
func tooLarge() answer {
	const text = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
	return answer{kind: compute.Handled, payload: errorJSON("Function.ResponseSizeTooLarge", text), text: text}
}
