package sqs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/services/servicetest"
)

func TestLists(t *testing.T) {
	b := open(t)
	dead := b.create("z-dead", nil)
	var want []string
	for i := range 5 {
		want = append(want, *b.create(fmt.Sprintf("a%d", i), map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + here + `z-dead","maxReceiveCount":1}`}))
	}
	b.create("b", nil)
	all := func(size int32, page func(size *int32, token *string) ([]string, *string, error)) (urls []string, pages int) {
		t.Helper()
		var token *string
		for {
			got, next, err := page(&size, token)
			if err != nil {
				t.Fatal(err)
			}
			urls, pages = append(urls, got...), pages+1
			if token = next; token == nil {
				return urls, pages
			}
		}
	}
	queues := func(size *int32, token *string) ([]string, *string, error) {
		out, err := b.r.listQueues(b.ctx, &api.ListQueuesInput{QueueNamePrefix: new("a"), MaxResults: size, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.QueueUrls, out.NextToken, nil
	}
	sources := func(size *int32, token *string) ([]string, *string, error) {
		out, err := b.r.listSources(b.ctx, &api.ListDeadLetterSourceQueuesInput{QueueUrl: dead, MaxResults: size, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.QueueUrls, out.NextToken, nil
	}
	for name, page := range map[string]func(*int32, *string) ([]string, *string, error){"queues": queues, "sources": sources} {
		for size, pages := range map[int32]int{1: 5, 2: 3, 5: 1, 1000: 1} {
			if got, n := all(size, page); !slices.Equal(got, want) || n != pages {
				t.Errorf("%s by %d: %v in %d pages", name, size, got, n)
			}
		}
		if got, next, err := page(nil, nil); err != nil || next != nil || len(got) != 5 {
			t.Errorf("%s: %v %v %v", name, got, next, err)
		}
		if _, _, err := page(new(int32(1001)), nil); !cloud.IsCode(err, "InvalidParameterValueException") {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := page(nil, new("!")); !cloud.IsCode(err, "InvalidParameterValueException") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if out, err := b.r.listSources(b.ctx, &api.ListDeadLetterSourceQueuesInput{QueueUrl: &want[0]}); err != nil || out.QueueUrls == nil || len(out.QueueUrls) != 0 {
		t.Errorf("%v %v", out, err)
	}
}

// What operations need is named before they are called.
func TestAccess(t *testing.T) {
	b := open(t)
	handle := (&task{ID: "1", Source: here + "q"}).handle()
	inputs := map[string]any{
		"CreateQueue": &api.CreateQueueInput{QueueName: new("q")}, "GetQueueUrl": &api.GetQueueUrlInput{QueueName: new("q")}, "ListQueues": &api.ListQueuesInput{},
		"StartMessageMoveTask": &api.StartMessageMoveTaskInput{SourceArn: new(here + "q")}, "ListMessageMoveTasks": &api.ListMessageMoveTasksInput{SourceArn: new(here + "q")},
		"CancelMessageMoveTask": &api.CancelMessageMoveTaskInput{TaskHandle: handle}, "SendMessage": &api.SendMessageInput{QueueUrl: new("http://x/000000000000/q")},
		"SendMessageBatch": &api.SendMessageBatchInput{QueueUrl: new("q")},
	}
	for _, op := range b.r.operations() {
		in, ok := inputs[op.Schema.Name]
		if !ok {
			continue
		}
		delete(inputs, op.Schema.Name)
		got, err := op.Access(b.ctx, in)
		want := "sqs:" + strings.TrimSuffix(op.Schema.Name, "Batch")
		if err != nil || len(got) != 1 || got[0].Action != want || op.Schema.Name != "ListQueues" && got[0].Resource.String() != here+"q" {
			t.Errorf("%s: %v %v", op.Schema.Name, got, err)
		}
	}
	if len(inputs) > 0 {
		t.Errorf("not served: %v", slices.Collect(maps.Keys(inputs)))
	}
}

func TestPermissions(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	arn := cloud.NewARN("sqs", servicetest.Scope, "q")
	policy := b.r.policies.Lookup(b.r.readPolicy)
	statements := func() int {
		t.Helper()
		p, err := policy(b.ctx, arn)
		if err != nil {
			t.Fatal(err)
		}
		if p == nil {
			return 0
		}
		return len(p.Statements)
	}
	for i, label := range []string{"a", "b"} {
		if _, err := b.r.addPermission(b.ctx, &api.AddPermissionInput{QueueUrl: url, Label: &label, AWSAccountIds: []string{"111111111111"}, Actions: []string{"*"}}); err != nil {
			t.Fatal(err)
		}
		if statements() != i+1 {
			t.Fatalf("%d statements after %s", statements(), label)
		}
	}
	for i, label := range []string{"a", "b"} {
		if _, err := b.r.removePermission(b.ctx, &api.RemovePermissionInput{QueueUrl: url, Label: &label}); err != nil {
			t.Fatal(err)
		}
		if statements() != 1-i {
			t.Fatalf("%d statements after %s has gone", statements(), label)
		}
	}
	_, err := b.r.removePermission(b.ctx, &api.RemovePermissionInput{QueueUrl: url, Label: new("a")})
	if e := cloud.AsError(err); e.Message != "Value a for parameter Label is invalid. Reason: can't find label." {
		t.Fatal(err)
	}
	d, err := b.r.describe(b.ctx, arn)
	if err != nil || d.Name != "q" || d.Attributes["VisibilityTimeout"] != "30" {
		t.Fatal(d, err)
	}
	if _, err := b.r.describe(b.ctx, cloud.NewARN("sqs", servicetest.Scope, "none")); cloud.AsError(err).Kind != cloud.NotFound {
		t.Fatal(err)
	}
}
