import base64
import json
import os
import shutil
import urllib.error
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import REGION, archive, client, refused, until

fn, sqs = client("lambda", read_timeout=60), client("sqs")

PYTHON = """
import json, os
def handler(event, context):
    if event.get("fail"):
        raise ValueError(event["fail"])
    print("seen", json.dumps(event))
    return {"echo": event, "name": context.function_name, "version": context.function_version,
            "left": context.get_remaining_time_in_millis() > 0, "env": os.environ.get("GREETING")}
"""


@pytest.fixture
def function(name, role):
    fn.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=role,
        Handler="main.handler",
        Code={"ZipFile": archive(main__py=PYTHON)},
        Timeout=20,
        Environment={"Variables": {"GREETING": "hello"}},
    )
    fn.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    yield name
    fn.delete_function(FunctionName=name)


def invoke(function, event, **more):
    out = fn.invoke(FunctionName=function, Payload=json.dumps(event), **more)
    return out, json.loads(out["Payload"].read() or b"null")


def test_life_of_a_function(function):
    out, answer = invoke(function, {"a": "ü"}, LogType="Tail")
    assert out["StatusCode"] == 200 and out["ExecutedVersion"] == "$LATEST" and "FunctionError" not in out
    assert answer == {"echo": {"a": "ü"}, "name": function, "version": "$LATEST", "left": True, "env": "hello"}
    log = base64.b64decode(out["LogResult"]).decode()
    assert "START RequestId" in log and "seen" in log and "REPORT RequestId" in log
    out, answer = invoke(function, {"fail": "on purpose"})
    assert out["FunctionError"] == "Unhandled"
    assert answer["errorType"] == "ValueError" and answer["errorMessage"] == "on purpose" and answer["stackTrace"]
    assert invoke(function, {}, InvocationType="DryRun")[0]["StatusCode"] == 204


def test_versions_and_aliases(function):
    one = fn.publish_version(FunctionName=function)["Version"]
    code = archive(main__py="def handler(e, c): return 'second'")
    fn.update_function_code(FunctionName=function, ZipFile=code)
    fn.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    fn.create_alias(FunctionName=function, Name="live", FunctionVersion=one)
    out, answer = invoke(f"{function}:live", {})
    assert answer["version"] == one == out["ExecutedVersion"]
    assert invoke(function, {})[1] == "second"
    two = fn.publish_version(FunctionName=function)["Version"]
    fn.update_alias(FunctionName=function, Name="live", FunctionVersion=two)
    assert invoke(f"{function}:live", {})[1] == "second"
    listed = fn.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    assert [v["Version"] for p in listed for v in p["Versions"]] == ["$LATEST", one, two]


