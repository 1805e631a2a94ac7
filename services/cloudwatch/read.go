package cloudwatch

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	api "sundog/api/cloudwatch"
	"sundog/cloud"
	"sundog/engine/telemetry"
	"sundog/internal/pattern"
)

// The limits of answers (API reference, GetMetricStatistics and GetMetricData).
const (
	maxStatistics = 1440
	maxQueries    = 500
	maxDatapoints = 100_800
)

func (r *metricsRoom) getMetricStatistics(ctx context.Context, in *api.GetMetricStatisticsInput) (*api.GetMetricStatisticsOutput, error) {
	if err := checkTimes(*in.StartTime, *in.EndTime); err != nil {
		return nil, err
	}
	if err := checkPeriod(*in.Period); err != nil {
		return nil, err
	}
	if (len(in.Statistics) == 0) == (len(in.ExtendedStatistics) == 0) {
		return nil, errCombination("Must specify either Statistics or ExtendedStatistics")
	}
	period := time.Duration(*in.Period) * time.Second
	if n := int64(in.EndTime.Sub(*in.StartTime) / period); n > maxStatistics {
		return nil, errCombination("You have requested up to %d datapoints, which exceeds the limit of %d. You may reduce the datapoints requested by increasing Period, or decreasing the time range.", n, maxStatistics)
	}
	dims, err := dimensions(in.Dimensions, "Dimensions")
	if err != nil {
		return nil, err
	}
	extended := map[string]statistic{}
	for _, n := range in.ExtendedStatistics {
		if extended[n], err = statisticOf(n); err != nil {
			return nil, err
		}
	}
	points, err := r.points(ctx, telemetry.MetricQuery{
		Scope: cloud.CallFrom(ctx).Scope, Namespace: text(in.Namespace), Name: text(in.MetricName), Dimensions: dims, Unit: text(in.Unit),
		From: *in.StartTime, To: *in.EndTime, Period: period,
	})
	if err != nil {
		return nil, err
	}
	out := &api.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: make([]api.Datapoint, 0, len(points))}
	for _, p := range points {
		if d, ok := shown(p, in.Statistics, extended); ok {
			out.Datapoints = append(out.Datapoints, d)
		}
	}
	return out, nil
}

func checkTimes(start, end time.Time) error {
	if !start.Before(end) {
		return errValue("The parameter StartTime must be less than the parameter EndTime.")
	}
	return nil
}

func (r *metricsRoom) points(ctx context.Context, q telemetry.MetricQuery) ([]telemetry.Datapoint, error) {
	if err := r.d.Telemetry.Flush(ctx); err != nil {
		return nil, err
	}
	return r.d.Telemetry.Metrics(ctx, q)
}

// shown makes an answer's data point; false when it knows none of what was asked for.
func shown(p telemetry.Datapoint, statistics []string, extended map[string]statistic) (api.Datapoint, bool) {
	d := api.Datapoint{Timestamp: &p.Time, Unit: &p.Unit}
	for _, n := range statistics {
		v, _ := simple[n](p)
		switch n {
		case "SampleCount":
			d.SampleCount = &v
		case "Sum":
			d.Sum = &v
		case "Minimum":
			d.Minimum = &v
		case "Maximum":
			d.Maximum = &v
		case "Average":
			d.Average = &v
		}
	}
	for n, s := range extended {
		if v, ok := s(p); ok {
			if d.ExtendedStatistics == nil {
				d.ExtendedStatistics = map[string]float64{}
			}
			d.ExtendedStatistics[n] = v
		}
	}
	return d, len(statistics) > 0 || d.ExtendedStatistics != nil
}

var queryID = pattern.New(`^[a-z][a-zA-Z0-9_]*$`)

func (r *metricsRoom) getMetricData(ctx context.Context, in *api.GetMetricDataInput) (*api.GetMetricDataOutput, error) {
	if err := checkTimes(*in.StartTime, *in.EndTime); err != nil {
		return nil, err
	}
	if len(in.MetricDataQueries) > maxQueries {
		return nil, errValue("The collection MetricDataQueries must not have a size greater than %d.", maxQueries)
	}
	skip, err := offset(in.NextToken)
	if err != nil {
		return nil, err
	}
	left := maxDatapoints
	if in.MaxDatapoints != nil {
		if left = int(*in.MaxDatapoints); left < 1 || left > maxDatapoints {
			return nil, errValue("The value %d for parameter MaxDatapoints is invalid.", left)
		}
	}
	limit, seen := left, map[string]bool{}
	out := &api.GetMetricDataOutput{MetricDataResults: []api.MetricDataResult{}, Messages: []api.MessageData{}}
	for i := range in.MetricDataQueries {
		q := &in.MetricDataQueries[i]
		if !queryID.MatchString(text(q.Id)) || seen[*q.Id] {
			return nil, errValue("The value %s for parameter MetricDataQueries.member.%d.Id is invalid.", text(q.Id), i+1)
		}
		seen[*q.Id] = true
		res, err := r.query(ctx, q, in)
		if err != nil {
			return nil, err
		}
		if q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		cut(&res, &skip, &left)
		out.MetricDataResults = append(out.MetricDataResults, res)
		if *res.StatusCode == "PartialData" {
			before, _ := offset(in.NextToken)
			out.NextToken = token(before + limit)
			break
		}
	}
	return out, nil
}

