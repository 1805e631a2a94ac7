package lambda

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/lang/httpevent"
)

// get sends a request through the front as a principal.
func (b *bench) get(method, target string, as cloud.Principal, header http.Header, body string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for n, v := range header {
		r.Header[n] = v
	}
	c := cloud.CallFrom(b.ctx)
	c.Principal, c.SourceIP = as, "192.0.2.1"
	r = r.WithContext(cloud.WithCall(b.ctx, c))
	f := front{b.r}
	if !f.Claims(r) {
		b.t.Fatalf("%s is not claimed", target)
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

var nobody = cloud.Principal{Kind: cloud.Anonymous}

// The function of these tests: its event's query tells what it does.
func urlFunction(_ compute.Version, i *compute.Invocation) (compute.Result, error) {
	var e httpevent.Event
	if err := json.Unmarshal(i.Payload, &e); err != nil {
		return compute.Result{}, err
	}
	switch e.QueryStringParameters["do"] {
	case "fail":
		return compute.Result{Kind: compute.Handled, Payload: []byte(`{"errorMessage":"no"}`)}, nil
	case "stream":
		i.Begin(httpevent.PreludeType)
		for _, part := range []string{`{"statusCode":201,"head`, `ers":{"X-A":"1"}}`, strings.Repeat("\x00", 8) + "one ", "two"} {
			if _, err := i.Out.Write([]byte(part)); err != nil {
				return compute.Result{}, err
			}
		}
		return compute.Result{Streamed: true}, nil
	case "plain":
		i.Begin("text/x")
		_, err := i.Out.Write([]byte("plain"))
		return compute.Result{Streamed: true}, err
	case "cut":
		i.Begin("text/x")
		_, err := i.Out.Write([]byte("half"))
		return compute.Result{Streamed: true, Kind: compute.Timeout, Payload: []byte(`{"errorMessage":"late"}`)}, err
	case "broken":
		i.Begin(httpevent.PreludeType)
		_, err := i.Out.Write([]byte("nonsense" + strings.Repeat("\x00", 8)))
		return compute.Result{Streamed: true}, err
	}
	b, err := json.Marshal(map[string]any{"statusCode": 200, "headers": map[string]string{"Access-Control-Allow-Origin": "mine"}, "cookies": []string{"a=b"}, "body": string(i.Payload)})
	return compute.Result{Payload: b}, err
}

func TestFunctionURL(t *testing.T) {
	m := &machine{}
	b := open(t, m.on(urlFunction))
	b.create("f", "1")
	made, err := b.r.createURL(b.ctx, &api.CreateFunctionUrlConfigInput{FunctionName: new("f"), AuthType: new(authNone), Cors: &api.Cors{AllowOrigins: []string{"https://a"}, AllowMethods: []string{"*"}}})
	if err != nil || !strings.HasPrefix(*made.FunctionUrl, "http://localhost:4566"+urlPrefix) {
		t.Fatal(made, err)
	}
	_, err = b.r.createURL(b.ctx, &api.CreateFunctionUrlConfigInput{FunctionName: new("f"), AuthType: new(authNone)})
	wantError(t, err, "ResourceConflictException", "FunctionUrlConfig exists for this Lambda function")
	_, err = b.r.createURL(b.ctx, &api.CreateFunctionUrlConfigInput{FunctionName: new("f"), Qualifier: new("1"), AuthType: new(authNone)})
	wantError(t, err, "ValidationException", "Value '1' at 'qualifier'")
	id := strings.TrimSuffix(strings.TrimPrefix(*made.FunctionUrl, "http://localhost:4566"+urlPrefix), "/")
	origin := http.Header{"Origin": {"https://a"}}
	for _, target := range []string{*made.FunctionUrl + "x/y%20z?q=1", "http://" + id + ".lambda-url.eu-west-1.localhost:4566/x/y%20z?q=1"} {
		w := b.get("POST", target, nobody, origin, "hello")
		var e httpevent.Event
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "https://a" || w.Header().Get("Set-Cookie") != "a=b" {
			t.Fatal(w, err)
		}
		if e.RawPath != "/x/y%20z" || e.RouteKey != "$default" || e.RequestContext.APIID != id || *e.Body != "hello" || e.Headers["x-forwarded-for"] != "192.0.2.1" || e.RequestContext.AccountID != "anonymous" {
			t.Fatalf("%s", w.Body)
		}
	}
	preflight := http.Header{"Origin": {"https://a"}, "Access-Control-Request-Method": {"PUT"}}
	if w := b.get("OPTIONS", *made.FunctionUrl, nobody, preflight, ""); w.Code != 204 || w.Header().Get("Access-Control-Allow-Methods") != "*" {
		t.Fatal(w)
	}
	if w := b.get("GET", *made.FunctionUrl+"?do=fail", nobody, nil, ""); w.Code != 502 || w.Body.String() != "Internal Server Error" {
		t.Fatal(w)
	}
	b.urlAccess(*made.FunctionUrl)
	b.streams(*made.FunctionUrl)
	b.cut(id)
	if _, err := b.r.deleteURL(b.ctx, &api.DeleteFunctionUrlConfigInput{FunctionName: new("f")}); err != nil {
		t.Fatal(err)
	}
	if w := b.get("GET", *made.FunctionUrl, nobody, nil, ""); w.Code != 403 || !strings.Contains(w.Body.String(), "Forbidden. For troubleshooting") {
		t.Fatal(w)
	}
}

// cut checks that a client does not take a stream for whole that broke off.
func (b *bench) cut(id string) {
	b.t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := cloud.CallFrom(b.ctx)
		c.Principal = cloud.Principal{Kind: cloud.User}
		front{b.r}.ServeHTTP(w, r.WithContext(cloud.WithCall(r.Context(), c)))
	}))
	defer s.Close()
	resp, err := http.Get(s.URL + urlPrefix + id + "/?do=cut")
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if string(got) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		b.t.Fatalf("%s %v", got, err)
	}
}

