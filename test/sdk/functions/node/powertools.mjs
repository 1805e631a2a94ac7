// Powertools for TypeScript: idempotency on a table, partial failures of a batch, traces, logs and metrics.
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { Logger } from '@aws-lambda-powertools/logger';
import { MetricUnit, Metrics } from '@aws-lambda-powertools/metrics';
import { Tracer } from '@aws-lambda-powertools/tracer';

const tracer = new Tracer({ serviceName: 'payments' });
const logger = new Logger({ serviceName: 'payments' });
const metrics = new Metrics({ namespace: 'Shop', serviceName: 'payments' });
const processor = new BatchProcessor(EventType.SQS);
let runs = 0;

const pay = makeIdempotent(async (event) => {
  runs += 1;
  if (event.fail) throw new Error(event.fail);
  return { order: event.order, run: runs };
}, {
  persistenceStore: new DynamoDBPersistenceLayer({ tableName: process.env.TABLE }),
  config: new IdempotencyConfig({ eventKeyJmesPath: 'order', throwOnNoIdempotencyKey: true }),
});

async function record(message) {
  if (message.body === 'bad') throw new Error('a bad message');
}

export async function handler(event, context) {
  logger.addContext(context);
  if (event.Records) return processPartialResponse(event, record, processor, { context });
  const segment = tracer.getSegment();
  const sub = segment.addNewSubsegment('## handler');
  tracer.setSegment(sub);
  try {
    tracer.putAnnotation('order', event.order);
    logger.info('paying', { order: event.order });
    metrics.addMetric('Payments', MetricUnit.Count, 1);
    return await pay(event, context);
  } finally {
    sub.close();
    tracer.setSegment(segment);
    metrics.publishStoredMetrics();
  }
}
