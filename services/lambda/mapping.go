package lambda

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
)

// mapping is an event source mapping. Config is what the API shows.
type mapping struct {
	Config  api.EventSourceMappingConfiguration
	Enabled bool
	Tags    map[string]string
}

// The states that end by themselves, when the mapping's poller has ended.
const (
	disabling = "Disabling"
	deleting  = "Deleting"
)

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

func (r *lambdaRoom) createMapping(ctx context.Context, in *api.CreateEventSourceMappingInput) (*api.CreateEventSourceMappingOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) > maxTags {
		return nil, errManyTags()
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	src, err := sourceARN(in)
	if err == nil && src.Region != f.Region {
		err = errParameter("Event source region must match Lambda region %s.", f.Region)
	}
	if err != nil {
		return nil, err
	}
	pl, err := r.plan(ctx, f)
	if err != nil {
		return nil, errParameter("Function does not exist")
	}
	id := r.d.IDs.UUID()
	m := mapping{Enabled: val(in.Enabled, true), Tags: in.Tags, Config: api.EventSourceMappingConfiguration{
		UUID: &id, EventSourceMappingArn: new(mappingARN(f.Scope, id).String()), EventSourceArn: in.EventSourceArn, FunctionArn: new(f.qualified().String()),
		BatchSize: in.BatchSize, MaximumBatchingWindowInSeconds: in.MaximumBatchingWindowInSeconds, FilterCriteria: in.FilterCriteria,
		FunctionResponseTypes: in.FunctionResponseTypes, ScalingConfig: in.ScalingConfig, ProvisionedPollerConfig: in.ProvisionedPollerConfig, KMSKeyArn: in.KMSKeyArn, MetricsConfig: in.MetricsConfig,
		StartingPosition: in.StartingPosition, StartingPositionTimestamp: in.StartingPositionTimestamp, ParallelizationFactor: in.ParallelizationFactor,
		TumblingWindowInSeconds: in.TumblingWindowInSeconds, BisectBatchOnFunctionError: in.BisectBatchOnFunctionError,
		MaximumRecordAgeInSeconds: in.MaximumRecordAgeInSeconds, MaximumRetryAttempts: in.MaximumRetryAttempts, DestinationConfig: in.DestinationConfig,
	}}
	if err := m.checkOnFailure(in.DestinationConfig); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	if at := in.StartingPositionTimestamp; at != nil && at.After(r.d.Clock.Now()) {
		return nil, errParameter("StartingPositionTimestamp cannot be in the future.") // documented; the wording has no public source
	}
	starts, err := r.prepareSource(ctx, &m, src, pl)
	if err != nil {
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

// prepareSource checks the source and completes the mapping for its kind; it gives the positions where a stream's shards begin.
func (r *lambdaRoom) prepareSource(ctx context.Context, m *mapping, src cloud.ARN, pl *plan) (map[string][]byte, error) {
	c := &m.Config
	if m.queue() {
		c.BatchSize, c.MaximumBatchingWindowInSeconds = new(val(c.BatchSize, 10)), new(val(c.MaximumBatchingWindowInSeconds, 0))
		c.StateTransitionReason = new("USER_INITIATED")
		if _, err := r.d.Bus.Source(src); err != nil {
			return nil, err
		}
		return nil, r.checkQueue(ctx, src, pl)
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
	if err := cmp.Or(r.mayRead(ctx, src, pl), r.mayGiveUp(ctx, onFailure(c), pl)); err != nil {
		return nil, err
	}
	c.BatchSize, c.MaximumBatchingWindowInSeconds = new(val(c.BatchSize, 100)), new(val(c.MaximumBatchingWindowInSeconds, 0))
	c.ParallelizationFactor, c.TumblingWindowInSeconds = new(val(c.ParallelizationFactor, 1)), new(val(c.TumblingWindowInSeconds, 0))
	c.BisectBatchOnFunctionError = new(val(c.BisectBatchOnFunctionError, false))
	c.MaximumRecordAgeInSeconds, c.MaximumRetryAttempts = new(val(c.MaximumRecordAgeInSeconds, -1)), new(val(c.MaximumRetryAttempts, -1))
	if c.DestinationConfig == nil || c.DestinationConfig.OnFailure == nil {
		c.DestinationConfig = &api.DestinationConfig{OnFailure: &api.OnFailure{}}
	}
	c.LastProcessingResult, c.StateTransitionReason = new("No records processed"), new("User action")
	if str(c.StartingPosition) != "LATEST" {
		return nil, nil
	}
	starts := map[string][]byte{}
	for _, s := range shards {
		at, err := stream.Latest(ctx, src, s.ID)
		if errors.Is(err, io.EOF) {
			continue // it is gone by now
		}
		if err != nil {
			return nil, err
		}
		starts[s.ID] = at
	}
	return starts, nil
}

func (r *lambdaRoom) insertMapping(tx store.Tx, f ref, m *mapping, starts map[string][]byte) error {
	if err := m.checkOnly(tx); err != nil {
		return err
	}
	for shard, p := range starts {
		if err := save(tx, laneKey(f.Scope, m.id(), shard, 0), laneProgress{At: p, Lanes: 1}); err != nil {
			return err
		}
	}
	return save(tx, mappingKey(f.Scope, m.id()), m)
}

// checkOnly refuses a second mapping of a source to a function.
func (m *mapping) checkOnly(rd store.Reader) error {
	return each(rd, key(m.function().Scope, "mapping"), func(x mapping) (bool, error) {
		if str(x.Config.EventSourceArn) != str(m.Config.EventSourceArn) || str(x.Config.FunctionArn) != str(m.Config.FunctionArn) || x.id() == m.id() || x.is(deleting) {
			return true, nil
		}
		if x.queue() {
			return false, errConflict("An event source mapping with SQS arn (\" %s \") and function (\" %s \") already exists. Please update or delete the existing mapping with UUID %s", str(x.Config.EventSourceArn), m.function().name, x.id())
		}
		return false, errConflict("The event source arn (\" %s \") and function (\" %s \") provided mapping already exists. Please update or delete the existing mapping with UUID %s", str(x.Config.EventSourceArn), m.function().name, x.id())
	})
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
	if str(m.Config.KMSKeyArn) == "" {
		m.Config.KMSKeyArn = nil
	}
	if c := m.Config.MetricsConfig; c != nil && len(c.Metrics) == 0 {
		m.Config.MetricsConfig = nil
	}
	if c := m.Config.ScalingConfig; c != nil && c.MaximumConcurrency == nil {
		m.Config.ScalingConfig = nil
	}
	if c := m.Config.ProvisionedPollerConfig; c != nil && *c == (api.ProvisionedPollerConfig{}) {
		m.Config.ProvisionedPollerConfig = nil
	}
	if m.Config.FunctionResponseTypes == nil {
		m.Config.FunctionResponseTypes = []string{}
	}
}

func (m *mapping) is(state string) bool { return str(m.Config.State) == state }

func (r *lambdaRoom) getMapping(ctx context.Context, in *api.GetEventSourceMappingInput) (*api.GetEventSourceMappingOutput, error) {
	var m *mapping
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) {
		if m, err = readMapping(rd, cloud.CallFrom(ctx).Scope, str(in.UUID)); err != nil {
			return err
		}
		return m.lastResult(rd)
	})
	if err != nil {
		return nil, err
	}
	return (*api.GetEventSourceMappingOutput)(&m.Config), nil
}

func (r *lambdaRoom) updateMapping(ctx context.Context, in *api.UpdateEventSourceMappingInput) (*api.UpdateEventSourceMappingOutput, error) {
	if err := refuseUpdate(in); err != nil {
		return nil, err
	}
	sc := cloud.CallFrom(ctx).Scope
	was, pl, err := r.mappingTarget(ctx, sc, in)
	if err != nil {
		return nil, err
	}
	if src := was.source(); was.queue() {
		err = r.checkQueue(ctx, src, pl)
	} else if pl.main != nil {
		err = cmp.Or(r.mayRead(ctx, src, pl), r.mayGiveUp(ctx, onFailure(was.edited(in)), pl))
	}
	if err != nil {
		return nil, err
	}
	var m *mapping
	state := "Updating"
	err = r.d.Store.Update(ctx, func(tx store.Tx) (err error) {
		if m, err = readMapping(tx, sc, str(in.UUID)); err != nil {
			return err
		}
		if m.is(deleting) {
			return errInUse("update")
		}
		if err := m.checkOnFailure(in.DestinationConfig); err != nil {
			return err
		}
		state = m.turning(in.Enabled)
		m.Config.FunctionArn = new(pl.ref.qualified().String())
		m.edit(in)
		if err := cmp.Or(m.check(), m.checkOnly(tx), m.lastResult(tx)); err != nil {
			return err
		}
		m.settle(r.d.Clock.Now())
		if state == disabling {
			m.Config.State = &state
		}
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

// mappingTarget gives a mapping as it is, and what it will run after an update.
func (r *lambdaRoom) mappingTarget(ctx context.Context, sc cloud.Scope, in *api.UpdateEventSourceMappingInput) (m *mapping, pl *plan, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error { m, err = readMapping(rd, sc, str(in.UUID)); return err })
	if err != nil {
		return nil, nil, err
	}
	f := m.function()
	if in.FunctionName == nil {
		if pl, err = r.plan(ctx, f); err != nil { // it may be gone: the mapping stays
			return m, &plan{ref: f}, nil
		}
		return m, pl, nil
	}
	if f, err = parseRef(ctx, in.FunctionName, nil); err != nil {
		return nil, nil, err
	}
	if pl, err = r.plan(ctx, f); err != nil {
		return nil, nil, errParameter("Function does not exist")
	}
	return m, pl, nil
}

// turning is the state that the answer to an update shows.
func (m *mapping) turning(enabled *bool) string {
	switch {
	case enabled == nil || *enabled == m.Enabled:
		return "Updating"
	case *enabled:
		return "Enabling"
	}
	return disabling
}

// edited gives what a mapping's configuration would be after an update.
func (m *mapping) edited(in *api.UpdateEventSourceMappingInput) *api.EventSourceMappingConfiguration {
	c := *m
	c.edit(in)
	return &c.Config
}

func (m *mapping) edit(in *api.UpdateEventSourceMappingInput) {
	c := &m.Config
	if in.Enabled != nil {
		m.Enabled = *in.Enabled
	}
	set(&c.BatchSize, in.BatchSize)
	set(&c.FilterCriteria, in.FilterCriteria)
	set(&c.ScalingConfig, in.ScalingConfig)
	set(&c.ProvisionedPollerConfig, in.ProvisionedPollerConfig)
	set(&c.MaximumBatchingWindowInSeconds, in.MaximumBatchingWindowInSeconds)
	if d := in.DestinationConfig; d != nil {
		if c.DestinationConfig = d; d.OnFailure == nil && d.OnSuccess == nil {
			c.DestinationConfig = &api.DestinationConfig{OnFailure: &api.OnFailure{}}
		}
	}
	set(&c.MaximumRecordAgeInSeconds, in.MaximumRecordAgeInSeconds)
	set(&c.BisectBatchOnFunctionError, in.BisectBatchOnFunctionError)
	set(&c.MaximumRetryAttempts, in.MaximumRetryAttempts)
	set(&c.ParallelizationFactor, in.ParallelizationFactor)
	set(&c.TumblingWindowInSeconds, in.TumblingWindowInSeconds)
	set(&c.KMSKeyArn, in.KMSKeyArn)
	set(&c.MetricsConfig, in.MetricsConfig)
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
		if m.is(deleting) {
			return errInUse("delete")
		}
		m.Enabled, m.Config.State = false, new(deleting)
		if err := m.lastResult(tx); err != nil {
			return err
		}
		return save(tx, mappingKey(sc, m.id()), m)
	})
	if err != nil {
		return nil, err
	}
	r.pollers.restart(*m)
	return (*api.DeleteEventSourceMappingOutput)(&m.Config), nil
}

// errInUse is the answer to changes of a mapping that is being deleted.
func errInUse(verb string) error {
	return cloud.Errorf(cloud.Invalid, "ResourceInUseException", "Cannot %s the event source mapping because it is in use.", verb).With("Type", "User")
}

// ended takes a mapping out of the state that it had until its poller was over.
func (r *lambdaRoom) ended(ctx context.Context, sc cloud.Scope, id string) error {
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		m, err := readMapping(tx, sc, id)
		switch {
		case cloud.AsError(err).Kind == cloud.NotFound && err != nil:
			return nil
		case err != nil:
			return err
		case m.is(disabling):
			m.Config.State = new("Disabled")
			return save(tx, mappingKey(sc, id), m)
		case m.is(deleting):
			at := checkpointKey(sc, id)
			if err := tx.DeleteRange(at, at.End()); err != nil {
				return err
			}
			if err := tx.Delete(resultKey(sc, id)); err != nil {
				return err
			}
			return tx.Delete(mappingKey(sc, id))
		}
		return nil
	})
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
				if err := m.lastResult(rd); err != nil {
					return false, err
				}
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
