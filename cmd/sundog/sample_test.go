package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"sundog/lang/httpevent"
	"sundog/project/serverless"
)

// A sample of a request is one to the function's own route.
func TestSampleRequest(t *testing.T) {
	notes := []string{"GET /notes/{id}", "POST /notes", "ANY /files/{name}/{rest+}"}
	for _, c := range []struct {
		routes []string
		path   string
		want   string // the route's key, the request and its parameters
	}{
		{nil, "", "$default GET / map[]"},
		{nil, "/a/b?c=d", "$default GET /a/b map[] map[c:d]"},
		{[]string{httpevent.DefaultRoute}, "/a", "$default GET /a map[]"},
		{notes, "", "GET /notes/{id} GET /notes/sample map[id:sample]"},
		{notes, "/notes/7?verbose=1&verbose=2", "GET /notes/{id} GET /notes/7 map[id:7] map[verbose:1,2]"},
		{notes, "/notes", "POST /notes POST /notes map[]"},
		{notes, "/files/a/b/c", "ANY /files/{name}/{rest+} GET /files/a/b/c map[name:a rest:b/c]"},
		{notes[2:], "", "ANY /files/{name}/{rest+} GET /files/sample/sample map[name:sample rest:sample]"},
		{notes, "/notes/", "no route of the function has the path /notes/; it has: GET /notes/{id}, POST /notes, ANY /files/{name}/{rest+}"},
		{notes, "/notes/7/8", "no route of the function has the path /notes/7/8; it has: GET /notes/{id}, POST /notes, ANY /files/{name}/{rest+}"},
		{notes, "notes", "the path notes does not begin with /"},
	} {
		b, err := sampleRequest(c.routes, c.path, "000000000000", time.UnixMilli(5))
		if err != nil {
			if err.Error() != c.want {
				t.Errorf("%s: %v", c.path, err)
			}
			continue
		}
		var e struct {
			RouteKey, RawPath                     string
			PathParameters, QueryStringParameters map[string]string
			RequestContext                        struct {
				RouteKey  string
				TimeEpoch int64
				HTTP      struct{ Method, Path string }
			}
		}
		if err := json.Unmarshal(b, &e); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(e.RouteKey, " ", e.RequestContext.HTTP.Method, " ", e.RawPath, " ", e.PathParameters)
		if e.QueryStringParameters != nil {
			got += fmt.Sprint(" ", e.QueryStringParameters)
		}
		if x := e.RequestContext; got != c.want || x.RouteKey != e.RouteKey || x.HTTP.Path != e.RawPath || x.TimeEpoch != 5 {
			t.Errorf("%s: %s", c.path, b)
		}
	}
}

func TestRoutesOf(t *testing.T) {
	f := serverless.Function{}
	for _, s := range []string{"get /a", "* /b", "POST   /c", "*", "* *"} {
		f.Events = append(f.Events, serverless.Event{Type: "httpApi", Summary: s}, serverless.Event{Type: "sqs", Summary: s})
	}
	if got := routesOf(f); !slices.Equal(got, []string{"GET /a", "ANY /b", "POST /c", httpevent.DefaultRoute, httpevent.DefaultRoute}) {
		t.Fatal(got)
	}
}
