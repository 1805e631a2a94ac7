import hashlib
import json
import os
import time
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from conftest import ENDPOINT, REGION, client, refused, until

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


def bodies(answer):
    return [m["Body"] for m in answer.get("Messages", [])]


def test_timers_and_delay_queues(queue):
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": "1"})
    sqs.send_message(QueueUrl=queue, MessageBody="by the queue")
    sqs.send_message(QueueUrl=queue, MessageBody="at once", DelaySeconds=0)
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert counts["Attributes"] == {"ApproximateNumberOfMessagesDelayed": "1"}
    assert bodies(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)) == ["at once"]
    assert bodies(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)) == ["by the queue"]


def test_system_attributes_and_their_digests(queue):
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    sent = sqs.send_message(
        QueueUrl=queue,
        MessageBody="x",
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": trace}},
    )
    parts = b"".join(len(p).to_bytes(4, "big") + p for p in (b"AWSTraceHeader", b"String"))
    parts += b"\x01" + len(trace).to_bytes(4, "big") + trace.encode()
    assert sent["MD5OfMessageSystemAttributes"] == hashlib.md5(parts).hexdigest()
    got = sqs.receive_message(QueueUrl=queue, MessageSystemAttributeNames=["AWSTraceHeader", "SenderId"])["Messages"][0]
    assert got["Attributes"]["AWSTraceHeader"] == trace and set(got["Attributes"]) == {"AWSTraceHeader", "SenderId"}
    with refused("InvalidAttributeName", 400, says="Unknown Attribute Foo."):
        sqs.receive_message(QueueUrl=queue, AttributeNames=["Foo"])


def test_receipts_that_are_over(queue, fifo):
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    got = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)["Messages"][0]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=got["ReceiptHandle"])
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=got["ReceiptHandle"])
    with refused("InvalidParameterValue", 400, says="Message does not exist or is not available for visibility"):
        sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=5)
    sqs.send_message(QueueUrl=fifo, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="d")
    got = sqs.receive_message(QueueUrl=fifo, VisibilityTimeout=0)["Messages"][0]
    with refused("InvalidParameterValue", 400, says="The receipt handle has expired."):
        sqs.delete_message(QueueUrl=fifo, ReceiptHandle=got["ReceiptHandle"])


def test_receive_attempts(fifo):
    for i in range(3):
        sqs.send_message(QueueUrl=fifo, MessageBody=str(i), MessageGroupId="g", MessageDeduplicationId=str(i))
    ask = {"QueueUrl": fifo, "MaxNumberOfMessages": 2, "ReceiveRequestAttemptId": "attempt-1"}
    first, again = sqs.receive_message(**ask)["Messages"], sqs.receive_message(**ask)["Messages"]
    assert [m["Body"] for m in first] == ["0", "1"]
    assert [m["ReceiptHandle"] for m in again] == [m["ReceiptHandle"] for m in first]
    sqs.delete_message(QueueUrl=fifo, ReceiptHandle=first[0]["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(**ask), "a receive cannot be repeated after a delete"


def test_deduplication_scope(name):
    high = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    url = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true", **high})["QueueUrl"]
    for group in "aba":
        sqs.send_message(QueueUrl=url, MessageBody=group, MessageGroupId=group, MessageDeduplicationId="same")
    assert bodies(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)) == ["a", "b"]
    with refused("InvalidAttributeValue", 400, says="FifoThroughputLimit"):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"DeduplicationScope": "queue"})
    sqs.delete_queue(QueueUrl=url)


def test_fair_queue(queue):
    def send(group, count):
        for at in range(0, count, 10):
            entries = [{"Id": str(i), "MessageBody": group, "MessageGroupId": group} for i in range(min(10, count - at))]
            assert "Failed" not in sqs.send_message_batch(QueueUrl=queue, Entries=entries)

    send("noisy", 100)
    for _ in range(3):
        sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    send("quiet", 3)
    got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["MessageGroupId"])["Messages"]
    groups = [m["Attributes"]["MessageGroupId"] for m in got]
    assert groups[:3] == ["quiet"] * 3 and set(groups[3:]) == {"noisy"}


