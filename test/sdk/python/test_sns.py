import json

import pytest
from conftest import client, refused

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
