def handler(event, context):
    print("the function works")
    return {"request": context.aws_request_id}
