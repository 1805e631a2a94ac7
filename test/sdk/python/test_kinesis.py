"""Kinesis Data Streams: records, shards that split and merge, consumers, retention, tags."""

import datetime
import json
import uuid

import pytest

from conftest import client, refused, until

kinesis = client("kinesis")


@pytest.fixture
def stream():
    name = "p-" + uuid.uuid4().hex[:12]
    kinesis.create_stream(StreamName=name, ShardCount=2, Tags={"team": "x"})
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    yield name
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name)


def iterator(stream, shard, kind, **more):
    return kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType=kind, **more)["ShardIterator"]


def read(it):
    """All records of a shard, and the answer that had the last of them."""
    records = []
    while True:
        out = kinesis.get_records(ShardIterator=it, Limit=2)
        records += [r["Data"] for r in out["Records"]]
        it = out.get("NextShardIterator")
        if not it or out["MillisBehindLatest"] == 0:
            return records, out


def test_records_in_order(stream):
    start = datetime.datetime.now(datetime.timezone.utc)
    out = kinesis.put_records(StreamName=stream, Records=[{"Data": b"%d" % i, "PartitionKey": "a"} for i in range(5)])
    assert out["FailedRecordCount"] == 0
    shard = out["Records"][0]["ShardId"]
    for kind, more in ("TRIM_HORIZON", {}), ("AT_TIMESTAMP", {"Timestamp": start - datetime.timedelta(seconds=2)}):
        assert read(iterator(stream, shard, kind, **more))[0] == [b"0", b"1", b"2", b"3", b"4"]
    assert read(iterator(stream, shard, "LATEST"))[0] == []


def test_shards_change(stream):
    before = kinesis.put_record(StreamName=stream, Data=b"before", PartitionKey="a")
    kinesis.merge_shards(StreamName=stream, ShardToMerge="shardId-000000000000", AdjacentShardToMerge="shardId-000000000001")
    after = kinesis.put_record(StreamName=stream, Data=b"after", PartitionKey="a", SequenceNumberForOrdering=before["SequenceNumber"])
    assert after["ShardId"] == "shardId-000000000002" and after["SequenceNumber"] > before["SequenceNumber"]
    records, out = read(iterator(stream, before["ShardId"], "TRIM_HORIZON"))
    assert records == [b"before"] and "NextShardIterator" not in out
    assert [c["ShardId"] for c in out["ChildShards"]] == ["shardId-000000000002"]
    kinesis.update_shard_count(StreamName=stream, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    page = kinesis.list_shards(StreamName=stream, MaxResults=2)
    shards = page["Shards"]
    while "NextToken" in page:  # it names the stream
        page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=2)
        shards += page["Shards"]
    assert len(shards) == 5
    assert [s["ShardId"] for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]] == ["shardId-000000000003", "shardId-000000000004"]
    with refused("InvalidArgumentException", 400, "is closed"):
        kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey="5")


def test_settings(stream):
    kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    assert kinesis.describe_stream(StreamARN=arn)["StreamDescription"]["RetentionPeriodHours"] == 48
    kinesis.tag_resource(ResourceARN=arn, Tags={"cost": "low"})
    assert kinesis.list_tags_for_stream(StreamName=stream)["Tags"] == [{"Key": "cost", "Value": "low"}, {"Key": "team", "Value": "x"}]
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    with refused("ValidationException", 400):
        kinesis.update_shard_count(StreamName=stream, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]
    assert kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE"
    with refused("ResourceInUseException", 400):
        kinesis.delete_stream(StreamName=stream)
    with refused("NotImplemented", 501):
        kinesis.start_stream_encryption(StreamName=stream, EncryptionType="KMS", KeyId="alias/aws/kinesis")


def test_rules_put_events(stream):
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    iam, events = client("iam"), client("events")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName=stream, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    may = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": arn}]}
    iam.put_role_policy(RoleName=stream, PolicyName="put", PolicyDocument=json.dumps(may))
    events.put_rule(Name=stream, EventPattern=json.dumps({"source": [stream]}))
    target = {"Id": "s", "Arn": arn, "RoleArn": role, "KinesisParameters": {"PartitionKeyPath": "$.detail.user"}}
    assert events.put_targets(Rule=stream, Targets=[target])["FailedEntryCount"] == 0
    events.put_events(Entries=[{"Source": stream, "DetailType": "t", "Detail": json.dumps({"user": "ada"})}])

    def arrived():
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            records = kinesis.get_records(ShardIterator=iterator(stream, shard["ShardId"], "TRIM_HORIZON"))["Records"]
            if records:
                return records

    [record] = until(arrived)
    assert record["PartitionKey"] == "ada"
    assert json.loads(record["Data"])["detail"] == {"user": "ada"}
    events.remove_targets(Rule=stream, Ids=["s"])
    events.delete_rule(Name=stream)
    iam.delete_role_policy(RoleName=stream, PolicyName="put")
    iam.delete_role(RoleName=stream)


def test_policies_are_applied(stream):
    iam = client("iam")
    iam.create_user(UserName=stream)
    key = iam.create_access_key(UserName=stream)["AccessKey"]
    other = client("kinesis", secret=key["SecretAccessKey"], access_key=key["AccessKeyId"])
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    reader = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]["ConsumerARN"]
    user = iam.get_user(UserName=stream)["User"]["Arn"]

    def let(resource, action):
        statement = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": action, "Resource": resource}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        kinesis.put_resource_policy(ResourceARN=resource, Policy=policy)
        assert kinesis.get_resource_policy(ResourceARN=resource)["Policy"] == policy

    try:
        for attempt in lambda: other.put_record(StreamARN=arn, Data=b"x", PartitionKey="a"), lambda: other.describe_stream_consumer(ConsumerARN=reader):
            with refused("AccessDeniedException", 400):
                attempt()
        let(arn, "kinesis:PutRecord")
        other.put_record(StreamARN=arn, Data=b"x", PartitionKey="a")
        with refused("AccessDeniedException", 400):
            other.describe_stream_summary(StreamARN=arn)
        let(reader, "kinesis:DescribeStreamConsumer")
        assert other.describe_stream_consumer(ConsumerARN=reader)["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE"
        kinesis.delete_resource_policy(ResourceARN=arn)
        with refused("AccessDeniedException", 400):
            other.put_record(StreamARN=arn, Data=b"x", PartitionKey="a")
        with refused("ResourceNotFoundException", 400):
            kinesis.get_resource_policy(ResourceARN=arn)
    finally:
        iam.delete_access_key(UserName=stream, AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName=stream)


def test_metrics_of_shards(stream):
    out = kinesis.enable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["IncomingRecords", "OutgoingRecords"])
    assert out["CurrentShardLevelMetrics"] == [] and out["DesiredShardLevelMetrics"] == ["IncomingRecords", "OutgoingRecords"]
    shard = kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="a")["ShardId"]
    now = datetime.datetime.now(datetime.timezone.utc)
    query = dict(Namespace="AWS/Kinesis", MetricName="IncomingRecords", StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(hours=1), Period=3600, Statistics=["Sum"])
    for dimensions in {"StreamName": stream}, {"StreamName": stream, "ShardId": shard}:
        named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        until(lambda: sum(p["Sum"] for p in client("cloudwatch").get_metric_statistics(Dimensions=named, **query)["Datapoints"]) == 1)
    out = kinesis.disable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["ALL"])
    assert out["DesiredShardLevelMetrics"] == []
