package eventstream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"sundog/api/lambda"
	"sundog/cloud"
	"sundog/edge/wire/eventstream"
	"sundog/edge/wire/restjson"
)

func TestFrame(t *testing.T) {
	m := eventstream.Message{Payload: []byte("payload"), Headers: []eventstream.Header{
		{Name: "t", Value: true}, {Name: "f", Value: false}, {Name: "b", Value: int8(-1)}, {Name: "s", Value: int16(-2)}, {Name: "i", Value: int32(3)},
		{Name: "l", Value: int64(4)}, {Name: "y", Value: []byte{1, 2}}, {Name: "x", Value: "text"}, {Name: "w", Value: time.UnixMilli(1234).UTC()}, {Name: "u", Value: [16]byte{1}},
	}}
	b, err := eventstream.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := eventstream.Read(bytes.NewReader(b))
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Fatalf("got %+v %v", got, err)
	}
	for i := range b {
		broken := bytes.Clone(b)
		broken[i] ^= 1
		if _, err := eventstream.Read(bytes.NewReader(broken)); err == nil {
			t.Fatalf("a flipped bit in byte %d is not noticed", i)
		}
	}
}

type events struct {
	list   []any
	err    error
	closed bool
}

func (e *events) Next(context.Context) (any, error) {
	if len(e.list) == 0 {
		return nil, e.err
	}
	next := e.list[0]
	e.list = e.list[1:]
	return next, nil
}

func (e *events) Close() error {
	e.closed = true
	return nil
}

func serve(t *testing.T, e *events) (*httptest.ResponseRecorder, []eventstream.Message) {
	t.Helper()
	w := httptest.NewRecorder()
	status, version := int32(200), "$LATEST"
	out := &lambda.InvokeWithResponseStreamOutput{StatusCode: &status, ExecutedVersion: &version, EventStream: e}
	if err := (restjson.Protocol{}).Encode(w, httptest.NewRequest("POST", "/", nil), lambda.InvokeWithResponseStreamOp, out, "id"); err != nil {
		t.Fatal(err)
	}
	var got []eventstream.Message
	for r := bytes.NewReader(w.Body.Bytes()); ; {
		m, err := eventstream.Read(r)
		if errors.Is(err, io.EOF) {
			return w, got
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
}

func TestServeLambda(t *testing.T) {
	code := "E"
	e := &events{err: io.EOF, list: []any{
		&lambda.InvokeWithResponseStreamResponseEvent{PayloadChunk: &lambda.InvokeResponseStreamUpdate{Payload: []byte("abc")}},
		&lambda.InvokeWithResponseStreamResponseEvent{InvokeComplete: &lambda.InvokeWithResponseStreamCompleteEvent{ErrorCode: &code}},
	}}
	w, got := serve(t, e)
	if w.Header().Get("X-Amz-Executed-Version") != "$LATEST" || len(got) != 2 || !e.closed || !w.Flushed {
		t.Fatal(w.Header(), got)
	}
	if got[0].Text(":event-type") != "PayloadChunk" || string(got[0].Payload) != "abc" || got[0].Text(":content-type") != "application/octet-stream" {
		t.Fatalf("got %+v", got[0])
	}
	if got[1].Text(":event-type") != "InvokeComplete" || string(got[1].Payload) != `{"ErrorCode":"E"}` {
		t.Fatalf("got %+v", got[1])
	}
}

func TestServeError(t *testing.T) {
	_, got := serve(t, &events{err: cloud.Errorf(cloud.Invalid, "Broken", "it is")})
	if len(got) != 1 || got[0].Text(":message-type") != "error" || got[0].Text(":error-code") != "Broken" || got[0].Text(":error-message") != "it is" {
		t.Fatalf("got %+v", got)
	}
}

func FuzzRead(f *testing.F) {
	b, err := eventstream.Append(nil, eventstream.Message{Headers: []eventstream.Header{{Name: "a", Value: "b"}}, Payload: []byte("c")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:12])
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = eventstream.Read(bytes.NewReader(b))
	})
}
