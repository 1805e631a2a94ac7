package lambda

import (
	"context"
	"slices"
	"strings"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
)

// eventConfig says how asynchronous invocations of a function, version or alias are handled.
type eventConfig struct {
	Retries              *int32
	Age                  *int32 // seconds
	OnSuccess, OnFailure string
	Modified             time.Time
}

func (c eventConfig) retries() int { return int(val(c.Retries, defaultRetries)) }

func (c eventConfig) age() time.Duration {
	if c.Age == nil {
		return defaultAge
	}
	return time.Duration(*c.Age) * time.Second
}

func (f ref) exactQualifier() string {
	if f.qualifier == "" {
		return latest
	}
	return f.qualifier
}

func (c eventConfig) shape(f ref) *api.FunctionEventInvokeConfig {
	out := &api.FunctionEventInvokeConfig{
		LastModified: &c.Modified, FunctionArn: new(f.exact().String()), MaximumRetryAttempts: c.Retries, MaximumEventAgeInSeconds: c.Age,
		DestinationConfig: &api.DestinationConfig{OnSuccess: &api.OnSuccess{}, OnFailure: &api.OnFailure{}},
	}
	if c.OnSuccess != "" {
		out.DestinationConfig.OnSuccess.Destination = &c.OnSuccess
	}
	if c.OnFailure != "" {
		out.DestinationConfig.OnFailure.Destination = &c.OnFailure
	}
	return out
}

// set puts what was given into the configuration.
func (c *eventConfig) set(retries, age *int32, d *api.DestinationConfig) {
	set(&c.Retries, retries)
	set(&c.Age, age)
	if d == nil {
		return
	}
	if d.OnSuccess != nil {
		c.OnSuccess = str(d.OnSuccess.Destination)
	}
	if d.OnFailure != nil {
		c.OnFailure = str(d.OnFailure.Destination)
	}
}

func (r *lambdaRoom) putEventConfig(ctx context.Context, in *api.PutFunctionEventInvokeConfigInput) (*api.PutFunctionEventInvokeConfigOutput, error) {
	if in.MaximumRetryAttempts == nil && in.MaximumEventAgeInSeconds == nil && in.DestinationConfig == nil {
		return nil, errNoEventSetting()
	}
	out, err := r.writeEventConfig(ctx, in.FunctionName, in.Qualifier, in.DestinationConfig, func(eventConfig, bool, ref) (eventConfig, error) {
		var c eventConfig
		c.set(in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig)
		return c, nil
	})
	return (*api.PutFunctionEventInvokeConfigOutput)(out), err
}

func errNoEventSetting() error {
	return errParameter("You must specify at least one of error handling or destination setting.")
}

func errNoEventConfig(f ref) error {
	return errNotFound("The function %s doesn't have an EventInvokeConfig", f.exact())
}

func (r *lambdaRoom) updateEventConfig(ctx context.Context, in *api.UpdateFunctionEventInvokeConfigInput) (*api.UpdateFunctionEventInvokeConfigOutput, error) {
	if in.MaximumRetryAttempts == nil && in.MaximumEventAgeInSeconds == nil && in.DestinationConfig == nil {
		return nil, errNoEventSetting()
	}
	out, err := r.writeEventConfig(ctx, in.FunctionName, in.Qualifier, in.DestinationConfig, func(c eventConfig, ok bool, f ref) (eventConfig, error) {
		if !ok {
			return c, errNoEventConfig(f)
		}
		c.set(in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig)
		return c, nil
	})
	return (*api.UpdateFunctionEventInvokeConfigOutput)(out), err
}

func (r *lambdaRoom) writeEventConfig(ctx context.Context, name, qualifier *string, d *api.DestinationConfig, edit func(eventConfig, bool, ref) (eventConfig, error)) (*api.FunctionEventInvokeConfig, error) {
	f, err := parseRef(ctx, name, qualifier)
	if err != nil {
		return nil, err
	}
	p, err := r.plan(ctx, f)
	if err != nil {
		return nil, errNotFound("The function doesn't exist.")
	}
	if err := r.checkDestinations(ctx, p, d); err != nil {
		return nil, err
	}
	var out *api.FunctionEventInvokeConfig
	err = r.change(ctx, f, func(_ store.Tx, fn *function) error {
		old, ok := fn.Events[f.exactQualifier()]
		c, err := edit(old, ok, f)
		if err != nil {
			return err
		}
		c.Modified = r.d.Clock.Now()
		if fn.Events == nil {
			fn.Events = map[string]eventConfig{}
		}
		fn.Events[f.exactQualifier()] = c
		out = c.shape(f)
		return nil
	})
	return out, err
}

