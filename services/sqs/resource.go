package sqs

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"sundog/cloud"
	"sundog/services/room"
)

// queueProperties are the properties of AWS::SQS::Queue that are attributes of the API too.
var queueProperties = []string{
	"ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoQueue", "FifoThroughputLimit", "MaximumMessageSize",
	"MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy", "VisibilityTimeout",
	"KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "SqsManagedSseEnabled",
}

func (r *sqsRoom) resources() []room.ResourceType {
	return []room.ResourceType{
		{
			Type: "AWS::SQS::Queue", Properties: append([]string{"QueueName", "Tags"}, queueProperties...),
			Attributes: []string{"Arn", "QueueName", "QueueUrl"},
			Create:     r.createResource, Update: r.updateResource, Delete: r.deleteResource,
		},
		{
			Type: "AWS::SQS::QueuePolicy", Properties: []string{"PolicyDocument", "Queues"}, Attributes: []string{"Id"},
			Create: r.putPolicy, Update: r.putPolicy, Delete: r.deletePolicy,
		},
	}
}

// attributesOfProps makes API attributes of properties: numbers and booleans become text, documents JSON text. A property that Old had
// and New has not is set back to its default.
func attributesOfProps(old, props room.Props) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range queueProperties {
		raw, ok := props[p]
		if !ok {
			if _, had := old[p]; had {
				out[p] = ""
				if num, ok := numbers[p]; ok {
					out[p] = strconv.FormatInt(num.def, 10)
				}
			}
			continue
		}
		var s string
		if json.Unmarshal(raw, &s) == nil {
			out[p] = s
			continue
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return nil, err
		}
		out[p] = compact.String()
	}
	return out, nil
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
	if err := r.d.Do(ctx, service, "CreateQueue", map[string]any{"QueueName": queue, "Attributes": attrs, "tags": tags}, &out); err != nil {
		return room.Result{}, err
	}
	return resultOf(ctx, queue, out.QueueUrl), nil
}

func resultOf(ctx context.Context, queue, url string) room.Result {
	n := name{cloud.CallFrom(ctx).Scope, queue}
	return room.Result{Physical: url, Attributes: map[string]any{"Arn": n.arn().String(), "QueueName": queue, "QueueUrl": url}}
}

func (r *sqsRoom) updateResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Changed("QueueName", "FifoQueue") {
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
	tags, err := req.MergedTags(req.New)
	if err != nil {
		return err
	}
	old, err := req.MergedTags(req.Old)
	if err != nil {
		return err
	}
	var gone []string
	for k := range old {
		if _, ok := tags[k]; !ok {
			gone = append(gone, k)
		}
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
	err := r.d.Do(ctx, service, "DeleteQueue", map[string]any{"QueueUrl": req.Physical}, nil)
	if cloud.IsCode(err, "QueueDoesNotExist") {
		return nil
	}
	return err
}

func (r *sqsRoom) putPolicy(ctx context.Context, req room.Request) (room.Result, error) {
	var urls []string
	if _, err := req.New.Get("Queues", &urls); err != nil {
		return room.Result{}, err
	}
	for _, u := range urls {
		in := map[string]any{"QueueUrl": u, "Attributes": map[string]string{"Policy": string(req.New["PolicyDocument"])}}
		if err := r.d.Do(ctx, service, "SetQueueAttributes", in, nil); err != nil {
			return room.Result{}, err
		}
	}
	id := req.Physical
	if id == "" {
		id = req.Name(128)
	}
	return room.Result{Physical: id, Attributes: map[string]any{"Id": id}}, nil
}

func (r *sqsRoom) deletePolicy(ctx context.Context, req room.Request) error {
	var urls []string
	if _, err := req.Old.Get("Queues", &urls); err != nil {
		return err
	}
	for _, u := range urls {
		in := map[string]any{"QueueUrl": u, "Attributes": map[string]string{"Policy": ""}}
		if err := r.d.Do(ctx, service, "SetQueueAttributes", in, nil); err != nil && !cloud.IsCode(err, "QueueDoesNotExist") {
			return err
		}
	}
	return nil
}
