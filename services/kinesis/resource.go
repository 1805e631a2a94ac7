package kinesis

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"sundog/cloud"
	"sundog/services/room"
)

func (s *service) resources() []room.ResourceType {
	return []room.ResourceType{
		{
			Type: "AWS::Kinesis::Stream", Properties: []string{"Name", "RetentionPeriodHours", "ShardCount", "StreamModeDetails", "Tags", "DesiredShardLevelMetrics"},
			Attributes: []string{"Arn", "StreamId"},
			NoEffect:   map[string]string{"StreamEncryption": "records are not encrypted by a key of their own"},
			Create:     s.createResource, Update: s.updateResource, Delete: s.deleteResource,
		},
		{
			Type: "AWS::Kinesis::StreamConsumer", Properties: []string{"ConsumerName", "StreamARN", "Tags"},
			Attributes: []string{"ConsumerARN", "ConsumerCreationTimestamp", "ConsumerName", "ConsumerStatus", "StreamARN"},
			Create:     s.createConsumer, Update: s.updateConsumer, Delete: s.deleteConsumer,
		},
		{
			Type: "AWS::Kinesis::ResourcePolicy", Properties: []string{"ResourceArn", "ResourcePolicy"},
			Create: s.putPolicyResource, Update: s.putPolicyResource, Delete: s.deletePolicyResource,
		},
	}
}

// wanted is what a template wants of a stream.
type wanted struct {
	demand bool
	shards int // 0: not said
	hours  int
	single []string // metrics of single shards
}

// wantedOf reads a stream's properties. Without a mode and a count a stream is on demand, as CloudFormation makes it.
func wantedOf(p room.Props) (w wanted, err error) {
	var mode struct{ StreamMode string }
	if _, err := p.Get("StreamModeDetails", &mode); err != nil {
		return w, err
	}
	if _, err := p.Get("DesiredShardLevelMetrics", &w.single); err != nil {
		return w, err
	}
	w.single = namedMetrics(w.single)
	w.hours = leastHours
	for name, to := range map[string]*int{"ShardCount": &w.shards, "RetentionPeriodHours": &w.hours} {
		if text := p.Text(name); text != "" {
			if *to, err = strconv.Atoi(text); err != nil {
				return w, errValidation("%s must be a number, not %s", name, text)
			}
		}
	}
	w.demand = mode.StreamMode == onDemand || mode.StreamMode == "" && w.shards == 0
	return w, nil
}

func modeOf(demand bool) map[string]any {
	if demand {
		return map[string]any{"StreamMode": onDemand}
	}
	return map[string]any{"StreamMode": provisioned}
}

func (s *service) createResource(ctx context.Context, r room.Request) (room.Result, error) {
	name := r.New.Text("Name")
	if name == "" {
		name = r.Name(128)
	}
	w, err := wantedOf(r.New)
	if err != nil {
		return room.Result{}, err
	}
	tags, err := r.MergedTags(r.New)
	if err != nil {
		return room.Result{}, err
	}
	tags[stackTag], tags[logicalTag] = r.StackID, r.LogicalID
	in := map[string]any{"StreamName": name, "StreamModeDetails": modeOf(w.demand), "Tags": tags}
	if w.shards > 0 {
		in["ShardCount"] = w.shards
	}
	err = s.d.Do(ctx, roomName, "CreateStream", in, nil)
	if err != nil && !(cloud.IsCode(err, "ResourceInUseException") && s.own(ctx, r, ref{cloud.CallFrom(ctx).Scope, name}.arn().String())) {
		return room.Result{}, err
	}
	return s.settled(ctx, name, w)
}

// What tells a creation that runs again from another's stream.
const (
	stackTag   = "aws:cloudformation:stack-id"
	logicalTag = "aws:cloudformation:logical-id"
)

// own tells whether a stream or consumer that is there already was made by an earlier run of the same step.
func (s *service) own(ctx context.Context, r room.Request, arn string) bool {
	var out struct{ Tags []struct{ Key, Value string } }
	if s.d.Do(ctx, roomName, "ListTagsForResource", map[string]any{"ResourceARN": arn}, &out) != nil {
		return false
	}
	matches := 0
	for _, t := range out.Tags {
		if t.Key == stackTag && t.Value == r.StackID || t.Key == logicalTag && t.Value == r.LogicalID {
			matches++
		}
	}
	return matches == 2
}

// summary is what the handlers need to know of a stream.
type summary struct {
	StreamDescriptionSummary struct {
		StreamARN, StreamId                  string
		RetentionPeriodHours, OpenShardCount int
		StreamModeDetails                    struct{ StreamMode string }
		EnhancedMonitoring                   []struct{ ShardLevelMetrics []string }
	}
}

