import json

import pytest
from conftest import client, refused, until

sfn = client("stepfunctions")

SUM = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.numbers",
            "ItemProcessor": {
                "StartAt": "Twice",
                "States": {
                    "Twice": {
                        "Type": "Pass",
                        "Parameters": {"n.$": "States.MathAdd($, $)"},
                        "OutputPath": "$.n",
                        "End": True,
                    }
                },
            },
            "ResultPath": "$.doubled",
            "Next": "Any",
        },
        "Any": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.doubled[0]", "IsPresent": True, "Next": "Good"}],
            "Default": "Bad",
        },
        "Good": {"Type": "Succeed", "OutputPath": "$.doubled"},
        "Bad": {"Type": "Fail", "Error": "Nothing", "Cause": "no numbers"},
    },
}


@pytest.fixture
def machine(name, role):
    arn = sfn.create_state_machine(name=name, definition=json.dumps(SUM), roleArn=role)["stateMachineArn"]
    yield arn
    sfn.delete_state_machine(stateMachineArn=arn)


def ended(execution):
    def now():
        e = sfn.describe_execution(executionArn=execution)
        return e if e["status"] != "RUNNING" else None

    return until(now)


def test_executions(machine):
    good = sfn.start_execution(stateMachineArn=machine, name="one", input='{"numbers":[1,2,3]}')["executionArn"]
    assert json.loads(ended(good)["output"]) == [2, 4, 6]
    bad = sfn.start_execution(stateMachineArn=machine, input='{"numbers":[]}')["executionArn"]
    e = ended(bad)
    assert (e["status"], e["error"], e["cause"]) == ("FAILED", "Nothing", "no numbers")
    events = [
        h["type"]
        for p in sfn.get_paginator("get_execution_history").paginate(
            executionArn=good, PaginationConfig={"PageSize": 5}
        )
        for h in p["events"]
    ]
    assert events[0] == "ExecutionStarted" and events[-1] == "ExecutionSucceeded"
    assert events.count("MapIterationSucceeded") == 3
    listed = sfn.list_executions(stateMachineArn=machine, statusFilter="SUCCEEDED")["executions"]
    assert [e["executionArn"] for e in listed] == [good]
    with refused("ExecutionAlreadyExists", 400):
        sfn.start_execution(stateMachineArn=machine, name="one", input='{"numbers":[9]}')


def test_wait_and_stop(machine, name, role):
    definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    arn = sfn.create_state_machine(name=name + "-w", definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
    run = sfn.start_execution(stateMachineArn=arn)["executionArn"]
    sfn.stop_execution(executionArn=run, error="Enough", cause="of waiting")
    e = ended(run)
    assert (e["status"], e["error"]) == ("ABORTED", "Enough")
    sfn.delete_state_machine(stateMachineArn=arn)


def test_activity_and_express(name, role):
    activity = sfn.create_activity(name=name)["activityArn"]
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": activity, "End": True}}}
    arn = sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
    run = sfn.start_execution(stateMachineArn=arn, input='{"x":1}')["executionArn"]
    task = sfn.get_activity_task(activityArn=activity)
    assert json.loads(task["input"]) == {"x": 1}
    sfn.send_task_success(taskToken=task["taskToken"], output='"done"')
    assert ended(run)["output"] == '"done"'
    sfn.delete_state_machine(stateMachineArn=arn)
    sfn.delete_activity(activityArn=activity)
    express = sfn.create_state_machine(
        name=name + "-x", definition=json.dumps(SUM), roleArn=role, type="EXPRESS"
    )["stateMachineArn"]
    direct = client("stepfunctions", inject_host_prefix=False)
    out = direct.start_sync_execution(stateMachineArn=express, input='{"numbers":[4]}')
    assert out["status"] == "SUCCEEDED" and out["output"] == "[8]"
    sfn.delete_state_machine(stateMachineArn=express)


def test_a_task_acts_as_the_role(name, role):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": url, "MessageBody.$": "$.say"},
        "End": True,
    }
    definition = json.dumps({"StartAt": "Send", "States": {"Send": send}})
    arn = sfn.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    e = ended(sfn.start_execution(stateMachineArn=arn, input='{"say":"hello"}')["executionArn"])
    assert e["status"] == "SUCCEEDED", e
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]["Body"] == "hello"
    sfn.delete_state_machine(stateMachineArn=arn)
    sqs.delete_queue(QueueUrl=url)


def test_errors_by_code(machine, role, name):
    with refused("StateMachineDoesNotExist", 400):
        sfn.start_execution(stateMachineArn=machine + "-none")
    with refused("InvalidExecutionInput", 400):
        sfn.start_execution(stateMachineArn=machine, input="{")
    with refused("InvalidDefinition", 400):
        sfn.create_state_machine(name=name + "-b", definition='{"StartAt":"Nowhere","States":{}}', roleArn=role)
    with refused("InvalidArn", 400):
        sfn.describe_execution(executionArn="nonsense")
