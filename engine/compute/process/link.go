package process

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/runtimeapi"
	"sundog/engine/compute/runtimes"
)

// link is how an environment's program is spoken to. The methods are for one call at a time. An answer with fatal set, or !ok from load, leaves
// the environment unusable; errEnded as the text of an empty answer says that the program has ended, whose status tells the rest.
type link interface {
	// load hands over the function and waits until its init is over; ok when it succeeded.
	load(cfg runtimes.InitConfig, limit time.Duration) (a answer, ok bool, err error)
	// invoke waits for the answer for at most wait.
	invoke(i *compute.Invocation, arn, trace string, deadline time.Time, wait time.Duration) (answer, error)
}

// Errors of a link: why there is no answer.
var (
	errDeadline = errors.New("deadline")
	errEnded    = errors.New("ended")
)

// installTime is how much longer an environment may take, in all, for the SDKs that are installed for it.
const installTime = 10 * time.Minute

// frames speaks to an embedded runtime over its socket, on which the function's own code can write, too.
type frames struct {
	conn     net.Conn
	r        *runtimes.Reader
	out      *output
	clock    cloud.Clock
	sdk      func(runtimes.SDKRequest)
	offered  runtimes.SDK  // what the runtime may ask for
	extra    time.Duration // what is left of installTime
	deadline time.Time     // of the socket
	buf      []byte
	sent     chan struct{} // closed when a long invocation has been written; nil: it was short
}

func newFrames(conn net.Conn, out *output, clock cloud.Clock, sdk func(runtimes.SDKRequest)) *frames {
	return &frames{conn: conn, r: runtimes.NewReader(conn, runtimes.MaxFrame), out: out, clock: clock, sdk: sdk, extra: installTime}
}

func (f *frames) load(cfg runtimes.InitConfig, limit time.Duration) (answer, bool, error) {
	body, err := json.Marshal(cfg)
	if err != nil {
		return answer{}, false, err
	}
	f.offered = cfg.SDKKind
	f.until(f.clock.Wall().Add(limit))
	if _, err := f.conn.Write(runtimes.AppendFrame(nil, runtimes.KindInit, body)); err != nil {
		return answer{}, false, f.reason(err)
	}
	for {
		kind, body, err := f.next()
		if err != nil {
			return answer{}, false, f.reason(err)
		}
		switch kind {
		case runtimes.KindReady:
			return answer{}, true, nil
		case runtimes.KindInitError, runtimes.KindFatal:
			return reported(compute.Init, body, true), false, nil
		}
	}
}

// until sets the deadline of the socket.
func (f *frames) until(deadline time.Time) {
	f.deadline = deadline
	_ = f.conn.SetDeadline(deadline) // a closed socket shows at the next read
}

// reason says which of the two ends a failed read or write was.
func (f *frames) reason(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errDeadline
	}
	return errEnded
}

// next gives the next frame that is no log or output, which it passes on; it sees to SDK requests.
func (f *frames) next() (kind byte, body []byte, err error) {
	for {
		kind, body, err = f.r.Next()
		if err != nil {
			return 0, nil, err
		}
		switch kind {
		case runtimes.KindLog:
			if len(body) > 0 {
				f.out.framed(runtimes.Level(body[0]), body[1:])
			}
		case runtimes.KindOutput:
			f.out.write(body)
		case runtimes.KindSDK:
			f.provide(body)
		case runtimes.KindHello, runtimes.KindPong:
		default:
			return kind, body, nil
		}
	}
}

// provide has an SDK installed that was offered. The time that it takes does not count, but there is an end of it: frames that have been read already come
// after the deadline, too.
func (f *frames) provide(body []byte) {
	var req runtimes.SDKRequest
	start := f.clock.Wall()
	if json.Unmarshal(body, &req) != nil || req.Kind == "" || req.Kind != f.offered || f.extra <= 0 || !start.Before(f.deadline) {
		return
	}
	f.sdk(req)
	took := min(f.clock.Wall().Sub(start), f.extra)
	f.extra -= took
	f.until(f.deadline.Add(took))
}

// small is what the socket's buffer takes whatever the runtime does; more is written beside the reading.
const small = 32 << 10

func (f *frames) send(i *compute.Invocation, arn, trace string, deadline time.Time) error {
	f.buf = runtimes.AppendInvoke(f.buf[:0], *i, arn, trace, deadline.UnixMilli())
	if len(f.buf) <= small {
		_, err := f.conn.Write(f.buf)
		return err
	}
	big, sent := f.buf, make(chan struct{})
	f.buf, f.sent = nil, sent
	go func() {
		defer close(sent)
		_, _ = f.conn.Write(big) // a failure shows at the reading end
	}()
	return nil
}

