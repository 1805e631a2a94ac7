package lambda

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/services/servicetest"
)

var fifoARN = cloud.NewARN("sqs", servicetest.Scope, "orders.fifo")

func n32(n int32) *int32 { return &n }

func TestMappingChecks(t *testing.T) {
	q, s := newQueue(), newStream()
	b := open(t, (&machine{}).on(nil), withQueue(q), func(k *servicetest.Kit) {
		k.Streams["dynamodb"], k.Streams["kinesis"] = s, s
		k.Directory.Put(fifoARN, cloud.Description{Type: "AWS::SQS::Queue", Attributes: map[string]string{"VisibilityTimeout": "30"}}, nil)
	})
	b.create("f", "")
	b.create("slow", "", func(in *api.CreateFunctionInput) { in.Timeout = n32(60) })
	type in = api.CreateEventSourceMappingInput
	kinesis := cloud.NewARN("kinesis", servicetest.Scope, "stream/s").String()
	fifo := func(x *in) { x.EventSourceArn = new(fifoARN.String()) }
	table := func(x *in) { x.EventSourceArn, x.StartingPosition = new(streamARN.String()), new("LATEST") }
	pattern := func(p string) *api.FilterCriteria {
		return &api.FilterCriteria{Filters: []api.Filter{{Pattern: &p}}}
	}
	onFailure := func(arn string) *api.DestinationConfig {
		return &api.DestinationConfig{OnFailure: &api.OnFailure{Destination: &arn}}
	}
	pollers := func(least, most int32) func(*in) {
		return func(x *in) {
			x.ProvisionedPollerConfig = &api.ProvisionedPollerConfig{MinimumPollers: &least, MaximumPollers: &most}
		}
	}
	for _, c := range []struct {
		source     func(*in)
		change     func(*in)
		code, want string
	}{
		{nil, func(x *in) { x.EventSourceArn = nil }, "InvalidParameterValueException", "Unrecognized event source."},
		{nil, func(x *in) { x.EventSourceArn = new("arn:aws:s3:::b") }, "InvalidParameterValueException", "Unrecognized event source, must be kinesis, dynamodb stream or sqs. Unsupported source arn arn:aws:s3:::b"},
		{nil, func(x *in) { x.EventSourceArn = new("arn:aws:sqs:us-east-1:000000000000:q") }, "InvalidParameterValueException", "Event source region must match Lambda region eu-west-1."},
		{nil, func(x *in) { x.EventSourceArn = new("arn:aws:kafka:eu-west-1:000000000000:cluster/c/1") }, "NotImplemented", "from kafka"},
		{nil, func(x *in) { x.EventSourceArn = new("arn:aws:mq:eu-west-1:000000000000:broker:b:1") }, "NotImplemented", "from mq"},
		{nil, func(x *in) { x.EventSourceArn = new("arn:aws:rds:eu-west-1:000000000000:cluster:c") }, "NotImplemented", "from rds"},
		{nil, pollers(1, 5), "InvalidParameterValueException", "MinimumPollers must be between 2 and 200."},
		{nil, pollers(2, 2001), "InvalidParameterValueException", "MaximumPollers must be between 2 and 2000."},
		{nil, pollers(6, 5), "InvalidParameterValueException", "MinimumPollers must not be greater than MaximumPollers."},
		{nil, func(x *in) { pollers(2, 5)(x); x.ScalingConfig = &api.ScalingConfig{MaximumConcurrency: n32(2)} }, "InvalidParameterValueException", "cannot be used together"},
		{nil, func(x *in) { pollers(2, 5)(x); x.ProvisionedPollerConfig.PollerGroupName = new("g") }, "InvalidParameterValueException", "Unsupported 'provisionedPollerConfig.pollerGroupName' parameter"},
		{table, pollers(2, 5), "InvalidParameterValueException", "Unsupported 'provisionedPollerConfig' parameter"},
		{nil, func(x *in) { x.DocumentDBEventSourceConfig = &api.DocumentDBEventSourceConfig{} }, "NotImplemented", "DocumentDBEventSourceConfig"},
		{nil, func(x *in) { x.FunctionName = new("none") }, "InvalidParameterValueException", "Function does not exist"},
		{nil, func(x *in) {
			x.MetricsConfig = &api.EventSourceMappingMetricsConfig{Metrics: []string{eventCount, "KafkaMetrics"}}
		}, "InvalidParameterValueException", "Unsupported 'metricsConfig' parameter"},
		{nil, func(x *in) { x.BatchSize = n32(11) }, "InvalidParameterValueException", "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"},
		{nil, func(x *in) { x.StartingPosition = new("LATEST") }, "InvalidParameterValueException", "StartingPosition is not valid for SQS event sources."},
		{nil, func(x *in) { x.DestinationConfig = onFailure("arn:aws:sqs:eu-west-1:000000000000:x") }, "InvalidParameterValueException", "Unsupported 'destinationConfig' parameter for given event source mapping type."},
		{nil, func(x *in) { x.ParallelizationFactor = n32(2) }, "InvalidParameterValueException", "Unsupported 'parallelizationFactor' parameter for given event source mapping type."},
		{nil, func(x *in) { x.FilterCriteria = pattern(`{"a":1}`) }, "InvalidParameterValueException", "Invalid filter pattern definition."},
		{nil, func(x *in) {
			x.FilterCriteria = &api.FilterCriteria{Filters: slices.Repeat(pattern(`{"a":["b"]}`).Filters, 11)}
		}, "InvalidParameterValueException", "limit of 10"},
		{fifo, func(x *in) { x.MaximumBatchingWindowInSeconds = n32(5) }, "InvalidParameterValueException", "Batching window is not supported for FIFO queues"},
		{fifo, func(x *in) { x.BatchSize = n32(11) }, "InvalidParameterValueException", "Batch size must be between 1 and 10."},
		{fifo, func(x *in) { x.FunctionName = new("slow") }, "InvalidParameterValueException", "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"},
		{table, func(x *in) { x.StartingPosition = nil }, "InvalidParameterValueException", "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."},
		{table, func(x *in) { x.StartingPosition = new("AT_TIMESTAMP") }, "InvalidParameterValueException", "Unsupported starting position for arn type: " + streamARN.String()},
		{table, func(x *in) { x.EventSourceArn, x.StartingPosition = &kinesis, new("AT_TIMESTAMP") }, "InvalidParameterValueException", "Need to specify a timestamp"},
		{table, func(x *in) { x.StartingPositionTimestamp = new(time.Unix(1, 0)) }, "InvalidParameterValueException", "only valid with the starting position AT_TIMESTAMP"},
		{table, func(x *in) { x.MaximumRecordAgeInSeconds = n32(59) }, "InvalidParameterValueException", "MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)"},
		{table, func(x *in) { x.TumblingWindowInSeconds, x.ParallelizationFactor = n32(9), n32(2) }, "InvalidParameterValueException", "ParallelizationFactor of 1"},
		{table, func(x *in) { x.ScalingConfig = &api.ScalingConfig{MaximumConcurrency: n32(2)} }, "InvalidParameterValueException", "Unsupported 'scalingConfig' parameter"},
		{table, func(x *in) { x.DestinationConfig = &api.DestinationConfig{OnSuccess: &api.OnSuccess{}} }, "InvalidParameterValueException", "Unsupported 'destinationConfig' parameter for given event source mapping type."},
		{table, func(x *in) { x.DestinationConfig = onFailure("kafka://x") }, "InvalidParameterValueException", "DestinationConfig(onSuccess=null, onFailure=OnFailure(destination=kafka://x)) is invalid."},
		{table, func(x *in) { x.DestinationConfig = onFailure("arn:aws:lambda:eu-west-1:000000000000:function:f") }, "InvalidParameterValueException", "onFailure=OnFailure(destination=arn:aws:lambda:eu-west-1:000000000000:function:f)) is invalid."},
		{table, func(x *in) { x.DestinationConfig = &api.DestinationConfig{OnFailure: &api.OnFailure{}} }, "InvalidParameterValueException", "The Destination field is required for an OnFailure configuration."},
		{table, func(x *in) {
			x.EventSourceArn, x.StartingPosition, x.StartingPositionTimestamp = &kinesis, new("AT_TIMESTAMP"), new(b.Deps.Clock.Now().Add(time.Hour))
		}, "InvalidParameterValueException", "StartingPositionTimestamp cannot be in the future."},
	} {
		x := &in{FunctionName: new("f"), EventSourceArn: new(queueARN.String())}
		if c.source != nil {
			c.source(x)
		}
		c.change(x)
		_, err := b.r.createMapping(b.ctx, x)
		wantError(t, err, c.code, c.want)
	}
	if got := b.all(); got != "" {
		t.Fatal("refused, and there:", got)
	}
}

