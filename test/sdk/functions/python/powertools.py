"""Powertools for Python: idempotency on a table, partial failures of a batch, traces, logs and metrics."""

import os

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent

tracer, logger, metrics = Tracer(service="payments"), Logger(service="payments"), Metrics(namespace="Shop", service="payments")
processor = BatchProcessor(event_type=EventType.SQS)
runs = 0


@idempotent(
    persistence_store=DynamoDBPersistenceLayer(table_name=os.environ["TABLE"]),
    config=IdempotencyConfig(event_key_jmespath="order", raise_on_no_idempotency_key=True),
)
def pay(event, context):
    global runs
    runs += 1
    if event.get("fail"):
        raise ValueError(event["fail"])
    return {"order": event["order"], "run": runs}


@tracer.capture_method
def check(record):
    if record.body == "bad":
        raise ValueError("a bad message")
    return record.body


@metrics.log_metrics
@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event, context):
    if "Records" in event:
        return process_partial_response(event=event, record_handler=check, processor=processor, context=context)
    tracer.put_annotation(key="order", value=event["order"])
    logger.info("paying", extra={"order": event["order"]})
    metrics.add_metric(name="Payments", unit=MetricUnit.Count, value=1)
    return pay(event, context)
