package cloudwatch

import (
	"context"
	"fmt"
	"testing"
	"time"

	api "sundog/api/cloudwatch"
	"sundog/cloud"
	"sundog/engine/telemetry"
	"sundog/services/servicetest"
)

type bench struct {
	*servicetest.Kit
	r   *metricsRoom
	ctx context.Context
	t   *testing.T
}

func open(t *testing.T) *bench {
	k := servicetest.New(t)
	k.Begin(t, New(k.Deps))
	return &bench{Kit: k, r: &metricsRoom{d: k.Deps}, ctx: k.Context(), t: t}
}

func (b *bench) put(data ...api.MetricDatum) {
	b.t.Helper()
	if _, err := b.r.putMetricData(b.ctx, &api.PutMetricDataInput{Namespace: new("app"), MetricData: data}); err != nil {
		b.t.Fatal(err)
	}
}

func want(t *testing.T, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%v, want %v", got, want)
	}
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return cloud.AsError(err).Code
}

func (b *bench) statistics(period int32, statistics, extended []string) []api.Datapoint {
	b.t.Helper()
	out, err := b.r.getMetricStatistics(b.ctx, &api.GetMetricStatisticsInput{
		Namespace: new("app"), MetricName: new("m"), StartTime: new(b.Clock.Now().Add(-time.Hour)), EndTime: new(b.Clock.Now().Add(time.Hour)),
		Period: &period, Statistics: statistics, ExtendedStatistics: extended,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.Datapoints
}

func TestStatistics(t *testing.T) {
	b := open(t)
	b.put(api.MetricDatum{MetricName: new("m"), Values: []float64{1, 2}, Counts: []float64{3, 1}, Unit: new("Count")})
	b.put(api.MetricDatum{MetricName: new("m"), Value: new(7.0), Unit: new("Count")})
	got := b.statistics(7200, []string{"Sum", "Average", "Minimum", "Maximum", "SampleCount"}, nil)
	want(t, len(got), 1)
	want(t, []float64{*got[0].Sum, *got[0].Average, *got[0].Minimum, *got[0].Maximum, *got[0].SampleCount}, "[12 2.4 1 7 5]")
	p := b.statistics(7200, nil, []string{"p50", "p80", "p100"})
	want(t, p[0].ExtendedStatistics, "map[p100:7 p50:1 p80:2]")
	b.put(api.MetricDatum{MetricName: new("m"), StatisticValues: &api.StatisticSet{SampleCount: new(2.0), Sum: new(10.0), Minimum: new(4.0), Maximum: new(6.0)}, Unit: new("Count")})
	want(t, *b.statistics(7200, []string{"Sum"}, nil)[0].Sum, 22)
	want(t, len(b.statistics(7200, nil, []string{"p50"})), 0) // percentiles of statistic sets are not known
	b.put(api.MetricDatum{MetricName: new("m"), Value: new(1.0), Unit: new("Bytes")})
	want(t, len(b.statistics(7200, []string{"Sum"}, nil)), 2) // units stay apart
}

func TestGetMetricData(t *testing.T) {
	b := open(t)
	for i := range 3 {
		b.put(api.MetricDatum{
			MetricName: new("m"), Dimensions: []api.Dimension{{Name: new("k"), Value: new("v")}}, Value: new(float64(i)),
			Timestamp: new(b.Clock.Now().Add(time.Duration(i-5) * time.Minute)),
		})
	}
	query := api.MetricDataQuery{Id: new("q1"), MetricStat: &api.MetricStat{
		Metric: &api.Metric{Namespace: new("app"), MetricName: new("m"), Dimensions: []api.Dimension{{Name: new("k"), Value: new("v")}}}, Period: new(int32(60)), Stat: new("Sum"),
	}}
	in := &api.GetMetricDataInput{
		MetricDataQueries: []api.MetricDataQuery{query}, StartTime: new(b.Clock.Now().Add(-time.Hour)), EndTime: new(b.Clock.Now()), MaxDatapoints: new(int32(2)),
	}
	first, err := b.r.getMetricData(b.ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	want(t, first.MetricDataResults[0].Values, "[2 1]")
	want(t, *first.MetricDataResults[0].StatusCode, "PartialData")
	in.NextToken = first.NextToken
	rest, err := b.r.getMetricData(b.ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	want(t, rest.MetricDataResults[0].Values, "[0]")
	want(t, rest.NextToken == nil, true)
	in.MetricDataQueries[0] = api.MetricDataQuery{Id: new("e"), Expression: new("q1 * 2")}
	_, err = b.r.getMetricData(b.ctx, in)
	want(t, code(err), "NotImplemented")
}

func TestListMetrics(t *testing.T) {
	b := open(t)
	b.put(api.MetricDatum{MetricName: new("a"), Value: new(1.0)}, api.MetricDatum{MetricName: new("b"), Value: new(1.0), Dimensions: []api.Dimension{{Name: new("k"), Value: new("v")}}})
	b.Telemetry.Log(telemetry.LogGroup{Scope: servicetest.Scope, Name: "g"}, "s", telemetry.LogEvent{
		Message: fmt.Sprintf(`{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"emf","Dimensions":[["fn"]],"Metrics":[{"Name":"t","Unit":"Count"}]}]},"fn":"f","t":4}`, b.Clock.Now().UnixMilli()),
	})
	list := func(in api.ListMetricsInput) (names string) {
		out, err := b.r.listMetrics(b.ctx, &in)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.Metrics {
			names += *m.MetricName
		}
		return names
	}
	want(t, list(api.ListMetricsInput{}), "abt")
	want(t, list(api.ListMetricsInput{Namespace: new("emf")}), "t")
	want(t, list(api.ListMetricsInput{Dimensions: []api.DimensionFilter{{Name: new("k")}}}), "b")
	want(t, list(api.ListMetricsInput{Dimensions: []api.DimensionFilter{{Name: new("k"), Value: new("w")}}}), "")
	want(t, list(api.ListMetricsInput{RecentlyActive: new("PT3H")}), "abt")
	b.Advance(4 * time.Hour)
	want(t, list(api.ListMetricsInput{RecentlyActive: new("PT3H")}), "")
}

func TestPutMetricDataChecks(t *testing.T) {
	b := open(t)
	tests := []struct {
		name string
		in   api.PutMetricDataInput
		code string
	}{
		{"reserved namespace", api.PutMetricDataInput{Namespace: new("AWS/Lambda")}, "InvalidParameterValueException"},
		{"nothing", api.PutMetricDataInput{}, "MissingRequiredParameterException"},
		{"no value", api.PutMetricDataInput{MetricData: []api.MetricDatum{{}}}, "MissingRequiredParameterException"},
		{"two values", api.PutMetricDataInput{MetricData: []api.MetricDatum{{Value: new(1.0), Values: []float64{1}}}}, "InvalidParameterCombinationException"},
		{"counts", api.PutMetricDataInput{MetricData: []api.MetricDatum{{Values: []float64{1}, Counts: []float64{1, 2}}}}, "InvalidParameterCombinationException"},
		{"too large", api.PutMetricDataInput{MetricData: []api.MetricDatum{{Value: new(1e300)}}}, "InvalidParameterValueException"},
		{"too old", api.PutMetricDataInput{MetricData: []api.MetricDatum{{Value: new(1.0), Timestamp: new(b.Clock.Now().Add(-15 * 24 * time.Hour))}}}, "InvalidParameterValueException"},
		{"too new", api.PutMetricDataInput{MetricData: []api.MetricDatum{{Value: new(1.0), Timestamp: new(b.Clock.Now().Add(3 * time.Hour))}}}, "InvalidParameterValueException"},
		{"twice", api.PutMetricDataInput{MetricData: []api.MetricDatum{{Value: new(1.0), Dimensions: []api.Dimension{{Name: new("a"), Value: new("1")}, {Name: new("a"), Value: new("2")}}}}}, "InvalidParameterValueException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := b.r.putMetricData(b.ctx, &tt.in)
			want(t, code(err), tt.code)
		})
	}
}
