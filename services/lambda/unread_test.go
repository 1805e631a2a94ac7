package lambda

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
)

// endless streams until nobody takes it any more, or its time is over, and tells of that.
func endless(ended chan<- error) func(compute.Version, *compute.Invocation) (compute.Result, error) {
	return func(_ compute.Version, i *compute.Invocation) (compute.Result, error) {
		i.Until(computetest.Wall().Add(200 * time.Millisecond))
		i.Begin("text/x")
		for {
			if _, err := i.Out.Write(make([]byte, 64<<10)); err != nil {
				ended <- err
				return compute.Result{Streamed: true, Kind: compute.Timeout, Payload: []byte(`{"errorMessage":"late"}`)}, nil
			}
		}
	}
}

// Who calls for a stream and does not read it does not keep the function beyond its time.
func TestUnreadStreams(t *testing.T) {
	ended := make(chan error, 1)
	m := &machine{}
	b := open(t, m.on(endless(ended)))
	b.create("f", "1")
	made, err := b.r.createURL(b.ctx, &api.CreateFunctionUrlConfigInput{FunctionName: new("f"), AuthType: new(authNone), InvokeMode: new(streaming)})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		front{b.r}.ServeHTTP(w, r.WithContext(cloud.WithCall(r.Context(), cloud.CallFrom(b.ctx))))
	}))
	defer s.Close()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, path, _ := strings.Cut(*made.FunctionUrl, ":4566")
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	<-ended
	out, err := b.r.invokeStream(b.ctx, &api.InvokeWithResponseStreamInput{FunctionName: new("f")})
	if err != nil {
		t.Fatal(err)
	}
	<-ended
	if said := b.drain(out); !strings.Contains(said, "Unhandled") {
		t.Errorf("who reads it late hears %.200s", said)
	}
}