// A mapping needs a role that may read its source, and reads nothing when that is taken away.
func TestMappingNeedsPermission(t *testing.T) {
	denied := atomic.Value{}
	denied.Store("sqs:DeleteMessage")
	q, s := newQueue(), newStream()
	r := &reader{}
	b := open(t, (&machine{}).on(r.run), withQueue(q), func(k *servicetest.Kit) {
		k.Streams["dynamodb"] = s
		k.Authorise = func(_ context.Context, d bus.Delivery, action string) error {
			if action == denied.Load() && d.As.Role.Resource == "role/r" {
				return cloud.Errorf(cloud.Denied, "AccessDenied", "no")
			}
			return nil
		}
	})
	b.create("f", "")
	in := &api.CreateEventSourceMappingInput{FunctionName: new("f"), EventSourceArn: new(queueARN.String())}
	_, err := b.r.createMapping(b.ctx, in)
	wantError(t, err, "InvalidParameterValueException", "The function execution role does not have permissions to call DeleteMessage on SQS")
	denied.Store("dynamodb:DescribeStream")
	_, err = b.r.createMapping(b.ctx, &api.CreateEventSourceMappingInput{FunctionName: new("f"), EventSourceArn: new(streamARN.String()), StartingPosition: new("LATEST")})
	wantError(t, err, "InvalidParameterValueException", "Cannot access stream "+streamARN.String()+". Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM.")
	m := b.mapping(nil)
	q.send("a")
	logged(t, r, "$LATEST a")
	denied.Store("sqs:ReceiveMessage")
	if _, err := b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: m.UUID, BatchSize: n32(1)}); err == nil {
		t.Fatal("changed without permission")
	}
}