def test_move_tasks(queue, name):
    dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    with refused("InvalidParameterValue", 400, says="Source queue must be configured as a Dead Letter Queue."):
        sqs.start_message_move_task(SourceArn=arn(dead))
    policy = json.dumps({"deadLetterTargetArn": arn(dead), "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})
    for i in range(5):
        sqs.send_message(QueueUrl=dead, MessageBody=str(i))
    task = sqs.start_message_move_task(
        SourceArn=arn(dead), DestinationArn=arn(queue), MaxNumberOfMessagesPerSecond=1
    )["TaskHandle"]
    with refused("InvalidParameterValue", 400, says="There is already a task running."):
        sqs.start_message_move_task(SourceArn=arn(dead))
    shown = sqs.list_message_move_tasks(SourceArn=arn(dead))["Results"][0]
    assert shown["Status"] == "RUNNING" and shown["TaskHandle"] == task and shown["MaxNumberOfMessagesPerSecond"] == 1
    assert sqs.cancel_message_move_task(TaskHandle=task)["ApproximateNumberOfMessagesMoved"] < 5
    until(lambda: sqs.list_message_move_tasks(SourceArn=arn(dead))["Results"][0]["Status"] == "CANCELLED")
    sqs.start_message_move_task(SourceArn=arn(dead))  # back to where they came from, which nobody knows
    failed = until(lambda: [t for t in sqs.list_message_move_tasks(SourceArn=arn(dead))["Results"] if t["Status"] == "FAILED"])
    assert failed[0]["FailureReason"] == "CouldNotDetermineMessageSource"
    sqs.start_message_move_task(SourceArn=arn(dead), DestinationArn=arn(queue))
    until(lambda: sqs.list_message_move_tasks(SourceArn=arn(dead))["Results"][0]["Status"] == "COMPLETED")
    assert len(sqs.list_message_move_tasks(SourceArn=arn(dead), MaxResults=10)["Results"]) == 3
    got = []
    until(lambda: got.extend(bodies(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1))) or len(got) == 5)
    assert sorted(got) == list("01234")
    sqs.delete_queue(QueueUrl=dead)


def test_redrive_is_allowed_by_the_dead_letter_queue(queue, name):
    dead = sqs.create_queue(
        QueueName=name + "-dead", Attributes={"RedriveAllowPolicy": json.dumps({"redrivePermission": "denyAll"})}
    )["QueueUrl"]
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn(dead), "maxReceiveCount": 1})}
    with refused("InvalidParameterValue", 400):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=redrive)
    allow = {"redrivePermission": "byQueue", "sourceQueueArns": [arn(queue)]}
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": json.dumps(allow)})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=redrive)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": ""})
    assert "RedrivePolicy" not in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    sqs.delete_queue(QueueUrl=dead)


def test_names_and_purges_rest_a_minute(name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    with refused("AWS.SimpleQueueService.PurgeQueueInProgress", 403, says=f"on {name} is allowed every 60 seconds."):
        sqs.purge_queue(QueueUrl=url)
    sqs.delete_queue(QueueUrl=url)
    with refused("AWS.SimpleQueueService.QueueDeletedRecently", 400, says="You must wait 60 seconds"):
        sqs.create_queue(QueueName=name)
    with refused("AWS.SimpleQueueService.NonExistentQueue", 400):
        sqs.delete_queue(QueueUrl=url)


def test_policies_are_applied(queue, name):
    iam = client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    other = client("sqs", secret=key["SecretAccessKey"], access_key=key["AccessKeyId"])
    try:
        with refused("AccessDenied", 403):
            other.send_message(QueueUrl=queue, MessageBody="x")
        user = iam.get_user(UserName=name)["User"]["Arn"]
        statement = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "SQS:SendMessage", "Resource": arn(queue)}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
        other.send_message(QueueUrl=queue, MessageBody="x")
        with refused("AccessDenied", 403):
            other.receive_message(QueueUrl=queue)
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName=name)


def test_permissions_are_statements(queue):
    sqs.add_permission(QueueUrl=queue, Label="one", AWSAccountIds=["111111111111"], Actions=["SendMessage", "ReceiveMessage"])
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]["Policy"])
    assert policy["Statement"] == [
        {
            "Sid": "one",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
            "Action": ["SQS:SendMessage", "SQS:ReceiveMessage"],
            "Resource": arn(queue),
        }
    ]
    with refused("InvalidParameterValue", 400, says="Already exists."):
        sqs.add_permission(QueueUrl=queue, Label="one", AWSAccountIds=["111111111111"], Actions=["*"])
    sqs.remove_permission(QueueUrl=queue, Label="one")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])


