import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DynamoDB, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument, paginateQuery, paginateScan } from '@aws-sdk/lib-dynamodb';
import { name, refused, settings } from './common.mjs';

const db = new DynamoDB(settings);
const doc = DynamoDBDocument.from(db);
const TableName = name();

before(async () => {
  await db.createTable({
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }, { AttributeName: 'sk', AttributeType: 'N' }],
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }, { AttributeName: 'sk', KeyType: 'RANGE' }],
  });
  await waitUntilTableExists({ client: db, maxWaitTime: 20, minDelay: 1 }, { TableName });
});
after(() => db.deleteTable({ TableName }));

test('items through the document client', async () => {
  const Key = { pk: 'a', sk: 1.5 };
  await doc.put({ TableName, Item: { ...Key, list: [1, 'two', null, { three: true }], set: new Set(['x', 'y']), bytes: new Uint8Array([0, 255]) } });
  const { Item } = await doc.get({ TableName, Key, ConsistentRead: true });
  assert.deepEqual(Item.list, [1, 'two', null, { three: true }]);
  assert.deepEqual(Item.set, new Set(['x', 'y']));
  assert.deepEqual([...Item.bytes], [0, 255]);
  const { Attributes } = await doc.update({
    TableName, Key,
    UpdateExpression: 'SET #n = if_not_exists(#n, :zero) + :one, #l[3].three = :no DELETE #s :x',
    ExpressionAttributeNames: { '#n': 'count', '#l': 'list', '#s': 'set' },
    ExpressionAttributeValues: { ':zero': 0, ':one': 1, ':no': false, ':x': new Set(['x']) },
    ReturnValues: 'ALL_NEW',
  });
  assert.deepEqual([Attributes.count, Attributes.list[3].three, Attributes.set], [1, false, new Set(['y'])]);
  assert.equal((await doc.delete({ TableName, Key, ReturnValues: 'ALL_OLD' })).Attributes.count, 1);
});

test('pages of queries and scans', async () => {
  for (let i = 0; i < 40; i += 20) {
    const puts = Array.from({ length: 20 }, (_, n) => ({ PutRequest: { Item: { pk: 'p', sk: i + n } } }));
    const out = await doc.batchWrite({ RequestItems: { [TableName]: puts } });
    assert.deepEqual(out.UnprocessedItems, {});
  }
  const seen = [];
  const query = { TableName, KeyConditionExpression: 'pk = :p AND sk >= :from', ExpressionAttributeValues: { ':p': 'p', ':from': 10 }, ScanIndexForward: false };
  for await (const page of paginateQuery({ client: doc, pageSize: 12 }, query)) {
    seen.push(...page.Items.map((i) => i.sk));
  }
  assert.deepEqual(seen, Array.from({ length: 30 }, (_, i) => 39 - i));
  let n = 0;
  for await (const page of paginateScan({ client: doc, pageSize: 7 }, { TableName, FilterExpression: 'pk = :p', ExpressionAttributeValues: { ':p': 'p' } })) {
    n += page.Count;
  }
  assert.equal(n, 40);
});

test('conditions and transactions', async () => {
  const put = (sk, more) => ({ Put: { TableName, Item: { pk: 't', sk }, ...more } });
  await doc.transactWrite({ TransactItems: [put(1), put(2)] });
  await refused(doc.put({ TableName, Item: { pk: 't', sk: 1 }, ConditionExpression: 'attribute_not_exists(pk)' }), 'ConditionalCheckFailedException', 400);
  await assert.rejects(doc.transactWrite({ TransactItems: [put(3), put(1, { ConditionExpression: 'attribute_not_exists(pk)' })] }), (e) => {
    assert.equal(e.name, 'TransactionCanceledException');
    assert.deepEqual(e.CancellationReasons.map((r) => r.Code), ['None', 'ConditionalCheckFailed']);
    return true;
  });
  const { Responses } = await doc.transactGet({ TransactItems: [1, 3].map((sk) => ({ Get: { TableName, Key: { pk: 't', sk } } })) });
  assert.deepEqual(Responses.map((r) => !!r.Item), [true, false]);
});

test('a transaction that is sent again runs once', async () => {
  await doc.put({ TableName, Item: { pk: 'idem', sk: 1, n: 0 } });
  const Update = {
    TableName, Key: { pk: 'idem', sk: 1 }, UpdateExpression: 'ADD n :one', ExpressionAttributeValues: { ':one': 1 },
  };
  for (let i = 0; i < 3; i += 1) {
    await doc.transactWrite({ TransactItems: [{ Update }], ClientRequestToken: `token-${TableName}` });
  }
  assert.equal((await doc.get({ TableName, Key: { pk: 'idem', sk: 1 } })).Item.n, 1);
});

test('errors by name', async () => {
  await refused(doc.get({ TableName: name(), Key: { pk: 'a', sk: 1 } }), 'ResourceNotFoundException', 400);
  await refused(doc.get({ TableName, Key: { pk: 'a' } }), 'ValidationException', 400);
  await refused(db.executeStatement({ Statement: `SELECT * FROM "${TableName}"` }), 'NotImplemented', 501);
});
