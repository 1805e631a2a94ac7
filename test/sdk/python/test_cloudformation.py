import json

from conftest import client, refused, until

cfn, sqs, sns = client("cloudformation"), client("sqs"), client("sns")


def template(delay=0, **more):
    return json.dumps(
        {
            "Parameters": {"Prefix": {"Type": "String"}},
            "Resources": {
                "Q": {
                    "Type": "AWS::SQS::Queue",
                    "Properties": {"QueueName": {"Fn::Sub": "${Prefix}-q"}, "DelaySeconds": delay},
                },
                "T": {"Type": "AWS::SNS::Topic", "DependsOn": "Q"},
                **more,
            },
            "Outputs": {"Url": {"Value": {"Ref": "Q"}}, "Topic": {"Value": {"Ref": "T"}}},
        }
    )


def make(name, body, verb="create", **more):
    getattr(cfn, verb + "_stack")(
        StackName=name, TemplateBody=body, Parameters=[{"ParameterKey": "Prefix", "ParameterValue": name}], **more
    )


def wait(what, name):
    cfn.get_waiter(what).wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def test_life_of_a_stack(name):
    make(name, template())
    wait("stack_create_complete", name)
    stack = cfn.describe_stacks(StackName=name)["Stacks"][0]
    out = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
    assert sqs.get_queue_url(QueueName=name + "-q")["QueueUrl"] == out["Url"]
    sns.get_topic_attributes(TopicArn=out["Topic"])
    make(name, template(delay=7), "update")
    wait("stack_update_complete", name)
    got = sqs.get_queue_attributes(QueueUrl=out["Url"], AttributeNames=["DelaySeconds"])["Attributes"]
    assert got["DelaySeconds"] == "7"
    with refused("ValidationError", 400, says="No updates are to be performed"):
        make(name, template(delay=7), "update")
    resources = cfn.list_stack_resources(StackName=name)["StackResourceSummaries"]
    assert {r["LogicalResourceId"]: r["ResourceStatus"] for r in resources} == {
        "Q": "UPDATE_COMPLETE",
        "T": "CREATE_COMPLETE",
    }
    cfn.delete_stack(StackName=name)
    wait("stack_delete_complete", stack["StackId"])
    with refused("AWS.SimpleQueueService.NonExistentQueue", 400):
        sqs.get_queue_url(QueueName=name + "-q")


def test_change_set(name):
    parameters = [{"ParameterKey": "Prefix", "ParameterValue": name}]
    cfn.create_change_set(
        StackName=name, ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=template(), Parameters=parameters
    )
    cfn.get_waiter("change_set_create_complete").wait(
        StackName=name, ChangeSetName="first", WaiterConfig={"Delay": 1}
    )
    changes = cfn.describe_change_set(StackName=name, ChangeSetName="first")["Changes"]
    assert sorted(c["ResourceChange"]["LogicalResourceId"] for c in changes) == ["Q", "T"]
    cfn.execute_change_set(StackName=name, ChangeSetName="first")
    wait("stack_create_complete", name)
    cfn.delete_stack(StackName=name)
    wait("stack_delete_complete", name)


def test_a_failure_is_rolled_back(name):
    bad = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "no blanks here"}, "DependsOn": "T"}
    make(name, template(Bad=bad))
    until(lambda: cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE")
    events = [e for p in cfn.get_paginator("describe_stack_events").paginate(StackName=name) for e in p["StackEvents"]]
    failed = [e for e in events if e["ResourceStatus"] == "CREATE_FAILED" and e["LogicalResourceId"] == "Bad"]
    assert failed and failed[0]["ResourceStatusReason"]
    with refused("AWS.SimpleQueueService.NonExistentQueue", 400):
        sqs.get_queue_url(QueueName=name + "-q")
    cfn.delete_stack(StackName=name)
    wait("stack_delete_complete", name)


def test_errors_by_code(name):
    with refused("ValidationError", 400, says=f"Stack with id {name} does not exist"):
        cfn.describe_stacks(StackName=name)
    with refused("ValidationError", 400):
        cfn.create_stack(StackName=name, TemplateBody="{")
    with refused("ValidationError", 400):
        make(name, json.dumps({"Resources": {"A": {"Type": "AWS::SQS::Queue", "DependsOn": "Nowhere"}}}))
    body = cfn.validate_template(TemplateBody=template())
    assert [p["ParameterKey"] for p in body["Parameters"]] == ["Prefix"]
