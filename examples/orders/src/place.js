const { SFNClient, StartExecutionCommand } = require('@aws-sdk/client-sfn');

const workflow = new SFNClient({});

// POST /orders {id, lines: [{sku, count}], ...}. The id names the execution, so an order that is sent twice runs once.
exports.handler = async (event) => {
  let order;
  try {
    order = JSON.parse(event.body);
  } catch {
    return { statusCode: 400, body: JSON.stringify({ message: 'the body must be JSON' }) };
  }
  if (!/^[\w-]{1,60}$/.test(order.id)) {
    return { statusCode: 400, body: JSON.stringify({ message: 'an order needs an id' }) };
  }
  try {
    const { executionArn } = await workflow.send(new StartExecutionCommand({
      stateMachineArn: process.env.WORKFLOW,
      name: order.id,
      input: JSON.stringify({ card: {}, ...order }),
    }));
    return { statusCode: 202, body: JSON.stringify({ id: order.id, executionArn }) };
  } catch (error) {
    if (error.name === 'ExecutionAlreadyExists') {
      return { statusCode: 409, body: JSON.stringify({ message: `order ${order.id} is under way with other contents` }) };
    }
    throw error;
  }
};
