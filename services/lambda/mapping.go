package lambda

import (
	"context"
	"slices"
	"strings"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/lang/eventpattern"
)

// mapping is an event source mapping. Config is what the API shows.
type mapping struct {
	Config  api.EventSourceMappingConfiguration
	Enabled bool
	Tags    map[string]string
}

func mappingKey(sc cloud.Scope, id string) []byte { return key(sc, "mapping").Str(id) }

func mappingARN(sc cloud.Scope, id string) cloud.ARN {
	return cloud.NewARN(service, sc, "event-source-mapping:"+id)
}

func checkpointKey(sc cloud.Scope, id string) store.Key { return key(sc, "checkpoint").Str(id) }

func readMapping(rd store.Reader, sc cloud.Scope, id string) (*mapping, error) {
	var m mapping
	ok, err := load(rd, mappingKey(sc, id), &m)
	if err == nil && !ok {
		err = errNotFound("The resource you requested does not exist.")
	}
	return &m, err
}

func (m *mapping) id() string        { return str(m.Config.UUID) }
func (m *mapping) source() cloud.ARN { return mustARN(str(m.Config.EventSourceArn)) }
func (m *mapping) queue() bool       { return m.source().Service == "sqs" }

// function gives the function that the mapping feeds.
func (m *mapping) function() ref { return refOf(mustARN(str(m.Config.FunctionArn))) }

// mustARN reads an ARN that was checked before it was stored.
func mustARN(s string) cloud.ARN { a, _ := cloud.ParseARN(s); return a }

// refuseMapping refuses by name what mappings cannot do here.
func refuseMapping(in *api.CreateEventSourceMappingInput) error {
	if in.SelfManagedEventSource != nil && len(in.SourceAccessConfigurations) == 0 {
		return errParameter("Required 'sourceAccessConfigurations' parameter is missing.")
	}
	for name, given := range map[string]bool{
		"SelfManagedEventSource": in.SelfManagedEventSource != nil, "Topics": len(in.Topics) > 0, "Queues": len(in.Queues) > 0,
		"SourceAccessConfigurations": len(in.SourceAccessConfigurations) > 0, "AmazonManagedKafkaEventSourceConfig": in.AmazonManagedKafkaEventSourceConfig != nil,
		"SelfManagedKafkaEventSourceConfig": in.SelfManagedKafkaEventSourceConfig != nil, "DocumentDBEventSourceConfig": in.DocumentDBEventSourceConfig != nil,
		"ProvisionedPollerConfig": in.ProvisionedPollerConfig != nil, "TumblingWindowInSeconds": val(in.TumblingWindowInSeconds, 0) > 0,
		"ParallelizationFactor over 1": val(in.ParallelizationFactor, 1) > 1, "KMSKeyArn": in.KMSKeyArn != nil, "MetricsConfig": in.MetricsConfig != nil,
		"LoggingConfig": in.LoggingConfig != nil,
	} {
		if given {
			return cloud.NotImplementedf("CreateEventSourceMapping: %s is not implemented on this platform.", name)
		}
	}
	return nil
}