// ordered tells whether an ARN is that of a FIFO queue or topic: they cannot be destinations.
func ordered(a cloud.ARN) bool {
	return (a.Service == "sqs" || a.Service == "sns") && strings.HasSuffix(a.Resource, ".fifo")
}

// errDestinations refuses destinations of a kind that cannot be there.
func errDestinations(success, failure string) error {
	return errParameter("The provided destination config DestinationConfig(onSuccess=%s, onFailure=%s) is invalid.", shownDestination("OnSuccess", success), shownDestination("OnFailure", failure))
}

func shownDestination(name, to string) string {
	if to == "" {
		return "null"
	}
	return name + "(destination=" + to + ")"
}

func (r *lambdaRoom) checkDestinations(ctx context.Context, p *plan, d *api.DestinationConfig) error {
	if d == nil {
		return nil
	}
	f := p.ref
	success, failure := str(val(d.OnSuccess, api.OnSuccess{}).Destination), str(val(d.OnFailure, api.OnFailure{}).Destination)
	for _, end := range []struct {
		to       string
		services []string
	}{{success, []string{"sqs", "sns", service, "events"}}, {failure, []string{"sqs", "sns", service, "events", "s3"}}} {
		if end.to == "" {
			continue
		}
		a, err := cloud.ParseARN(end.to)
		if err != nil || !slices.Contains(end.services, a.Service) || ordered(a) {
			return errDestinations(success, failure)
		}
		if a.Service == service {
			if to := refOf(a); to.Scope == f.Scope && to.name == f.name {
				return errParameter("You can't specify the function as a destination for itself.")
			} else if _, err := r.plan(ctx, to); err != nil || to.Region != f.Region {
				return errParameter("The destination ARN %s is invalid.", end.to)
			}
		}
		if err := r.mayDeliver(ctx, p, a); err != nil {
			return err
		}
	}
	return nil
}

func (r *lambdaRoom) getEventConfig(ctx context.Context, in *api.GetFunctionEventInvokeConfigInput) (*api.GetFunctionEventInvokeConfigOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	p, err := r.plan(ctx, ref{Scope: f.Scope, name: f.name})
	if err != nil {
		return nil, errNoEventConfig(f)
	}
	c, ok := p.fn.Events[f.exactQualifier()]
	if !ok {
		return nil, errNoEventConfig(f)
	}
	return (*api.GetFunctionEventInvokeConfigOutput)(c.shape(f)), nil
}

func (r *lambdaRoom) deleteEventConfig(ctx context.Context, in *api.DeleteFunctionEventInvokeConfigInput) (*api.DeleteFunctionEventInvokeConfigOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	err = r.change(ctx, f, func(_ store.Tx, fn *function) error {
		if _, ok := fn.Events[f.exactQualifier()]; !ok {
			return errNoEventConfig(f)
		}
		delete(fn.Events, f.exactQualifier())
		return nil
	})
	if cloud.IsCode(err, "ResourceNotFoundException") {
		err = errNoEventConfig(f)
	}
	return &api.DeleteFunctionEventInvokeConfigOutput{}, err
}

func (r *lambdaRoom) listEventConfigs(ctx context.Context, in *api.ListFunctionEventInvokeConfigsInput) (*api.ListFunctionEventInvokeConfigsOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	p, err := r.plan(ctx, ref{Scope: f.Scope, name: f.name})
	if err != nil {
		return nil, errNotFound("The function doesn't exist.")
	}
	all := []api.FunctionEventInvokeConfig{}
	for q, c := range p.fn.Events {
		all = append(all, *c.shape(ref{Scope: f.Scope, name: f.name, qualifier: q}))
	}
	slices.SortFunc(all, func(a, b api.FunctionEventInvokeConfig) int { return strings.Compare(*a.FunctionArn, *b.FunctionArn) })
	page, next, err := paginate(all, in.Marker, in.MaxItems, 50)
	return &api.ListFunctionEventInvokeConfigsOutput{FunctionEventInvokeConfigs: page, NextMarker: next}, err
}
