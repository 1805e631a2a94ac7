import hashlib
import json
import time

import pytest
from conftest import client, refused, until

sqs = client("sqs")


@pytest.fixture
def queue(name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def fifo(name):
    url = sqs.create_queue(QueueName=name + ".fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def arn(url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_life_of_a_message(queue):
    sent = sqs.send_message(
        QueueUrl=queue,
        MessageBody="grüße",
        MessageAttributes={
            "n": {"DataType": "Number", "StringValue": "12"},
            "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
    )
    assert sent["MD5OfMessageBody"] == hashlib.md5("grüße".encode()).hexdigest()
    got = sqs.receive_message(
        QueueUrl=queue, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"], VisibilityTimeout=30
    )["Messages"]
    assert [m["Body"] for m in got] == ["grüße"]
    assert got[0]["MessageId"] == sent["MessageId"]
    assert got[0]["MessageAttributes"]["n"] == {"DataType": "Number", "StringValue": "12"}
    assert got[0]["MessageAttributes"]["b"]["BinaryValue"] == b"\x00\xff"
    assert got[0]["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert got[0]["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "1"
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=got[0]["ReceiptHandle"], VisibilityTimeout=0)
    again = sqs.receive_message(QueueUrl=queue, AttributeNames=["All"])["Messages"][0]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=again["ReceiptHandle"])
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_long_poll_ends_with_a_message_and_without(queue):
    began = time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)
    assert 0.9 < time.monotonic() - began < 5
    sqs.send_message(QueueUrl=queue, MessageBody="late", DelaySeconds=1)
    began = time.monotonic()
    assert sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"][0]["Body"] == "late"
    assert time.monotonic() - began < 10


def test_batches_fail_by_entry(queue):
    out = sqs.send_message_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": "good", "MessageBody": "a"},
            {"Id": "late", "MessageBody": "b", "DelaySeconds": 901},
            {"Id": "bad", "MessageBody": "\x00"},
        ],
    )
    assert [e["Id"] for e in out["Successful"]] == ["good"]
    failed = {e["Id"]: e for e in out["Failed"]}
    assert failed["bad"]["Code"] == "InvalidMessageContents" and failed["bad"]["SenderFault"]
    assert failed["late"]["Code"] == "InvalidParameterValue"
    with refused("AWS.SimpleQueueService.EmptyBatchRequest", 400):
        sqs.send_message_batch(QueueUrl=queue, Entries=[])
    with refused("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400):
        sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": str(i), "MessageBody": "x"} for i in range(11)])
    with refused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400):
        sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": "1", "MessageBody": "x"}] * 2)
    got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    out = sqs.delete_message_batch(
        QueueUrl=queue,
        Entries=[{"Id": "0", "ReceiptHandle": got[0]["ReceiptHandle"]}, {"Id": "1", "ReceiptHandle": "nonsense"}],
    )
    assert [e["Id"] for e in out["Successful"]] == ["0"]
    assert [(e["Id"], e["Code"]) for e in out["Failed"]] == [("1", "ReceiptHandleIsInvalid")]


def test_big_body(queue):
    body = "x" * (1 << 20)
    sqs.send_message(QueueUrl=queue, MessageBody=body)
    assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == body
    with refused("InvalidParameterValue", 400):
        sqs.send_message(QueueUrl=queue, MessageBody=body + "x")


def test_fifo_keeps_order_and_deduplicates(fifo):
    for i in range(6):
        sqs.send_message(
            QueueUrl=fifo, MessageBody=str(i), MessageGroupId="ab"[i % 2], MessageDeduplicationId=f"d{i}"
        )
    first = sqs.send_message(QueueUrl=fifo, MessageBody="again", MessageGroupId="a", MessageDeduplicationId="d0")
    assert first["SequenceNumber"]
    one = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=1)["Messages"][0]
    assert one["Body"] == "0"
    rest = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10)["Messages"]
    assert [m["Body"] for m in rest] == ["1", "3", "5"], "the group of a message in flight is blocked"
    sqs.delete_message(QueueUrl=fifo, ReceiptHandle=one["ReceiptHandle"])
    rest = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10)["Messages"]
    assert [m["Body"] for m in rest] == ["2", "4"]
    with refused("MissingParameter", 400):
        sqs.send_message(QueueUrl=fifo, MessageBody="x", MessageDeduplicationId="1")


def test_dead_letters_and_redrive(queue, name):
    dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    policy = {"deadLetterTargetArn": arn(dead), "maxReceiveCount": 2}
    sqs.set_queue_attributes(
        QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "0"}
    )
    sqs.send_message(QueueUrl=queue, MessageBody="poison")
    for _ in range(2):
        until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    got = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=5, VisibilityTimeout=0)["Messages"]
    assert got[0]["Body"] == "poison"
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]
    sqs.start_message_move_task(SourceArn=arn(dead))
    assert until(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))[0]["Body"] == "poison"
    sqs.delete_queue(QueueUrl=dead)


def test_lists_page_by_page(name):
    urls = sorted(sqs.create_queue(QueueName=f"{name}-{i}")["QueueUrl"] for i in range(5))
    pages = list(
        sqs.get_paginator("list_queues").paginate(QueueNamePrefix=name, PaginationConfig={"PageSize": 2})
    )
    assert len(pages) == 3
    assert sorted(u for p in pages for u in p["QueueUrls"]) == urls
    for u in urls:
        sqs.delete_queue(QueueUrl=u)


def test_errors_by_code(queue, name):
    with refused("AWS.SimpleQueueService.NonExistentQueue", 400):
        sqs.get_queue_url(QueueName=name + "-none")
    with refused("QueueAlreadyExists", 400):
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "77"})
    with refused("InvalidAttributeValue", 400):
        sqs.create_queue(QueueName=name + "-x", Attributes={"VisibilityTimeout": "-1"})
    with refused("InvalidParameterValue", 400):
        sqs.create_queue(QueueName="no blanks here")
    with refused("ReceiptHandleIsInvalid"):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle="nonsense")
    with refused("InvalidParameterValue", 400):
        sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=11)


def test_tags_and_purge(queue):
    sqs.tag_queue(QueueUrl=queue, Tags={"a": "1", "b": "2"})
    sqs.untag_queue(QueueUrl=queue, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"b": "2"}
    for i in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody=str(i))
    sqs.purge_queue(QueueUrl=queue)
    assert until(lambda: "Messages" not in sqs.receive_message(QueueUrl=queue))
