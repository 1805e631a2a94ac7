import base64
import hashlib
import io
import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from boto3.s3.transfer import TransferConfig
from conftest import ENDPOINT, client, refused, until

s3 = client("s3")
sqs = client("sqs")


@pytest.fixture
def bucket(name):
    s3.create_bucket(Bucket=name)
    yield name
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        for v in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket=name, Key=v["Key"], VersionId=v["VersionId"])
    s3.delete_bucket(Bucket=name)


def test_life_of_an_object(bucket):
    key = "a folder/grüße +&?.txt"
    put = s3.put_object(
        Bucket=bucket, Key=key, Body=b"hello", ContentType="text/x", Metadata={"who": "me"}, CacheControl="max-age=1"
    )
    assert put["ETag"] == '"%s"' % hashlib.md5(b"hello").hexdigest()
    got = s3.get_object(Bucket=bucket, Key=key)
    assert got["Body"].read() == b"hello" and got["ContentType"] == "text/x" and got["Metadata"] == {"who": "me"}
    part = s3.get_object(Bucket=bucket, Key=key, Range="bytes=1-3")
    assert part["Body"].read() == b"ell" and part["ContentRange"] == "bytes 1-3/5"
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    head = s3.head_object(Bucket=bucket, Key=key)
    assert head["ContentLength"] == 5 and head["CacheControl"] == "max-age=1"
    s3.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource={"Bucket": bucket, "Key": key},
        MetadataDirective="REPLACE",
        Metadata={"who": "you"},
    )
    assert s3.head_object(Bucket=bucket, Key="copy")["Metadata"] == {"who": "you"}
    s3.delete_object(Bucket=bucket, Key=key)
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key=key)
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key=key)


def test_conditions(bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    with refused("304", 304):
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    with refused("PreconditionFailed", 412):
        s3.get_object(Bucket=bucket, Key="k", IfMatch='"other"')
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch='"other"')
    s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=9-")


def test_lists(bucket):
    keys = [f"{d}/{i:02}" for d in "abc" for i in range(10)] + ["root"]
    for k in keys:
        s3.put_object(Bucket=bucket, Key=k, Body=k.encode())
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 8}))
    assert len(pages) == 4 and [o["Key"] for p in pages for o in p["Contents"]] == keys
    top = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in top["CommonPrefixes"]] == ["a/", "b/", "c/"]
    assert [o["Key"] for o in top["Contents"]] == ["root"] and top["KeyCount"] == 4
    after = s3.list_objects_v2(Bucket=bucket, Prefix="b/", StartAfter="b/07")
    assert [o["Key"] for o in after["Contents"]] == ["b/08", "b/09"]
    old = s3.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": 10})
    assert [o["Key"] for p in old for o in p["Contents"]] == keys
    out = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys] + [{"Key": "never"}]})
    assert len(out["Deleted"]) == 32 and "Errors" not in out
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_multipart_by_hand(bucket):
    up = s3.create_multipart_upload(Bucket=bucket, Key="big", ContentType="x/y")["UploadId"]
    five = b"a" * (5 << 20)
    parts = []
    for n, body in ((1, five), (2, five), (3, b"end")):
        etag = s3.upload_part(Bucket=bucket, Key="big", UploadId=up, PartNumber=n, Body=body)["ETag"]
        parts.append({"ETag": etag, "PartNumber": n})
    listed = s3.list_parts(Bucket=bucket, Key="big", UploadId=up)["Parts"]
    assert [(p["PartNumber"], p["Size"]) for p in listed] == [(1, 5 << 20), (2, 5 << 20), (3, 3)]
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [up]
    with refused("InvalidPart", 400):
        s3.complete_multipart_upload(
            Bucket=bucket, Key="big", UploadId=up, MultipartUpload={"Parts": [{"ETag": '"x"', "PartNumber": 1}]}
        )
    with refused("InvalidPartOrder", 400):
        s3.complete_multipart_upload(
            Bucket=bucket, Key="big", UploadId=up, MultipartUpload={"Parts": [parts[1], parts[0]]}
        )
    done = s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=up, MultipartUpload={"Parts": parts})
    assert done["ETag"].endswith('-3"')
    assert s3.head_object(Bucket=bucket, Key="big")["ContentLength"] == (10 << 20) + 3
    assert s3.get_object(Bucket=bucket, Key="big", Range="bytes=-4")["Body"].read() == b"aend"
    up = s3.create_multipart_upload(Bucket=bucket, Key="no")["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="no", UploadId=up)
    with refused("NoSuchUpload", 404):
        s3.list_parts(Bucket=bucket, Key="no", UploadId=up)


def test_managed_transfer_of_a_big_body(bucket):
    body = b"".join(i.to_bytes(4, "big") for i in range(5 << 20))
    s3.upload_fileobj(io.BytesIO(body), bucket, "big", Config=TransferConfig(multipart_threshold=8 << 20))
    out = io.BytesIO()
    s3.download_fileobj(bucket, "big", out)
    assert hashlib.sha256(out.getvalue()).digest() == hashlib.sha256(body).digest()


@pytest.mark.parametrize(
    "algorithm,value",
    [("CRC32", "y/Q5Jg=="), ("CRC32C", "4waSgw=="), ("CRC64NVME", "rosUhgp5mIg="), ("SHA256", None), ("SHA1", None)],
)
def test_checksums(bucket, algorithm, value):
    body = b"123456789"
    if value is None:
        value = base64.b64encode(hashlib.new(algorithm.lower(), body).digest()).decode()
    member = "Checksum" + algorithm
    assert s3.put_object(Bucket=bucket, Key="k", Body=body, **{member: value})[member] == value
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[member] == value
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=body + b"!", **{member: value})


