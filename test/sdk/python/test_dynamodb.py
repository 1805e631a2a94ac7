from decimal import Decimal

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from conftest import ENDPOINT, REGION, client, refused

db = client("dynamodb")
resource = boto3.resource("dynamodb", endpoint_url=ENDPOINT, region_name=REGION)


@pytest.fixture
def table(name):
    db.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
            {"AttributeName": "color", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-color",
                "KeySchema": [{"AttributeName": "color", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    db.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    yield resource.Table(name)
    db.delete_table(TableName=name)


def test_items(table):
    item = {
        "pk": "a",
        "sk": Decimal("1.5"),
        "m": {"list": [1, "two", None, True], "set": {"x", "y"}, "b": b"\x00\x01"},
        "big": Decimal("1E+20"),
    }
    table.put_item(Item=item)
    got = table.get_item(Key={"pk": "a", "sk": Decimal("1.5")}, ConsistentRead=True)["Item"]
    assert got["m"]["list"] == [1, "two", None, True] and got["m"]["set"] == {"x", "y"}
    assert got["m"]["b"].value == b"\x00\x01" and got["big"] == Decimal("1E+20")
    out = table.update_item(
        Key={"pk": "a", "sk": Decimal("1.5")},
        UpdateExpression="SET #n = if_not_exists(#n, :zero) + :one, m.#l[0] = :x REMOVE big ADD seen :s",
        ExpressionAttributeNames={"#n": "count", "#l": "list"},
        ExpressionAttributeValues={":zero": 0, ":one": 1, ":x": "new", ":s": {"q"}},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    assert out["count"] == 1 and out["m"]["list"][0] == "new" and "big" not in out and out["seen"] == {"q"}
    gone = table.delete_item(Key={"pk": "a", "sk": Decimal("1.5")}, ReturnValues="ALL_OLD")["Attributes"]
    assert gone["count"] == 1
    assert "Item" not in table.get_item(Key={"pk": "a", "sk": Decimal("1.5")})


def test_conditions(table):
    table.put_item(Item={"pk": "a", "sk": 1, "v": 1})
    with refused("ConditionalCheckFailedException", 400):
        table.put_item(Item={"pk": "a", "sk": 1}, ConditionExpression=Attr("pk").not_exists())
    with pytest.raises(db.exceptions.ConditionalCheckFailedException) as caught:
        db.update_item(
            TableName=table.name,
            Key={"pk": {"S": "a"}, "sk": {"N": "1"}},
            UpdateExpression="SET v = :new",
            ConditionExpression="v = :old",
            ExpressionAttributeValues={":new": {"N": "3"}, ":old": {"N": "2"}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert caught.value.response["Item"]["v"] == {"N": "1"}


def test_queries_and_pages(table):
    with table.batch_writer() as batch:
        for i in range(60):
            batch.put_item(Item={"pk": "p", "sk": i, "color": ["red", "blue"][i % 2], "n": i % 3})
    keys, start, pages = [], None, 0
    while True:
        more = {"ExclusiveStartKey": start} if start else {}
        page = table.query(KeyConditionExpression=Key("pk").eq("p") & Key("sk").between(5, 44), Limit=16, **more)
        keys += [int(i["sk"]) for i in page["Items"]]
        pages, start = pages + 1, page.get("LastEvaluatedKey")
        if not start:
            break
    assert keys == list(range(5, 45)) and pages == 3
    blue = table.query(
        IndexName="by-color",
        KeyConditionExpression=Key("color").eq("blue"),
        FilterExpression=Attr("n").eq(0),
        ScanIndexForward=False,
    )
    assert blue["ScannedCount"] == 30
    assert [int(i["sk"]) for i in blue["Items"]] == [i for i in range(59, -1, -2) if i % 3 == 0]
    scan = db.get_paginator("scan").paginate(TableName=table.name, PaginationConfig={"PageSize": 7})
    assert sorted(int(i["sk"]["N"]) for p in scan for i in p["Items"]) == list(range(60))
    parts = [table.scan(TotalSegments=4, Segment=s)["Count"] for s in range(4)]
    assert sum(parts) == 60
    got = resource.batch_get_item(
        RequestItems={table.name: {"Keys": [{"pk": "p", "sk": i} for i in (1, 2, 99)], "ProjectionExpression": "sk"}}
    )
    assert sorted(int(i["sk"]) for i in got["Responses"][table.name]) == [1, 2] and got["UnprocessedKeys"] == {}


def key(i):
    return {"pk": {"S": "t"}, "sk": {"N": str(i)}}


def test_transactions(table):
    put = lambda i: {"Put": {"TableName": table.name, "Item": key(i)}}
    db.transact_write_items(TransactItems=[put(1), put(2)])
    with pytest.raises(db.exceptions.TransactionCanceledException) as caught:
        db.transact_write_items(
            TransactItems=[
                put(3),
                {
                    "ConditionCheck": {
                        "TableName": table.name,
                        "Key": key(1),
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
            ]
        )
    assert [r["Code"] for r in caught.value.response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    got = db.transact_get_items(TransactItems=[{"Get": {"TableName": table.name, "Key": key(i)}} for i in (1, 3)])
    assert [("Item" in r) for r in got["Responses"]] == [True, False]
    with refused("ValidationException", 400):
        db.transact_write_items(TransactItems=[put(9), put(9)])


def test_streams(name):
    db.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    arn = db.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    db.put_item(TableName=name, Item={"pk": {"S": "k"}, "v": {"N": "1"}})
    db.put_item(TableName=name, Item={"pk": {"S": "k"}, "v": {"N": "2"}})
    db.delete_item(TableName=name, Key={"pk": {"S": "k"}})
    streams = client("dynamodbstreams")
    records = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        it = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        records += streams.get_records(ShardIterator=it["ShardIterator"])["Records"]
    assert [r["eventName"] for r in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert records[1]["dynamodb"]["OldImage"]["v"] == {"N": "1"} and records[1]["dynamodb"]["NewImage"]["v"] == {"N": "2"}
    db.delete_table(TableName=name)


def test_errors_by_code(table):
    with refused("ResourceNotFoundException", 400):
        db.get_item(TableName=table.name + "-none", Key=key(1))
    with refused("ResourceInUseException", 400):
        db.create_table(
            TableName=table.name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
    with refused("ValidationException", 400, says="The provided key element does not match the schema"):
        db.get_item(TableName=table.name, Key={"pk": {"S": "a"}})
    with refused("ValidationException", 400):
        table.put_item(Item={"pk": "a"})
    with refused("ValidationException", 400):
        table.put_item(Item={"pk": "a", "sk": 1, "fat": "x" * (400 << 10)})
    with refused("ValidationException", 400):
        table.update_item(Key={"pk": "a", "sk": 1}, UpdateExpression="SET x = ")


def test_lists_page_by_page(name):
    for i in range(3):
        db.create_table(
            TableName=f"{name}-{i}",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
    pages = db.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2})
    assert {f"{name}-{i}" for i in range(3)} <= {t for p in pages for t in p["TableNames"]}
    db.update_time_to_live(TableName=f"{name}-0", TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"})
    ttl = db.describe_time_to_live(TableName=f"{name}-0")["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "end" and ttl["TimeToLiveStatus"] in ("ENABLING", "ENABLED")
    for i in range(3):
        db.delete_table(TableName=f"{name}-{i}")
