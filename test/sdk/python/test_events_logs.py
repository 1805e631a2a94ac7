import json
import time

from conftest import client, refused

events, logs, sqs = client("events"), client("logs"), client("sqs")


def test_a_rule_leads_to_a_queue(name):
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    rule = events.put_rule(
        Name=name, EventBusName=name, EventPattern=json.dumps({"source": ["shop"], "detail": {"n": [{"numeric": [">", 2]}]}})
    )["RuleArn"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    transform = {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"got": <n>}'}
    out = events.put_targets(
        Rule=name, EventBusName=name, Targets=[{"Id": "q", "Arn": arn, "InputTransformer": transform}]
    )
    assert out["FailedEntryCount"] == 0
    entry = lambda n: {"Source": "shop", "DetailType": "t", "Detail": json.dumps({"n": n}), "EventBusName": name}
    out = events.put_events(Entries=[entry(1), entry(3), {"Source": "shop", "DetailType": "t", "Detail": "no json"}])
    assert out["FailedEntryCount"] == 1 and out["Entries"][2]["ErrorCode"] == "MalformedDetail"
    got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert [json.loads(m["Body"]) for m in got] == [{"got": 3}]
    assert events.list_rule_names_by_target(TargetArn=arn, EventBusName=name)["RuleNames"] == [name]
    with refused("ValidationException", 400):
        events.delete_rule(Name=name, EventBusName=name)
    events.remove_targets(Rule=name, EventBusName=name, Ids=["q"])
    events.delete_rule(Name=name, EventBusName=name)
    events.delete_event_bus(Name=name)
    sqs.delete_queue(QueueUrl=url)
    with refused("ResourceNotFoundException", 400):
        events.describe_event_bus(Name=bus)


def test_patterns():
    event = {
        "id": "1",
        "account": "123456789012",
        "source": "s",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail-type": "t",
        "detail": {"a": "xyz"},
    }
    match = lambda p: events.test_event_pattern(Event=json.dumps(event), EventPattern=json.dumps(p))["Result"]
    assert match({"detail": {"a": [{"prefix": "xy"}]}}) and not match({"detail": {"a": [{"exists": False}]}})
    with refused("InvalidEventPatternException", 400):
        match({"source": "not a list"})


def test_logs(name):
    group = "/t/" + name
    logs.create_log_group(logGroupName=group)
    with refused("ResourceAlreadyExistsException", 400):
        logs.create_log_group(logGroupName=group)
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 7
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    lines = [{"timestamp": now - 10 + i, "message": f"line {i}" + (" ERROR" if i % 2 else "")} for i in range(10)]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=lines)
    first = logs.get_log_events(logGroupName=group, logStreamName="s", limit=6, startFromHead=True)
    rest = logs.get_log_events(
        logGroupName=group, logStreamName="s", nextToken=first["nextForwardToken"], startFromHead=True
    )
    assert [e["message"] for e in first["events"] + rest["events"]] == [e["message"] for e in lines]
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern="ERROR", PaginationConfig={"PageSize": 2}
    )
    assert [e["message"] for p in pages for e in p["events"]] == [f"line {i} ERROR" for i in (1, 3, 5, 7, 9)]
    logs.delete_log_group(logGroupName=group)
    with refused("ResourceNotFoundException", 400):
        logs.describe_log_streams(logGroupName=group)
