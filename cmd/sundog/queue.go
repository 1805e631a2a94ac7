package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"sundog/api/sqs"
	"sundog/app"
)

type queueCommand struct {
	List    queueList    `cmd:"" help:"List the queues with their counts."`
	Peek    queuePeek    `cmd:"" help:"Show a queue's messages; nothing is received, nothing counted."`
	Redrive queueRedrive `cmd:"" help:"Move the messages of a dead letter queue back to where they came from."`
	Purge   queuePurge   `cmd:"" help:"Delete all messages of a queue."`
}

type queueList struct{ platform }

// Run prints the table that `sundog status` has too.
func (c *queueList) Run(ctx context.Context) error {
	conn, err := c.connect()
	if err != nil {
		return err
	}
	rows, err := conn.queueTable(ctx)
	if err != nil {
		return err
	}
	out := newScreen(os.Stdout)
	if rows == nil {
		out.line("there are no queues")
		return nil
	}
	out.table(rows)
	return nil
}

type queuePurge struct {
	platform
	Name string `arg:"" help:"The queue's name, or its logical id in the stack."`
}

// Run deletes the messages.
func (c *queuePurge) Run(ctx context.Context) error {
	conn, err := c.connect()
	if err != nil {
		return err
	}
	url, err := conn.queueURL(ctx, c.Name)
	if err != nil {
		return err
	}
	return conn.client.Call(ctx, sqs.PurgeQueueOp, &sqs.PurgeQueueInput{QueueUrl: url}, &sqs.PurgeQueueOutput{})
}

// queueURL finds a queue's URL.
func (c *connection) queueURL(ctx context.Context, name string) (*string, error) {
	var out sqs.GetQueueUrlOutput
	err := c.client.Call(ctx, sqs.GetQueueUrlOp, &sqs.GetQueueUrlInput{QueueName: new(c.queueName(name))}, &out)
	return out.QueueUrl, err
}

type queuePeek struct {
	platform
	Name string `arg:"" help:"The queue's name, or its logical id in the stack."`
	Max  int    `default:"10" help:"How many messages, the oldest first; at most 1000."`
	JSON bool   `name:"json" help:"Print whole messages, one JSON object a line."`
}

// Run prints the messages.
func (c *queuePeek) Run(ctx context.Context) error {
	conn, err := c.connect()
	if err != nil {
		return err
	}
	return c.show(ctx, conn, newScreen(os.Stdout))
}

// maxExcerpt is how much of a body is shown, in characters; --json has it whole.
const maxExcerpt = 1000

func (c *queuePeek) show(ctx context.Context, conn *connection, out *screen) error {
	q := url.Values{"name": {conn.queueName(c.Name)}, "account": {conn.Account}, "region": {conn.Region}, "max": {fmt.Sprint(c.Max)}}
	var list []app.QueueMessage
	if err := conn.admin(ctx, "GET", "queue?"+q.Encode(), nil, &list); err != nil {
		return err
	}
	if c.JSON {
		for _, m := range list {
			b, err := json.Marshal(m)
			if err != nil {
				return err
			}
			out.line("%s", b)
		}
		return nil
	}
	if len(list) == 0 {
		out.line("the queue is empty")
		return nil
	}
	var clock app.ClockState
	if err := conn.admin(ctx, "GET", "clock", nil, &clock); err != nil {
		return err
	}
	for _, m := range list {
		head := []string{m.ID, m.State}
		if !m.Visible.IsZero() {
			head = append(head, "for another "+m.Visible.Sub(clock.Now).Round(time.Second).String())
		}
		head = append(head, fmt.Sprintf("received %d times", m.Receives), "sent "+clock.Now.Sub(m.Sent).Round(time.Second).String()+" ago")
		if m.Group != "" {
			head = append(head, "group "+m.Group)
		}
		out.line("%s", out.paint(dim, strings.Join(head, "  ")))
		for _, k := range sortedKeys(m.Attributes) {
			out.line("  %s", out.paint(dim, k+": "+m.Attributes[k]))
		}
		out.line("  %s", strings.ReplaceAll(excerpt(strings.TrimRight(m.Body, "\n")), "\n", "\n  "))
	}
	return nil
}

