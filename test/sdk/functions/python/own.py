import os


def handler(event, context):
    if event.get("fail"):
        raise ValueError(event["fail"])
    return {"echo": event, "request": context.aws_request_id, "name": os.environ["AWS_LAMBDA_FUNCTION_NAME"]}
