package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"sundog/api/sqs"
)

// fullQueue measures a queue with very many messages beside an empty one on the same platform. It is asked for in relaxed mode only: what it shows
// does not depend on the mode.
func (b *bench) fullQueue() error {
	dir, err := os.MkdirTemp(b.scratch, "full-")
	if err != nil {
		return err
	}
	p, _, err := b.serveIn(dir, "relaxed", unsandboxed)
	if err != nil {
		return err
	}
	defer func() { p.stop() }()
	name := "a queue of " + thousands(float64(b.backlog)) + " messages: "
	full, err := p.createQueue("full")
	if err != nil {
		return err
	}
	o, err := p.fill(full, b.backlog)
	if err != nil {
		return err
	}
	b.table.put(name+"filling, messages", p.mode, "%s", o)
	if err := b.compare(p, name, full); err != nil {
		return err
	}
	if err := b.weigh(name+"memory (RSS)", p); err != nil {
		return err
	}
	b.table.budget(name+"memory (RSS)", "300 MB")
	b.table.note("The other tools keep messages in memory and are not asked for %s of them, nor for %s polls at once.", thousands(float64(b.backlog)), thousands(pollers))
	p.stop()
	if p, err = b.restarted(name, dir, full); err != nil {
		return err
	}
	return b.weigh(name+"memory after a restart", p)
}

// fill sends a number of messages, in batches.
func (p *platform) fill(queue string, n int) (outcome, error) {
	requests, err := p.batches(queue)
	if err != nil {
		return outcome{}, err
	}
	var sent atomic.Int64
	o := drive(p.address, connections, 14*time.Minute, func(c *conn) error { // the signatures hold 15
		i := sent.Add(1) - 1
		if i >= int64(n/batchSize) {
			return errEnough
		}
		_, err := c.ask(requests[i%int64(len(requests))], false)
		return err
	})
	if o.failed > 0 || o.count < n/batchSize {
		return o, fmt.Errorf("filling: %d of %d batches were sent, %d failed: %s", o.count, n/batchSize, o.failed, o.first)
	}
	o.rate *= batchSize
	return o, nil
}

// compare measures the full queue beside an empty one.
func (b *bench) compare(p *platform, name, full string) error {
	empty, err := p.createQueue("empty")
	if err != nil {
		return err
	}
	for _, row := range []struct {
		what    string
		measure func(*platform, string) (outcome, error)
	}{{rowSend, b.send}, {rowCycle, b.cycles}} {
		e, err := row.measure(p, empty)
		if err != nil {
			return err
		}
		f, err := row.measure(p, full)
		if err != nil {
			return err
		}
		b.table.put(name+row.what, p.mode, "%s; an empty one %s", f, e)
		if _, err := call[sqs.PurgeQueueOutput](p, sqs.PurgeQueueOp, &sqs.PurgeQueueInput{QueueUrl: &empty}); err != nil && row.what == rowSend {
			return err
		}
	}
	return nil
}

// weigh tells the process's memory, at most during its life and now.
func (b *bench) weigh(what string, p *platform) error {
	text, err := resident(p.process.Process.Pid)
	if err != nil {
		return err
	}
	b.table.put(what, p.mode, "%s", text)
	return nil
}

// restarted starts the platform again, and measures until it gives a message of the full queue.
func (b *bench) restarted(name, dir, full string) (*platform, error) {
	p, took, err := b.serveIn(dir, "relaxed", unsandboxed)
	if err != nil {
		return nil, err
	}
	request, err := p.request(sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{QueueUrl: &full}, nil)
	if err != nil {
		return p, err
	}
	c, err := dial(p.address)
	if err != nil {
		return p, err
	}
	defer func() { _ = c.Close() }()
	start := time.Now()
	if _, err := c.ask(request, false); err != nil {
		return p, err
	}
	b.table.put(name+rowStart, p.mode, "%s; its first message %s later", short(took), short(time.Since(start)))
	return p, nil
}
