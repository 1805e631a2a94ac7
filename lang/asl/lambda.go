package asl

import (
	"strconv"
	"time"

	"sundog/lang/jsonpath"
)

// LambdaReply is what an invoke of a function gave.
type LambdaReply struct {
	Payload       string
	FunctionError string // "" on success
	Version       string
	RequestID     string
	TraceID       string
	Date          time.Time
}

// LambdaOutcome makes the event by which a task on a function ends. A function's ARN as Resource gives the payload itself; the
// integration lambda:invoke gives the API's answer with the payload as JSON.
func LambdaOutcome(c TaskCall, r LambdaReply) Event {
	payload, err := jsonpath.Parse(r.Payload)
	if r.FunctionError != "" {
		return lambdaError(c, r, payload)
	}
	if err != nil && r.Payload != "" {
		payload = r.Payload // text that is not JSON
	}
	if c.Resource.Kind == LambdaFunction {
		out := r.Payload
		if err != nil {
			out = jsonpath.Text(payload)
		}
		return Event{Kind: TaskSucceeded, Task: c.ID, Output: out}
	}
	return Event{Kind: TaskSucceeded, Task: c.ID, Output: jsonpath.Text(invokeAnswer(r, payload))}
}

func lambdaError(c TaskCall, r LambdaReply, payload any) Event {
	name, cause := "Lambda.Unknown", r.Payload
	if o, ok := payload.(*jsonpath.Object); ok {
		if s, ok := o.Get("errorType"); ok {
			if s, ok := s.(string); ok && s != "" {
				name = s
			}
		}
		if c.Resource.Kind != LambdaFunction {
			cause = jsonpath.Text(o)
		}
	}
	return Event{Kind: TaskFailed, Task: c.ID, Error: &name, Cause: &cause}
}

func invokeAnswer(r LambdaReply, payload any) *jsonpath.Object {
	set := func(o *jsonpath.Object, kv ...any) *jsonpath.Object {
		for i := 0; i+1 < len(kv); i += 2 {
			o.Set(kv[i].(string), kv[i+1])
		}
		return o
	}
	one, many := jsonpath.NewObject(8), jsonpath.NewObject(8)
	for _, h := range [][2]string{{"Connection", "keep-alive"}, {"Content-Length", strconv.Itoa(len(r.Payload))}, {"Content-Type", "application/json"},
		{"Date", r.Date.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")}, {"X-Amz-Executed-Version", r.Version}, {"x-amzn-Remapped-Content-Length", "0"},
		{"x-amzn-RequestId", r.RequestID}, {"X-Amzn-Trace-Id", r.TraceID}} {
		one.Set(h[0], h[1])
		many.Set(h[0], []any{h[1]})
	}
	meta := set(jsonpath.NewObject(3), "AllHttpHeaders", many, "HttpHeaders", one, "HttpStatusCode", jsonpath.Number("200"))
	return set(jsonpath.NewObject(5), "ExecutedVersion", r.Version, "Payload", payload, "SdkHttpMetadata", meta,
		"SdkResponseMetadata", set(jsonpath.NewObject(1), "RequestId", r.RequestID), "StatusCode", jsonpath.Number("200"))
}
