package serverless

import "strings"

// streamEvent maps a DynamoDB or Kinesis stream to the function.
func (c *compiler) streamEvent(fn *function, ev *event) {
	arn := c.arnOf(ev)
	if arn == nil {
		return
	}
	kind := c.streamKind(ev, arn)
	if kind == "" {
		return
	}
	cfg := ev.cfg
	props := object("BatchSize", orValue(cfg.Get("batchSize"), number(10)), "Enabled", !isFalse(cfg.Get("enabled")),
		"EventSourceArn", arn, "FunctionName", fn.target())
	if p := cfg.Get("parallelizationFactor"); p.Truthy() {
		props.Set("ParallelizationFactor", p)
	}
	props.Set("StartingPosition", str(orText(cfg.Get("startingPosition"), "TRIM_HORIZON")))
	for _, p := range [][2]string{{"StartingPositionTimestamp", "startingPositionTimestamp"}, {"MaximumBatchingWindowInSeconds", "batchWindow"},
		{"MaximumRetryAttempts", "maximumRetryAttempts"}, {"BisectBatchOnFunctionError", "bisectBatchOnFunctionError"},
		{"MaximumRecordAgeInSeconds", "maximumRecordAgeInSeconds"}, {"TumblingWindowInSeconds", "tumblingWindowInSeconds"}} {
		if v := cfg.Get(p[1]); !v.IsNull() {
			props.Set(p[0], v)
		}
	}
	if r := cfg.Get("functionResponseType"); r.Truthy() {
		props.Set("FunctionResponseTypes", list(r))
	}
	c.streamDestination(ev, props)
	filterCriteria(cfg, props)
	name := nameOfARN(arn)
	id := fn.id + "EventSourceMapping" + upperFirst(kind) + name
	if kind == "dynamodb" {
		c.mapping(id, fn, props)
		c.allow(list(arn), "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream", "dynamodb:ListStreams")
		return
	}
	c.kinesisMapping(fn, ev, id, name, arn, props)
}

func (c *compiler) streamKind(ev *event, arn *Value) string {
	kind := ev.cfg.Get("type").Str()
	if parts := strings.Split(arn.Str(), ":"); kind == "" && len(parts) > 2 {
		kind = parts[2]
	}
	if kind == "dynamodb" || kind == "kinesis" {
		return kind
	}
	if kind == "" {
		c.errorf(ev.at, "the stream event needs a type, dynamodb or kinesis, as its arn does not say")
	} else {
		c.add(Failure, ev.at, didYouMean(kind, []string{"dynamodb", "kinesis"}), "the type of a stream event must be dynamodb or kinesis, not "+quote(kind))
	}
	return ""
}

// kinesisMapping maps the stream itself, or a consumer with enhanced fan-out: one that exists, or one that the stack makes.
func (c *compiler) kinesisMapping(fn *function, ev *event, id, name string, arn, props *Value) {
	consumer := ev.cfg.Get("consumer")
	if !consumer.Truthy() {
		c.mapping(id, fn, props)
		c.allow(list(arn), "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream", "kinesis:ListStreams")
		return
	}
	c.allow(list(arn), "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStreamSummary", "kinesis:ListShards")
	if consumer.Kind != Bool {
		props.Set("EventSourceArn", consumer)
		c.mapping(id, fn, props)
		c.allow(list(consumer), "kinesis:SubscribeToShard")
		return
	}
	consumerID := fn.id + name + "ConsumerStreamConsumer"
	props.Set("EventSourceArn", ref(consumerID))
	c.mapping(id, fn, props, consumerID)
	c.resources.Set(consumerID, resource("AWS::Kinesis::StreamConsumer", object("StreamARN", arn, "ConsumerName", fn.key+name+"Consumer")))
	c.allow(list(ref(consumerID)), "kinesis:SubscribeToShard")
}

func (c *compiler) streamDestination(ev *event, props *Value) {
	target := ev.cfg.Get("destinations", "onFailure")
	if target.IsNull() {
		return
	}
	kind, arn := target.Get("type").Str(), target
	if kind != "" {
		arn = target.Get("arn")
	} else if parts := strings.Split(target.Str(), ":"); len(parts) > 2 {
		kind = parts[2]
	}
	props.Set("DestinationConfig", object("OnFailure", object("Destination", arn)))
	switch kind {
	case "sns":
		c.allow(list(arn), "sns:Publish")
	case "sqs":
		c.allow(list(arn), "sqs:ListQueues", "sqs:SendMessage")
	case "s3":
		c.allow(list(arn, joinText(arn, "/*")), "s3:PutObject", "s3:ListBucket")
	default:
		c.errorf(target.Pos, "onFailure of a stream event must be an ARN of sns or sqs, or have a type of sns or sqs and an arn")
	}
}
