package httpevent

import (
	"fmt"
	"testing"
)

func TestRouteKeys(t *testing.T) {
	for _, c := range []struct{ key, method, path, want string }{
		{"GET /people/{id}", "GET", "/people/7", "map[id:7]"},
		{"GET /people/{id}", "GET", "/people/a%2Fb", "map[id:a/b]"},
		{"GET /people/{id}", "POST", "/people/7", "none"},
		{"GET /people/{id}", "GET", "/people/", "none"},
		{"GET /people/{id}", "GET", "/people/7/x", "none"},
		{"ANY /files/{path+}", "PUT", "/files/a/b", "map[path:a/b]"},
		{"ANY /files/{path+}", "PUT", "/files", "none"},
		{"GET /", "GET", "/", "map[]"},
		{"$default", "GET", "/x", "map[]"},
		{"GET", "", "", "bad"}, {"LOOK /x", "", "", "bad"}, {"GET /{a+}/b", "", "", "bad"},
	} {
		got := "bad"
		if k, err := ParseRouteKey(c.key); err == nil {
			vars, score := k.Match(c.method, SplitPath(nil, c.path))
			if got = fmt.Sprint(vars); score < 0 {
				got = "none"
			}
		}
		if got != c.want {
			t.Errorf("%s for %s %s: %s, want %s", c.key, c.method, c.path, got, c.want)
		}
	}
}
