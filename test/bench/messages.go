package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"sundog/api/sqs"
)

// rowsOfQueues are what is measured of queues, on platforms and other tools alike.
var rowsOfQueues = []struct {
	what    string
	measure func(b *bench, p *platform) (outcome, error)
}{
	{rowSend, func(b *bench, p *platform) (outcome, error) {
		queue, err := p.createQueue("bench")
		if err != nil {
			return outcome{}, err
		}
		return b.send(p, queue)
	}},
	{rowBatch, func(b *bench, p *platform) (outcome, error) {
		queue, err := p.createQueue("bench-batch")
		if err != nil {
			return outcome{}, err
		}
		requests, err := p.batches(queue)
		if err != nil {
			return outcome{}, err
		}
		o := load(p.address, requests, connections, b.duration)
		o.rate *= batchSize
		return o, nil
	}},
	{rowCycle, func(b *bench, p *platform) (outcome, error) {
		queue, err := p.createQueue("bench-cycle")
		if err != nil {
			return outcome{}, err
		}
		return b.cycles(p, queue)
	}},
}

const (
	rowSend   = "SendMessage"
	rowBatch  = "SendMessageBatch, messages"
	rowCycle  = "send, receive and delete a message"
	batchSize = 10
)

// queues measures messages.
func (b *bench) queues(all []*platform) error {
	for _, row := range rowsOfQueues {
		for _, p := range all {
			before := p.cost()
			o, err := row.measure(b, p)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", row.what, p.mode, err)
			}
			b.cell(row.what, p, "%s; %s", o, p.cost().since(before).each(o.count))
		}
	}
	return nil
}

// cell fills in what was measured of a platform, or of another tool.
func (b *bench) cell(what string, p *platform, format string, args ...any) {
	if !p.other {
		b.table.put(what, p.mode, format, args...)
		return
	}
	b.add(what, p.mode+" "+format, args...)
}

// cost is the processor time that the process has taken so far.
func (p *platform) cost() spent { return spentBy(p.process.Process.Pid) }

func (p *platform) createQueue(name string) (url string, err error) {
	out, err := call[sqs.CreateQueueOutput](p, sqs.CreateQueueOp, &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		return "", err
	}
	return *out.QueueUrl, nil
}

var messageText = strings.Repeat(" message", 12)

// sends signs requests that send one message each.
func (p *platform) sends(queue string) ([][]byte, error) {
	return p.requests(operation{op: sqs.SendMessageOp, in: func(_ *platform, k string) any {
		return &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: new(k + messageText)}
	}})
}

// batches signs requests that send ten messages each.
func (p *platform) batches(queue string) ([][]byte, error) {
	return p.requests(operation{op: sqs.SendMessageBatchOp, keys: 256, in: func(_ *platform, k string) any {
		in := &sqs.SendMessageBatchInput{QueueUrl: &queue}
		for i := range batchSize {
			in.Entries = append(in.Entries, sqs.SendMessageBatchRequestEntry{Id: new(strconv.Itoa(i)), MessageBody: new(k + messageText)})
		}
		return in
	}})
}

func (b *bench) send(p *platform, queue string) (outcome, error) {
	requests, err := p.sends(queue)
	if err != nil {
		return outcome{}, err
	}
	return load(p.address, requests, connections, b.duration), nil
}

var errNothing = errors.New("a receive gave nothing, though each connection sends before it receives")

// cycles sends a message, receives one and deletes it, on each connection again and again.
func (b *bench) cycles(p *platform, queue string) (outcome, error) {
	sends, err := p.sends(queue)
	if err != nil {
		return outcome{}, err
	}
	receive, err := p.request(sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{QueueUrl: &queue}, nil)
	if err != nil {
		return outcome{}, err
	}
	var next atomic.Int64
	return drive(p.address, connections, b.duration, func(c *conn) error {
		if _, err := c.ask(sends[int(next.Add(1)-1)%len(sends)], false); err != nil {
			return err
		}
		body, err := c.ask(receive, true)
		if err != nil {
			return err
		}
		handle, ok := receipt(body)
		if !ok {
			return errNothing
		}
		remove, err := p.request(sqs.DeleteMessageOp, &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: &handle}, nil)
		if err != nil {
			return err
		}
		_, err = c.ask(remove, false)
		return err
	}), nil
}

// receipt finds the first receipt handle in an answer of the JSON protocol; no tool writes one that needs escapes.
func receipt(body []byte) (string, bool) {
	_, rest, ok := bytes.Cut(body, []byte(`"ReceiptHandle"`))
	if !ok {
		return "", false
	}
	_, rest, _ = bytes.Cut(rest, []byte{'"'})
	handle, _, ok := bytes.Cut(rest, []byte{'"'})
	return string(handle), ok
}
