package lambda

import (
	"context"
	"slices"
	"strconv"
	"strings"

	api "sundog/api/lambda"
	"sundog/cloud"
)

// sourceARN reads what a new mapping reads from, and refuses by name what cannot be read here.
func sourceARN(in *api.CreateEventSourceMappingInput) (cloud.ARN, error) {
	switch {
	case in.SelfManagedEventSource != nil && len(in.SourceAccessConfigurations) == 0:
		return cloud.ARN{}, errParameter("Required 'sourceAccessConfigurations' parameter is missing.")
	case in.SelfManagedEventSource == nil && str(in.EventSourceArn) == "":
		return cloud.ARN{}, errParameter("Unrecognized event source.")
	}
	for name, given := range map[string]bool{
		"SelfManagedEventSource": in.SelfManagedEventSource != nil, "Topics": len(in.Topics) > 0, "Queues": len(in.Queues) > 0,
		"SourceAccessConfigurations": len(in.SourceAccessConfigurations) > 0, "AmazonManagedKafkaEventSourceConfig": in.AmazonManagedKafkaEventSourceConfig != nil,
		"SelfManagedKafkaEventSourceConfig": in.SelfManagedKafkaEventSourceConfig != nil, "DocumentDBEventSourceConfig": in.DocumentDBEventSourceConfig != nil,
		"LoggingConfig": in.LoggingConfig != nil,
	} {
		if given {
			return cloud.ARN{}, cloud.NotImplementedf("CreateEventSourceMapping: %s is not implemented on this platform.", name)
		}
	}
	src, err := cloud.ParseARN(str(in.EventSourceArn))
	switch {
	case err != nil:
		return src, errParameter("Unrecognized event source, must be kinesis, dynamodb stream or sqs. Unsupported source arn %s", str(in.EventSourceArn))
	case slices.Contains([]string{"kafka", "mq", "rds", "docdb"}, src.Service):
		return src, cloud.NotImplementedf("Event source mappings from %s are not implemented on this platform.", src.Service)
	case !slices.Contains([]string{"sqs", "dynamodb", "kinesis"}, src.Service), src.Service == "dynamodb" && !strings.Contains(src.Resource, "/stream/"):
		return src, errParameter("Unrecognized event source, must be kinesis, dynamodb stream or sqs. Unsupported source arn %s", src)
	}
	return src, nil
}

func refuseUpdate(in *api.UpdateEventSourceMappingInput) error {
	for name, given := range map[string]bool{
		"SourceAccessConfigurations": len(in.SourceAccessConfigurations) > 0, "AmazonManagedKafkaEventSourceConfig": in.AmazonManagedKafkaEventSourceConfig != nil,
		"SelfManagedKafkaEventSourceConfig": in.SelfManagedKafkaEventSourceConfig != nil, "DocumentDBEventSourceConfig": in.DocumentDBEventSourceConfig != nil,
		"LoggingConfig": in.LoggingConfig != nil,
	} {
		if given {
			return cloud.NotImplementedf("UpdateEventSourceMapping: %s is not implemented on this platform.", name)
		}
	}
	return nil
}

// What the role of a function must be allowed to do with its sources.
var (
	queueActions  = []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
	streamActions = map[string][]string{
		"dynamodb": {"dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"},
		"kinesis":  {"kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream"},
	}
	consumerActions = []string{"kinesis:SubscribeToShard"}
)

// mayRead checks that a function's role may read a source.
func (r *lambdaRoom) mayRead(ctx context.Context, src cloud.ARN, pl *plan) error {
	actions := streamActions[src.Service]
	switch {
	case src.Service == "sqs":
		actions = queueActions
	case src.Service == "kinesis" && strings.Contains(src.Resource, "/consumer/"):
		actions = consumerActions
	}
	for _, action := range actions {
		err := r.d.Bus.Permit(ctx, asRole(pl), src, action)
		switch _, verb, _ := strings.Cut(action, ":"); {
		case err == nil:
		case cloud.AsError(err).Kind != cloud.Denied:
			return err
		case src.Service == "sqs":
			return errParameter("The function execution role does not have permissions to call %s on SQS", verb)
		default:
			return errParameter("Cannot access stream %s. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM.", src)
		}
	}
	return nil
}

// mayGiveUp checks that a function's role may send what is given up to its destination, if there is one: nobody would see it fail later.
func (r *lambdaRoom) mayGiveUp(ctx context.Context, destination *string, pl *plan) error {
	a, err := cloud.ParseARN(str(destination))
	if err != nil { // there is none
		return nil
	}
	return r.mayDeliver(ctx, pl, a)
}

// checkQueue checks that a queue exists and hides its messages for as long as the function may run.
func (r *lambdaRoom) checkQueue(ctx context.Context, src cloud.ARN, pl *plan) error {
	d, err := r.d.Directory.Describe(ctx, src)
	if err != nil && cloud.AsError(err).Kind == cloud.NotFound {
		return errParameter("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.")
	}
	if err != nil || pl.main == nil {
		return err
	}
	if err := r.mayRead(ctx, src, pl); err != nil {
		return err
	}
	hidden, err := strconv.Atoi(d.Attributes["VisibilityTimeout"])
	if timeout := int(val(pl.main.Config.Timeout, 3)); err == nil && hidden < timeout {
		return errParameter("Queue visibility timeout: %d seconds is less than Function timeout: %d seconds", hidden, timeout)
	}
	return nil
}

// check checks what the kind of source allows; the API's own limits have been checked before.
func (m *mapping) check() error {
	if err := m.checkFilters(); err != nil {
		return err
	}
	if c := m.Config.MetricsConfig; c != nil && slices.ContainsFunc(c.Metrics, func(name string) bool { return name != eventCount }) {
		return errUnsupported("metricsConfig")
	}
	if m.queue() {
		return m.checkForQueue()
	}
	return m.checkForStream()
}

