//go:build suites

package wiretest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire"
)

// expected reads testdata/expected-fail.txt: case id, white space, reason.
func expected(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/expected-fail.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.SplitSeq(string(b), "\n") {
		id, reason, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			id, reason, ok = strings.Cut(strings.TrimSpace(line), "\t")
		}
		if ok && !strings.HasPrefix(id, "#") {
			out[id] = strings.TrimSpace(reason)
		}
	}
	return out
}

// judge runs the cases and compares with the list. An entry "prefix/*" stands for all cases of a file.
func judge(t *testing.T, direction string, cases []test, run func(test) string) {
	t.Helper()
	listed := expected(t)
	passed, failed := 0, 0
	for _, c := range cases {
		id := c.id
		if direction != "" {
			id = direction + ":" + id
		}
		_, known := listed[id]
		if i := strings.LastIndexByte(id, '/'); !known {
			_, known = listed[id[:i]+"/*"]
		}
		problem := guarded(c, run)
		switch {
		case problem == "":
			passed++
			if known {
				t.Errorf("%s passes but is listed", id)
			}
		case known:
			failed++
		default:
			t.Errorf("%s: %.200s", id, strings.ReplaceAll(problem, "\n", " "))
		}
	}
	t.Logf("%d passed, %d expected failures, %d in all", passed, failed, len(cases))
}

func guarded(c test, run func(test) string) (problem string) {
	defer func() {
		if r := recover(); r != nil {
			problem = fmt.Sprint("panic: ", r)
		}
	}()
	if c.protocol == nil {
		return "no such protocol"
	}
	return run(c)
}

func value(s *schema.Shape, out bool) reflect.Value {
	return reflect.New(typeOf(s, out, map[*schema.Shape]int{}))
}

// Requests, as a server reads them.
func TestInput(t *testing.T) {
	judge(t, "", load(t, "input"), func(c test) string {
		body := c.bytesOf(c.Serialized.Body)
		method := c.Serialized.Method
		if method == "" {
			method = c.op.Model().Method
		}
		if method == "" {
			method = http.MethodPost
		}
		r, err := http.NewRequest(method, "http://host.test"+c.Serialized.URI, bytes.NewReader(body))
		if err != nil {
			return err.Error()
		}
		for k, v := range c.Serialized.Headers {
			r.Header.Set(k, v)
		}
		if strings.HasPrefix(c.protocol.Name(), "rest-") {
			if got := wire.NewRouter([]*schema.Operation{c.op}).Match(r); got == nil {
				return "not routed"
			}
		}
		in := value(c.op.Model().Input, false)
		if err := c.protocol.Decode(c.op, r, body, in.Interface()); err != nil {
			return err.Error()
		}
		return differ(c.op.Model().Input, in, c.Params, "")
	})
}

// Requests, as our client writes them: decoded again they must be the parameters.
func TestInputRoundTrip(t *testing.T) {
	judge(t, "client", load(t, "input"), func(c test) string {
		in := value(c.op.Model().Input, false)
		if err := fill(c.op.Model().Input, in, c.Params); err != nil {
			return err.Error()
		}
		r, err := c.protocol.EncodeRequest(c.op, in.Interface())
		if err != nil {
			return err.Error()
		}
		var body []byte
		if r.Body != nil {
			if body, err = io.ReadAll(r.Body); err != nil {
				return err.Error()
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		again := value(c.op.Model().Input, false)
		if err := c.protocol.Decode(c.op, r, body, again.Interface()); err != nil {
			return err.Error()
		}
		return differ(c.op.Model().Input, again, c.Params, "")
	})
}

// Responses, as a server writes them.
func TestOutput(t *testing.T) {
	judge(t, "", load(t, "output"), func(c test) string {
		w := httptest.NewRecorder()
		if c.ErrorCode != "" || c.Error != nil {
			c.protocol.EncodeError(w, c.op.Service, c.op, c.fault(), "request-id")
			return c.sameError(w)
		}
		m := c.op.Model()
		var out any
		if m.Output != nil {
			v := value(m.Output, true)
			if err := fill(m.Output, v, c.Result); err != nil {
				return err.Error()
			}
			out = v.Interface()
		}
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		if err := c.protocol.Encode(w, r, c.op, out, "request-id"); err != nil {
			return err.Error()
		}
		return c.sameResponse(w)
	})
}

func (c test) fault() *cloud.Error {
	e := cloud.Errorf(cloud.Invalid, c.ErrorCode, "%s", c.ErrorMessage)
	s := c.op.Service.Error(c.op.Model(), c.ErrorCode)
	for k, x := range c.Error {
		if strings.EqualFold(k, "message") || s == nil || s.Member(k) == nil {
			continue
		}
		v := reflect.New(typeOf(s.Member(k).Shape, true, map[*schema.Shape]int{})).Elem()
		if fill(s.Member(k).Shape, v, x) == nil {
			e = e.With(k, v.Interface())
		}
	}
	if s == nil || s.Error.Status == 0 {
		e.Status = c.Response.Status
	}
	return e
}

// Responses, as our client reads them.
func TestOutputClient(t *testing.T) {
	judge(t, "client", load(t, "output"), func(c test) string {
		resp := c.response()
		if c.ErrorCode != "" || c.Error != nil {
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return err.Error()
			}
			e := c.protocol.DecodeError(c.op, resp, body)
			if e.Code != c.ErrorCode && !strings.HasPrefix(resp.Header.Get("x-amzn-query-error"), c.ErrorCode+";") || e.Message != c.ErrorMessage {
				return fmt.Sprintf("got %s: %s", e.Code, e.Message)
			}
			return ""
		}
		m := c.op.Model()
		if m.Output == nil {
			return ""
		}
		v := value(m.Output, true)
		if err := c.protocol.DecodeResponse(c.op, resp, v.Interface()); err != nil {
			return err.Error()
		}
		return differ(m.Output, v, c.Result, "")
	})
}

func (c test) response() *http.Response {
	resp := &http.Response{StatusCode: c.Response.Status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(c.bytesOf(c.Response.Body)))}
	for k, v := range c.Response.Headers {
		resp.Header.Set(k, v)
	}
	return resp
}
