import json
import secrets
import time
from datetime import datetime, timedelta, timezone

from conftest import client, refused, until

cloudwatch, xray = client("cloudwatch"), client("xray")


def test_metrics(name):
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    size = [{"Name": "size", "Value": "big"}]
    cloudwatch.put_metric_data(
        Namespace=name,
        MetricData=[{"MetricName": "orders", "Dimensions": size, "Timestamp": now, "Value": v} for v in (1, 2, 6)],
    )
    listed = cloudwatch.list_metrics(Namespace=name)["Metrics"]
    assert [(m["MetricName"], m["Dimensions"]) for m in listed] == [("orders", size)]
    span = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=5)}
    points = cloudwatch.get_metric_statistics(
        Namespace=name,
        MetricName="orders",
        Dimensions=size,
        Period=60,
        Statistics=["Sum", "Average", "Maximum", "SampleCount"],
        **span,
    )["Datapoints"]
    assert [(p["Sum"], p["Average"], p["Maximum"], p["SampleCount"]) for p in points] == [(9, 3, 6, 3)]
    metric = {"Namespace": name, "MetricName": "orders", "Dimensions": size}
    out = cloudwatch.get_metric_data(
        MetricDataQueries=[
            {"Id": "n", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": True}
        ],
        **span,
    )["MetricDataResults"]
    assert out[0]["Values"] == [9]
    with refused("InvalidParameterValue", 400):
        cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=[{"MetricName": "m", "Value": 1}])


def test_trace_segments():
    trace = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    begin = time.time() - 1
    segment = {"trace_id": trace, "id": secrets.token_hex(8), "name": "shop", "start_time": begin, "end_time": begin + 0.5}
    out = xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(segment), "no segment"])
    assert len(out["UnprocessedTraceSegments"]) == 1
    got = until(lambda: xray.batch_get_traces(TraceIds=[trace])["Traces"])
    assert [json.loads(s["Document"])["name"] for s in got[0]["Segments"]] == ["shop"]