// settled brings a stream to what is wanted, and gives its result.
func (s *service) settled(ctx context.Context, name string, w wanted) (room.Result, error) {
	var now summary
	if err := s.d.Do(ctx, roomName, "DescribeStreamSummary", map[string]any{"StreamName": name}, &now); err != nil {
		return room.Result{}, err
	}
	have := &now.StreamDescriptionSummary
	out := room.Result{Physical: name, Attributes: map[string]any{"Arn": have.StreamARN, "StreamId": have.StreamId}}
	if w.demand != (have.StreamModeDetails.StreamMode == onDemand) {
		if err := s.d.Do(ctx, roomName, "UpdateStreamMode", map[string]any{"StreamARN": have.StreamARN, "StreamModeDetails": modeOf(w.demand)}, nil); err != nil {
			return out, err
		}
	}
	if !w.demand && w.shards > 0 && w.shards != have.OpenShardCount {
		in := map[string]any{"StreamName": name, "TargetShardCount": w.shards, "ScalingType": "UNIFORM_SCALING"}
		if err := s.d.Do(ctx, roomName, "UpdateShardCount", in, nil); err != nil {
			return out, err
		}
	}
	if err := s.settleMetrics(ctx, name, have.EnhancedMonitoring[0].ShardLevelMetrics, w.single); err != nil || w.hours == have.RetentionPeriodHours {
		return out, err
	}
	op := "IncreaseStreamRetentionPeriod"
	if w.hours < have.RetentionPeriodHours {
		op = "DecreaseStreamRetentionPeriod"
	}
	return out, s.d.Do(ctx, roomName, op, map[string]any{"StreamName": name, "RetentionPeriodHours": w.hours}, nil)
}

// settleMetrics brings the metrics of single shards to what is wanted.
func (s *service) settleMetrics(ctx context.Context, name string, have, want []string) error {
	for op, names := range map[string][]string{"EnableEnhancedMonitoring": without(want, have), "DisableEnhancedMonitoring": without(have, want)} {
		if len(names) == 0 {
			continue
		}
		if err := s.d.Do(ctx, roomName, op, map[string]any{"StreamName": name, "ShardLevelMetrics": names}, nil); err != nil {
			return err
		}
	}
	return nil
}

func without(all, those []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(x string) bool { return slices.Contains(those, x) })
}

func (s *service) updateResource(ctx context.Context, r room.Request) (room.Result, error) {
	if r.Changed("Name") {
		return s.createResource(ctx, r)
	}
	w, err := wantedOf(r.New)
	if err != nil {
		return room.Result{}, err
	}
	out, err := s.settled(ctx, r.Physical, w)
	if err != nil {
		return out, err
	}
	return out, s.retagResource(ctx, r, out.Attributes["Arn"])
}

func (s *service) retagResource(ctx context.Context, r room.Request, arn any) error {
	set, gone, err := r.TagChanges()
	if err != nil {
		return err
	}
	if len(gone) > 0 {
		if err := s.d.Do(ctx, roomName, "UntagResource", map[string]any{"ResourceARN": arn, "TagKeys": gone}, nil); err != nil {
			return err
		}
	}
	if len(set) == 0 {
		return nil
	}
	return s.d.Do(ctx, roomName, "TagResource", map[string]any{"ResourceARN": arn, "Tags": set}, nil)
}

func (s *service) deleteResource(ctx context.Context, r room.Request) error {
	return ignoreAbsent(s.d.Do(ctx, roomName, "DeleteStream", map[string]any{"StreamName": r.Physical, "EnforceConsumerDeletion": true}, nil))
}

func ignoreAbsent(err error) error {
	if cloud.IsCode(err, "ResourceNotFoundException") {
		return nil
	}
	return err
}

func (s *service) createConsumer(ctx context.Context, r room.Request) (room.Result, error) {
	stream, name := r.New.Text("StreamARN"), r.New.Text("ConsumerName")
	tags, err := r.MergedTags(r.New)
	if err != nil {
		return room.Result{}, err
	}
	tags[stackTag], tags[logicalTag] = r.StackID, r.LogicalID
	var out struct{ Consumer consumerOutput }
	err = s.d.Do(ctx, roomName, "RegisterStreamConsumer", map[string]any{"StreamARN": stream, "ConsumerName": name, "Tags": tags}, &out)
	if err == nil {
		return out.Consumer.result(stream), nil
	}
	if !cloud.IsCode(err, "ResourceInUseException") {
		return room.Result{}, err
	}
	var now struct{ ConsumerDescription consumerOutput } // of an earlier run of the same step?
	if s.d.Do(ctx, roomName, "DescribeStreamConsumer", map[string]any{"StreamARN": stream, "ConsumerName": name}, &now) == nil && s.own(ctx, r, now.ConsumerDescription.ConsumerARN) {
		return now.ConsumerDescription.result(stream), nil
	}
	return room.Result{}, err
}

type consumerOutput struct{ ConsumerARN, ConsumerName string }

func (c consumerOutput) result(stream string) room.Result {
	made := c.ConsumerARN[strings.LastIndexByte(c.ConsumerARN, ':')+1:] // the ARN ends in the time of creation
	return room.Result{Physical: c.ConsumerARN, Attributes: map[string]any{"ConsumerARN": c.ConsumerARN, "ConsumerName": c.ConsumerName, "ConsumerStatus": "ACTIVE",
		"ConsumerCreationTimestamp": made, "StreamARN": stream}}
}

func (s *service) updateConsumer(ctx context.Context, r room.Request) (room.Result, error) {
	if r.Changed("StreamARN", "ConsumerName") {
		return s.createConsumer(ctx, r)
	}
	var now struct{ ConsumerDescription consumerOutput }
	if err := s.d.Do(ctx, roomName, "DescribeStreamConsumer", map[string]any{"ConsumerARN": r.Physical}, &now); err != nil {
		return room.Result{}, err
	}
	return now.ConsumerDescription.result(r.New.Text("StreamARN")), s.retagResource(ctx, r, r.Physical)
}

func (s *service) deleteConsumer(ctx context.Context, r room.Request) error {
	return ignoreAbsent(s.d.Do(ctx, roomName, "DeregisterStreamConsumer", map[string]any{"ConsumerARN": r.Physical}, nil))
}