func (r *lambdaRoom) createMapping(ctx context.Context, in *api.CreateEventSourceMappingInput) (*api.CreateEventSourceMappingOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := refuseMapping(in); err != nil {
		return nil, err
	}
	src, err := cloud.ParseARN(str(in.EventSourceArn))
	if err != nil {
		return nil, errParameter("Unrecognized event source, must be kinesis, dynamodb stream or sqs. Unsupported source arn %s", str(in.EventSourceArn))
	}
	if src.Service != "sqs" && in.StartingPosition == nil {
		return nil, errParameter("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
	}
	if _, err := r.plan(ctx, f); err != nil {
		return nil, errParameter("Function does not exist")
	}
	id := r.d.IDs.UUID()
	m := mapping{Enabled: val(in.Enabled, true), Tags: in.Tags, Config: api.EventSourceMappingConfiguration{
		UUID: &id, EventSourceMappingArn: new(mappingARN(f.Scope, id).String()), EventSourceArn: in.EventSourceArn, FunctionArn: new(f.qualified().String()),
		BatchSize: in.BatchSize, MaximumBatchingWindowInSeconds: in.MaximumBatchingWindowInSeconds, FilterCriteria: in.FilterCriteria,
		FunctionResponseTypes: in.FunctionResponseTypes, ScalingConfig: in.ScalingConfig, StateTransitionReason: new("USER_INITIATED"),
	}}
	starts, err := r.prepareSource(ctx, &m, in, src)
	if err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m.settle(r.d.Clock.Now())
	err = r.d.Store.Update(ctx, func(tx store.Tx) error { return r.insertMapping(tx, f, &m, starts) })
	if err != nil {
		return nil, err
	}
	r.pollers.restart(m)
	out := m.Config
	if m.Enabled {
		out.State = new("Creating")
	}
	return (*api.CreateEventSourceMappingOutput)(&out), nil
}

// prepareSource sets what belongs to the kind of source, and gives the positions where its shards begin.
func (r *lambdaRoom) prepareSource(ctx context.Context, m *mapping, in *api.CreateEventSourceMappingInput, src cloud.ARN) (map[string][]byte, error) {
	c := &m.Config
	switch src.Service {
	case "sqs":
		if _, err := r.d.Bus.Source(src); err != nil {
			return nil, err
		}
		if _, err := r.d.Directory.Describe(ctx, src); cloud.AsError(err).Kind == cloud.NotFound && err != nil {
			return nil, errParameter("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.")
		}
		c.BatchSize = new(val(c.BatchSize, 10))
		c.MaximumBatchingWindowInSeconds = new(val(c.MaximumBatchingWindowInSeconds, 0))
		return nil, nil
	case "dynamodb":
	default:
		return nil, cloud.NotImplementedf("Event source mappings from %s are not implemented on this platform.", src.Service)
	}
	stream, err := r.d.Bus.Stream(src)
	if err != nil {
		return nil, err
	}
	shards, err := stream.Shards(ctx, src)
	if err != nil {
		if cloud.AsError(err).Kind == cloud.NotFound {
			return nil, errParameter("Stream not found: %s", src)
		}
		return nil, err
	}
	c.BatchSize, c.MaximumBatchingWindowInSeconds = new(val(c.BatchSize, 100)), new(val(c.MaximumBatchingWindowInSeconds, 0))
	c.StartingPosition, c.ParallelizationFactor, c.TumblingWindowInSeconds = in.StartingPosition, new(int32(1)), new(int32(0))
	c.BisectBatchOnFunctionError = new(val(in.BisectBatchOnFunctionError, false))
	c.MaximumRecordAgeInSeconds, c.MaximumRetryAttempts = new(val(in.MaximumRecordAgeInSeconds, -1)), new(val(in.MaximumRetryAttempts, -1))
	c.DestinationConfig = &api.DestinationConfig{OnFailure: &api.OnFailure{}}
	if in.DestinationConfig != nil && in.DestinationConfig.OnFailure != nil {
		c.DestinationConfig.OnFailure = in.DestinationConfig.OnFailure
	}
	c.LastProcessingResult, c.StateTransitionReason = new("No records processed"), new("User action")
	return r.startAt(ctx, stream, src, shards, str(in.StartingPosition))
}

func (r *lambdaRoom) startAt(ctx context.Context, stream bus.Stream, src cloud.ARN, shards []string, position string) (map[string][]byte, error) {
	starts := map[string][]byte{}
	switch position {
	case "TRIM_HORIZON":
	case "LATEST":
		for _, s := range shards {
			p, err := stream.Latest(ctx, src, s)
			if err != nil {
				return nil, err
			}
			starts[s] = p
		}
	case "AT_TIMESTAMP":
		return nil, errParameter("Unsupported starting position for stream type: AT_TIMESTAMP")
	default:
		return nil, errValidation("Value '%s' at 'startingPosition' failed to satisfy constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]", position)
	}
	return starts, nil
}

func (r *lambdaRoom) insertMapping(tx store.Tx, f ref, m *mapping, starts map[string][]byte) error {
	err := each(tx, key(f.Scope, "mapping"), func(x mapping) (bool, error) {
		if str(x.Config.EventSourceArn) != str(m.Config.EventSourceArn) || str(x.Config.FunctionArn) != str(m.Config.FunctionArn) {
			return true, nil
		}
		if x.queue() {
			return false, errConflict("An event source mapping with SQS arn (\" %s \") and function (\" %s \") already exists. Please update or delete the existing mapping with UUID %s", str(x.Config.EventSourceArn), f.name, x.id())
		}
		return false, errConflict("The event source arn (\" %s \") and function (\" %s \") provided mapping already exists. Please update or delete the existing mapping with UUID %s", str(x.Config.EventSourceArn), f.name, x.id())
	})
	if err != nil {
		return err
	}
	for shard, p := range starts {
		if err := tx.Put(checkpointKey(f.Scope, m.id()).Str(shard), p); err != nil {
			return err
		}
	}
	return save(tx, mappingKey(f.Scope, m.id()), m)
}

// check checks a mapping's numbers and filters.
func (m *mapping) check() error {
	c := &m.Config
	size, window := val(c.BatchSize, 1), val(c.MaximumBatchingWindowInSeconds, 0)
	most := int32(10000)
	if m.queue() && strings.HasSuffix(m.source().Resource, ".fifo") {
		most = 10
	}
	switch {
	case size < 1 || size > most:
		return errParameter("Maximum batch size for this event source is %d. Batch size must be between 1 and %d.", most, most)
	case window < 0 || window > 300:
		return errValidation("Value '%d' at 'maximumBatchingWindowInSeconds' failed to satisfy constraint: Member must have value less than or equal to 300", window)
	case m.queue() && size > 10 && window < 1:
		return errParameter("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	case c.ScalingConfig != nil && c.ScalingConfig.MaximumConcurrency != nil && (*c.ScalingConfig.MaximumConcurrency < 2 || *c.ScalingConfig.MaximumConcurrency > 1000):
		return errValidation("Value '%d' at 'scalingConfig.maximumConcurrency' failed to satisfy constraint: Member must have value between 2 and 1000", *c.ScalingConfig.MaximumConcurrency)
	}
	for _, t := range c.FunctionResponseTypes {
		if t != "ReportBatchItemFailures" {
			return errValidation("Value '[%s]' at 'functionResponseTypes' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures]]", t)
		}
	}
	if d := c.DestinationConfig; d != nil && d.OnFailure != nil && str(d.OnFailure.Destination) != "" {
		if a, err := cloud.ParseARN(*d.OnFailure.Destination); err != nil || !slices.Contains([]string{"sqs", "sns"}, a.Service) {
			return cloud.NotImplementedf("Event source mappings: %s as an on-failure destination is not implemented on this platform.", *d.OnFailure.Destination)
		}
	}
	_, err := m.filters()
	return err
}

// filters compiles the filter criteria; none let everything through.
func (m *mapping) filters() ([]*eventpattern.Pattern, error) {
	if m.Config.FilterCriteria == nil {
		return nil, nil
	}
	var all []*eventpattern.Pattern
	for _, f := range m.Config.FilterCriteria.Filters {
		p, err := eventpattern.Compile([]byte(str(f.Pattern)), eventpattern.EventBridge)
		if err != nil {
			return nil, errParameter("Invalid filter pattern definition.")
		}
		all = append(all, p)
	}
	return all, nil
}

// settle sets what follows from a change.
func (m *mapping) settle(now time.Time) {
	m.Config.LastModified = &now
	m.Config.State = new("Disabled")
	if m.Enabled {
		m.Config.State = new("Enabled")
	}
	if c := m.Config.FilterCriteria; c != nil && len(c.Filters) == 0 {
		m.Config.FilterCriteria = nil
	}
	if m.Config.FunctionResponseTypes == nil {
		m.Config.FunctionResponseTypes = []string{}
	}
}

func (r *lambdaRoom) getMapping(ctx context.Context, in *api.GetEventSourceMappingInput) (*api.GetEventSourceMappingOutput, error) {
	var m *mapping
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) {
		m, err = readMapping(rd, cloud.CallFrom(ctx).Scope, str(in.UUID))
		return err
	})
	if err != nil {
		return nil, err
	}
	r.pollers.lastResult(m)
	return (*api.GetEventSourceMappingOutput)(&m.Config), nil
}

