"""Functions on the official clients, and with Powertools, on a platform. SUNDOG_FUNCTIONS is the folder that functions/build filled."""

import base64
import contextlib
import io
import json
import os
import pathlib
import re
import time
import zipfile

import pytest
from conftest import client, until

BUILT = pathlib.Path(os.environ["SUNDOG_FUNCTIONS"])
SOURCES = pathlib.Path(__file__).parent.parent / "functions"
fn, logs, sqs, ddb, xray = client("lambda", read_timeout=120), client("logs"), client("sqs"), client("dynamodb"), client("xray")


def pack(files):
    """A zip of files and folders: {name in the archive: path}."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, path in files.items():
            for f in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if f.is_file() and "__pycache__" not in f.parts:
                    z.write(f, os.path.join(name, f.relative_to(path)) if path.is_dir() else name)
    return out.getvalue()


@contextlib.contextmanager
def deployed(name, role, runtime, handler, files, layers=(), env=None, memory=512):
    fn.create_function(
        FunctionName=name, Runtime=runtime, Role=role, Handler=handler, Code={"ZipFile": pack(files)}, Timeout=20, MemorySize=memory,
        Layers=list(layers), Environment={"Variables": env or {}}, TracingConfig={"Mode": "Active"},
    )  # fmt: skip
    fn.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    try:
        yield name
    finally:
        fn.delete_function(FunctionName=name)


def invoke(name, event, **more):
    out = fn.invoke(FunctionName=name, Payload=json.dumps(event), **more)
    return out, json.loads(out["Payload"].read() or b"null")


def messages(name):
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
    return [e["message"] for page in pages for e in page["events"]]


@contextlib.contextmanager
def layer(name, files=None, archive=None):
    made = fn.publish_layer_version(LayerName=name, Content={"ZipFile": archive or pack(files)})
    try:
        yield made["LayerVersionArn"]
    finally:
        fn.delete_layer_version(LayerName=name, VersionNumber=made["Version"])


OFFICIAL = {
    "go": ("provided.al2023", "x", {"bootstrap": BUILT / "go/bootstrap"}),
    "rust": ("provided.al2023", "x", {"bootstrap": BUILT / "rust/debug/function"}),
    "python": ("provided.al2023", "own.handler", {"": BUILT / "python", "bootstrap": SOURCES / "python/bootstrap", "own.py": SOURCES / "python/own.py"}),
    "java": ("java17", "Handlers$Typed::handleRequest", {"": BUILT / "java/classes"}),
}


@pytest.mark.parametrize("client_of", OFFICIAL)
def test_official_runtime_clients(client_of, name, role):
    runtime, handler, files = OFFICIAL[client_of]
    with deployed(name, role, runtime, handler, files):
        for _ in range(2):
            out, answer = invoke(name, {"a": "ü"})
            assert "FunctionError" not in out, answer
            assert answer["echo"]["a"] == "ü" and answer["name"] == name
            assert answer["request"] == out["ResponseMetadata"]["RequestId"]
        out, answer = invoke(name, {"fail": "on purpose"})
        assert out["FunctionError"] == "Unhandled" and "on purpose" in answer["errorMessage"], answer


def test_java_handlers(name, role):
    files = {"": BUILT / "java/classes", "lib/aws-lambda-java-core.jar": next((BUILT / "java/lib").glob("aws-lambda-java-core-*.jar"))}
    for i, (handler, want) in enumerate({"Handlers$Stream": {"a": "b"}, "Handlers::plain": "plain b"}.items()):
        with deployed(f"{name}-{i}", role, "java17", handler, files):
            out, answer = invoke(f"{name}-{i}", {"a": "b"})
            assert answer == want, answer
    with deployed(f"{name}-tls", role, "java17", "Handlers::reach", files):
        out, answer = invoke(f"{name}-tls", {"url": "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"})
        assert answer.startswith("403 ") and "MissingAuthenticationToken" in answer, answer
    options = {"JAVA_TOOL_OPTIONS": "-Dsundog.option=set"}
    with deployed(name, role, "java17", "Handlers$Typed", files, env=options):
        out, answer = invoke(name, {"a": "b"}, LogType="Tail")
        assert answer["option"] == "set", answer
        assert "java saw it" in base64.b64decode(out["LogResult"]).decode()
    with deployed(name, role, "java17", "Missing::handler", files):
        out, answer = invoke(name, {})
        assert out["FunctionError"] == "Unhandled" and "Missing" in answer["errorMessage"], answer


def test_extension_on_the_official_crate(name, role):
    """A Go function, whose client registers an internal extension, beside an extension on the official Rust crate."""
    with layer(name, {"extensions/heard": BUILT / "rust/debug/extension"}) as arn:
        runtime, handler, files = OFFICIAL["go"]
        with deployed(name, role, runtime, handler, files, layers=[arn]):
            out, answer = invoke(name, {"a": "b"})
            request = out["ResponseMetadata"]["RequestId"]
            assert answer["echo"] == {"a": "b"}, answer
        log = until(lambda: (all_of := "\n".join(messages(name))) and "saw SHUTDOWN" in all_of and all_of)
        assert f"rust extension saw INVOKE {request}" in log
        assert "rust extension saw SHUTDOWN spindown" in log
        assert "EXTENSION\tName: heard\tState: Ready\tEvents: [INVOKE, SHUTDOWN]" in log


def test_published_extension(name, role):
    """The OpenTelemetry extension of the Serverless Framework, as its package has it: it takes events, and the Logs API."""
    archive = (BUILT / "node/node_modules/@serverless/aws-lambda-otel-extension-dist/extension.zip").read_bytes()
    with layer(name, archive=archive) as arn:
        files = {"index.mjs": SOURCES / "node/echo.mjs"}
        env = {"DEBUG_SLS_OTEL_LAYER": "1", "DO_NOT_WAIT": "1"}
        with deployed(name, role, "nodejs20.x", "index.handler", files, layers=[arn], env=env):
            assert invoke(name, {"a": "b"})[1] == {"a": "b"}
            until(lambda: any("Current data before write" in m for m in messages(name)))  # it got a batch from the Logs API
        log = until(lambda: (everything := "\n".join(messages(name))) and "SHUTDOWN" in everything.replace("Events: [INVOKE, SHUTDOWN]", "") and everything)
        for part in ("EXTENSION\tName: otel-extension\tState: Ready", "LOGS\tName: otel-extension\tState: Subscribed", "Processing event:  INVOKE", "Processing event:  SHUTDOWN"):
            assert part in log, log


POWERTOOLS = {
    "python": ("python3.11", "powertools.handler", {"": BUILT / "python", "powertools.py": SOURCES / "python/powertools.py"}),
    "node": ("nodejs20.x", "powertools.handler", {"node_modules": BUILT / "node/node_modules", "powertools.mjs": SOURCES / "node/powertools.mjs"}),
}


@pytest.fixture
def table(name):
    ddb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    ddb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    yield name
    ddb.delete_table(TableName=name)


@pytest.mark.parametrize("language", POWERTOOLS)
def test_powertools(language, name, role, table):
    runtime, handler, files = POWERTOOLS[language]
    with deployed(name, role, runtime, handler, files, env={"TABLE": table, "POWERTOOLS_LOG_LEVEL": "INFO"}):
        # Idempotency: the second payment is the first one's answer, from the table; a failed one is not remembered.
        first, again, other = (invoke(name, {"order": o})[1] for o in ("one", "one", "two"))
        assert (first, again, other) == ({"order": "one", "run": 1}, {"order": "one", "run": 1}, {"order": "two", "run": 2})
        assert invoke(name, {"order": "three", "fail": "no money"})[0]["FunctionError"] == "Unhandled"
        assert invoke(name, {"order": "three"})[1] == {"order": "three", "run": 4}
        items = ddb.scan(TableName=table)["Items"]
        assert {i["status"]["S"] for i in items} == {"COMPLETED"} and len(items) == 3
        logged(name)
        traced(name)
        batched(name)


def logged(name):
    lines = [json.loads(m) for m in messages(name) if m.startswith("{")]
    paying = [m for m in lines if m.get("message") == "paying"]
    assert {m["order"] for m in paying} == {"one", "two", "three"}
    assert all(m["service"] == "payments" and (m.get("function_name") or m.get("functionName")) == name for m in paying)
    assert any("_aws" in m and m["Payments"] in (1, [1.0], [1]) for m in lines), lines


def traced(name):
    def segment():
        now = time.time()
        for page in xray.get_paginator("get_trace_summaries").paginate(StartTime=now - 600, EndTime=now + 60):
            for t in page["TraceSummaries"]:
                trace = xray.batch_get_traces(TraceIds=[t["Id"]])["Traces"]
                documents = "".join(g["Document"] for x in trace for g in x["Segments"])
                if name in documents and "## handler" in documents and re.search(r'"order": ?"one"', documents):
                    return True
        return None

    assert until(segment)


def batched(name):
    queue = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = None
    try:
        bodies = ["good", "bad", "good"]
        sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": str(i), "MessageBody": b} for i, b in enumerate(bodies)])
        mapping = fn.create_event_source_mapping(FunctionName=name, EventSourceArn=arn, BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"])["UUID"]

        def left():
            a = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"])["Attributes"]
            return sum(int(n) for n in a.values())

        until(lambda: left() == 1)  # the good ones are gone, the bad one will come again
    finally:
        if mapping:
            fn.delete_event_source_mapping(UUID=mapping)
        sqs.delete_queue(QueueUrl=queue)
