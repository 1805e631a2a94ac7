import json

import pytest
from conftest import client, refused, until

sns, sqs = client("sns"), client("sqs")


def queue_of(name, topic, **attributes):
    """A queue that the topic feeds."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    sub = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes, ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    return url, sub


def bodies(url, n):
    out = []
    while len(out) < n:
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5).get("Messages")
        assert got, f"{len(out)} of {n} messages came"
        for m in got:
            out.append(m["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
    return out


@pytest.fixture
def topic(name):
    arn = sns.create_topic(Name=name)["TopicArn"]
    yield arn
    sns.delete_topic(TopicArn=arn)


def test_fan_out_with_filters(topic, name):
    plain, _ = queue_of(name + "-1", topic)
    raw, _ = queue_of(
        name + "-2", topic, RawMessageDelivery="true", FilterPolicy=json.dumps({"price": [{"numeric": [">", 10]}]})
    )
    sns.publish(TopicArn=topic, Subject="s", Message="cheap", MessageAttributes=number(5))
    sns.publish(TopicArn=topic, Message="dear", MessageAttributes=number(50))
    got = sorted((json.loads(b) for b in bodies(plain, 2)), key=lambda e: e["Message"])
    assert [e["Message"] for e in got] == ["cheap", "dear"]
    assert got[0]["Subject"] == "s" and got[0]["Type"] == "Notification" and got[0]["TopicArn"] == topic
    assert got[0]["MessageAttributes"] == {"price": {"Type": "Number", "Value": "5"}}
    assert bodies(raw, 1) == ["dear"]
    assert "Messages" not in sqs.receive_message(QueueUrl=raw)


def number(n):
    return {"price": {"DataType": "Number", "StringValue": str(n)}}


def test_fifo(name):
    topic = sns.create_topic(Name=name + ".fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    url = sqs.create_queue(QueueName=name + ".fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }
        ]
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    for i in range(5):
        sns.publish(TopicArn=topic, Message=str(i), MessageGroupId="g", MessageDeduplicationId=f"d{i // 2}")
    assert bodies(url, 3) == ["0", "2", "4"]
    with refused("InvalidParameter", 400):
        sns.publish(TopicArn=topic, Message="no group", MessageDeduplicationId="x")
    sns.delete_topic(TopicArn=topic)


def test_batch(topic, name):
    url, _ = queue_of(name, topic, RawMessageDelivery="true")
    entries = [{"Id": str(i), "Message": f"m{i}"} for i in range(10)]
    out = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert sorted(e["Id"] for e in out["Successful"]) == [str(i) for i in range(10)] and not out["Failed"]
    assert sorted(bodies(url, 10)) == [f"m{i}" for i in range(10)]
    with refused("BatchEntryIdsNotDistinct", 400):
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[entries[0], entries[0]])
    with refused("TooManyEntriesInBatchRequest", 400):
        sns.publish_batch(
            TopicArn=topic, PublishBatchRequestEntries=[{"Id": str(i), "Message": "x"} for i in range(11)]
        )


def test_subscriptions(topic, name):
    _, sub = queue_of(name, topic)
    assert [s["SubscriptionArn"] for s in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]] == [sub]
    sns.set_subscription_attributes(SubscriptionArn=sub, AttributeName="RawMessageDelivery", AttributeValue="true")
    assert sns.get_subscription_attributes(SubscriptionArn=sub)["Attributes"]["RawMessageDelivery"] == "true"
    sns.unsubscribe(SubscriptionArn=sub)
    with refused("NotFound", 404):
        sns.get_subscription_attributes(SubscriptionArn=sub)


def test_errors_and_lists(topic, name):
    with refused("NotFound", 404):
        sns.publish(TopicArn=topic + "-none", Message="x")
    with refused("InvalidParameter", 400):
        sns.publish(TopicArn=topic, Message="")
    with refused("InvalidParameter", 400):
        sns.create_topic(Name="no blanks here")
    assert sns.create_topic(Name=name)["TopicArn"] == topic
    assert topic in [t["TopicArn"] for p in sns.get_paginator("list_topics").paginate() for t in p["Topics"]]
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="shown")
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"] == "shown"


def letters_of(name, topic):
    """A dead letter queue that the topic may send to."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    return url, arn


