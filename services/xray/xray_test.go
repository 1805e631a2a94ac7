package xray

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	api "sundog/api/xray"
	"sundog/cloud"
	"sundog/engine/telemetry"
	"sundog/services/servicetest"
)

type bench struct {
	*servicetest.Kit
	r   *traceRoom
	ctx context.Context
	t   *testing.T
}

func open(t *testing.T) *bench {
	k := servicetest.New(t)
	k.Begin(t, New(k.Deps))
	return &bench{Kit: k, r: &traceRoom{d: k.Deps}, ctx: k.Context(), t: t}
}

func want(t *testing.T, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%v, want %v", got, want)
	}
}

func (b *bench) put(docs ...string) *api.PutTraceSegmentsOutput {
	b.t.Helper()
	out, err := b.r.putTraceSegments(b.ctx, &api.PutTraceSegmentsInput{TraceSegmentDocuments: docs})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bench) trace(id string) *api.BatchGetTracesOutput {
	b.t.Helper()
	out, err := b.r.batchGetTraces(b.ctx, &api.BatchGetTracesInput{TraceIds: []string{id}})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

const root = "1-5759e988-bd862e3fe1be46a994272793"

// segment is a segment that starts when the kit's clock does, with a subsegment that failed.
var segment = fmt.Sprintf(`{"trace_id":%q,"id":"70de5b6f19ff9a0a","name":"checkout","start_time":%d.25,"end_time":%[2]d.75,
	"http":{"request":{"method":"POST","url":"http://shop/pay"},"response":{"status":500}},"annotations":{"customer":"c1"},"user":"ann","fault":true,
	"subsegments":[{"id":"53995c3f42cd8ad8","name":"DynamoDB","namespace":"aws","start_time":%[2]d.3,"end_time":%[2]d.4,"error":true,
	"cause":{"exceptions":[{"id":"1","type":"ConditionFailed","message":"taken"}]}}]}`, root, time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).Unix())

func TestSegmentBecomesSpans(t *testing.T) {
	b := open(t)
	want(t, len(b.put(segment).UnprocessedTraceSegments), 0)
	spans, err := b.Telemetry.Trace(b.ctx, root)
	if err != nil || len(spans) != 2 {
		t.Fatalf("%+v %v", spans, err)
	}
	want(t, spans[0].Name+" "+spans[0].Kind+" "+spans[0].Fault, "checkout segment fault")
	want(t, spans[0].End.Sub(spans[0].Start), 500*time.Millisecond)
	want(t, spans[1].Name+" "+spans[1].Parent+" "+spans[1].Fault, "DynamoDB 70de5b6f19ff9a0a ConditionFailed: taken")
	out := b.trace(root)
	want(t, len(out.Traces[0].Segments), 1)
	want(t, *out.Traces[0].Duration, 0.5)
	var doc struct{ Subsegments []any }
	if err := json.Unmarshal([]byte(*out.Traces[0].Segments[0].Document), &doc); err != nil || len(doc.Subsegments) != 1 {
		t.Fatalf("%+v %v", doc, err)
	}
}

func TestUnprocessed(t *testing.T) {
	b := open(t)
	out := b.put(
		"{", `{"trace_id":"x","id":"70de5b6f19ff9a0a","name":"n","start_time":1,"end_time":2}`,
		fmt.Sprintf(`{"trace_id":%q,"id":"1","name":"n","start_time":1,"end_time":2}`, root),
		fmt.Sprintf(`{"trace_id":%q,"id":"70de5b6f19ff9a0a","name":"n","start_time":1}`, root),
		fmt.Sprintf(`{"trace_id":%q,"id":"70de5b6f19ff9a0a","name":"n","start_time":1,"in_progress":true}`, root),
		fmt.Sprintf(`{"trace_id":%q,"id":"70de5b6f19ff9a0b","type":"subsegment","name":"n","start_time":1,"end_time":2}`, root),
		fmt.Sprintf(`{"trace_id":%q,"id":"70de5b6f19ff9a0b","start_time":1,"end_time":2}`, root),
	)
	var codes []string
	for _, u := range out.UnprocessedTraceSegments {
		codes = append(codes, *u.ErrorCode)
	}
	want(t, codes, "[ParseError MissingTraceId MissingId MissingEndTime MissingParentId MissingName]")
	want(t, len(b.trace(root).Traces[0].Segments), 1)
}