def test_asynchronous_with_a_destination(function, name, role):
    url = sqs.create_queue(QueueName=name + "-failed")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    fn.put_function_event_invoke_config(
        FunctionName=function, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    assert invoke(function, {"fail": "later"}, InvocationType="Event")[0]["StatusCode"] == 202
    got = until(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages"))
    body = json.loads(got[0]["Body"])
    assert body["requestPayload"] == {"fail": "later"} and body["requestContext"]["condition"] == "RetriesExhausted"
    assert body["responsePayload"]["errorMessage"] == "later"
    sqs.delete_queue(QueueUrl=url)


def test_a_queue_as_source(function, name):
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    done = sqs.create_queue(QueueName=name + "-done")["QueueUrl"]
    code = """
import boto3, os
sqs = boto3.client("sqs")
def handler(event, context):
    for r in event["Records"]:
        sqs.send_message(QueueUrl=os.environ["DONE"], MessageBody=r["eventSource"] + " " + r["body"])
"""
    fn.update_function_configuration(FunctionName=function, Environment={"Variables": {"DONE": done}})
    fn.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    fn.update_function_code(FunctionName=function, ZipFile=archive(main__py=code))
    fn.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    mapping = fn.create_event_source_mapping(EventSourceArn=arn, FunctionName=function, BatchSize=5)["UUID"]
    until(lambda: fn.get_event_source_mapping(UUID=mapping)["State"] == "Enabled")
    for i in range(7):
        sqs.send_message(QueueUrl=url, MessageBody=str(i))
    bodies = set()
    while len(bodies) < 7:
        for m in until(
            lambda: sqs.receive_message(QueueUrl=done, MaxNumberOfMessages=10, WaitTimeSeconds=5).get("Messages")
        ):
            bodies.add(m["Body"])
            sqs.delete_message(QueueUrl=done, ReceiptHandle=m["ReceiptHandle"])
    assert bodies == {f"aws:sqs {i}" for i in range(7)}
    fn.delete_event_source_mapping(UUID=mapping)
    sqs.delete_queue(QueueUrl=url)
    sqs.delete_queue(QueueUrl=done)


def fetch(url, method="GET", headers=None, body=None):
    """One request as it is: status, headers and body."""
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read().decode()


def signed(url, method="GET", body=b""):
    request = AWSRequest(method=method, url=url, data=body)
    keys = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(keys, "lambda", REGION).add_auth(request)
    return dict(request.headers)


def test_function_urls(function, account):
    code = """
def handler(event, context):
    if event["rawPath"] == "/fail":
        raise ValueError("no")
    who = event["requestContext"].get("authorizer", {}).get("iam", {}).get("userArn")
    return {"statusCode": 201, "cookies": ["a=b"], "headers": {"x-who": str(who)}, "body": event.get("body", "") + "?" + event["rawQueryString"]}
"""
    fn.update_function_code(FunctionName=function, ZipFile=archive(main__py=code))
    fn.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["PUT"], "AllowCredentials": True, "MaxAge": 7}
    url = fn.create_function_url_config(FunctionName=function, AuthType="AWS_IAM", Cors=cors)["FunctionUrl"]
    status, headers, body = fetch(url)
    assert status == 403 and headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert json.loads(body)["Message"].startswith("Forbidden. For troubleshooting Function URL authorization issues")
    of = signed(url + "x?q=1", "POST", b"hello") | {"Content-Type": "text/plain"}
    status, headers, body = fetch(url + "x?q=1", "POST", of, b"hello")
    assert (status, body, headers["Set-Cookie"]) == (201, "hello?q=1", "a=b")
    assert headers["x-who"] == f"arn:aws:iam::{account}:root"
    status, _, body = fetch(url + "fail", headers=signed(url + "fail"))
    assert (status, body) == (502, "Internal Server Error")
    status, headers, _ = fetch(url, "OPTIONS", {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"})
    assert status in (200, 204) and headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert headers["Access-Control-Allow-Credentials"] == "true" and headers["Access-Control-Max-Age"] == "7"
    fn.update_function_url_config(FunctionName=function, AuthType="NONE")
    assert fetch(url)[0] == 403  # nobody was allowed
    fn.add_permission(
        FunctionName=function,
        StatementId="all",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    assert fetch(url)[0] == 201
    fn.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    assert fetch(url)[0] == 429
    fn.delete_function_url_config(FunctionName=function)
    assert fetch(url)[0] == 403


def test_a_loop_through_a_queue_is_stopped(function, name):
    lost = sqs.create_queue(QueueName=name + "-lost")["QueueUrl"]
    lost_arn = sqs.get_queue_attributes(QueueUrl=lost, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": lost_arn, "maxReceiveCount": 1})
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "6", "RedrivePolicy": redrive})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    code = """
import boto3, os
sqs = boto3.client("sqs")
def handler(event, context):
    for r in event["Records"]:
        sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=str(int(r["body"]) + 1))
"""
    fn.update_function_configuration(FunctionName=function, Timeout=5, Environment={"Variables": {"QUEUE": url}})
    fn.update_function_code(FunctionName=function, ZipFile=archive(main__py=code))
    fn.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    mapping = fn.create_event_source_mapping(EventSourceArn=arn, FunctionName=function, BatchSize=1)["UUID"]
    until(lambda: fn.get_event_source_mapping(UUID=mapping)["State"] == "Enabled")
    sqs.send_message(QueueUrl=url, MessageBody="0")
    got = until(lambda: sqs.receive_message(QueueUrl=lost, WaitTimeSeconds=10).get("Messages"), seconds=60)
    assert [m["Body"] for m in got] == ["16"]  # it ran with 0 to 15
    assert fn.get_function_recursion_config(FunctionName=function)["RecursiveLoop"] == "Terminate"
    fn.delete_event_source_mapping(UUID=mapping)
    for u in (url, lost):
        sqs.delete_queue(QueueUrl=u)


def test_a_timeout_is_told(function):
    fn.update_function_configuration(FunctionName=function, Timeout=1)
    fn.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    code = archive(main__py="import time\ndef handler(e, c): time.sleep(30)")
    fn.update_function_code(FunctionName=function, ZipFile=code)
    fn.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    out, answer = invoke(function, {})
    assert out["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in answer["errorMessage"]


@pytest.mark.skipif(shutil.which("node") is None, reason="this machine has no node")
def test_node(name, role):
    code = "exports.handler = async (e, c) => ({sum: e.a + e.b, id: c.awsRequestId})"
    fn.create_function(
        FunctionName=name, Runtime="nodejs20.x", Role=role, Handler="index.handler", Code={"ZipFile": archive(index__js=code)}
    )
    fn.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    _, answer = invoke(name, {"a": 2, "b": 3})
    assert answer["sum"] == 5 and len(answer["id"]) == 36
    fn.delete_function(FunctionName=name)


def test_errors_by_code(function, role):
    with refused("ResourceNotFoundException", 404):
        fn.get_function(FunctionName=function + "-none")
    with refused("ResourceConflictException", 409):
        fn.create_function(
            FunctionName=function,
            Runtime="python3.11",
            Role=role,
            Handler="main.handler",
            Code={"ZipFile": archive(main__py=PYTHON)},
        )
    with refused("InvalidRequestContentException", 400):
        fn.invoke(FunctionName=function, Payload=b"{not json")
    with refused("InvalidParameterValueException", 400):
        fn.create_function(
            FunctionName=function + "-bad", Runtime="python3.11", Role=role, Handler="m.h", Code={"ZipFile": b"no archive"}
        )
    with refused("RequestEntityTooLargeException", 413):
        fn.invoke(FunctionName=function, Payload=b'"' + b"x" * (6 << 20) + b'"')
    fn.add_permission(
        FunctionName=function, StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    with refused("ResourceConflictException", 409):
        fn.add_permission(
            FunctionName=function, StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
        )
    assert json.loads(fn.get_policy(FunctionName=function)["Policy"])["Statement"][0]["Sid"] == "s"
    assert function in [f["FunctionName"] for p in fn.get_paginator("list_functions").paginate() for f in p["Functions"]]