def test_redrive(topic, name):
    letters, arn = letters_of(name + "-letters", topic)
    url, sub = queue_of(name, topic, RawMessageDelivery="true", RedrivePolicy=json.dumps({"deadLetterTargetArn": arn}))
    sqs.delete_queue(QueueUrl=url)
    attributes = {
        "n": {"DataType": "Number", "StringValue": "1"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sns.publish(TopicArn=topic, Message="lost", MessageAttributes=attributes)
    [m] = sqs.receive_message(QueueUrl=letters, WaitTimeSeconds=10, MessageAttributeNames=["All"])["Messages"]
    assert m["Body"] == "lost"
    assert {k: v.get("StringValue") or v["BinaryValue"] for k, v in m["MessageAttributes"].items()} == {
        "n": "1",
        "b": b"\x00\xff",
    }
    with refused("InvalidParameter", 400, "Attribute maxReceiveCount is unknown"):
        sns.set_subscription_attributes(
            SubscriptionArn=sub, AttributeName="RedrivePolicy", AttributeValue=json.dumps({"maxReceiveCount": 3})
        )


def test_queue_policy_denies(topic, name):
    """A queue without a policy for the topic gets nothing; the message is in the dead letter queue."""
    letters, arn = letters_of(name + "-letters", topic)
    url, _ = queue_of(name, topic, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn}))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    sns.publish(TopicArn=topic, Message="kept out")
    assert [json.loads(b)["Message"] for b in bodies(letters, 1)] == ["kept out"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_too_many_attributes_for_raw_delivery(topic, name):
    letters, arn = letters_of(name + "-letters", topic)
    raw, _ = queue_of(
        name + "-raw", topic, RawMessageDelivery="true", RedrivePolicy=json.dumps({"deadLetterTargetArn": arn})
    )
    whole, _ = queue_of(name, topic)
    many = {f"a{i}": {"DataType": "String", "StringValue": "v"} for i in range(11)}
    sns.publish(TopicArn=topic, Message="many", MessageAttributes=many)
    assert len(json.loads(bodies(whole, 1)[0])["MessageAttributes"]) == 11
    assert "Messages" not in sqs.receive_message(QueueUrl=raw)


def test_body_filter_and_structure(topic, name):
    url, sub = queue_of(
        name,
        topic,
        FilterPolicyScope="MessageBody",
        FilterPolicy=json.dumps(
            {"order": {"store": [{"anything-but": "test"}], "total": [{"numeric": [">=", 10, "<", 20]}]}}
        ),
        RawMessageDelivery="true",
    )
    for total, store in ((10, "shop"), (20, "shop"), (15, "test"), (19.99, "web")):
        sns.publish(TopicArn=topic, Message=json.dumps({"order": {"store": store, "total": total}}))
    sns.publish(
        TopicArn=topic,
        MessageStructure="json",
        Message=json.dumps({"default": "-", "sqs": json.dumps({"order": {"store": "sqs", "total": 11}})}),
    )
    assert sorted(json.loads(b)["order"]["store"] for b in bodies(url, 3)) == ["shop", "sqs", "web"]
    for policy, says in (
        ({f"k{i}": ["v"] for i in range(6)}, "Filter policy can not have more than 5 keys"),
        ({"a": [str(i) for i in range(60)], "b": ["1", "2", "3"]}, "Filter policy is too complex"),
        ({"a": [{"prefix": 1}]}, "prefix match pattern must be a string"),
        ({"a": "v"}, '"a" must be an object or an array'),
    ):
        with refused("InvalidParameter", 400, says):
            sns.set_subscription_attributes(
                SubscriptionArn=sub, AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
            )


def test_tags_and_permissions(topic, account):
    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}])
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": "2"},
    ]
    sns.untag_resource(ResourceArn=topic, TagKeys=["a"])
    assert [t["Key"] for t in sns.list_tags_for_resource(ResourceArn=topic)["Tags"]] == ["b"]
    with refused("InvalidParameter", 400, "Duplicated keys"):
        sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "c", "Value": "1"}, {"Key": "c", "Value": "2"}])
    with refused("ResourceNotFound", 404):
        sns.list_tags_for_resource(ResourceArn=topic + "-none")
    sns.add_permission(TopicArn=topic, Label="pub", AWSAccountId=[account], ActionName=["Publish"])
    statements = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])["Statement"]
    assert [s["Sid"] for s in statements] == ["__default_statement_ID", "pub"]
    sns.remove_permission(TopicArn=topic, Label="pub")
    assert len(json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])["Statement"]) == 1


