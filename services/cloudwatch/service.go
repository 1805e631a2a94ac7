package cloudwatch

import (
	"context"

	api "sundog/api/cloudwatch"
	"sundog/cloud"
	"sundog/services/room"
)

const service = "cloudwatch"

// metricsRoom is the room.
type metricsRoom struct{ d room.Deps }

// New makes the room.
func New(d room.Deps) room.Room {
	r := &metricsRoom{d: d}
	return room.Room{Service: service, Operations: r.operations(), Refused: refused}
}

const (
	alarms     = "alarms are not served"
	dashboards = "dashboards are not served"
	anomalies  = "anomaly detection is not served"
	tags       = "there are no alarms or other resources that could have tags"
)

// refused are the operations that are not served, with the reason.
var refused = map[string]string{
	"PutMetricAlarm": alarms, "PutCompositeAlarm": alarms, "DescribeAlarms": alarms, "DescribeAlarmsForMetric": alarms, "DescribeAlarmHistory": alarms,
	"DeleteAlarms": alarms, "SetAlarmState": alarms, "EnableAlarmActions": alarms, "DisableAlarmActions": alarms,
	"PutDashboard": dashboards, "GetDashboard": dashboards, "ListDashboards": dashboards, "DeleteDashboards": dashboards,
	"PutAnomalyDetector": anomalies, "DescribeAnomalyDetectors": anomalies, "DeleteAnomalyDetector": anomalies,
	"TagResource": tags, "UntagResource": tags, "ListTagsForResource": tags,
}

func (r *metricsRoom) operations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.GetMetricDataOp, r.getMetricData, onAll[api.GetMetricDataInput]("GetMetricData")),
		cloud.Op(service, api.GetMetricStatisticsOp, r.getMetricStatistics, onAll[api.GetMetricStatisticsInput]("GetMetricStatistics")),
		cloud.Op(service, api.ListMetricsOp, r.listMetrics, onAll[api.ListMetricsInput]("ListMetrics")),
		cloud.Op(service, api.PutMetricDataOp, r.putMetricData, accessPut),
	}
}

// onAll is the access of operations that take no resource.
func onAll[I any](action string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(context.Context, *I) ([]cloud.Access, error) {
		return []cloud.Access{{Action: "cloudwatch:" + action}}, nil
	}
}

func accessPut(_ context.Context, in *api.PutMetricDataInput) ([]cloud.Access, error) {
	return []cloud.Access{{Action: "cloudwatch:PutMetricData", Keys: map[string][]string{"cloudwatch:namespace": {text(in.Namespace)}}}}, nil
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
