package apigateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	api "sundog/api/apigatewayv2"
	"sundog/cloud"
	"sundog/lang/httpevent"
	"sundog/services/servicetest"
)

const function = "arn:aws:lambda:eu-west-1:000000000000:function:f"

type bench struct {
	*servicetest.Kit
	r   *gatewayRoom
	ctx context.Context
	api *string
	t   *testing.T
}

func open(t *testing.T, cors *api.Cors) *bench {
	k := servicetest.New(t)
	rm, own := New(k.Deps)
	b := &bench{Kit: k, r: own.room, ctx: k.Context(), t: t}
	k.Begin(t, rm)
	out, err := b.r.createAPI(b.ctx, &api.CreateApiInput{Name: new("a"), ProtocolType: new("HTTP"), CorsConfiguration: cors})
	if err != nil {
		t.Fatal(err)
	}
	b.api = out.ApiId
	if _, err := b.r.createStage(b.ctx, &api.CreateStageInput{ApiId: b.api, StageName: new("$default"), AutoDeploy: new(true)}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) route(key string) {
	b.t.Helper()
	in, err := b.r.createIntegration(b.ctx, &api.CreateIntegrationInput{ApiId: b.api, IntegrationType: new("AWS_PROXY"), IntegrationUri: new(function), PayloadFormatVersion: new("2.0")})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.r.createRoute(b.ctx, &api.CreateRouteInput{ApiId: b.api, RouteKey: &key, Target: new("integrations/" + *in.IntegrationId)}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) do(method, path, body string, header ...string) *http.Response {
	req := httptest.NewRequest(method, pathPrefix+*b.api+path, strings.NewReader(body)).WithContext(b.ctx)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	front{b.r}.ServeHTTP(w, req)
	return w.Result()
}

func TestRequest(t *testing.T) {
	b := open(t, nil)
	b.route("GET /users/{id}")
	b.route("ANY /users/{id}/{rest+}")
	b.route("POST /users")
	b.Invoker.Answer = func(i servicetest.Invocation) (cloud.Result, error) {
		var e map[string]any
		if err := json.Unmarshal(i.Payload, &e); err != nil {
			t.Error(err)
		}
		out, _ := json.Marshal(map[string]any{"statusCode": 201, "headers": map[string]string{"x-route": e["routeKey"].(string)}, "body": string(i.Payload), "cookies": []string{"a=b"}})
		return cloud.Result{Payload: out}, nil
	}
	cases := []struct{ method, path, route, variable string }{
		{"GET", "/users/7", "GET /users/{id}", "7"},
		{"DELETE", "/users/7/a/b", "ANY /users/{id}/{rest+}", "7"},
		{"POST", "/users", "POST /users", ""},
		{"GET", "/users/a%20b", "GET /users/{id}", "a b"},
	}
	for _, c := range cases {
		res := b.do(c.method, c.path+"?x=1&x=2", `{"n":1}`, "Content-Type", "application/json", "Cookie", "k=v; l=w")
		if res.StatusCode != 201 || res.Header.Get("x-route") != c.route || res.Header.Get("Set-Cookie") != "a=b" {
			t.Fatalf("%s %s: %d %v", c.method, c.path, res.StatusCode, res.Header)
		}
		var e httpevent.Event
		if err := json.NewDecoder(res.Body).Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e.PathParameters["id"] != c.variable || e.QueryStringParameters["x"] != "1,2" || *e.Body != `{"n":1}` || len(e.Cookies) != 2 || e.RequestContext.HTTP.Method != c.method || *e.IsBase64Encoded {
			t.Fatalf("%+v", e)
		}
	}
	for _, path := range []string{"/none", "/users/", "/users/7/"} {
		if res := b.do("GET", path, ""); res.StatusCode != 404 {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	as := b.Invoker.Calls()[0].As
	if as.Service != "apigateway.amazonaws.com" || as.Source.Resource != *b.api+"/$default/GET/users/7" {
		t.Errorf("invoked as %+v", as)
	}
}

func TestResponses(t *testing.T) {
	cases := []struct {
		payload, format string
		status          int
		body, kind      string
	}{
		{`{"id":"7"}`, "2.0", 200, `{"id":"7"}`, "application/json"},
		{`"text"`, "2.0", 200, "text", "application/json"},
		{`{"statusCode":"204"}`, "2.0", 204, "", "text/plain; charset=utf-8"},
		{`{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, "2.0", 200, "hi", "text/plain; charset=utf-8"},
		{`{"id":"7"}`, "1.0", 500, `{"message":"Internal Server Error"}`, "application/json"},
		{`{"statusCode":200,"body":"x","headers":{"content-type":"a/b"}}`, "1.0", 200, "x", ""},
	}
	for _, c := range cases {
		a := responseOf([]byte(c.payload), c.format)
		kind := strings.Join(a.header["Content-Type"], "")
		if a.status != c.status || string(a.body) != c.body || kind != c.kind {
			t.Errorf("%s: %d %q %q", c.payload, a.status, a.body, kind)
		}
	}
}

func TestFunctionError(t *testing.T) {
	b := open(t, nil)
	b.route("$default")
	b.Invoker.Answer = func(servicetest.Invocation) (cloud.Result, error) {
		return cloud.Result{FunctionError: "Unhandled", Payload: []byte(`{}`)}, nil
	}
	res := b.do("GET", "/anything", "")
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 500 || string(body) != `{"message":"Internal Server Error"}` {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
}

func TestCORS(t *testing.T) {
	b := open(t, &api.Cors{AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET"}, AllowHeaders: []string{"X-Y"}})
	b.route("GET /x")
	res := b.do("OPTIONS", "/x", "", "Origin", "https://a.example", "Access-Control-Request-Method", "GET")
	if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") != "https://a.example" || res.Header.Get("Access-Control-Allow-Headers") != "x-y" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	if got := b.do("GET", "/x", "", "Origin", "https://b.example").Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Fatalf("foreign origin gets %q", got)
	}
}

func TestRefusals(t *testing.T) {
	b := open(t, nil)
	_, err := b.r.createAPI(b.ctx, &api.CreateApiInput{Name: new("w"), ProtocolType: new("WEBSOCKET")})
	_, err2 := b.r.createIntegration(b.ctx, &api.CreateIntegrationInput{ApiId: b.api, IntegrationType: new("HTTP_PROXY")})
	_, err3 := b.r.createRoute(b.ctx, &api.CreateRouteInput{ApiId: new("none"), RouteKey: new("$default")})
	_, err4 := b.r.createRoute(b.ctx, &api.CreateRouteInput{ApiId: b.api, RouteKey: new("nonsense")})
	for i, c := range []struct {
		err  error
		code string
	}{{err, "NotImplemented"}, {err2, "NotImplemented"}, {err3, "NotFoundException"}, {err4, "BadRequestException"}} {
		if !cloud.IsCode(c.err, c.code) {
			t.Errorf("%d: %v, want %s", i, c.err, c.code)
		}
	}
}
