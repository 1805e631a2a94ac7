package runtimeapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	postTimeout = 10 * time.Second
	postTries   = 4
	postPause   = 100 * time.Millisecond // before the second try; the next ones wait longer
	heldBatches = 4                      // how much more than one batch is held for a slow subscriber
)

// subscription is one extension's wish for events, and what is held for it.
type subscription struct {
	hub                *hub
	name, schema       string
	logs               bool // of the Logs API
	types              []string
	uri, port, method  string // uri "": TCP
	maxItems, maxBytes int
	timeout            time.Duration
	wake               chan struct{}
	stop               chan struct{} // closed when another takes its place
	conn               net.Conn      // of TCP

	mu       sync.Mutex
	held     [][]byte
	size     int
	urgent   bool
	lost     int
	lostSize int
}

// take holds an event for the next batch, or counts it as lost when too much is held.
func (b *subscription) take(e event) {
	line := b.record(e)
	if line == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size+len(line) > heldBatches*b.maxBytes {
		b.lost++
		b.lostSize += len(line)
		return
	}
	b.held = append(b.held, line)
	b.size += len(line)
	if len(b.held) == 1 || b.full() {
		b.nudge()
	}
}

func (b *subscription) full() bool {
	return len(b.held) >= b.maxItems || b.size >= b.maxBytes || b.urgent && len(b.held) > 0
}

func (b *subscription) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// hurry makes the subscription send without waiting for more, now and from now on.
func (b *subscription) hurry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.urgent = true
	b.nudge()
}

// run sends batches until the environment, or the subscription, ends.
func (b *subscription) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-b.hub.done:
		case <-b.stop:
		case <-ctx.Done():
		}
		cancel()
	}()
	client := &http.Client{Transport: &http.Transport{
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return b.hub.s.o.Dial(ctx, b.port) },
		MaxIdleConns:    1,
		IdleConnTimeout: time.Minute,
	}}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		batch := b.batch(ctx)
		if b.deliver(ctx, client, batch) == nil {
			batch = nil
		}
		b.drop(batch)
	}
	if b.conn != nil {
		_ = b.conn.Close()
	}
}

// batch waits for the next batch: a full one, or what came in the time after its first event. nil: it is over.
func (b *subscription) batch(ctx context.Context) [][]byte {
	var timer *time.Timer
	var late <-chan time.Time
	for {
		b.mu.Lock()
		if b.full() {
			batch := b.cut()
			b.mu.Unlock()
			return batch
		}
		if len(b.held) > 0 && timer == nil {
			timer = time.NewTimer(b.timeout)
			defer timer.Stop()
			late = timer.C
		}
		b.mu.Unlock()
		select {
		case <-b.wake:
		case <-late:
			b.mu.Lock()
			batch := b.cut()
			b.mu.Unlock()
			return batch
		case <-ctx.Done():
			return nil
		}
	}
}

// cut takes one batch from what is held; the lock is held.
func (b *subscription) cut() [][]byte {
	n, size := 0, 0
	for n < len(b.held) && n < b.maxItems && (n == 0 || size+len(b.held[n]) <= b.maxBytes) {
		size += len(b.held[n])
		n++
	}
	batch := b.held[:n:n]
	b.held, b.size = b.held[n:], b.size-size
	return batch
}

// drop counts a batch as lost, and tells the subscriber, with the next one, what was lost.
func (b *subscription) drop(batch [][]byte) {
	b.mu.Lock()
	for _, line := range batch {
		b.lost++
		b.lostSize += len(line)
	}
	lost, size := b.lost, b.lostSize
	b.lost, b.lostSize = 0, 0
	b.mu.Unlock()
	if lost == 0 {
		return
	}
	b.take(event{at: b.hub.s.o.Clock.Now(), stream: "platform", kind: "logsDropped", fields: map[string]any{
		"reason": "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.", "droppedRecords": lost, "droppedBytes": size,
	}})
}

func (b *subscription) deliver(ctx context.Context, client *http.Client, batch [][]byte) error {
	pause := postPause
	for try := 1; ; try++ {
		err := b.send(ctx, client, batch)
		if err == nil || try == postTries {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		}
		pause *= 2
	}
}

func (b *subscription) send(ctx context.Context, client *http.Client, batch [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	if b.uri == "" {
		return b.sendTCP(ctx, batch)
	}
	body := append(append([]byte{'['}, bytes.Join(batch, []byte{','})...), ']')
	req, err := http.NewRequestWithContext(ctx, b.method, b.uri, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection is used again
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("runtimeapi: the subscriber answered %s", res.Status)
	}
	return nil
}

// sendTCP writes one JSON text a line.
func (b *subscription) sendTCP(ctx context.Context, batch [][]byte) error {
	if b.conn == nil {
		conn, err := b.hub.s.o.Dial(ctx, b.port)
		if err != nil {
			return err
		}
		b.conn = conn
	}
	conn := b.conn
	unblock := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) }) // a closed connection shows at the write
	_, err := conn.Write(append(bytes.Join(batch, []byte{'\n'}), '\n'))
	if !unblock() {
		err = errors.Join(err, ctx.Err())
	}
	if err != nil {
		_ = b.conn.Close()
		b.conn = nil
	}
	return err
}
