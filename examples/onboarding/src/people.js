const { DynamoDBClient } = require('@aws-sdk/client-dynamodb');
const { DynamoDBDocumentClient, GetCommand, PutCommand, ScanCommand, UpdateCommand } = require('@aws-sdk/lib-dynamodb');

const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const TableName = process.env.PEOPLE_TABLE;

// Nobody is put twice: the condition fails with ConditionalCheckFailedException.
exports.add = (person) => table.send(new PutCommand({
  TableName,
  Item: person,
  ConditionExpression: 'attribute_not_exists(id)',
}));

exports.find = async (id) => (await table.send(new GetCommand({ TableName, Key: { id }, ConsistentRead: true }))).Item;

exports.page = (Limit, after) => table.send(new ScanCommand({
  TableName,
  Limit,
  ExclusiveStartKey: after ? { id: after } : undefined,
}));

exports.markWelcomed = (id, at) => table.send(new UpdateCommand({
  TableName,
  Key: { id },
  UpdateExpression: 'SET welcomedAt = :at',
  ConditionExpression: 'attribute_exists(id)',
  ExpressionAttributeValues: { ':at': at },
}));
