package main

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sundog/api/sqs"
)

const (
	pollers    = 10_000
	pollQueues = 100
	pollWait   = 20 * time.Second // the longest that AWS has
	rowPolls   = "10,000 idle long polls, of one processor"
	rowPollRSS = "10,000 idle long polls, memory (RSS)"
)

// polls measures what a platform does while very many receivers wait at empty queues, each asking anew when its 20 seconds are over.
func (b *bench) polls() error {
	p, err := b.serve("relaxed")
	if err != nil {
		return err
	}
	defer p.stop()
	requests := make([][]byte, pollQueues)
	for i := range requests {
		queue, err := p.createQueue("poll-" + strconv.Itoa(i))
		if err != nil {
			return err
		}
		if requests[i], err = p.request(sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{QueueUrl: &queue, WaitTimeSeconds: new(int32(pollWait / time.Second))}, nil); err != nil {
			return err
		}
	}
	var all sync.WaitGroup
	defer all.Wait()
	w := waiting{stop: make(chan struct{})}
	defer close(w.stop)
	begun := time.Now()
	for i := range pollers {
		c, err := dial(p.address)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		all.Go(func() { w.poll(c, requests[i%pollQueues]) })
	}
	progress("%d polls begun in %v", pollers, time.Since(begun).Round(time.Millisecond))
	time.Sleep(time.Second)
	quiet := p.busy(begun.Add(pollWait - time.Second))
	if err := b.weigh(rowPollRSS, p); err != nil {
		return err
	}
	again := p.busy(time.Now().Add(pollWait))
	if n := w.failed.Load(); n > 0 {
		return fmt.Errorf("%d polls failed", n)
	}
	b.table.put(rowPolls, p.mode, "%.2f%% while they wait, %.2f%% with each asking anew every %v (%d answers)", quiet, again, pollWait, w.answers.Load())
	return nil
}

// waiting counts what came of polls.
type waiting struct {
	stop            chan struct{}
	answers, failed atomic.Int64
}

// poll asks again and again until it is stopped.
func (w *waiting) poll(c *conn, request []byte) {
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-w.stop:
		case <-ended:
		}
		_ = c.Close()
	}()
	for {
		_, err := c.ask(request, false)
		select {
		case <-w.stop:
			return
		default:
		}
		if err != nil {
			w.failed.Add(1)
			return
		}
		w.answers.Add(1)
	}
}

// busy gives the processor time that the platform takes until a moment, in per cent of one processor.
func (p *platform) busy(until time.Time) float64 {
	pid, start := p.process.Process.Pid, time.Now()
	before := ownTime(pid, false)
	time.Sleep(time.Until(until))
	return 100 * float64(ownTime(pid, false)-before) / float64(time.Since(start))
}
