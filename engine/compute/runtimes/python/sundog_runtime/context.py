"""The context object of an invocation."""
import json
import os
import time


class CognitoIdentity(object):
    """Who called through a Cognito identity pool; empty otherwise."""

    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]

    def __init__(self, data):
        self.cognito_identity_id = data.get("cognitoIdentityId")
        self.cognito_identity_pool_id = data.get("cognitoIdentityPoolId")


class Client(object):
    """The mobile application of a client context."""

    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]

    def __init__(self, data):
        for name in self.__slots__:
            setattr(self, name, data.get(name))


class ClientContext(object):
    """What the caller passed as its client context."""

    __slots__ = ["custom", "env", "client"]

    def __init__(self, data):
        client = data.get("client")
        self.client = Client(client) if client is not None else None
        self.custom = data.get("custom")
        self.env = data.get("env")


class LambdaContext(object):
    """What a handler gets as its second argument."""

    def __init__(self, meta):
        env = os.environ.get
        self.aws_request_id = meta["requestId"]
        self.log_group_name = env("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = env("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = env("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = meta["arn"]
        self.tenant_id = meta["tenantId"] or None
        self.client_context = ClientContext(json.loads(meta["clientContext"])) if meta["clientContext"] else None
        self.identity = CognitoIdentity(json.loads(meta["identity"]) if meta["identity"] else {})
        self._deadline = meta["deadline"]

    def get_remaining_time_in_millis(self):
        """Milliseconds until the platform ends the invocation; 0 when none are left."""
        return max(self._deadline - int(round(time.time() * 1000)), 0)

    def log(self, msg):
        """Write a text to the log."""
        print(msg, end="")

    def __repr__(self):
        return "LambdaContext([aws_request_id=%s,log_group_name=%s,log_stream_name=%s,function_name=%s,memory_limit_in_mb=%s,function_version=%s,invoked_function_arn=%s])" % (
            self.aws_request_id, self.log_group_name, self.log_stream_name, self.function_name,
            self.memory_limit_in_mb, self.function_version, self.invoked_function_arn,
        )
