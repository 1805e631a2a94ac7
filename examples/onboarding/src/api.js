const { SNSClient, PublishCommand } = require('@aws-sdk/client-sns');
const people = require('./people');

const sns = new SNSClient({});

const answer = (statusCode, body, headers) => ({
  statusCode,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

// POST /people {name, email}
exports.create = async (event, context) => {
  const body = parse(event);
  if (!body || !body.name || !/^[^@\s]+@[^@\s]+$/.test(body.email)) {
    return answer(400, { message: 'name and email are needed' });
  }
  const person = { id: body.id || context.awsRequestId, name: body.name, email: body.email, createdAt: new Date().toISOString() };
  try {
    await people.add(person);
  } catch (error) {
    if (error.name === 'ConditionalCheckFailedException') {
      return answer(409, { message: `${person.id} is here already` });
    }
    throw error;
  }
  const { MessageId } = await sns.send(new PublishCommand({
    TopicArn: process.env.SIGNUPS_TOPIC,
    Message: JSON.stringify({ id: person.id, email: person.email }),
    MessageAttributes: { kind: { DataType: 'String', StringValue: 'signup' } },
  }));
  console.log(`created ${person.id}, told in ${MessageId}`);
  return answer(201, person, { location: `/people/${person.id}` });
};

// GET /people/{id}
exports.get = async (event) => {
  const person = await people.find(event.pathParameters.id);
  return person ? answer(200, person) : answer(404, { message: 'nobody of that id' });
};

// GET /people?limit=&after=
exports.list = async (event) => {
  const { limit, after } = event.queryStringParameters || {};
  const page = await people.page(limit ? Number(limit) : 25, after);
  return answer(200, { people: page.Items, next: page.LastEvaluatedKey && page.LastEvaluatedKey.id });
};

function parse(event) {
  try {
    return JSON.parse(event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : event.body);
  } catch {
    return undefined;
  }
}
