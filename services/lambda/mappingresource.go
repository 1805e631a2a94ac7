package lambda

import (
	"context"
	"strings"

	"sundog/cloud"
	"sundog/services/room"
)

var mappingProps = []string{
	"EventSourceArn", "FunctionName", "Enabled", "BatchSize", "FilterCriteria", "MaximumBatchingWindowInSeconds", "ParallelizationFactor", "StartingPosition",
	"StartingPositionTimestamp", "DestinationConfig", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError", "MaximumRetryAttempts", "TumblingWindowInSeconds",
	"FunctionResponseTypes", "ScalingConfig", "MetricsConfig", "Topics", "Queues", "SourceAccessConfigurations", "SelfManagedEventSource", "ProvisionedPollerConfig",
	"AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig", "DocumentDBEventSourceConfig", "LoggingConfig",
}

// fixedProps are those that a mapping keeps for as long as it is there.
var fixedProps = []string{"EventSourceArn", "StartingPosition", "StartingPositionTimestamp"}

func mappingInput(p room.Props) map[string]any {
	in := pickProps(p, append([]string{"KmsKeyArn"}, mappingProps...)...)
	rename(in, "KmsKeyArn", "KMSKeyArn")
	return in
}

func (r *lambdaRoom) createMappingResource(ctx context.Context, req room.Request) (room.Result, error) {
	in := mappingInput(req.New)
	tags, err := req.MergedTags(req.New)
	if err != nil {
		return room.Result{}, err
	}
	in["Tags"] = tags
	var out struct{ UUID, EventSourceMappingArn string }
	if err := r.d.Do(ctx, service, "CreateEventSourceMapping", in, &out); err != nil {
		return room.Result{}, err
	}
	return room.Result{Physical: out.UUID, Attributes: map[string]any{"Id": out.UUID, "EventSourceMappingArn": out.EventSourceMappingArn}}, nil
}

func (r *lambdaRoom) updateMappingResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Changed(fixedProps...) {
		return r.createMappingResource(ctx, req)
	}
	in := mappingInput(req.New)
	for _, fixed := range fixedProps {
		delete(in, fixed)
	}
	for prop, empty := range removedProps(req.New.Text("EventSourceArn")) {
		if _, had := req.Old[prop]; had && req.New[prop] == nil {
			in[prop] = empty
		}
	}
	rename(in, "KmsKeyArn", "KMSKeyArn")
	in["UUID"] = req.Physical
	if err := r.d.Do(ctx, service, "UpdateEventSourceMapping", in, nil); err != nil {
		return room.Result{}, err
	}
	arn := mappingARN(cloud.CallFrom(ctx).Scope, req.Physical).String()
	if err := r.retag(ctx, req, arn); err != nil {
		return room.Result{}, err
	}
	return room.Result{Physical: req.Physical, Attributes: map[string]any{"Id": req.Physical, "EventSourceMappingArn": arn}}, r.pollers.settled(ctx, req.Physical)
}

// removedProps are the values of properties that were taken out of a template.
func removedProps(source string) map[string]any {
	all := map[string]any{
		"FilterCriteria": map[string]any{"Filters": []any{}}, "FunctionResponseTypes": []string{}, "Enabled": true, "BatchSize": 100, "MaximumBatchingWindowInSeconds": 0,
		"MetricsConfig": map[string]any{"Metrics": []string{}}, "KmsKeyArn": "",
	}
	if strings.Contains(source, ":sqs:") {
		all["BatchSize"], all["ScalingConfig"], all["ProvisionedPollerConfig"] = 10, map[string]any{}, map[string]any{}
		return all
	}
	for prop, empty := range map[string]any{
		"ParallelizationFactor": 1, "TumblingWindowInSeconds": 0, "BisectBatchOnFunctionError": false, "MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": -1,
		"DestinationConfig": map[string]any{},
	} {
		all[prop] = empty
	}
	return all
}

func (r *lambdaRoom) deleteMappingResource(ctx context.Context, req room.Request) error {
	err := r.d.Do(ctx, service, "DeleteEventSourceMapping", map[string]any{"UUID": req.Physical}, nil)
	if cloud.IsCode(err, "ResourceInUseException") {
		err = nil // the same step ran before
	}
	if err := gone(err); err != nil {
		return err
	}
	return r.pollers.settled(ctx, req.Physical)
}
