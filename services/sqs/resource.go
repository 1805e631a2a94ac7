package sqs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/services/room"
)

// queueProperties are the properties of AWS::SQS::Queue that are attributes of the API too, and withoutEffect those that are kept as such, but
// mean nothing here.
var (
	queueProperties = []string{
		"ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoQueue", "FifoThroughputLimit", "MaximumMessageSize",
		"MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy", "VisibilityTimeout",
	}
	withoutEffect = map[string]string{
		"KmsDataKeyReusePeriodSeconds": "messages are not encrypted by a key of their own",
		"KmsMasterKeyId":               "messages are not encrypted by a key of their own",
		"SqsManagedSseEnabled":         "messages are not encrypted at rest",
	}
)

func (r *sqsRoom) resources() []room.ResourceType {
	return []room.ResourceType{
		{
			Type: "AWS::SQS::Queue", Properties: append([]string{"QueueName", "Tags"}, queueProperties...), NoEffect: withoutEffect,
			Attributes: []string{"Arn", "QueueName", "QueueUrl"},
			Create:     r.createResource, Update: r.updateResource, Delete: r.deleteResource,
		},
		{
			Type: "AWS::SQS::QueuePolicy", Properties: []string{"PolicyDocument", "Queues"}, Attributes: []string{"Id"},
			Create: r.putPolicy, Update: r.putPolicy, Delete: r.deletePolicy,
		},
		{
			Type: "AWS::SQS::QueueInlinePolicy", Properties: []string{"PolicyDocument", "Queue"},
			Create: r.putInlinePolicy, Update: r.putInlinePolicy, Delete: r.deletePolicy,
		},
	}
}

// attributesOfProps makes API attributes of properties: numbers and booleans become text, documents JSON text. A property that Old had
// and New has not is set back to its default.
func attributesOfProps(old, props room.Props) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range append(slices.Sorted(maps.Keys(withoutEffect)), queueProperties...) {
		raw, ok := props[p]
		if !ok {
			if _, had := old[p]; had {
				out[p] = defaultOf(p)
			}
			continue
		}
		if out[p] = props.Text(p); !strings.HasPrefix(string(raw), "{") {
			continue
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return nil, err
		}
		out[p] = compact.String()
	}
	if out["FifoQueue"] == "false" { // what the API does not take
		delete(out, "FifoQueue")
	}
	return out, nil
}

// defaultOf is what an attribute is set to when its property goes; "" takes it away.
func defaultOf(attribute string) string {
	if num, ok := numbers[attribute]; ok {
		return strconv.FormatInt(num.def, 10)
	}
	if attribute == "SqsManagedSseEnabled" {
		return "true"
	}
	return fifoDefaults[attribute]
}

func queueNameOf(req room.Request) string {
	if n := req.New.Text("QueueName"); n != "" {
		return n
	}
	if req.New.Text("FifoQueue") == "true" {
		return req.Name(75) + ".fifo"
	}
	return req.Name(80)
}

func (r *sqsRoom) createResource(ctx context.Context, req room.Request) (room.Result, error) {
	queue := queueNameOf(req)
	attrs, err := attributesOfProps(nil, req.New)
	if err != nil {
		return room.Result{}, err
	}
	tags, err := req.MergedTags(req.New)
	if err != nil {
		return room.Result{}, err
	}
	var out struct{ QueueUrl string }
	in := map[string]any{"QueueName": queue, "Attributes": attrs, "tags": tags}
	for err = r.d.Do(ctx, service, "CreateQueue", in, &out); cloud.IsCode(err, "QueueDeletedRecently"); err = r.d.Do(ctx, service, "CreateQueue", in, &out) {
		if err := r.pause(ctx, time.Second); err != nil {
			return room.Result{}, err
		}
	}
	if err != nil {
		return room.Result{}, err
	}
	return resultOf(ctx, queue, out.QueueUrl), nil
}