// excerpt cuts a long body.
func excerpt(body string) string {
	runes := []rune(body)
	if len(runes) <= maxExcerpt {
		return body
	}
	return fmt.Sprintf("%s... (%d characters more)", string(runes[:maxExcerpt]), len(runes)-maxExcerpt)
}

func sortedKeys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// queueName takes the name out of a URL, an ARN, or what a logical id stands for.
func (c *connection) queueName(s string) string {
	if physical, ok := c.Resources[s]; ok {
		s = physical
	}
	return s[strings.LastIndexAny(s, "/:")+1:]
}

type queueRedrive struct {
	platform
	Name string `arg:"" help:"The dead letter queue's name, or its logical id in the stack."`
	To   string `help:"Move to this queue instead of where each message came from."`
	Rate int32  `help:"Messages a second, 1 to 500; default: as fast as it goes."`
}

// Run starts a move and shows its progress until it ends. Interrupted, it leaves the move running.
func (c *queueRedrive) Run(ctx context.Context) error {
	conn, err := c.connect()
	if err != nil {
		return err
	}
	return c.move(ctx, conn, newScreen(os.Stdout))
}

func (c *queueRedrive) move(ctx context.Context, conn *connection, out *screen) error {
	arn := func(name string) *string {
		return new("arn:aws:sqs:" + conn.Region + ":" + conn.Account + ":" + conn.queueName(name))
	}
	in := &sqs.StartMessageMoveTaskInput{SourceArn: arn(c.Name)}
	if c.To != "" {
		in.DestinationArn = arn(c.To)
	}
	if c.Rate != 0 {
		in.MaxNumberOfMessagesPerSecond = &c.Rate
	}
	if err := conn.client.Call(ctx, sqs.StartMessageMoveTaskOp, in, &sqs.StartMessageMoveTaskOutput{}); err != nil {
		return err
	}
	return conn.followMove(ctx, out, in.SourceArn)
}

const moveInterval = 200 * time.Millisecond

// followMove shows the newest move of a queue until it is over.
func (c *connection) followMove(ctx context.Context, out *screen, source *string) error {
	shown := int64(-1)
	for {
		var list sqs.ListMessageMoveTasksOutput
		if err := c.client.Call(ctx, sqs.ListMessageMoveTasksOp, &sqs.ListMessageMoveTasksInput{SourceArn: source, MaxResults: new(int32(1))}, &list); err != nil {
			return err
		}
		if len(list.Results) == 0 {
			return errors.New("the platform does not know the move that it began")
		}
		t := list.Results[0]
		if moved := *t.ApproximateNumberOfMessagesMoved; moved != shown {
			shown = moved
			of := ""
			if t.ApproximateNumberOfMessagesToMove != nil {
				of = fmt.Sprintf(" of %d", *t.ApproximateNumberOfMessagesToMove)
			}
			out.line("moved %d%s", moved, of)
		}
		switch value(t.Status) {
		case "COMPLETED":
			return nil
		case "RUNNING", "CANCELLING":
		default:
			return fmt.Errorf("the move has ended as %s: %s", value(t.Status), value(t.FailureReason))
		}
		select {
		case <-time.After(moveInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// queueTable lists the queues with their counts; nil when there are none.
func (c *connection) queueTable(ctx context.Context) ([][]string, error) {
	rows := [][]string{{"queue", "ready", "in flight", "delayed"}}
	in := &sqs.ListQueuesInput{MaxResults: new(int32(100))}
	for {
		var page sqs.ListQueuesOutput
		if err := c.client.Call(ctx, sqs.ListQueuesOp, in, &page); err != nil {
			return nil, err
		}
		for _, u := range page.QueueUrls {
			var a sqs.GetQueueAttributesOutput
			if err := c.client.Call(ctx, sqs.GetQueueAttributesOp, &sqs.GetQueueAttributesInput{QueueUrl: &u, AttributeNames: []string{"All"}}, &a); err != nil {
				return nil, err
			}
			n := a.Attributes
			rows = append(rows, []string{
				c.queueName(u), n["ApproximateNumberOfMessages"], n["ApproximateNumberOfMessagesNotVisible"], n["ApproximateNumberOfMessagesDelayed"],
			})
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	if len(rows) == 1 {
		return nil, nil
	}
	return rows, nil
}