// urlAccess checks what the gateway is told to decide, and that AWS_IAM wants signatures.
func (b *bench) urlAccess(at string) {
	b.t.Helper()
	r := httptest.NewRequest("GET", at, nil).WithContext(b.ctx)
	needs, err := front{b.r}.Access(r)
	if err != nil || len(needs) != 2 || !needs[1].UnlessDenied || needs[1].Keys["lambda:invokedviafunctionurl"][0] != "true" || needs[0].Action != "lambda:InvokeFunctionUrl" || needs[0].Keys["lambda:functionurlauthtype"][0] != authNone {
		b.t.Fatal(needs, err)
	}
	if _, err := b.r.updateURL(b.ctx, &api.UpdateFunctionUrlConfigInput{FunctionName: new("f"), AuthType: new(authIAM)}); err != nil {
		b.t.Fatal(err)
	}
	preflight := http.Header{"Origin": {"https://a"}, "Access-Control-Request-Method": {"PUT"}}
	if w := b.get("OPTIONS", at, nobody, preflight, ""); w.Code != 204 {
		b.t.Fatal(w)
	}
	if w := b.get("GET", at, nobody, nil, ""); w.Code != 403 {
		b.t.Fatal(w)
	}
	w := b.get("GET", at, cloud.RootOf("000000000000"), nil, "")
	if !strings.Contains(w.Body.String(), `"authorizer":{"iam":{"accessKey"`) || !strings.Contains(w.Body.String(), `"accountId":"000000000000"`) {
		b.t.Fatal(w)
	}
}

// streams checks answers that come piece by piece.
func (b *bench) streams(at string) {
	b.t.Helper()
	if _, err := b.r.updateURL(b.ctx, &api.UpdateFunctionUrlConfigInput{FunctionName: new("f"), AuthType: new(authNone), InvokeMode: new(streaming)}); err != nil {
		b.t.Fatal(err)
	}
	for do, want := range map[string]string{"stream": "201 1 one two", "plain": "200  plain", "broken": "502  Internal Server Error", "fail": "502  Internal Server Error"} {
		w := b.get("GET", at+"?do="+do, nobody, nil, "")
		if got := strings.Join([]string{strings.Fields(w.Result().Status)[0], w.Header().Get("X-A"), w.Body.String()}, " "); got != want {
			b.t.Errorf("%s gave %q, want %q", do, got, want)
		}
	}
}

