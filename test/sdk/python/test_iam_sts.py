import json

import boto3
from conftest import ENDPOINT, client, refused

iam, sts = client("iam"), client("sts")

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
)


def test_roles(name):
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Path="/team/")["Role"]
    assert role["Arn"].endswith(f":role/team/{name}")
    with refused("EntityAlreadyExists", 409):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    assert iam.get_role_policy(RoleName=name, PolicyName="p")["PolicyDocument"] == policy
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["p"]
    managed = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(policy))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=managed)
    with refused("DeleteConflict", 409):
        iam.delete_role(RoleName=name)
    iam.detach_role_policy(RoleName=name, PolicyArn=managed)
    iam.delete_policy(PolicyArn=managed)
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)
    with refused("NoSuchEntity", 404):
        iam.get_role(RoleName=name)
    with refused("MalformedPolicyDocument", 400):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{")


def test_lists_page_by_page(name):
    for i in range(3):
        iam.create_role(RoleName=f"{name}-{i}", AssumeRolePolicyDocument=TRUST, Path=f"/{name}/")
    pages = list(iam.get_paginator("list_roles").paginate(PathPrefix=f"/{name}/", PaginationConfig={"PageSize": 2}))
    assert len(pages) == 2 and [r["RoleName"] for p in pages for r in p["Roles"]] == [f"{name}-{i}" for i in range(3)]
    for i in range(3):
        iam.delete_role(RoleName=f"{name}-{i}")


def test_who_am_i(account):
    me = sts.get_caller_identity()
    assert me["Account"] == account and me["Arn"] == f"arn:aws:iam::{account}:root"


def test_a_session_of_a_role(name, account):
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    made = iam.create_user(UserName=name)["User"]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    allow = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": allow})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
    user = client("sts", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert user.get_caller_identity()["Arn"] == made["Arn"]
    out = user.assume_role(RoleArn=role, RoleSessionName="visit")
    assert out["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account}:assumed-role/{name}/visit"
    c = out["Credentials"]
    session = boto3.Session(c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"], region_name="us-east-1")
    me = session.client("sts", endpoint_url=ENDPOINT).get_caller_identity()
    assert me["Arn"] == out["AssumedRoleUser"]["Arn"]
    iam.delete_user_policy(UserName=name, PolicyName="p")
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)
    iam.delete_role(RoleName=name)