def test_pages(topic):
    subs = {
        sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint=f"+1555{i:07}", ReturnSubscriptionArn=True)[
            "SubscriptionArn"
        ]
        for i in range(101)
    }
    pages = list(sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic))
    assert [len(p["Subscriptions"]) for p in pages] == [100, 1]
    assert {s["SubscriptionArn"] for p in pages for s in p["Subscriptions"]} == subs
    with refused("InvalidParameter", 400):
        sns.list_topics(NextToken="nonsense?")


def test_kept_for_reading(topic, name, account):
    """Mail and text messages are kept in a log group, which says that they were not sent."""
    sub = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="me@example.com", ReturnSubscriptionArn=True)[
        "SubscriptionArn"
    ]
    logs, group = client("logs"), f"/aws/sns/us-east-1/{account}/{name}"

    def lines():
        groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        return groups and [json.loads(e["message"]) for e in logs.filter_log_events(logGroupName=group)["events"]]

    [asked] = until(lines)
    sns.confirm_subscription(TopicArn=topic, Token=asked["token"], AuthenticateOnUnsubscribe="true")
    attributes = sns.get_subscription_attributes(SubscriptionArn=sub)["Attributes"]
    assert attributes["PendingConfirmation"] == "false" and "not sent" in attributes["SundogDelivery"]
    sns.publish(TopicArn=topic, Subject="s", Message="news")
    _, kept = until(lambda: len(lines()) == 2 and lines())
    assert (kept["to"], kept["subject"], kept["body"]) == ("me@example.com", "s", "news") and "not sent" in kept[
        "status"
    ]


def test_fifo_to_a_standard_queue_and_replay(name):
    topic = sns.create_topic(
        Name=name + ".fifo",
        Attributes={
            "FifoTopic": "true",
            "ContentBasedDeduplication": "true",
            "FifoThroughputScope": "MessageGroup",
            "ArchivePolicy": json.dumps({"MessageRetentionPeriod": "7"}),
        },
    )["TopicArn"]
    url, sub = queue_of(name, topic)
    start = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["BeginningArchiveTime"]
    out = sns.publish_batch(
        TopicArn=topic,
        PublishBatchRequestEntries=[{"Id": g, "Message": "same", "MessageGroupId": g} for g in ("g1", "g2")],
    )
    numbers = [e["SequenceNumber"] for e in out["Successful"]]
    assert numbers == sorted(set(numbers)) and len(numbers[0]) == 20
    first = [json.loads(b) for b in bodies(url, 2)]
    assert all("Signature" not in m for m in first)
    replay = json.dumps({"PointType": "Timestamp", "StartingPoint": start})
    sns.set_subscription_attributes(SubscriptionArn=sub, AttributeName="ReplayPolicy", AttributeValue=replay)
    again = [json.loads(b) for b in bodies(url, 2)]
    assert sorted(m["MessageId"] for m in again) == sorted(m["MessageId"] for m in first)
    assert sorted(m["Timestamp"] for m in again) == sorted(m["Timestamp"] for m in first)
    with refused("InvalidState", 400):
        sns.delete_topic(TopicArn=topic)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="ArchivePolicy", AttributeValue="{}")
    sns.delete_topic(TopicArn=topic)


def test_permissions(topic, name, account):
    iam = client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    theirs = client("sns", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    with refused("AuthorizationError", 403, "is not authorized to perform: SNS:Publish on resource: " + topic):
        theirs.publish(TopicArn=topic, Message="x")
    statement = {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}
    iam.put_user_policy(
        UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    theirs.publish(TopicArn=topic, Message="x")
    denied = statement | {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{account}:user/{name}"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    with refused("AuthorizationError", 403, "explicit deny"):
        theirs.publish(TopicArn=topic, Message="x")
    iam.delete_user_policy(UserName=name, PolicyName="p")
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)
