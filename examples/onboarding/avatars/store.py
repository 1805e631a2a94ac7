"""Pictures that people upload: pictures/ID.png in the bucket becomes the picture of the person ID."""

import os
import struct
from urllib.parse import unquote_plus

import boto3

s3 = boto3.client("s3")
people = boto3.resource("dynamodb").Table(os.environ["PEOPLE_TABLE"])

PNG = b"\x89PNG\r\n\x1a\n"


def handler(event, context):
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = unquote_plus(record["s3"]["object"]["key"])
        head = s3.get_object(Bucket=bucket, Key=key, Range="bytes=0-31")["Body"].read()
        if not head.startswith(PNG) or len(head) < 24:
            raise ValueError(f"{key} is not a PNG picture")
        width, height = struct.unpack(">II", head[16:24])
        person = os.path.basename(key).removesuffix(".png")
        people.update_item(
            Key={"id": person},
            UpdateExpression="SET picture = :p",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeValues={":p": {"key": key, "width": width, "height": height}},
        )
        print(f"picture of {person}: {width}x{height}, {record['s3']['object']['size']} bytes")