func (r *lambdaRoom) updateMapping(ctx context.Context, in *api.UpdateEventSourceMappingInput) (*api.UpdateEventSourceMappingOutput, error) {
	if val(in.ParallelizationFactor, 1) > 1 || val(in.TumblingWindowInSeconds, 0) > 0 || in.ProvisionedPollerConfig != nil || len(in.SourceAccessConfigurations) > 0 || in.KMSKeyArn != nil || in.MetricsConfig != nil || in.LoggingConfig != nil {
		return nil, cloud.NotImplementedf("UpdateEventSourceMapping: ParallelizationFactor over 1, TumblingWindowInSeconds, ProvisionedPollerConfig, SourceAccessConfigurations, KMSKeyArn, MetricsConfig and LoggingConfig are not implemented on this platform.")
	}
	sc := cloud.CallFrom(ctx).Scope
	var m *mapping
	state := "Updating"
	err := r.d.Store.Update(ctx, func(tx store.Tx) (err error) {
		if m, err = readMapping(tx, sc, str(in.UUID)); err != nil {
			return err
		}
		state = m.turning(in.Enabled)
		if in.FunctionName != nil {
			f, err := parseRef(ctx, in.FunctionName, nil)
			if err != nil {
				return err
			}
			if _, _, _, err := find(tx, f); err != nil {
				return errParameter("Function does not exist")
			}
			m.Config.FunctionArn = new(f.qualified().String())
		}
		m.edit(in)
		if err := m.check(); err != nil {
			return err
		}
		m.settle(r.d.Clock.Now())
		return save(tx, mappingKey(sc, m.id()), m)
	})
	if err != nil {
		return nil, err
	}
	r.pollers.restart(*m)
	out := m.Config
	out.State = &state
	return (*api.UpdateEventSourceMappingOutput)(&out), nil
}

