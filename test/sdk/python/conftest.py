"""Clients of the platform under test. SUNDOG_ENDPOINT and the usual AWS_* variables say where it is and who we are."""

import contextlib
import io
import json
import os
import time
import uuid
import zipfile

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["SUNDOG_ENDPOINT"]
REGION = os.environ.get("AWS_REGION", "us-east-1")


def client(service, secret=None, access_key=None, endpoint=ENDPOINT, **config):
    """A client without retries, so that every error is seen."""
    config.setdefault("retries", {"total_max_attempts": 1})
    config.setdefault("read_timeout", 30)
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=access_key or os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret or os.environ["AWS_SECRET_ACCESS_KEY"],
        config=Config(**config),
    )


@contextlib.contextmanager
def refused(code, status=None, says=None):
    """The body must end in an error of this code."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response
    assert error["Error"]["Code"] == code, error
    if status:
        assert error["ResponseMetadata"]["HTTPStatusCode"] == status, error
    if says:
        assert says in error["Error"]["Message"], error


def until(what, seconds=20):
    """Asks until the answer is true; gives that answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.05)


def archive(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, text in files.items():
            info = zipfile.ZipInfo(name.replace("__", "."))
            info.external_attr = 0o644 << 16
            z.writestr(info, text)
    return out.getvalue()


@pytest.fixture
def name():
    return "t-" + uuid.uuid4().hex[:12]


@pytest.fixture(scope="session")
def account():
    return client("sts").get_caller_identity()["Account"]


@pytest.fixture
def role(name):
    iam = client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com", "events.amazonaws.com"]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    arn = iam.create_role(RoleName=name + "-role", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name + "-role", PolicyName="all", PolicyDocument=json.dumps(policy))
    yield arn
    iam.delete_role_policy(RoleName=name + "-role", PolicyName="all")
    iam.delete_role(RoleName=name + "-role")