const maxFilters = 10

func (m *mapping) checkFilters() error {
	if c := m.Config.FilterCriteria; c != nil && len(c.Filters) > maxFilters {
		return errParameter("Number of filters exceeds the limit of %d.", maxFilters)
	}
	_, err := m.filters()
	return err
}

// errUnsupported words what the kind of source does not have; the parameter is named as requests name it.
func errUnsupported(name string) error {
	return errParameter("Unsupported '%s' parameter for given event source mapping type.", name)
}

func (m *mapping) checkForQueue() error {
	c := &m.Config
	if c.StartingPosition != nil || c.StartingPositionTimestamp != nil {
		return errParameter("StartingPosition is not valid for SQS event sources.")
	}
	for _, of := range []struct {
		name  string
		given bool
	}{
		{"parallelizationFactor", c.ParallelizationFactor != nil}, {"bisectBatchOnFunctionError", c.BisectBatchOnFunctionError != nil},
		{"maximumRetryAttempts", c.MaximumRetryAttempts != nil}, {"maximumRecordAgeInSeconds", c.MaximumRecordAgeInSeconds != nil},
		{"tumblingWindowInSeconds", c.TumblingWindowInSeconds != nil}, {"destinationConfig", c.DestinationConfig != nil},
	} {
		if of.given {
			return errUnsupported(of.name)
		}
	}
	size, window := val(c.BatchSize, 1), val(c.MaximumBatchingWindowInSeconds, 0)
	if m.fifo() {
		switch {
		case window > 0:
			return errParameter("Batching window is not supported for FIFO queues")
		case size > 10:
			return errParameter("Maximum batch size for this event source is 10. Batch size must be between 1 and 10.")
		}
	}
	if size > 10 && window < 1 {
		return errParameter("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	}
	return m.checkPollers()
}

// The numbers of pollers that a queue can have, and of batches that each runs at once (Lambda Developer Guide, "Using provisioned mode with an Amazon SQS
// event source mapping").
const (
	leastPollers  = 2
	mostMinimum   = 200
	mostPollers   = 2000
	pollerBatches = 10
)

// checkPollers checks the pollers that are set aside for a queue.
func (m *mapping) checkPollers() error {
	p := m.Config.ProvisionedPollerConfig
	if p == nil {
		return nil
	}
	least, most := val(p.MinimumPollers, leastPollers), val(p.MaximumPollers, mostMinimum)
	switch {
	case p.PollerGroupName != nil:
		return errUnsupported("provisionedPollerConfig.pollerGroupName")
	case m.Config.ScalingConfig != nil && m.Config.ScalingConfig.MaximumConcurrency != nil:
		return errParameter("ScalingConfig and ProvisionedPollerConfig cannot be used together.")
	case least < leastPollers || least > mostMinimum:
		return errParameter("MinimumPollers must be between %d and %d.", leastPollers, mostMinimum)
	case most < leastPollers || most > mostPollers:
		return errParameter("MaximumPollers must be between %d and %d.", leastPollers, mostPollers)
	case least > most:
		return errParameter("MinimumPollers must not be greater than MaximumPollers.")
	}
	return nil
}

func (m *mapping) fifo() bool { return m.queue() && strings.HasSuffix(m.source().Resource, ".fifo") }

func (m *mapping) checkForStream() error {
	c := &m.Config
	if c.StartingPosition == nil {
		return errParameter("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
	}
	if d := c.DestinationConfig; d != nil && d.OnSuccess != nil {
		return errUnsupported("destinationConfig")
	}
	age := val(c.MaximumRecordAgeInSeconds, -1)
	switch {
	case c.ScalingConfig != nil && c.ScalingConfig.MaximumConcurrency != nil:
		return errUnsupported("scalingConfig")
	case c.ProvisionedPollerConfig != nil:
		return errUnsupported("provisionedPollerConfig")
	case *c.StartingPosition == "AT_TIMESTAMP" && m.source().Service == "dynamodb":
		return errParameter("Unsupported starting position for arn type: %s", m.source())
	case *c.StartingPosition == "AT_TIMESTAMP" && c.StartingPositionTimestamp == nil:
		return errParameter("Need to specify a timestamp")
	case *c.StartingPosition != "AT_TIMESTAMP" && c.StartingPositionTimestamp != nil:
		return errParameter("StartingPositionTimestamp is only valid with the starting position AT_TIMESTAMP.")
	case age >= 0 && age < 60:
		return errParameter("MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)")
	case val(c.TumblingWindowInSeconds, 0) > 0 && val(c.ParallelizationFactor, 1) > 1:
		return errParameter("A tumbling window needs a ParallelizationFactor of 1.")
	}
	if d := str(onFailure(c)); d != "" {
		if a, err := cloud.ParseARN(d); err != nil || !slices.Contains([]string{"sqs", "sns", "s3"}, a.Service) || ordered(a) {
			return errDestinations("", d)
		}
	}
	return nil
}

// checkOnFailure checks what a request says of a destination for what is given up: without one it says nothing. (A mapping without shows it so.)
func (m *mapping) checkOnFailure(d *api.DestinationConfig) error {
	if !m.queue() && d != nil && d.OnFailure != nil && d.OnFailure.Destination == nil {
		return errParameter("The Destination field is required for an OnFailure configuration.")
	}
	return nil
}

// onFailure gives the destination of what a stream's mapping gives up; nil when there is none.
func onFailure(c *api.EventSourceMappingConfiguration) *string {
	if c.DestinationConfig == nil || c.DestinationConfig.OnFailure == nil {
		return nil
	}
	return c.DestinationConfig.OnFailure.Destination
}