// all lists the mappings.
func (b *bench) all() string {
	b.t.Helper()
	out, err := b.r.listMappings(b.ctx, &api.ListEventSourceMappingsInput{})
	if err != nil {
		b.t.Fatal(err)
	}
	var all []string
	for _, m := range out.EventSourceMappings {
		all = append(all, fmt.Sprint(*m.FunctionArn, " ", *m.EventSourceArn))
	}
	return strings.Join(all, "\n")
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		payload, want string
	}{
		{``, "[] true"}, {`null`, "[] true"}, {`""`, "[] true"}, {`[]`, "[] true"}, {`{}`, "[] true"}, {` {} `, "[] true"}, {`{"batchItemFailures":null}`, "[] true"},
		{`{"batchItemFailures":[]}`, "[] true"}, {`{"BatchItemFailures":[{"itemIdentifier":"a"}]}`, "[] true"},
		{`{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b","more":1}]}`, "[a b] true"},
		{`"text"`, "[] false"}, {`12`, "[] false"}, {`{"batchItemFailures":"a"}`, "[] false"}, {`{"batchItemFailures":["a"]}`, "[] false"},
		{`{"batchItemFailures":[{"itemIdentifier":""}]}`, "[] false"}, {`{"batchItemFailures":[{"itemIdentifier":null}]}`, "[] false"},
		{`{"batchItemFailures":[{"itemIdentifier":1}]}`, "[] false"}, {`{"batchItemFailures":[{"foo":"a"}]}`, "[] false"}, {`{"batchItemFailures":[{"ItemIdentifier":"a"}]}`, "[] false"},
		{`{"batchItemFailures":[{}]}`, "[] false"}, {`{"batchItemFailures":[null]}`, "[] false"},
	} {
		ids, ok := failures([]byte(c.payload))
		if !ok {
			ids = nil
		}
		if got := fmt.Sprint(ids, ok); got != c.want {
			t.Errorf("%s: %s, want %s", c.payload, got, c.want)
		}
	}
}

func TestBatchGate(t *testing.T) {
	g := gateOf(queueARN, 0, 0, 0)
	if g.limit != 5 || g.most != 1250 || moreBatches != 200*time.Millisecond {
		t.Fatal(g.limit, g.most)
	}
	enter := func(n int) {
		t.Helper()
		for i := range n {
			if !g.try() {
				t.Fatal("no place for", i)
			}
		}
		if g.try() {
			t.Fatal("a place too many after", n)
		}
	}
	enter(5)
	if !g.enter(t.Context()) || g.limit != 6 { // waits, and is let in as there is more to do
		t.Fatal(g.limit)
	}
	for range 6 {
		g.done(true)
	}
	if g.limit != 1 { // 6, 5, 4, 3, 2, 1
		t.Fatal(g.limit)
	}
	enter(1)
	g.done(false)
	enter(2)
	g.done(false)
	g.done(false)
	g.limit = 100
	enter(100)
	g.idle()
	if g.limit != 99 {
		t.Fatal(g.limit)
	}
	for range 99 {
		g.idle()
	}
	if g.limit != 5 {
		t.Fatal(g.limit)
	}
	for _, c := range []struct {
		source                     cloud.ARN
		concurrency, minimum, most int32
		first, limit               int
	}{{queueARN, 2, 0, 0, 2, 2}, {fifoARN, 40, 0, 0, 40, 40}, {queueARN, 0, 3, 20, 30, 200}} {
		if g := gateOf(c.source, c.concurrency, c.minimum, c.most); g.limit != c.first || g.most != c.limit {
			t.Error(c, g.limit, g.most)
		}
	}
}

func gateOf(source cloud.ARN, concurrency, minimum, most int32) *batchGate {
	m := mapping{Config: api.EventSourceMappingConfiguration{EventSourceArn: new(source.String())}}
	if concurrency > 0 {
		m.Config.ScalingConfig = &api.ScalingConfig{MaximumConcurrency: &concurrency}
	}
	if most > 0 {
		m.Config.ProvisionedPollerConfig = &api.ProvisionedPollerConfig{MinimumPollers: &minimum, MaximumPollers: &most}
	}
	return m.gate()
}