func TestURLOutlivesAlias(t *testing.T) {
	b := open(t, (&machine{}).on(urlFunction))
	b.create("f", "1", func(in *api.CreateFunctionInput) { in.Publish = new(true) })
	if _, err := b.r.createAlias(b.ctx, &api.CreateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("1")}); err != nil {
		t.Fatal(err)
	}
	made, err := b.r.createURL(b.ctx, &api.CreateFunctionUrlConfigInput{FunctionName: new("f"), Qualifier: new("live"), AuthType: new(authNone)})
	if err != nil || !strings.HasSuffix(*made.FunctionArn, ":f:live") {
		t.Fatal(made, err)
	}
	if w := b.get("GET", *made.FunctionUrl, nobody, nil, ""); w.Code != 200 {
		t.Fatal(w)
	}
	if l, err := b.r.listURLs(b.ctx, &api.ListFunctionUrlConfigsInput{FunctionName: new("f")}); err != nil || len(l.FunctionUrlConfigs) != 1 || *l.FunctionUrlConfigs[0].InvokeMode != buffered {
		t.Fatal(l, err)
	}
	if _, err := b.r.deleteAlias(b.ctx, &api.DeleteAliasInput{FunctionName: new("f"), Name: new("live")}); err != nil {
		t.Fatal(err)
	}
	if w := b.get("GET", *made.FunctionUrl, nobody, nil, ""); w.Code != 403 {
		t.Fatal(w)
	}
}

func TestPackageLocation(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "exports.handler = 1")
	out, err := b.r.getFunction(b.ctx, &api.GetFunctionInput{FunctionName: new("f")})
	if err != nil {
		t.Fatal(err)
	}
	if w := b.get("GET", *out.Code.Location, nobody, nil, ""); w.Code != 200 || !strings.HasPrefix(w.Body.String(), "PK") || w.Body.Len() != int(*out.Configuration.CodeSize) {
		t.Fatal(w)
	}
	u, err := url.Parse(*out.Code.Location)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("Expires", "99999999999")
	u.RawQuery = q.Encode()
	if w := b.get("GET", u.String(), nobody, nil, ""); w.Code != 403 {
		t.Fatal(w)
	}
}

func TestInvokeWithResponseStream(t *testing.T) {
	b := open(t, (&machine{}).on(func(_ compute.Version, i *compute.Invocation) (compute.Result, error) {
		switch string(i.Payload) {
		case `"throttle"`:
			return compute.Result{}, compute.Throttled
		case `"whole"`:
			return text(`"all at once"`)
		}
		i.Begin("text/plain")
		for _, part := range []string{"a", "b"} {
			if _, err := i.Out.Write([]byte(part)); err != nil {
				return compute.Result{}, err
			}
		}
		if string(i.Payload) == `"fail"` {
			return compute.Result{Streamed: true, Kind: compute.Handled, Payload: []byte(`{"errorMessage":"no"}`)}, nil
		}
		return compute.Result{Streamed: true}, nil
	}))
	b.create("f", "1")
	for payload, want := range map[string]string{`"x"`: "a b done", `"fail"`: `a b Unhandled {"errorMessage":"no"}`, `"whole"`: `"all at once" done`} {
		out, err := b.r.invokeStream(b.ctx, &api.InvokeWithResponseStreamInput{FunctionName: new("f"), Payload: []byte(payload), LogType: new("Tail")})
		if err != nil {
			t.Fatal(err)
		}
		if got := b.drain(out); got != want {
			t.Errorf("%s gave %s, want %s", payload, got, want)
		}
	}
	_, err := b.r.invokeStream(b.ctx, &api.InvokeWithResponseStreamInput{FunctionName: new("f"), Payload: []byte(`"throttle"`)})
	wantError(t, err, "TooManyRequestsException", "Rate Exceeded.")
	// Nobody needs to listen to the end.
	out, err := b.r.invokeStream(b.ctx, &api.InvokeWithResponseStreamInput{FunctionName: new("f"), Payload: []byte(`"x"`)})
	if err != nil || out.EventStream.Close() != nil {
		t.Fatal(err)
	}
}

func (b *bench) drain(out *api.InvokeWithResponseStreamOutput) string {
	b.t.Helper()
	var parts []string
	for {
		e, err := out.EventStream.Next(b.ctx)
		if errors.Is(err, io.EOF) {
			return strings.Join(parts, " ")
		}
		if err != nil {
			b.t.Fatal(err)
		}
		switch x := e.(*api.InvokeWithResponseStreamResponseEvent); {
		case x.PayloadChunk != nil:
			parts = append(parts, string(x.PayloadChunk.Payload))
		case x.InvokeComplete.ErrorCode != nil:
			parts = append(parts, *x.InvokeComplete.ErrorCode, *x.InvokeComplete.ErrorDetails)
		case x.InvokeComplete.LogResult == nil:
			b.t.Error("no log")
		default:
			parts = append(parts, "done")
		}
	}
}
