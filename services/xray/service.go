package xray

import (
	"context"

	api "sundog/api/xray"
	"sundog/cloud"
	"sundog/services/room"
)

const service = "xray"

// traceRoom is the room.
type traceRoom struct{ d room.Deps }

// New makes the room.
func New(d room.Deps) room.Room {
	r := &traceRoom{d: d}
	return room.Room{Service: service, Operations: r.operations(), Refused: refused}
}

const (
	groups     = "groups are not served"
	rules      = "there is one sampling rule, the default one"
	graphs     = "graphs are not served; BatchGetTraces gives the segments"
	insights   = "insights are not served"
	policies   = "resource policies are not served"
	search     = "transaction search is not served"
	encryption = "traces are not encrypted by a key of their own"
	tagging    = "there are no groups or sampling rules that could have tags"
)

// refused are the operations that are not served, with the reason.
var refused = map[string]string{
	"CreateGroup": groups, "DeleteGroup": groups, "GetGroup": groups, "GetGroups": groups, "UpdateGroup": groups,
	"CreateSamplingRule": rules, "DeleteSamplingRule": rules, "UpdateSamplingRule": rules, "GetSamplingStatisticSummaries": rules,
	"GetServiceGraph": graphs, "GetTraceGraph": graphs, "GetTimeSeriesServiceStatistics": graphs,
	"GetInsight": insights, "GetInsightEvents": insights, "GetInsightImpactGraph": insights, "GetInsightSummaries": insights,
	"ListResourcePolicies": policies, "PutResourcePolicy": policies, "DeleteResourcePolicy": policies,
	"CancelTraceRetrieval": search, "GetIndexingRules": search, "GetRetrievedTracesGraph": search, "GetTraceSegmentDestination": search,
	"ListRetrievedTraces": search, "StartTraceRetrieval": search, "UpdateIndexingRule": search, "UpdateTraceSegmentDestination": search,
	"GetEncryptionConfig": encryption, "PutEncryptionConfig": encryption,
	"ListTagsForResource": tagging, "TagResource": tagging, "UntagResource": tagging,
}

func (r *traceRoom) operations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.BatchGetTracesOp, r.batchGetTraces, onAll[api.BatchGetTracesInput]("BatchGetTraces")),
		cloud.Op(service, api.GetSamplingRulesOp, r.getSamplingRules, onAll[api.GetSamplingRulesInput]("GetSamplingRules")),
		cloud.Op(service, api.GetSamplingTargetsOp, r.getSamplingTargets, onAll[api.GetSamplingTargetsInput]("GetSamplingTargets")),
		cloud.Op(service, api.GetTraceSummariesOp, r.getTraceSummaries, onAll[api.GetTraceSummariesInput]("GetTraceSummaries")),
		cloud.Op(service, api.PutTelemetryRecordsOp, r.putTelemetryRecords, onAll[api.PutTelemetryRecordsInput]("PutTelemetryRecords")),
		cloud.Op(service, api.PutTraceSegmentsOp, r.putTraceSegments, onAll[api.PutTraceSegmentsInput]("PutTraceSegments")),
	}
}

// onAll is the access of operations that take no resource.
func onAll[I any](action string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(context.Context, *I) ([]cloud.Access, error) {
		return []cloud.Access{{Action: "xray:" + action}}, nil
	}
}

func errRequest(format string, args ...any) *cloud.Error {
	return cloud.Errorf(cloud.Invalid, "InvalidRequestException", format, args...).WithStatus(400)
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
