package sqs

import (
	"context"
	"strings"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/services/room"
)

const service = "sqs"

// sqsRoom is the room. shards is touched only inside the lane of the shard that it is indexed by.
type sqsRoom struct {
	d        room.Deps
	shards   [256]map[name]*queue
	polls    polls
	policies room.Policies
	moves    moves
	sweeper  sweeper
}

// New makes the room. The lanes of d must not have run yet.
func New(d room.Deps) room.Room {
	r := &sqsRoom{d: d}
	r.moves.room, r.sweeper.room = r, r
	for s := range 256 {
		d.Lanes.Own(store.Shard(s), func(context.Context) error { return nil }, func() { r.shards[s] = nil })
	}
	return room.Room{
		Service:        service,
		Operations:     r.operations(),
		Resources:      r.resources(),
		Target:         target{r},
		Source:         source{r},
		Describe:       r.describe,
		ResourcePolicy: r.policies.Lookup(r.readPolicy),
		Start:          r.start,
		Close:          r.close,
	}
}

// start goes on with what a stop of the process interrupted.
func (r *sqsRoom) start(ctx context.Context) error {
	r.sweeper.start(ctx)
	return r.moves.resume(ctx)
}

func (r *sqsRoom) close() error {
	r.sweeper.close()
	return r.moves.close()
}