def test_presigned(bucket):
    s3 = client("s3", signature_version="s3v4")
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "p q"}, ExpiresIn=60)
    request = urllib.request.Request(url, data=b"by url", method="PUT")
    assert urllib.request.urlopen(request).status == 200
    url = s3.generate_presigned_url(
        "get_object", {"Bucket": bucket, "Key": "p q", "ResponseContentType": "text/q"}, ExpiresIn=60
    )
    answer = urllib.request.urlopen(url)
    assert answer.read() == b"by url" and answer.headers["Content-Type"] == "text/q"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.replace("p%20q", "other"))
    assert caught.value.code == 403 and b"<Code>SignatureDoesNotMatch</Code>" in caught.value.read()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.split("?")[0])
    assert caught.value.code == 403 and b"<Code>AccessDenied</Code>" in caught.value.read()


def test_path_and_virtual_style(bucket):
    path = client("s3", s3={"addressing_style": "path"})
    path.put_object(Bucket=bucket, Key="style", Body=b"path")
    port = urlsplit(ENDPOINT).port
    virtual = client("s3", endpoint=f"http://localhost:{port}", signature_version="s3v4", s3={"addressing_style": "virtual"})
    url = virtual.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "style"})
    host = urlsplit(url).netloc
    assert host == f"{bucket}.localhost:{port}"
    # No resolver is asked: the connection goes to the platform, the name of the bucket in the header.
    request = urllib.request.Request(url.replace(host, urlsplit(ENDPOINT).netloc, 1), headers={"Host": host})
    assert urllib.request.urlopen(request).read() == b"path"


def test_versions(bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    ids = [s3.put_object(Bucket=bucket, Key="k", Body=b)["VersionId"] for b in (b"1", b"2")]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=ids[0])["Body"].read() == b"1"
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"]
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="k")
    listed = s3.list_object_versions(Bucket=bucket)
    assert [v["VersionId"] for v in listed["Versions"]] == ids[::-1]
    assert listed["DeleteMarkers"][0]["IsLatest"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_notification_to_a_queue(bucket, name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".txt"}]
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
            ]
        },
    )
    for key in ("out/a.txt", "in/a b.txt", "in/a.jpg"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"abc")
    events = []
    while not events:
        for m in until(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages")):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
            events += json.loads(m["Body"]).get("Records", [])  # the first is S3's test event
    assert [e["s3"]["object"]["key"] for e in events] == ["in/a+b.txt"]
    assert events[0]["eventName"] == "ObjectCreated:Put" and events[0]["s3"]["object"]["size"] == 3
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.delete_queue(QueueUrl=url)


def test_settings(bucket):
    with refused("NoSuchBucketPolicy", 404):
        s3.get_bucket_policy(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    with refused("NotImplemented", 501, says="PutBucketWebsite"):
        s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})


def test_errors_by_code(bucket, name):
    with refused("NoSuchBucket", 404):
        s3.list_objects_v2(Bucket=name + "-none")
    with refused("404", 404):
        s3.head_bucket(Bucket=name + "-none")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=bucket)
    with refused("KeyTooLongError", 400):
        s3.put_object(Bucket=bucket, Key="k" * 1025, Body=b"")
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
