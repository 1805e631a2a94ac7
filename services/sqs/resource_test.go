package sqs

import (
	"encoding/json"
	"maps"
	"runtime"
	"testing"
	"time"

	api "sundog/api/sqs"
	"sundog/services/room"
	"sundog/services/servicetest"
)

// stack is a room whose own calls reach it, as through the gateway.
func stack(t *testing.T) (*bench, map[string]room.ResourceType) {
	b := open(t)
	b.Serve(b.ctx, b.r.operations())
	return b, servicetest.ByType(b.r.resources())
}

func TestQueueResource(t *testing.T) {
	b, types := stack(t)
	queue := types["AWS::SQS::Queue"]
	step := func(old, now string) room.Request {
		req := room.Request{StackName: "s", LogicalID: "Q", Token: "abc", New: servicetest.Props(t, now)}
		if old != "" {
			req.Old = servicetest.Props(t, old)
		}
		return req
	}
	const first = `{"VisibilityTimeout":300,"RedriveAllowPolicy":{ "redrivePermission": "denyAll" },"KmsMasterKeyId":"k","Tags":[{"Key":"a","Value":"1"},{"Key":"b","Value":"2"}]}`
	made, err := queue.Create(b.ctx, step("", first))
	if err != nil || made.Attributes["QueueName"] != "s-Q-ABC" || made.Attributes["Arn"] != "arn:aws:sqs:eu-west-1:000000000000:s-Q-ABC" {
		t.Fatalf("%+v %v", made, err)
	}
	shows := func(want map[string]string) {
		t.Helper()
		out, err := b.r.getQueueAttributes(b.ctx, &api.GetQueueAttributesInput{QueueUrl: &made.Physical, AttributeNames: []string{"All"}})
		if err != nil {
			t.Fatal(err)
		}
		for n, v := range want {
			if out.Attributes[n] != v {
				t.Errorf("%s is %q, want %q", n, out.Attributes[n], v)
			}
		}
	}
	shows(map[string]string{"VisibilityTimeout": "300", "RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`, "KmsMasterKeyId": "k", "SqsManagedSseEnabled": "false"})
	const second = `{"DelaySeconds":"5","FifoQueue":false,"Tags":[{"Key":"b","Value":"3"}]}`
	req := step(first, second)
	req.Physical = made.Physical
	again, err := queue.Update(b.ctx, req)
	if err != nil || again.Physical != made.Physical {
		t.Fatalf("%+v %v", again, err)
	}
	shows(map[string]string{"VisibilityTimeout": "30", "DelaySeconds": "5", "RedriveAllowPolicy": "", "KmsMasterKeyId": ""})
	tags, err := b.r.listTags(b.ctx, &api.ListQueueTagsInput{QueueUrl: &made.Physical})
	if err != nil || !maps.Equal(tags.Tags, map[string]string{"b": "3"}) {
		t.Errorf("tags %v %v", tags, err)
	}
	for _, c := range []struct{ now, want string }{{`{"FifoQueue":true}`, "s-Q-ABC.fifo"}, {`{"QueueName":"other"}`, "other"}} {
		req := step(second, c.now)
		req.Physical = made.Physical
		if got, err := queue.Update(b.ctx, req); err != nil || got.Attributes["QueueName"] != c.want {
			t.Errorf("%s: %+v %v", c.now, got, err)
		}
	}
	for range 2 {
		if err := queue.Delete(b.ctx, room.Request{Physical: made.Physical}); err != nil {
			t.Error(err)
		}
	}
}

// A queue that a stack makes again waits until its name is free.
func TestQueueResourceWaits(t *testing.T) {
	b, types := stack(t)
	req := room.Request{StackName: "s", LogicalID: "Q", Token: "abc", New: servicetest.Props(t, `{"QueueName":"q"}`)}
	queue := types["AWS::SQS::Queue"]
	made, err := queue.Create(b.ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	if err := queue.Delete(b.ctx, room.Request{Physical: made.Physical}); err != nil {
		t.Fatal(err)
	}
	begun, done := len(b.Caller.Calls()), make(chan error)
	go func() {
		_, err := queue.Create(b.ctx, req)
		done <- err
	}()
	for len(b.Caller.Calls()) == begun { // until it was refused once
		runtime.Gosched()
	}
	start := b.Clock.Now()
	for {
		select {
		case err := <-done:
			if waited := b.Clock.Now().Sub(start); err != nil || waited < time.Minute {
				t.Fatalf("%v after %v", err, waited)
			}
			return
		default:
			b.Advance(time.Second)
		}
	}
}

func TestPolicyResources(t *testing.T) {
	b, types := stack(t)
	one, two := b.create("one", nil), b.create("two", nil)
	const policy = `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}]}`
	has := func(url *string, want bool) {
		t.Helper()
		if got := b.attribute(url, "Policy"); (got == policy) != want || got == "" == want {
			t.Errorf("%s has the policy %q", *url, got)
		}
	}
	list := func(urls ...string) room.Props {
		b, _ := json.Marshal(urls)
		return room.Props{"Queues": b, "PolicyDocument": []byte(policy)}
	}
	typ := types["AWS::SQS::QueuePolicy"]
	made, err := typ.Create(b.ctx, room.Request{StackName: "s", LogicalID: "P", Token: "abc", New: list(*one)})
	if err != nil {
		t.Fatal(err)
	}
	has(one, true)
	if _, err := typ.Update(b.ctx, room.Request{Physical: made.Physical, Old: list(*one), New: list(*two)}); err != nil {
		t.Fatal(err)
	}
	has(one, false)
	has(two, true)
	if err := typ.Delete(b.ctx, room.Request{Physical: made.Physical, Old: list(*two, "http://localhost/000000000000/none")}); err != nil {
		t.Fatal(err)
	}
	has(two, false)

	inline := func(url *string) room.Props {
		b, _ := json.Marshal(url)
		return room.Props{"Queue": b, "PolicyDocument": []byte(policy)}
	}
	typ = types["AWS::SQS::QueueInlinePolicy"]
	if made, err = typ.Create(b.ctx, room.Request{New: inline(one)}); err != nil || made.Physical != *one {
		t.Fatal(made, err)
	}
	has(one, true)
	if made, err = typ.Update(b.ctx, room.Request{Physical: *one, Old: inline(one), New: inline(two)}); err != nil || made.Physical != *two {
		t.Fatal(made, err)
	}
	has(two, true)
	if err := typ.Delete(b.ctx, room.Request{Physical: *one, Old: inline(one)}); err != nil {
		t.Fatal(err)
	}
	has(one, false)
}
