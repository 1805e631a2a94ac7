package xray

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	api "sundog/api/xray"
	"sundog/cloud"
	"sundog/engine/telemetry"
)

const (
	maxTraces   = 5   // of BatchGetTraces
	pageTraces  = 100 // of GetTraceSummaries
	microsecond = 1e6
)

func (r *traceRoom) batchGetTraces(ctx context.Context, in *api.BatchGetTracesInput) (*api.BatchGetTracesOutput, error) {
	if len(in.TraceIds) > maxTraces {
		return nil, errRequest("The maximum number of trace IDs is %d.", maxTraces)
	}
	if err := r.d.Telemetry.Flush(ctx); err != nil {
		return nil, err
	}
	out := &api.BatchGetTracesOutput{Traces: []api.Trace{}, UnprocessedTraceIds: []string{}}
	for _, id := range in.TraceIds {
		t, err := r.trace(ctx, traceID(id))
		if err != nil {
			return nil, err
		}
		if len(t) == 0 {
			continue
		}
		from, to := extent(t)
		shown := api.Trace{Id: &id, Duration: new(to.Sub(from).Seconds()), LimitExceeded: new(false), Segments: []api.Segment{}}
		for i := range t {
			if t[i].Fields[embedded] != "" {
				continue
			}
			text, err := render(&t[i])
			if err != nil {
				return nil, err
			}
			shown.Segments = append(shown.Segments, api.Segment{Id: &t[i].ID, Document: &text})
		}
		out.Traces = append(out.Traces, shown)
	}
	return out, nil
}

// trace gives the spans of a trace in the caller's scope.
func (r *traceRoom) trace(ctx context.Context, id string) ([]telemetry.Span, error) {
	all, err := r.d.Telemetry.Trace(ctx, id)
	if err != nil {
		return nil, err
	}
	sc := cloud.CallFrom(ctx).Scope
	kept := all[:0]
	for _, s := range all {
		if s.Scope == sc {
			kept = append(kept, s)
		}
	}
	return kept, nil
}

// extent gives when a trace began and ended.
func extent(t []telemetry.Span) (from, to time.Time) {
	for i, s := range t {
		if i == 0 || s.Start.Before(from) {
			from = s.Start
		}
		if s.End.After(to) {
			to = s.End
		}
	}
	return from, to
}

// origins are the resources that spans of the platform's own kinds stand for.
var origins = map[string]string{"invoke": "AWS::Lambda::Function", "http": "AWS::ApiGateway::Stage", "workflow": "AWS::StepFunctions::StateMachine"}

// render gives a span as a segment document: the one that was sent, or one made of what the platform recorded.
func render(s *telemetry.Span) (string, error) {
	if s.Segment != nil {
		return string(s.Segment), nil
	}
	d := document{
		TraceID: s.Trace, ID: s.ID, ParentID: s.Parent, Name: s.Name, Start: seconds(s.Start), End: seconds(s.End), Origin: origins[s.Kind],
		ResourceARN: s.Resource, Annotations: map[string]any{"kind": s.Kind},
	}
	d.Fault, d.Error, d.Throttle = failures(s)
	if s.Status != 0 {
		d.HTTP = &httpPart{Response: &struct {
			Status int `json:"status,omitempty"`
		}{s.Status}}
	}
	if s.Fault != "" {
		raw, err := json.Marshal(cause{Exceptions: []exception{{ID: s.ID, Message: s.Fault}}})
		if err != nil {
			return "", err
		}
		d.Cause = raw
	}
	b, err := json.Marshal(d)
	return string(b), err
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / microsecond }

// failures tells how a span failed: by its flags when a client sent them, else by its status.
func failures(s *telemetry.Span) (fault, failed, throttle bool) {
	if s.Kind == "segment" {
		return s.Fields["fault"] != "", s.Fields["error"] != "", s.Fields["throttle"] != ""
	}
	failed = s.Status >= 400 && s.Status < 500
	return s.Status >= 500 || s.Fault != "" && !failed, failed, s.Status == 429
}

