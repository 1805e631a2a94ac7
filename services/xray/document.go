package xray

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/telemetry"
)

// The limits of a document (Developer Guide, "Segment documents").
const (
	maxDocument = 64 << 10 // bytes
	maxDepth    = 100      // of subsegments
)

// document is a segment or subsegment, as far as spans and summaries need it.
type document struct {
	TraceID     string          `json:"trace_id,omitempty"`
	ID          string          `json:"id"`
	ParentID    string          `json:"parent_id,omitempty"`
	Type        string          `json:"type,omitempty"`
	Name        string          `json:"name"`
	Start       float64         `json:"start_time"`
	End         float64         `json:"end_time,omitempty"`
	InProgress  bool            `json:"in_progress,omitempty"`
	Namespace   string          `json:"namespace,omitempty"`
	Origin      string          `json:"origin,omitempty"`
	ResourceARN string          `json:"resource_arn,omitempty"`
	User        string          `json:"user,omitempty"`
	Fault       bool            `json:"fault,omitempty"`
	Error       bool            `json:"error,omitempty"`
	Throttle    bool            `json:"throttle,omitempty"`
	HTTP        *httpPart       `json:"http,omitempty"`
	Cause       json.RawMessage `json:"cause,omitempty"`
	Annotations map[string]any  `json:"annotations,omitempty"`
	Subsegments []document      `json:"subsegments,omitempty"`
}

type httpPart struct {
	Request *struct {
		Method    string `json:"method,omitempty"`
		URL       string `json:"url,omitempty"`
		UserAgent string `json:"user_agent,omitempty"`
		ClientIP  string `json:"client_ip,omitempty"`
	} `json:"request,omitempty"`
	Response *struct {
		Status int `json:"status,omitempty"`
	} `json:"response,omitempty"`
}

// cause is the cause of a fault: the exceptions. In place of it a document may have the id of an exception.
type cause struct {
	Exceptions []exception `json:"exceptions,omitempty"`
}

type exception struct {
	ID      string `json:"id,omitempty"`
	Type    string `json:"type,omitempty"`
	Message string `json:"message,omitempty"`
}

// flaw says why a document is not taken.
type flaw struct{ id, code, message string }

// parse reads a document; nil with the flaw when it is not taken.
func parse(text string) (*document, *flaw) {
	if len(text) > maxDocument {
		return nil, &flaw{"", "DocumentTooLarge", "The segment document is larger than 64 kB."}
	}
	d := &document{}
	if err := json.Unmarshal([]byte(text), d); err != nil {
		return nil, &flaw{"", "ParseError", "Invalid segment. ErrorCode: ParseError"}
	}
	d.TraceID = traceID(d.TraceID)
	bad := func(code string) (*document, *flaw) {
		return nil, &flaw{d.ID, code, "Invalid segment. ErrorCode: " + code}
	}
	switch _, ok := cloud.ParseTrace("Root=" + d.TraceID); {
	case !isID(d.ID):
		return bad("MissingId")
	case !ok:
		return bad("MissingTraceId")
	case d.Name == "":
		return bad("MissingName")
	case !isTime(d.Start):
		return bad("MissingStartTime")
	case !d.InProgress && !isTime(d.End):
		return bad("MissingEndTime")
	case d.ParentID != "" && !isID(d.ParentID), d.Type == "subsegment" && d.ParentID == "":
		return bad("MissingParentId")
	}
	return d, nil
}

// traceID gives a trace id in X-Ray's form, also of one in W3C's.
func traceID(s string) string {
	if len(s) == 32 && !strings.Contains(s, "-") {
		return "1-" + s[:8] + "-" + s[8:]
	}
	return s
}

func isID(s string) bool { return len(s) == 16 && strings.Trim(s, "0123456789abcdefABCDEF") == "" }

func isTime(seconds float64) bool { return seconds > 0 && seconds < 1e11 }

// at reads a document's time: seconds with parts.
func at(seconds float64) time.Time {
	if !isTime(seconds) {
		return time.Time{}
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)).UTC().Round(time.Microsecond)
}

// embedded marks the span of a subsegment that stands in its segment's document.
const embedded = "embedded"

// spans makes the spans of a document: its own, which keeps the text, and one for each subsegment within it.
func spans(d *document, sc cloud.Scope, text string) []telemetry.Span {
	s := span(d, sc, d.TraceID, d.ParentID)
	s.Segment = json.RawMessage(text)
	return children(d, sc, d.TraceID, []telemetry.Span{s}, 0)
}

func children(d *document, sc cloud.Scope, trace string, out []telemetry.Span, depth int) []telemetry.Span {
	if depth == maxDepth {
		return out
	}
	for i := range d.Subsegments {
		c := &d.Subsegments[i]
		if !isID(c.ID) || !isTime(c.Start) {
			continue
		}
		s := span(c, sc, trace, d.ID)
		s.Fields[embedded] = "1"
		out = children(c, sc, trace, append(out, s), depth+1)
	}
	return out
}

func span(d *document, sc cloud.Scope, trace, parent string) telemetry.Span {
	s := telemetry.Span{
		Trace: trace, ID: strings.ToLower(d.ID), Parent: strings.ToLower(parent), Scope: sc, Name: d.Name, Kind: "segment", Resource: d.ResourceARN,
		Start: at(d.Start), End: at(d.End), Fields: map[string]string{},
	}
	if s.End.IsZero() {
		s.End = s.Start
		s.Fields["in_progress"] = "1"
	}
	if d.HTTP != nil && d.HTTP.Response != nil {
		s.Status = d.HTTP.Response.Status
	}
	for name, on := range map[string]bool{"fault": d.Fault, "error": d.Error, "throttle": d.Throttle} {
		if on {
			s.Fields[name] = "1"
		}
	}
	if d.Namespace != "" {
		s.Fields["namespace"] = d.Namespace
	}
	if d.Fault || d.Error || d.Throttle {
		s.Fault = d.reason()
	}
	return s
}

// reason gives the text of a failure: the first exception's, or what kind of failure it is.
func (d *document) reason() string {
	var c cause
	if json.Unmarshal(d.Cause, &c) == nil && len(c.Exceptions) > 0 {
		e := c.Exceptions[0]
		if e.Type != "" && e.Message != "" {
			return e.Type + ": " + e.Message
		}
		if e.Type+e.Message != "" {
			return e.Type + e.Message
		}
	}
	switch {
	case d.Fault:
		return "fault"
	case d.Throttle:
		return "throttled"
	}
	return "error"
}
