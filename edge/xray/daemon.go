// Package xray is the X-Ray daemon that SDKs send to: segment documents in UDP datagrams, and questions for sampling rules in HTTP requests on
// the same port (X-Ray Developer Guide, "Sending trace data to X-Ray" and "Configuring the AWS X-Ray daemon"). It hands both to the xray service
// through the platform's Caller. What it gets is never trusted: a malformed datagram is counted and logged.
package xray

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sundog/cloud"
)

const (
	maxDatagram = 64 << 10 // bytes; UDP carries no more
	queueLength = 1024     // documents that wait; what comes on top is dropped and counted
	batchLength = 50       // documents in one call, as the daemon sends them
	batchDelay  = 50 * time.Millisecond
	callTimeout = 30 * time.Second
	readBuffer  = 1 << 20 // bytes that the kernel keeps for us
)

// Options are what a daemon stands on.
type Options struct {
	Addr   string       // host:port to listen on; port 0 takes a free one
	Caller cloud.Caller // bound before the first datagram
	Scope  cloud.Scope  // where segments go: what sends them does not say
	Log    *slog.Logger
}

// Stats count what came in.
type Stats struct {
	Received  int64 // datagrams
	Malformed int64 // datagrams that are no document
	Dropped   int64 // documents that came too fast, or that the service could not keep
	Rejected  int64 // documents that the service found wrong
}

// Daemon listens until Close.
type Daemon struct {
	o      Options
	udp    net.PacketConn
	web    *http.Server
	queue  chan string
	ctx    context.Context // ends after the last batch
	cancel context.CancelFunc
	work   sync.WaitGroup
	once   sync.Once
	gate   sync.RWMutex // of Take against Close
	closed bool

	received, malformed, dropped, rejected atomic.Int64
}