func TestSummaries(t *testing.T) {
	b := open(t)
	b.put(segment)
	in := &api.GetTraceSummariesInput{StartTime: new(b.Clock.Now().Add(-time.Hour)), EndTime: new(b.Clock.Now().Add(time.Hour))}
	out, err := b.r.getTraceSummaries(b.ctx, in)
	if err != nil || len(out.TraceSummaries) != 1 {
		t.Fatalf("%+v %v", out, err)
	}
	s := out.TraceSummaries[0]
	want(t, fmt.Sprint(*s.Id, *s.HasFault, *s.HasError, *s.HasThrottle, *s.Duration, *s.Http.HttpMethod, *s.Http.HttpStatus, *s.Users[0].UserName, len(s.ServiceIds)), fmt.Sprint(root, true, true, false, 0.5, "POST", 500, "ann", 1))
	want(t, *s.Annotations["customer"][0].AnnotationValue.StringValue, "c1")
	in.FilterExpression = new(`service("x")`)
	_, err = b.r.getTraceSummaries(b.ctx, in)
	want(t, cloud.AsError(err).Code, "NotImplemented")
}

func TestSummaryPages(t *testing.T) {
	b := open(t)
	for i := range pageTraces + 5 {
		at := b.Clock.Now().Add(time.Duration(i) * time.Second)
		b.Telemetry.Span(telemetry.Span{Trace: cloud.NewTrace(at, b.IDs).Root, ID: cloud.NewSpanID(b.IDs), Scope: servicetest.Scope, Name: "GET /", Kind: "http", Start: at, End: at, Status: 200})
	}
	in := &api.GetTraceSummariesInput{StartTime: new(b.Clock.Now().Add(-time.Hour)), EndTime: new(b.Clock.Now().Add(time.Hour))}
	seen := map[string]bool{}
	for {
		out, err := b.r.getTraceSummaries(b.ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range out.TraceSummaries {
			seen[*s.Id] = true
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	want(t, len(seen), pageTraces+5)
}

func TestOwnSpansAsDocuments(t *testing.T) {
	b := open(t)
	now := b.Clock.Now()
	b.Telemetry.Span(
		telemetry.Span{Trace: root, ID: "00000000000000aa", Scope: servicetest.Scope, Name: "POST /pay", Kind: "http", Start: now, End: now.Add(time.Second), Status: 502},
		telemetry.Span{Trace: root, ID: "00000000000000bb", Parent: "00000000000000aa", Scope: servicetest.Scope, Name: "f", Kind: "invoke", Start: now, End: now.Add(time.Second), Fault: "boom"},
		telemetry.Span{Trace: root, ID: "00000000000000cc", Scope: cloud.Scope{Account: "2"}, Name: "foreign", Kind: "api", Start: now, End: now},
	)
	segments := b.trace(root).Traces[0].Segments
	want(t, len(segments), 2)
	for i, origin := range []string{"AWS::ApiGateway::Stage", "AWS::Lambda::Function"} {
		d, flaw := parse(*segments[i].Document)
		if flaw != nil || d.Origin != origin || !d.Fault {
			t.Fatalf("%s %v", *segments[i].Document, flaw)
		}
	}
}

func TestSampling(t *testing.T) {
	b := open(t)
	rules, err := b.r.getSamplingRules(b.ctx, &api.GetSamplingRulesInput{})
	want(t, err, nil)
	want(t, *rules.SamplingRuleRecords[0].SamplingRule.RuleName, "Default")
	out, err := b.r.getSamplingTargets(b.ctx, &api.GetSamplingTargetsInput{SamplingStatisticsDocuments: []api.SamplingStatisticsDocument{{RuleName: new("Default")}, {RuleName: new("other")}}})
	want(t, err, nil)
	want(t, len(out.SamplingTargetDocuments), 1)
	want(t, *out.UnprocessedStatistics[0].RuleName, "other")
}

func FuzzParse(f *testing.F) {
	f.Add(segment)
	f.Add(`{"trace_id":"5759e988bd862e3fe1be46a994272793","id":"70de5b6f19ff9a0a","name":"n","start_time":1e9,"in_progress":true,"cause":"53995c3f42cd8ad8"}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, flaw := parse(text)
		if flaw != nil {
			return
		}
		for _, s := range spans(d, servicetest.Scope, text) {
			if len(s.ID) != 16 || s.Start.IsZero() || s.End.IsZero() {
				t.Fatalf("%+v", s)
			}
		}
	})
}