// pause waits on the platform's clock.
func (r *sqsRoom) pause(ctx context.Context, d time.Duration) error {
	over := make(chan struct{})
	defer r.d.Clock.AfterNow(r.d.Clock.Now().Add(d), func() { close(over) })()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func resultOf(ctx context.Context, queue, url string) room.Result {
	n := name{cloud.CallFrom(ctx).Scope, queue}
	return room.Result{Physical: url, Attributes: map[string]any{"Arn": n.arn().String(), "QueueName": queue, "QueueUrl": url}}
}

func (r *sqsRoom) updateResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Old.Text("QueueName") != req.New.Text("QueueName") || (req.Old.Text("FifoQueue") == "true") != (req.New.Text("FifoQueue") == "true") {
		return r.createResource(ctx, req) // replacement
	}
	n, err := byURL(ctx, &req.Physical)
	if err != nil {
		return room.Result{}, err
	}
	attrs, err := attributesOfProps(req.Old, req.New)
	if err != nil {
		return room.Result{}, err
	}
	delete(attrs, "FifoQueue")
	if len(attrs) > 0 {
		if err := r.d.Do(ctx, service, "SetQueueAttributes", map[string]any{"QueueUrl": req.Physical, "Attributes": attrs}, nil); err != nil {
			return room.Result{}, err
		}
	}
	return resultOf(ctx, n.Queue, req.Physical), r.retag(ctx, req)
}

func (r *sqsRoom) retag(ctx context.Context, req room.Request) error {
	tags, gone, err := req.TagChanges()
	if err != nil {
		return err
	}
	if len(gone) > 0 {
		if err := r.d.Do(ctx, service, "UntagQueue", map[string]any{"QueueUrl": req.Physical, "TagKeys": gone}, nil); err != nil {
			return err
		}
	}
	if len(tags) == 0 {
		return nil
	}
	return r.d.Do(ctx, service, "TagQueue", map[string]any{"QueueUrl": req.Physical, "Tags": tags}, nil)
}

func (r *sqsRoom) deleteResource(ctx context.Context, req room.Request) error {
	return ignoreAbsent(r.d.Do(ctx, service, "DeleteQueue", map[string]any{"QueueUrl": req.Physical}, nil))
}

func ignoreAbsent(err error) error {
	if cloud.IsCode(err, "QueueDoesNotExist") {
		return nil
	}
	return err
}

func (r *sqsRoom) putPolicy(ctx context.Context, req room.Request) (room.Result, error) {
	if err := r.setPolicies(ctx, req); err != nil {
		return room.Result{}, err
	}
	id := cmp.Or(req.Physical, req.Name(128))
	return room.Result{Physical: id, Attributes: map[string]any{"Id": id}}, nil
}

func (r *sqsRoom) putInlinePolicy(ctx context.Context, req room.Request) (room.Result, error) {
	queue := req.New.Text("Queue")
	return room.Result{Physical: queue}, r.setPolicy(ctx, queue, string(req.New["PolicyDocument"]))
}

func (r *sqsRoom) deletePolicy(ctx context.Context, req room.Request) error {
	if queue := req.Old.Text("Queue"); queue != "" {
		return ignoreAbsent(r.setPolicy(ctx, queue, ""))
	}
	return r.setPolicies(ctx, room.Request{Old: req.Old})
}

// setPolicies gives the queues of New its policy, and takes that of queues which only Old has.
func (r *sqsRoom) setPolicies(ctx context.Context, req room.Request) error {
	now, gone, err := req.ListChanges("Queues")
	if err != nil {
		return err
	}
	for _, u := range now {
		if err := r.setPolicy(ctx, u, string(req.New["PolicyDocument"])); err != nil {
			return err
		}
	}
	for _, u := range gone {
		if err := ignoreAbsent(r.setPolicy(ctx, u, "")); err != nil {
			return err
		}
	}
	return nil
}

func (r *sqsRoom) setPolicy(ctx context.Context, url, policy string) error {
	return r.d.Do(ctx, service, "SetQueueAttributes", map[string]any{"QueueUrl": url, "Attributes": map[string]string{"Policy": policy}}, nil)
}