// cut leaves out what earlier pages gave and what goes over this page's limit.
func cut(res *api.MetricDataResult, skip, left *int) {
	n := min(*skip, len(res.Values))
	res.Timestamps, res.Values, *skip = res.Timestamps[n:], res.Values[n:], *skip-n
	if len(res.Values) > *left {
		res.Timestamps, res.Values, res.StatusCode = res.Timestamps[:*left], res.Values[:*left], new("PartialData")
	}
	*left -= len(res.Values)
}

func (r *metricsRoom) query(ctx context.Context, q *api.MetricDataQuery, in *api.GetMetricDataInput) (api.MetricDataResult, error) {
	res := api.MetricDataResult{Id: q.Id, Label: q.Label, StatusCode: new("Complete"), Timestamps: []time.Time{}, Values: []float64{}}
	if q.Expression != nil {
		return res, cloud.NotImplementedf("Metric math and search expressions are not served by this platform: %s.", *q.Expression)
	}
	if q.AccountId != nil && *q.AccountId != cloud.CallFrom(ctx).Scope.Account {
		return res, cloud.NotImplementedf("Metrics of other accounts are not served by this platform.")
	}
	if strings.Contains(text(q.Label), "${") {
		return res, cloud.NotImplementedf("Dynamic labels are not served by this platform: %s.", *q.Label)
	}
	if q.MetricStat == nil || q.MetricStat.Metric == nil || q.MetricStat.Period == nil {
		return res, errMissing("Either MetricStat or Expression must be specified for the query %s.", text(q.Id))
	}
	if err := checkPeriod(*q.MetricStat.Period); err != nil {
		return res, err
	}
	stat, err := statisticOf(text(q.MetricStat.Stat))
	if err != nil {
		return res, err
	}
	m := q.MetricStat.Metric
	dims, err := dimensions(m.Dimensions, "Dimensions")
	if err != nil {
		return res, err
	}
	points, err := r.points(ctx, telemetry.MetricQuery{
		Scope: cloud.CallFrom(ctx).Scope, Namespace: text(m.Namespace), Name: text(m.MetricName), Dimensions: dims, Unit: text(q.MetricStat.Unit),
		From: *in.StartTime, To: *in.EndTime, Period: time.Duration(*q.MetricStat.Period) * time.Second,
	})
	if err != nil {
		return res, err
	}
	if res.Label == nil {
		res.Label = m.MetricName
	}
	if text(in.ScanBy) != "TimestampAscending" {
		slices.Reverse(points)
	}
	for _, p := range points {
		if v, ok := stat(p); ok {
			res.Timestamps, res.Values = append(res.Timestamps, p.Time), append(res.Values, v)
		}
	}
	return res, nil
}

const maxListed = 500

func (r *metricsRoom) listMetrics(ctx context.Context, in *api.ListMetricsInput) (*api.ListMetricsOutput, error) {
	if in.IncludeLinkedAccounts != nil && *in.IncludeLinkedAccounts || in.OwningAccount != nil {
		return nil, cloud.NotImplementedf("Metrics of linked accounts are not served by this platform.")
	}
	skip, err := offset(in.NextToken)
	if err != nil {
		return nil, err
	}
	if err := r.d.Telemetry.Flush(ctx); err != nil {
		return nil, err
	}
	all, err := r.d.Telemetry.MetricIDs(ctx, cloud.CallFrom(ctx).Scope)
	if err != nil {
		return nil, err
	}
	out := &api.ListMetricsOutput{Metrics: []api.Metric{}}
	for i := min(skip, len(all)); i < len(all); i++ {
		ok, err := r.listed(ctx, &all[i], in)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if len(out.Metrics) == maxListed {
			out.NextToken = token(i)
			break
		}
		out.Metrics = append(out.Metrics, metricOf(&all[i]))
	}
	return out, nil
}

func metricOf(m *telemetry.MetricID) api.Metric {
	out := api.Metric{Namespace: &m.Namespace, MetricName: &m.Name, Dimensions: []api.Dimension{}}
	for n, v := range m.Dimensions {
		out.Dimensions = append(out.Dimensions, api.Dimension{Name: &n, Value: &v})
	}
	slices.SortFunc(out.Dimensions, func(a, b api.Dimension) int { return strings.Compare(*a.Name, *b.Name) })
	return out
}

func (r *metricsRoom) listed(ctx context.Context, m *telemetry.MetricID, in *api.ListMetricsInput) (bool, error) {
	if in.Namespace != nil && *in.Namespace != m.Namespace || in.MetricName != nil && *in.MetricName != m.Name {
		return false, nil
	}
	for _, f := range in.Dimensions {
		v, ok := m.Dimensions[text(f.Name)]
		if !ok || f.Value != nil && *f.Value != v {
			return false, nil
		}
	}
	if in.RecentlyActive == nil {
		return true, nil
	}
	points, err := r.d.Telemetry.Metrics(ctx, telemetry.MetricQuery{
		Scope: cloud.CallFrom(ctx).Scope, Namespace: m.Namespace, Name: m.Name, Dimensions: m.Dimensions,
		From: r.d.Clock.Now().Add(-3 * time.Hour), Period: 24 * time.Hour,
	})
	return len(points) > 0, err
}

// token makes a page token of a place in a list; offset reads it.
func token(n int) *string {
	return new(base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d", n)))
}

func offset(token *string) (int, error) {
	if text(token) == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil {
		return 0, errToken()
	}
	n, err := strconv.Atoi(string(b))
	if err != nil || n < 0 {
		return 0, errToken()
	}
	return n, nil
}
