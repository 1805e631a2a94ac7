package xray

import (
	"context"
	"time"

	api "sundog/api/xray"
	"sundog/cloud"
)

// The default rule (Developer Guide, "Configuring sampling rules"): one request each second, and five percent of the others.
const (
	defaultRule = "Default"
	fixedRate   = 0.05
	reservoir   = 1
	interval    = 10 // seconds between a client's reports
	quotaFor    = 5 * time.Minute
)

var ruleSince = time.Unix(0, 0).UTC()

func (r *traceRoom) getSamplingRules(ctx context.Context, _ *api.GetSamplingRulesInput) (*api.GetSamplingRulesOutput, error) {
	every := new("*")
	rule := &api.SamplingRule{
		RuleName: new(defaultRule), RuleARN: new(cloud.NewARN(service, cloud.CallFrom(ctx).Scope, "sampling-rule/"+defaultRule).String()),
		ResourceARN: every, Priority: new(int32(10000)), FixedRate: new(fixedRate), ReservoirSize: new(int32(reservoir)), ServiceName: every,
		ServiceType: every, Host: every, HTTPMethod: every, URLPath: every, Version: new(int32(1)), Attributes: map[string]string{},
	}
	return &api.GetSamplingRulesOutput{SamplingRuleRecords: []api.SamplingRuleRecord{{SamplingRule: rule, CreatedAt: &ruleSince, ModifiedAt: &ruleSince}}}, nil
}

// getSamplingTargets gives every client the whole reservoir.
func (r *traceRoom) getSamplingTargets(_ context.Context, in *api.GetSamplingTargetsInput) (*api.GetSamplingTargetsOutput, error) {
	out := &api.GetSamplingTargetsOutput{
		SamplingTargetDocuments: []api.SamplingTargetDocument{}, UnprocessedStatistics: []api.UnprocessedStatistics{}, LastRuleModification: &ruleSince,
	}
	for _, s := range in.SamplingStatisticsDocuments {
		if text(s.RuleName) != defaultRule {
			out.UnprocessedStatistics = append(out.UnprocessedStatistics, api.UnprocessedStatistics{
				RuleName: s.RuleName, ErrorCode: new("400"), Message: new("The specified rule does not exist."),
			})
			continue
		}
		out.SamplingTargetDocuments = append(out.SamplingTargetDocuments, api.SamplingTargetDocument{
			RuleName: new(defaultRule), FixedRate: new(fixedRate), ReservoirQuota: new(int32(reservoir)),
			ReservoirQuotaTTL: new(r.d.Clock.Wall().Add(quotaFor)), Interval: new(int32(interval)),
		})
	}
	return out, nil
}
