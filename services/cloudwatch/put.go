package cloudwatch

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	api "sundog/api/cloudwatch"
	"sundog/cloud"
	"sundog/engine/telemetry"
)

// The limits of PutMetricData (API reference).
const (
	maxData   = 1000
	maxValues = 150
	oldest    = 14 * 24 * time.Hour
	newest    = 2 * time.Hour
	maxValue  = 0x1p360
)

func (r *metricsRoom) putMetricData(ctx context.Context, in *api.PutMetricDataInput) (*api.PutMetricDataOutput, error) {
	if strings.HasPrefix(text(in.Namespace), "AWS/") {
		return nil, errValue("The value AWS/ for parameter Namespace is invalid.")
	}
	if len(in.EntityMetricData) > 0 {
		return nil, cloud.NotImplementedf("EntityMetricData is not served by this platform.")
	}
	if len(in.MetricData) == 0 {
		return nil, errMissing("The parameter MetricData is required.")
	}
	if len(in.MetricData) > maxData {
		return nil, errValue("The collection MetricData must not have a size greater than %d.", maxData)
	}
	list := make([]telemetry.Metric, 0, len(in.MetricData))
	for i := range in.MetricData {
		m, err := r.metric(ctx, &in.MetricData[i], fmt.Sprintf("MetricData.member.%d.", i+1))
		if err != nil {
			return nil, err
		}
		m.Namespace = text(in.Namespace)
		list = append(list, m)
	}
	return &api.PutMetricDataOutput{}, r.d.Telemetry.MetricDurable(ctx, list...)
}

// metric checks one datum; at names it in errors.
func (r *metricsRoom) metric(ctx context.Context, d *api.MetricDatum, at string) (m telemetry.Metric, err error) {
	now := r.d.Clock.Now()
	m = telemetry.Metric{Scope: cloud.CallFrom(ctx).Scope, Name: text(d.MetricName), Unit: text(d.Unit), Time: now}
	if m.Dimensions, err = dimensions(d.Dimensions, at+"Dimensions"); err != nil {
		return m, err
	}
	if d.Timestamp != nil {
		m.Time = *d.Timestamp
	}
	switch {
	case m.Time.Before(now.Add(-oldest)):
		return m, errValue("The parameter %sTimestamp must specify a time within the past two weeks.", at)
	case m.Time.After(now.Add(newest)):
		return m, errValue("The parameter %sTimestamp must specify a time no more than two hours in the future.", at)
	case d.StorageResolution != nil && *d.StorageResolution != 1 && *d.StorageResolution != 60:
		return m, errValue("The value %d for parameter %sStorageResolution is invalid.", *d.StorageResolution, at)
	}
	if err := oneOf(d, at); err != nil {
		return m, err
	}
	return m, fill(&m, d, at)
}

// oneOf checks that a datum has a value in exactly one form.
func oneOf(d *api.MetricDatum, at string) error {
	var given []string
	if d.Value != nil {
		given = append(given, "Value")
	}
	if d.StatisticValues != nil {
		given = append(given, "StatisticValues")
	}
	if len(d.Values) > 0 {
		given = append(given, "Values")
	}
	switch {
	case len(given) == 0:
		return errMissing("At least one of the parameters %sValue, %sValues or %sStatisticValues must be specified.", at, at, at)
	case len(given) > 1:
		return errCombination("The parameters %s%s and %s%s are mutually exclusive and you have specified both.", at, given[0], at, given[1])
	case len(d.Counts) > 0 && len(d.Counts) != len(d.Values):
		return errCombination("The parameters %sValues and %sCounts must be of the same size.", at, at)
	case len(d.Values) > maxValues:
		return errValue("The collection %sValues must not have a size greater than %d.", at, maxValues)
	}
	return nil
}

func fill(m *telemetry.Metric, d *api.MetricDatum, at string) error {
	switch {
	case d.Value != nil:
		m.Values = []float64{*d.Value}
	case d.StatisticValues != nil:
		s := d.StatisticValues
		m.Set = &telemetry.Datapoint{Count: *s.SampleCount, Sum: *s.Sum, Min: *s.Minimum, Max: *s.Maximum}
		if !(m.Set.Count > 0) || m.Set.Min > m.Set.Max {
			return errValue("The value for parameter %sStatisticValues is invalid.", at)
		}
		return checkValues([]float64{m.Set.Count, m.Set.Sum, m.Set.Min, m.Set.Max}, at+"StatisticValues")
	default:
		m.Values = d.Values
		if len(d.Counts) > 0 {
			m.Counts = d.Counts
		}
	}
	for _, n := range m.Counts {
		if !(n >= 0) || n > 1<<53 {
			return errValue("The value %v for parameter %sCounts is invalid.", n, at)
		}
	}
	return checkValues(m.Values, at+"Value")
}

func checkValues(values []float64, at string) error {
	for _, v := range values {
		if math.IsNaN(v) || math.Abs(v) > maxValue {
			return errValue("The value %v for parameter %s is invalid.", v, at)
		}
	}
	return nil
}

// dimensions makes a map of a list, in which no name comes twice.
func dimensions(list []api.Dimension, at string) (map[string]string, error) {
	out := make(map[string]string, len(list))
	for _, d := range list {
		n, v := text(d.Name), text(d.Value)
		if _, twice := out[n]; twice {
			return nil, errValue("No duplicate dimension name is allowed in parameter %s: %s.", at, n)
		}
		if strings.HasPrefix(n, ":") || strings.TrimSpace(n) == "" || strings.TrimSpace(v) == "" {
			return nil, errValue("The value %s for parameter %s is invalid.", n, at)
		}
		out[n] = v
	}
	return out, nil
}