def query(path, **parameters):
    """A request of the older protocol, as clients without an SDK make it; gives status and text."""
    request = AWSRequest("POST", ENDPOINT + path, data=urllib.parse.urlencode({"Version": "2012-11-05", **parameters}))
    request.headers["Content-Type"] = "application/x-www-form-urlencoded"
    secret = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(secret, "sqs", REGION).add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    return answer.status_code, answer.text


def test_query_protocol(queue):
    path = urllib.parse.urlparse(queue).path
    status, text = query(path, Action="SendMessage", MessageBody="by form", **{
        "MessageAttribute.1.Name": "n", "MessageAttribute.1.Value.DataType": "Number", "MessageAttribute.1.Value.StringValue": "1",
    })
    assert status == 200 and f"<MD5OfMessageBody>{hashlib.md5(b'by form').hexdigest()}</MD5OfMessageBody>" in text
    status, text = query("/", Action="ReceiveMessage", QueueUrl=queue, **{"AttributeName.1": "All", "MessageAttributeName.1": "n"})
    assert status == 200 and "<Body>by form</Body>" in text and "<Name>ApproximateReceiveCount</Name><Value>1</Value>" in text
    for parameters, code in (
        ({"Action": "SendMessage"}, "MissingParameter"),
        ({"Action": "GetQueueAttributes", "AttributeName.1": "Foo"}, "InvalidAttributeName"),
        ({"Action": "ReceiveMessage", "MaxNumberOfMessages": "11"}, "InvalidParameterValue"),
        ({"Action": "Sing"}, "InvalidAction"),
    ):
        status, text = query(path, **parameters)
        assert status == 400 and f"<Code>{code}</Code>" in text and "<Type>Sender</Type>" in text
    status, text = query(path + "-none", Action="ReceiveMessage")
    assert status == 400 and "The specified queue does not exist for this wsdl version." in text


def test_queues_of_a_stack(name):
    cfn = client("cloudformation")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}

    def deploy(verb, work, policies):
        resources = {
            "Dead": {"Type": "AWS::SQS::Queue"},
            "Work": {
                "Type": "AWS::SQS::Queue",
                "Properties": {
                    "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": "Dead.Arn"}, "maxReceiveCount": 3},
                    **work,
                },
            },
            **policies,
        }
        body = json.dumps({"Resources": resources, "Outputs": {k: {"Value": {"Ref": k}} for k in ("Dead", "Work")}})
        getattr(cfn, verb + "_stack")(StackName=name, TemplateBody=body)
        cfn.get_waiter(f"stack_{verb}_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        outputs = cfn.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
        return {o["OutputKey"]: o["OutputValue"] for o in outputs}

    def shown(url):
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    def policies(*queues):
        given = {"PolicyDocument": policy, "Queues": [{"Ref": q} for q in queues]}
        return {"Policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": given}}

    inline = {"Type": "AWS::SQS::QueueInlinePolicy", "Properties": {"PolicyDocument": policy, "Queue": {"Ref": "Work"}}}
    first = deploy(
        "create",
        {"VisibilityTimeout": 77, "SqsManagedSseEnabled": True, "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}]},
        policies("Dead", "Work"),
    )
    attributes = shown(first["Work"])
    assert attributes["VisibilityTimeout"] == "77" and json.loads(attributes["Policy"]) == policy
    redrive = {"deadLetterTargetArn": shown(first["Dead"])["QueueArn"], "maxReceiveCount": 3}
    assert json.loads(attributes["RedrivePolicy"]) == redrive
    second = deploy("update", {"DelaySeconds": 3, "Tags": [{"Key": "b", "Value": "2"}]}, policies("Dead"))
    assert second == first, "these properties change in place"
    attributes = shown(first["Work"])
    assert attributes["VisibilityTimeout"] == "30" and attributes["DelaySeconds"] == "3"
    assert "Policy" not in attributes and json.loads(shown(first["Dead"])["Policy"]) == policy
    tags = sqs.list_queue_tags(QueueUrl=first["Work"])["Tags"]
    assert {k: v for k, v in tags.items() if not k.startswith("aws:")} == {"b": "2"}
    third = deploy("update", {"QueueName": name + "-named"}, {"Inline": inline})
    assert third["Dead"] == first["Dead"] and third["Work"].endswith(name + "-named")
    assert json.loads(shown(third["Work"])["Policy"]) == policy and "Policy" not in shown(first["Dead"])
    with refused("AWS.SimpleQueueService.NonExistentQueue", 400):
        shown(first["Work"])
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