// Listen starts a daemon. The caller closes it.
func Listen(o Options) (*Daemon, error) {
	tcp, udp, err := listen(o.Addr)
	if err != nil {
		return nil, err
	}
	d := &Daemon{o: o, udp: udp, queue: make(chan string, queueLength)}
	d.ctx, d.cancel = context.WithCancel(cloud.WithCall(context.Background(), cloud.Call{Scope: o.Scope, Secure: true}))
	d.web = &http.Server{Handler: proxy{d}, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	d.work.Add(3)
	go d.serve(tcp)
	go d.read()
	go d.send()
	return d, nil
}

// listen opens both sockets on one port. With port 0 the port that is free for TCP may be taken for UDP, so that it tries a few.
func listen(addr string) (net.Listener, net.PacketConn, error) {
	var failed error
	for range 10 {
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, nil, fmt.Errorf("the X-Ray daemon cannot listen: %w", err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err == nil {
			if c, ok := udp.(*net.UDPConn); ok {
				_ = c.SetReadBuffer(readBuffer) // a smaller one only drops more under load
			}
			return tcp, udp, nil
		}
		failed = errors.Join(err, tcp.Close())
		if _, port, err := net.SplitHostPort(addr); err != nil || port != strconv.Itoa(0) {
			break
		}
	}
	return nil, nil, fmt.Errorf("the X-Ray daemon cannot listen: %w", failed)
}

// Addr gives host:port, for the variable AWS_XRAY_DAEMON_ADDRESS of functions.
func (d *Daemon) Addr() string { return d.udp.LocalAddr().String() }

// Stats gives the counts so far. It may be called at any time.
func (d *Daemon) Stats() Stats {
	return Stats{Received: d.received.Load(), Malformed: d.malformed.Load(), Dropped: d.dropped.Load(), Rejected: d.rejected.Load()}
}

// Close stops listening, hands over what came before, and waits. Closing again does nothing.
func (d *Daemon) Close() error {
	var err error
	d.once.Do(func() {
		d.gate.Lock()
		d.closed = true
		d.gate.Unlock()
		err = errors.Join(d.udp.Close(), d.web.Close())
		d.work.Wait()
		d.cancel()
	})
	return err
}

func (d *Daemon) serve(l net.Listener) {
	defer d.work.Done()
	if err := d.web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		d.o.Log.Error("the X-Ray daemon stopped answering", "error", err)
	}
}

// read takes datagrams until the socket is closed.
func (d *Daemon) read() {
	defer d.work.Done()
	defer close(d.queue)
	buf := make([]byte, maxDatagram)
	for {
		n, _, err := d.udp.ReadFrom(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			d.o.Log.Warn("the X-Ray daemon could not read a datagram", "error", err)
			continue
		}
		d.take(buf[:n])
	}
}

// Take takes a datagram that came in elsewhere: by the socket of a function's sandbox. After Close it does nothing. It keeps nothing of b.
func (d *Daemon) Take(b []byte) {
	d.gate.RLock()
	defer d.gate.RUnlock()
	if !d.closed {
		d.take(b)
	}
}

func (d *Daemon) take(b []byte) {
	d.received.Add(1)
	doc, err := document(b)
	if err != nil {
		d.note(d.malformed.Add(1), "the X-Ray daemon got a malformed datagram", "error", err)
		return
	}
	select {
	case d.queue <- doc:
	default:
		d.note(d.dropped.Add(1), "the X-Ray daemon drops segments: they come too fast")
	}
}

// ServeHTTP answers what SDKs ask the daemon for, on a connection that came in elsewhere.
func (d *Daemon) ServeHTTP(w http.ResponseWriter, r *http.Request) { proxy{d}.ServeHTTP(w, r) }

// note logs the first, second, fourth, eighth ... of what may come often.
func (d *Daemon) note(n int64, message string, args ...any) {
	if n&(n-1) == 0 {
		d.o.Log.Warn(message, append(args, "count", n)...)
	}
}

// document takes the segment document out of a datagram: a header line, then the document.
func document(datagram []byte) (string, error) {
	head, body, ok := bytes.Cut(datagram, []byte{'\n'})
	if !ok {
		return "", errors.New("it has no header line")
	}
	var h struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(head, &h); err != nil || h.Format != "json" || h.Version != 1 {
		return "", errors.New(`its header is not {"format":"json","version":1}`)
	}
	if body = bytes.TrimSpace(body); len(body) == 0 || body[0] != '{' || !json.Valid(body) {
		return "", errors.New("its document is no JSON object")
	}
	return string(body), nil
}

// send hands documents over in batches until the queue is closed and empty.
func (d *Daemon) send() {
	defer d.work.Done()
	for doc := range d.queue {
		d.put(d.gather(doc))
	}
}

func (d *Daemon) gather(first string) []string {
	batch := []string{first}
	timer := time.NewTimer(batchDelay)
	defer timer.Stop()
	for len(batch) < batchLength {
		select {
		case doc, ok := <-d.queue:
			if !ok {
				return batch
			}
			batch = append(batch, doc)
		case <-timer.C:
			return batch
		}
	}
	return batch
}

func (d *Daemon) put(batch []string) {
	out, err := d.call("PutTraceSegments", map[string]any{"TraceSegmentDocuments": batch})
	if err != nil {
		d.dropped.Add(int64(len(batch)))
		d.o.Log.Error("the X-Ray daemon could not hand segments over", "segments", len(batch), "error", err)
		return
	}
	var reply struct {
		UnprocessedTraceSegments []struct{ Id, ErrorCode, Message string }
	}
	if err := json.Unmarshal(out, &reply); err != nil {
		d.o.Log.Error("the X-Ray daemon did not understand the service", "error", err)
		return
	}
	for _, u := range reply.UnprocessedTraceSegments {
		d.note(d.rejected.Add(1), "a segment was rejected", "id", u.Id, "code", u.ErrorCode, "message", u.Message)
	}
}

// call asks the xray service as the account.
func (d *Daemon) call(op string, in any) (json.RawMessage, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(d.ctx, callTimeout)
	defer cancel()
	reply, err := d.o.Caller.Call(ctx, cloud.RootOf(d.o.Scope.Account), "xray", op, b, nil)
	return reply.Out, err
}
