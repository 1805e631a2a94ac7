package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"sundog/api/sqs"
	"sundog/app"
	"sundog/cloud"
)

// dial starts a platform in memory, and connects to it.
func dial(t *testing.T) *connection {
	t.Helper()
	p, err := app.Open(t.Context(), app.Options{Durability: app.Memory, Listen: "127.0.0.1:0", Roots: map[string]string{"test": "test"}, Spares: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	c := &connection{ready: ready{Endpoint: p.Endpoint, Region: "us-east-1", Account: "000000000000", Credentials: devKeys}}
	if err := c.open(ownAgent); err != nil {
		t.Fatal(err)
	}
	return c
}

func makeQueue(t *testing.T, c *connection, name string, attributes map[string]string) *string {
	t.Helper()
	var q sqs.CreateQueueOutput
	if err := c.client.Call(t.Context(), sqs.CreateQueueOp, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes}, &q); err != nil {
		t.Fatal(err)
	}
	return q.QueueUrl
}

func TestQueueCommands(t *testing.T) {
	c := dial(t)
	dead := makeQueue(t, c, "dead", nil)
	makeQueue(t, c, "work", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":"1"}`})
	for _, body := range []string{"one", "two\nlines"} {
		if err := c.client.Call(t.Context(), sqs.SendMessageOp, &sqs.SendMessageInput{QueueUrl: dead, MessageBody: &body}, &sqs.SendMessageOutput{}); err != nil {
			t.Fatal(err)
		}
	}
	var shown bytes.Buffer
	out := &screen{w: &shown}
	look := func(name string, max int) string {
		t.Helper()
		shown.Reset()
		if err := (&queuePeek{Name: name, Max: max}).show(t.Context(), c, out); err != nil {
			t.Fatal(err)
		}
		return shown.String()
	}
	c.Resources = map[string]string{"DeadQueue": *dead}
	for _, name := range []string{"dead", "DeadQueue", *dead} {
		if got := look(name, 10); !strings.Contains(got, "\n  one\n") || !strings.Contains(got, "\n  two\n  lines\n") || strings.Count(got, "received 0 times") != 2 {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := look("dead", 1); strings.Contains(got, "two") {
		t.Error(got)
	}
	shown.Reset()
	var first app.QueueMessage
	if err := (&queuePeek{Name: "dead", Max: 1, JSON: true}).show(t.Context(), c, out); err != nil || json.Unmarshal(shown.Bytes(), &first) != nil || first.Body != "one" || first.State != "ready" {
		t.Errorf("%s %v", shown.String(), err)
	}
	if url, err := c.queueURL(t.Context(), "dead"); err != nil || *url != *dead {
		t.Errorf("%v %v", url, err)
	}
	if rows, err := c.queueTable(t.Context()); err != nil || len(rows) != 3 || strings.Join(rows[1], " ") != "dead 2 0 0" {
		t.Errorf("%v %v", rows, err)
	}
	shown.Reset()
	if err := (&queueRedrive{Name: "dead", To: "work"}).move(t.Context(), c, out); err != nil || !strings.HasSuffix(shown.String(), "moved 2 of 2\n") {
		t.Errorf("%s %v", shown.String(), err)
	}
	if got := look("dead", 10); got != "the queue is empty\n" {
		t.Error(got)
	}
	if got := look("work", 10); !strings.Contains(got, "one") {
		t.Error(got)
	}
	if err := (&queueRedrive{Name: "work"}).move(t.Context(), c, out); !cloud.IsCode(err, "InvalidParameterValueException") && !cloud.IsCode(err, "InvalidParameterValue") {
		t.Errorf("%v", err)
	}
	if err := (&queuePeek{Name: "none", Max: 1}).show(t.Context(), c, out); err == nil {
		t.Error("a queue that is not there was shown")
	}
}
