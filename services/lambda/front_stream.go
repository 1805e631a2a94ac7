package lambda

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"sync"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/engine/compute"
	"sundog/lang/httpevent"
)

// urlWriter takes what a function streams to the client of its URL. A prelude becomes status and headers.
type urlWriter struct {
	w       http.ResponseWriter
	share   *httpevent.CORS
	origin  string
	begun   bool   // the response is streamed
	headed  bool   // its status and headers are written
	failed  bool   // its prelude was malformed
	waiting []byte // what may be a prelude
}

var (
	_ compute.Begun   = (*urlWriter)(nil)
	_ compute.Limited = (*urlWriter)(nil)
)

// Until learns how long the invocation may last.
func (u *urlWriter) Until(deadline time.Time) {
	_ = http.NewResponseController(u.w).SetWriteDeadline(deadline) // what cannot have one is no connection
}

// Begin learns that the response is streamed.
func (u *urlWriter) Begin(contentType string) {
	u.begun = true
	if contentType != httpevent.PreludeType {
		u.head(httpevent.Response{Status: http.StatusOK, Header: map[string][]string{"Content-Type": {contentType}}})
	}
}

func (u *urlWriter) head(a httpevent.Response) {
	u.headed = true
	u.share.Apply(a.Header, u.origin)
	head(u.w, a)
	u.w.WriteHeader(a.Status)
}

// Write passes bytes on as they come.
func (u *urlWriter) Write(b []byte) (int, error) {
	n := len(b)
	if u.failed {
		return n, nil
	}
	if !u.headed {
		u.waiting = append(u.waiting, b...)
		a, rest, done, ok := httpevent.ParsePrelude(u.waiting)
		if !done {
			return n, nil
		}
		u.waiting = nil
		if !ok {
			u.failed = true
			return n, nil
		}
		u.head(a)
		b = rest
	}
	if _, err := u.w.Write(b); err != nil {
		return 0, err
	}
	return n, http.NewResponseController(u.w).Flush()
}

// finish ends a streamed response. One that never got a whole prelude is an error; one that broke off is cut, so that the client does not take it for whole.
func (u *urlWriter) finish(broken bool) {
	if broken && u.headed {
		if conn, _, err := http.NewResponseController(u.w).Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	}
	if !u.headed {
		u.send(httpevent.Response{Status: http.StatusBadGateway, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: []byte("Internal Server Error")})
	}
}

// send answers without a stream.
func (u *urlWriter) send(a httpevent.Response) {
	u.headed = true
	u.share.Apply(a.Header, u.origin)
	send(u.w, a)
}

// events is the event stream of InvokeWithResponseStream: the chunks of a response as they come, then how it ended.
type events struct {
	next  chan any
	over  chan struct{} // nobody reads any more
	once  sync.Once
	begin chan struct{} // the response began
	first sync.Once
	err   error // why it broke off, when next is closed early
	clock cloud.Clock
	late  context.Context // of chunks: ends with the invocation's time
	still context.CancelFunc
}

var (
	_ compute.Begun      = (*events)(nil)
	_ compute.Limited    = (*events)(nil)
	_ schema.EventStream = (*events)(nil)
)

func newEvents(clock cloud.Clock) *events {
	return &events{next: make(chan any), over: make(chan struct{}), begin: make(chan struct{}), clock: clock, late: context.Background(), still: func() {}}
}

// Begin learns that the response is streamed.
func (e *events) Begin(string) { e.first.Do(func() { close(e.begin) }) }

// Until learns how long the invocation may last.
func (e *events) Until(deadline time.Time) {
	e.late, e.still = context.WithTimeout(context.Background(), deadline.Sub(e.clock.Wall()))
}

// Write passes a chunk on. Its error says that nobody listens any more.
func (e *events) Write(b []byte) (int, error) {
	e.Begin("")
	if !e.put(e.late, &api.InvokeWithResponseStreamResponseEvent{PayloadChunk: &api.InvokeResponseStreamUpdate{Payload: append([]byte(nil), b...)}}) {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

func (e *events) put(ctx context.Context, v any) bool {
	select {
	case e.next <- v:
		return true
	case <-e.over:
		return false
	case <-ctx.Done():
		return false
	}
}

// Next gives the next event; io.EOF after the last.
func (e *events) Next(ctx context.Context) (any, error) {
	select {
	case v, ok := <-e.next:
		if !ok && e.err != nil {
			return nil, e.err
		}
		if !ok {
			return nil, io.EOF
		}
		return v, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close lets the function run on unheard.
func (e *events) Close() error {
	e.once.Do(func() { close(e.over) })
	return nil
}

// finish sends what a response that was not streamed is, and the last event.
func (e *events) finish(res cloud.Result, tail bool) {
	ctx := context.Background()
	select {
	case <-e.begin:
	default:
		if res.FunctionError == "" && len(res.Payload) > 0 {
			e.put(ctx, &api.InvokeWithResponseStreamResponseEvent{PayloadChunk: &api.InvokeResponseStreamUpdate{Payload: res.Payload}})
		}
	}
	last := &api.InvokeWithResponseStreamCompleteEvent{}
	if res.FunctionError != "" {
		last.ErrorCode, last.ErrorDetails = &res.FunctionError, new(string(res.Payload))
	}
	if tail {
		last.LogResult = new(base64.StdEncoding.EncodeToString(res.LogTail))
	}
	e.put(ctx, &api.InvokeWithResponseStreamResponseEvent{InvokeComplete: last})
	close(e.next)
}

// invokeStream answers when the response begins; what fails before is an error of the operation.
func (r *lambdaRoom) invokeStream(ctx context.Context, in *api.InvokeWithResponseStreamInput) (*api.InvokeWithResponseStreamOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if in.TenantId != nil {
		return nil, cloud.NotImplementedf("InvokeWithResponseStream: TenantId is not implemented on this platform.")
	}
	p, payload, err := r.admit(ctx, f, in.Payload, cloud.Mode{Type: cloud.RequestResponse})
	if err != nil {
		return nil, err
	}
	client, err := clientContext(in.ClientContext)
	if err != nil {
		return nil, err
	}
	b := r.pick(p)
	out := &api.InvokeWithResponseStreamOutput{StatusCode: new(int32(200)), ExecutedVersion: b.Config.Version, ResponseStreamContentType: new("application/vnd.amazon.eventstream")}
	if str(in.InvocationType) == string(cloud.DryRun) {
		out.StatusCode = new(int32(204))
		return out, nil
	}
	tail := str(in.LogType) == "Tail"
	e := newEvents(r.d.Clock)
	done := make(chan error, 1)
	go func() {
		res, err := r.run(context.WithoutCancel(ctx), p, call{id: cloud.CallFrom(ctx).RequestID, payload: payload, context: client, out: e, tail: tail, build: b})
		e.still()
		done <- err
		if err == nil {
			e.finish(res, tail)
			return
		}
		e.err = err
		close(e.next)
	}()
	select {
	case err := <-done:
		if err != nil {
			return nil, err
		}
	case <-e.begin:
	}
	out.EventStream = e
	return out, nil
}