// taken tells whether the runtime has taken the whole invocation. Who answers what it has not read would leave one writer after another here.
func (f *frames) taken() bool {
	sent := f.sent
	if f.sent = nil; sent == nil {
		return true
	}
	timer := time.NewTimer(exitGrace)
	defer timer.Stop()
	select {
	case <-sent:
		return true
	case <-timer.C:
		f.until(time.Unix(1, 0))
		return false
	}
}

func (f *frames) invoke(i *compute.Invocation, arn, trace string, deadline time.Time, wait time.Duration) (answer, error) {
	a, err := f.exchange(i, arn, trace, deadline, wait)
	if err == nil && !f.taken() {
		a.fatal = true
	}
	return a, err
}

func (f *frames) exchange(i *compute.Invocation, arn, trace string, deadline time.Time, wait time.Duration) (answer, error) {
	f.until(f.clock.Wall().Add(wait))
	if err := f.send(i, arn, trace, deadline); err != nil {
		return answer{}, f.reason(err)
	}
	var stream streamed
	for {
		kind, body, err := f.next()
		if errors.Is(err, runtimes.ErrTooLong) {
			return tooLarge(), nil
		}
		if err != nil {
			return answer{}, f.reason(err)
		}
		switch kind {
		case runtimes.KindResult:
			if len(body) > runtimeapi.MaxResponse {
				return tooLarge(), nil
			}
			return answer{payload: body}, nil
		case runtimes.KindError:
			return reported(compute.Handled, body, false), nil
		case runtimes.KindFatal, runtimes.KindInitError:
			return reported(compute.Unhandled, body, true), nil
		case runtimes.KindStream:
			stream.begin(i, string(body))
		case runtimes.KindChunk:
			stream.chunk(body)
		case runtimes.KindEnd:
			return stream.end(body), nil
		}
	}
}

// streamed takes a streamed response: on to the invocation's Out, or into one payload when it has none.
type streamed struct {
	inv         *compute.Invocation
	contentType string
	buffer      []byte
	over        bool
}

func (s *streamed) begin(i *compute.Invocation, contentType string) {
	s.inv, s.contentType = i, contentType
	i.Begin(contentType)
}

func (s *streamed) chunk(b []byte) {
	switch {
	case s.inv == nil || s.over:
	case s.inv.Out != nil:
		_, err := s.inv.Out.Write(b)
		s.over = err != nil // nobody listens any more; the function runs on, as on Lambda
	case len(s.buffer)+len(b) > runtimeapi.MaxResponse:
		s.over = true
	default:
		s.buffer = append(s.buffer, b...)
	}
}

func (s *streamed) end(failure []byte) answer {
	buffered := s.inv == nil || s.inv.Out == nil
	if len(failure) > 0 {
		a := reported(compute.Handled, failure, false)
		a.streamed, a.contentType = !buffered, s.contentType
		return a
	}
	if buffered && s.over {
		return tooLarge()
	}
	return answer{payload: s.buffer, streamed: !buffered, contentType: s.contentType}
}

// api speaks to a custom runtime over the Lambda Runtime API.
type api struct {
	server *runtimeapi.Server
	proc   *proc
}

func (l *api) load(_ runtimes.InitConfig, limit time.Duration) (answer, bool, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-l.server.Ready():
		return answer{}, true, nil
	case body := <-l.server.InitError():
		return reported(compute.Init, body, true), false, nil
	case <-l.proc.exited:
		select {
		case body := <-l.server.InitError():
			return reported(compute.Init, body, true), false, nil
		default:
			return answer{}, false, errEnded
		}
	case <-timer.C:
		return answer{}, false, errDeadline
	}
}

func (l *api) invoke(i *compute.Invocation, arn, trace string, deadline time.Time, wait time.Duration) (answer, error) {
	r, err := l.server.Invoke(*i, arn, trace, deadline, wait, l.proc.exited)
	switch {
	case errors.Is(err, runtimeapi.ErrDeadline):
		return answer{}, errDeadline
	case err != nil:
		return answer{}, errEnded
	case r.Failed:
		a := reported(compute.Handled, r.Body, false)
		a.streamed, a.contentType = r.Streamed, r.ContentType
		return a, nil
	}
	return answer{payload: r.Body, streamed: r.Streamed, contentType: r.ContentType}, nil
}