// turning is the state that the answer to an update shows.
func (m *mapping) turning(enabled *bool) string {
	switch {
	case enabled == nil || *enabled == m.Enabled:
		return "Updating"
	case *enabled:
		return "Enabling"
	}
	return "Disabling"
}

func (m *mapping) edit(in *api.UpdateEventSourceMappingInput) {
	c := &m.Config
	if in.Enabled != nil {
		m.Enabled = *in.Enabled
	}
	set(&c.BatchSize, in.BatchSize)
	set(&c.FilterCriteria, in.FilterCriteria)
	set(&c.ScalingConfig, in.ScalingConfig)
	set(&c.MaximumBatchingWindowInSeconds, in.MaximumBatchingWindowInSeconds)
	set(&c.DestinationConfig, in.DestinationConfig)
	set(&c.MaximumRecordAgeInSeconds, in.MaximumRecordAgeInSeconds)
	set(&c.BisectBatchOnFunctionError, in.BisectBatchOnFunctionError)
	set(&c.MaximumRetryAttempts, in.MaximumRetryAttempts)
	if in.FunctionResponseTypes != nil {
		c.FunctionResponseTypes = in.FunctionResponseTypes
	}
}

func (r *lambdaRoom) deleteMapping(ctx context.Context, in *api.DeleteEventSourceMappingInput) (*api.DeleteEventSourceMappingOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	var m *mapping
	err := r.d.Store.Update(ctx, func(tx store.Tx) (err error) {
		if m, err = readMapping(tx, sc, str(in.UUID)); err != nil {
			return err
		}
		at := checkpointKey(sc, m.id())
		if err := tx.DeleteRange(at, at.End()); err != nil {
			return err
		}
		return tx.Delete(mappingKey(sc, m.id()))
	})
	if err != nil {
		return nil, err
	}
	m.Enabled = false
	r.pollers.restart(*m)
	m.Config.State = new("Deleting")
	return (*api.DeleteEventSourceMappingOutput)(&m.Config), nil
}

func (r *lambdaRoom) listMappings(ctx context.Context, in *api.ListEventSourceMappingsInput) (*api.ListEventSourceMappingsOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	var fn ref
	if in.FunctionName != nil {
		var err error
		if fn, err = parseRef(ctx, in.FunctionName, nil); err != nil {
			return nil, err
		}
	}
	all := []api.EventSourceMappingConfiguration{}
	err := r.d.Store.View(ctx, func(rd store.Reader) error {
		return each(rd, key(sc, "mapping"), func(m mapping) (bool, error) {
			if (in.FunctionName == nil || m.function() == fn) && (in.EventSourceArn == nil || str(m.Config.EventSourceArn) == *in.EventSourceArn) {
				r.pollers.lastResult(&m)
				all = append(all, m.Config)
			}
			return true, nil
		})
	})
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems, 100)
	return &api.ListEventSourceMappingsOutput{EventSourceMappings: page, NextMarker: next}, err
}
