package apigateway

import (
	"encoding/json"

	"sundog/lang/httpevent"
)

// answer is what goes back to the client.
type answer struct {
	status int
	header map[string][]string
	body   []byte
	final  bool   // the CORS headers are there already
	fault  string // for the access log: why the platform answered instead of the function
}

// message is the gateway's own answer.
func message(status int, text string) answer {
	b, _ := json.Marshal(map[string]string{"message": text})
	return answer{status: status, header: map[string][]string{"Content-Type": {"application/json"}}, body: b, fault: text}
}

// responseOf reads a function's payload.
func responseOf(payload []byte, format string) answer {
	r, ok := httpevent.ParseResponse(payload, format)
	if !ok {
		return message(500, "Internal Server Error")
	}
	return answer{status: r.Status, header: r.Header, body: r.Body}
}