func (r *sqsRoom) operations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.AddPermissionOp, r.addPermission, onQueue("AddPermission", func(in *api.AddPermissionInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.CancelMessageMoveTaskOp, r.cancelMove, r.accessCancelMove),
		cloud.Op(service, api.ChangeMessageVisibilityOp, r.changeVisibility, onQueue("ChangeMessageVisibility", func(in *api.ChangeMessageVisibilityInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.ChangeMessageVisibilityBatchOp, r.changeVisibilityBatch, onQueue("ChangeMessageVisibility", func(in *api.ChangeMessageVisibilityBatchInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.CreateQueueOp, r.createQueue, onName("CreateQueue", func(in *api.CreateQueueInput) *string { return in.QueueName })),
		cloud.Op(service, api.DeleteMessageOp, r.deleteMessage, onQueue("DeleteMessage", func(in *api.DeleteMessageInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.DeleteMessageBatchOp, r.deleteMessageBatch, onQueue("DeleteMessage", func(in *api.DeleteMessageBatchInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.DeleteQueueOp, r.deleteQueue, onQueue("DeleteQueue", func(in *api.DeleteQueueInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.GetQueueAttributesOp, r.getQueueAttributes, onQueue("GetQueueAttributes", func(in *api.GetQueueAttributesInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.GetQueueUrlOp, r.getQueueURL, accessQueueURL),
		cloud.Op(service, api.ListDeadLetterSourceQueuesOp, r.listSources, onQueue("ListDeadLetterSourceQueues", func(in *api.ListDeadLetterSourceQueuesInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.ListMessageMoveTasksOp, r.listMoves, onARN("ListMessageMoveTasks", func(in *api.ListMessageMoveTasksInput) *string { return in.SourceArn })),
		cloud.Op(service, api.ListQueueTagsOp, r.listTags, onQueue("ListQueueTags", func(in *api.ListQueueTagsInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.ListQueuesOp, r.listQueues, accessList),
		cloud.Op(service, api.PurgeQueueOp, r.purgeQueue, onQueue("PurgeQueue", func(in *api.PurgeQueueInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.ReceiveMessageOp, r.receiveMessage, onQueue("ReceiveMessage", func(in *api.ReceiveMessageInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.RemovePermissionOp, r.removePermission, onQueue("RemovePermission", func(in *api.RemovePermissionInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.SendMessageOp, r.sendMessage, onQueue("SendMessage", func(in *api.SendMessageInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.SendMessageBatchOp, r.sendMessageBatch, onQueue("SendMessage", func(in *api.SendMessageBatchInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.SetQueueAttributesOp, r.setQueueAttributes, onQueue("SetQueueAttributes", func(in *api.SetQueueAttributesInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.StartMessageMoveTaskOp, r.startMove, onARN("StartMessageMoveTask", func(in *api.StartMessageMoveTaskInput) *string { return in.SourceArn })),
		cloud.Op(service, api.TagQueueOp, r.tagQueue, onQueue("TagQueue", func(in *api.TagQueueInput) *string { return in.QueueUrl })),
		cloud.Op(service, api.UntagQueueOp, r.untagQueue, onQueue("UntagQueue", func(in *api.UntagQueueInput) *string { return in.QueueUrl })),
	}
}

// onQueue is the access of operations on a queue by its URL.
func onQueue[I any](action string, url func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		n, err := byURL(ctx, url(in))
		return []cloud.Access{{Action: "sqs:" + action, Resource: n.arn()}}, err
	}
}

func onName[I any](action string, queue func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		n := name{cloud.CallFrom(ctx).Scope, text(queue(in))}
		return []cloud.Access{{Action: "sqs:" + action, Resource: n.arn()}}, nil
	}
}

func onARN[I any](action string, arn func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(_ context.Context, in *I) ([]cloud.Access, error) {
		a, err := queueARN(text(arn(in)), "SourceArn")
		return []cloud.Access{{Action: "sqs:" + action, Resource: a}}, err
	}
}

func accessQueueURL(ctx context.Context, in *api.GetQueueUrlInput) ([]cloud.Access, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.QueueName)}
	if in.QueueOwnerAWSAccountId != nil {
		n.Account = *in.QueueOwnerAWSAccountId
	}
	return []cloud.Access{{Action: "sqs:GetQueueUrl", Resource: n.arn()}}, nil
}

func accessList(context.Context, *api.ListQueuesInput) ([]cloud.Access, error) {
	return []cloud.Access{{Action: "sqs:ListQueues"}}, nil
}

// byURL finds the queue that a queue URL names: its last two path elements are account and name, whatever the host. A bare name is
// taken as a queue of the caller's, as the service does.
func byURL(ctx context.Context, url *string) (name, error) {
	if text(url) == "" {
		return name{}, errMissing("QueueUrl")
	}
	sc := cloud.CallFrom(ctx).Scope
	rest := strings.TrimRight(*url, "/")
	i := strings.LastIndexByte(rest, '/')
	if i < 0 {
		return name{sc, rest}, nil
	}
	rest, queue := rest[:i], rest[i+1:]
	account := rest[strings.LastIndexByte(rest, '/')+1:]
	if !isAccount(account) {
		return name{}, errAddress(*url)
	}
	sc.Account = account
	return name{sc, queue}, nil
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// queueARN reads the ARN of a queue.
func queueARN(s, parameter string) (cloud.ARN, error) {
	a, err := cloud.ParseARN(s)
	if err != nil || a.Service != service {
		return a, errParameter("You must use this format to specify the %s: arn:<partition>:<service>:<region>:<account-id>:<resource-id>", parameter)
	}
	return a, nil
}

// url gives the URL of a queue on the host that the client used.
func (n name) url(ctx context.Context) string {
	return cloud.CallFrom(ctx).Endpoint + "/" + n.Account + "/" + n.Queue
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// lane runs fn in the lane of a queue with the queue's memory. When fn fails for another reason than the request itself, what it may have half
// done in memory is dropped and read anew.
func (r *sqsRoom) lane(ctx context.Context, n name, fn func(store.Tx, *queue) error) error {
	return r.d.Lanes.Do(ctx, n.shard(), func(tx store.Tx) error {
		q, err := r.load(tx, n)
		if err != nil {
			return err
		}
		whole := false
		defer func() {
			if !whole {
				delete(r.shards[n.shard()], n)
			}
		}()
		if err = fn(tx, q); err == nil {
			_, err = r.expire(tx, q)
		}
		whole = err == nil || cloud.AsError(err).Kind != cloud.Internal
		return err
	})
}

// now is the platform's time in unix milliseconds.
func (r *sqsRoom) now() int64 { return r.d.Clock.Now().UnixMilli() }

// Interface guards.
var (
	_ bus.Target = target{}
	_ bus.Source = source{}
)
