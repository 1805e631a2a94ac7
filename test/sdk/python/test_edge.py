"""What holds for every service: signatures, refusals by name."""

import pytest
from conftest import client, refused


@pytest.mark.parametrize(
    "service,call,code,status",
    [
        ("sqs", lambda c: c.list_queues(), "InvalidSignatureException", 403),
        ("sns", lambda c: c.list_topics(), "SignatureDoesNotMatch", 403),
        ("s3", lambda c: c.list_buckets(), "SignatureDoesNotMatch", 403),
        ("dynamodb", lambda c: c.list_tables(), "InvalidSignatureException", None),
        ("lambda", lambda c: c.list_functions(), "InvalidSignatureException", 403),
        ("iam", lambda c: c.list_roles(), "SignatureDoesNotMatch", 403),
        ("sts", lambda c: c.get_caller_identity(), "SignatureDoesNotMatch", 403),
        ("stepfunctions", lambda c: c.list_state_machines(), "InvalidSignatureException", None),
    ],
)
def test_wrong_secret(service, call, code, status):
    with refused(code, status):
        call(client(service, secret="wrong"))


@pytest.mark.parametrize(
    "service,call,code,status",
    [
        ("sns", lambda c: c.list_topics(), "InvalidClientTokenId", 403),
        ("s3", lambda c: c.list_buckets(), "InvalidAccessKeyId", 403),
        ("dynamodb", lambda c: c.list_tables(), "UnrecognizedClientException", None),
        ("lambda", lambda c: c.list_functions(), "UnrecognizedClientException", 403),
    ],
)
def test_unknown_key(service, call, code, status):
    with refused(code, status):
        call(client(service, access_key="AKIAUNKNOWN000000000"))


@pytest.mark.parametrize(
    "service,call,names",
    [
        ("rekognition", lambda c: c.detect_labels(Image={"S3Object": {"Bucket": "bbb", "Name": "n"}}), "DetectLabels"),
        ("ec2", lambda c: c.describe_instances(), "DescribeInstances"),
        ("apigateway", lambda c: c.get_usage_plans(), "GetUsagePlans"),
        ("dynamodb", lambda c: c.execute_statement(Statement="select * from t"), "ExecuteStatement"),
        ("s3", lambda c: c.get_bucket_analytics_configuration(Bucket="bbb", Id="i"), "GetBucketAnalyticsConfiguration"),
        ("iam", lambda c: c.generate_credential_report(), "GenerateCredentialReport"),
        ("lambda", lambda c: c.list_capacity_providers(), "ListCapacityProviders"),
    ],
)
def test_what_is_not_served_is_refused_by_name(service, call, names):
    with refused("NotImplemented", 501, says=names):
        call(client(service))
