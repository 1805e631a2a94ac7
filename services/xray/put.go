package xray

import (
	"context"

	api "sundog/api/xray"
	"sundog/cloud"
	"sundog/engine/telemetry"
)

// putTraceSegments keeps the documents that are well-formed and names the others.
func (r *traceRoom) putTraceSegments(ctx context.Context, in *api.PutTraceSegmentsInput) (*api.PutTraceSegmentsOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	out := &api.PutTraceSegmentsOutput{UnprocessedTraceSegments: []api.UnprocessedTraceSegment{}}
	var list []telemetry.Span
	for _, text := range in.TraceSegmentDocuments {
		d, flaw := parse(text)
		if flaw != nil {
			u := api.UnprocessedTraceSegment{ErrorCode: &flaw.code, Message: &flaw.message}
			if flaw.id != "" {
				u.Id = &flaw.id
			}
			out.UnprocessedTraceSegments = append(out.UnprocessedTraceSegments, u)
			continue
		}
		list = append(list, spans(d, sc, text)...)
	}
	if len(list) == 0 {
		return out, nil
	}
	return out, r.d.Telemetry.SpanDurable(ctx, list...)
}

// putTelemetryRecords keeps a daemon's counts as metrics.
func (r *traceRoom) putTelemetryRecords(ctx context.Context, in *api.PutTelemetryRecordsInput) (*api.PutTelemetryRecordsOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	var list []telemetry.Metric
	for _, t := range in.TelemetryRecords {
		counts := map[string]*int32{
			"SegmentsReceivedCount": t.SegmentsReceivedCount, "SegmentsSentCount": t.SegmentsSentCount,
			"SegmentsSpilloverCount": t.SegmentsSpilloverCount, "SegmentsRejectedCount": t.SegmentsRejectedCount,
		}
		for name, n := range counts {
			if n != nil && t.Timestamp != nil {
				list = append(list, telemetry.Metric{Scope: sc, Namespace: "AWS/X-Ray", Name: name, Unit: "Count", Time: *t.Timestamp, Values: []float64{float64(*n)}})
			}
		}
	}
	return &api.PutTelemetryRecordsOutput{}, r.d.Telemetry.MetricDurable(ctx, list...)
}