func (r *traceRoom) getTraceSummaries(ctx context.Context, in *api.GetTraceSummariesInput) (*api.GetTraceSummariesOutput, error) {
	switch {
	case text(in.FilterExpression) != "":
		return nil, cloud.NotImplementedf("Filter expressions are not served by this platform: %s.", *in.FilterExpression)
	case text(in.TimeRangeType) == "Service":
		return nil, cloud.NotImplementedf("The time range type Service is not served by this platform.")
	case !in.StartTime.Before(*in.EndTime):
		return nil, errRequest("StartTime must be before EndTime.")
	}
	if err := r.d.Telemetry.Flush(ctx); err != nil {
		return nil, err
	}
	q := telemetry.SpanQuery{Scope: cloud.CallFrom(ctx).Scope, From: *in.StartTime, To: *in.EndTime, Limit: pageTraces}
	if text(in.NextToken) != "" {
		before, err := readToken(*in.NextToken)
		if err != nil {
			return nil, err
		}
		q.To = before
	}
	first, err := r.d.Telemetry.Traces(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &api.GetTraceSummariesOutput{
		TraceSummaries: []api.TraceSummary{}, ApproximateTime: new(r.d.Clock.Now()), TracesProcessedCount: new(int64(len(first))),
	}
	for i := range first {
		t, err := r.trace(ctx, first[i].Trace)
		if err != nil {
			return nil, err
		}
		out.TraceSummaries = append(out.TraceSummaries, summary(&first[i].Span, t))
	}
	if len(first) == pageTraces {
		last := fmt.Appendf(nil, "%d", first[len(first)-1].Start.UnixNano())
		out.NextToken = new(base64.RawURLEncoding.EncodeToString(last))
	}
	return out, nil
}

// readToken reads a page token: the start of the last trace that was given.
func readToken(token string) (time.Time, error) {
	var nanos int64
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		_, err = fmt.Sscanf(string(b), "%d", &nanos)
	}
	if err != nil {
		return time.Time{}, errRequest("Invalid NextToken.")
	}
	return time.Unix(0, nanos), nil
}

// summary tells of a trace; entry is the span that stands for it.
func summary(entry *telemetry.Span, t []telemetry.Span) api.TraceSummary {
	from, to := extent(t)
	s := api.TraceSummary{
		Id: &entry.Trace, StartTime: &from, Duration: new(to.Sub(from).Seconds()), ResponseTime: new(entry.End.Sub(entry.Start).Seconds()),
		HasFault: new(false), HasError: new(false), HasThrottle: new(false), IsPartial: new(false), Revision: new(int32(1)),
		Annotations: map[string][]api.ValueWithServiceIds{}, Users: []api.TraceUser{}, ServiceIds: []api.ServiceId{}, ResourceARNs: []api.ResourceARNDetail{},
		EntryPoint: new(serviceOf(entry)),
	}
	seen := map[string]bool{}
	for i := range t {
		fault, failed, throttle := failures(&t[i])
		*s.HasFault, *s.HasError, *s.HasThrottle = *s.HasFault || fault, *s.HasError || failed, *s.HasThrottle || throttle
		*s.IsPartial = *s.IsPartial || t[i].Fields["in_progress"] != ""
		if id := serviceOf(&t[i]); t[i].Fields[embedded] == "" && !seen["service "+*id.Name] {
			seen["service "+*id.Name] = true
			s.ServiceIds = append(s.ServiceIds, id)
		}
		if arn := t[i].Resource; arn != "" && !seen[arn] {
			seen[arn] = true
			s.ResourceARNs = append(s.ResourceARNs, api.ResourceARNDetail{ARN: &arn})
		}
		annotate(&s, &t[i])
	}
	s.Http = web(entry)
	return s
}

func serviceOf(s *telemetry.Span) api.ServiceId {
	id := api.ServiceId{Name: &s.Name, Names: []string{s.Name}, AccountId: &s.Scope.Account}
	if o := origins[s.Kind]; o != "" {
		id.Type = &o
	}
	return id
}

// annotate adds what a segment that was sent says of annotations and users.
func annotate(out *api.TraceSummary, s *telemetry.Span) {
	var d document
	if s.Segment == nil || json.Unmarshal(s.Segment, &d) != nil {
		return
	}
	if d.User != "" {
		out.Users = append(out.Users, api.TraceUser{UserName: &d.User, ServiceIds: []api.ServiceId{serviceOf(s)}})
	}
	d.each(0, func(name string, v any) {
		a := &api.AnnotationValue{}
		switch v := v.(type) {
		case string:
			a.StringValue = &v
		case float64:
			a.NumberValue = &v
		case bool:
			a.BooleanValue = &v
		default:
			return
		}
		out.Annotations[name] = append(out.Annotations[name], api.ValueWithServiceIds{AnnotationValue: a, ServiceIds: []api.ServiceId{serviceOf(s)}})
	})
}

// each walks over the annotations of a document and its subsegments.
func (d *document) each(depth int, fn func(name string, value any)) {
	for n, v := range d.Annotations {
		fn(n, v)
	}
	for i := range d.Subsegments {
		if depth < maxDepth {
			d.Subsegments[i].each(depth+1, fn)
		}
	}
}

// web tells of the request that began a trace; nil when it was none.
func web(s *telemetry.Span) *api.Http {
	out := &api.Http{}
	if s.Status != 0 {
		out.HttpStatus = new(int32(s.Status))
	}
	var d document
	switch {
	case s.Segment != nil && json.Unmarshal(s.Segment, &d) == nil && d.HTTP != nil && d.HTTP.Request != nil:
		r := d.HTTP.Request
		out.HttpMethod, out.HttpURL, out.UserAgent, out.ClientIp = &r.Method, &r.URL, &r.UserAgent, &r.ClientIP
	case s.Kind == "http":
		method, path, _ := strings.Cut(s.Name, " ")
		out.HttpMethod, out.HttpURL = &method, &path
	case s.Status == 0:
		return nil
	}
	return out
}
