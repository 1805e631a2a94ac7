package httpevent

import (
	"net/url"
	"strings"

	"sundog/cloud"
)

// DefaultRoute is the key of the route that takes what no other does.
const DefaultRoute = "$default"

// RouteKey is the key of an HTTP API's route, taken apart: "$default", or a method (or ANY) and a path template.
type RouteKey struct {
	Text     string
	Fallback bool // $default
	Method   string
	segments []segment
}

// segment is one path segment: a literal, a {variable}, or a {greedy+} rest.
type segment struct {
	text             string
	variable, greedy bool
}

var methods = map[string]bool{"ANY": true, "GET": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "HEAD": true, "OPTIONS": true}

func badKey(message string) error {
	return cloud.Errorf(cloud.Invalid, "BadRequestException", "%s", message).WithStatus(400)
}

// ParseRouteKey takes a key apart. The error is API Gateway's.
func ParseRouteKey(s string) (RouteKey, error) {
	k := RouteKey{Text: s}
	if s == DefaultRoute {
		k.Fallback = true
		return k, nil
	}
	method, path, ok := strings.Cut(s, " ")
	if !ok || !methods[method] || !strings.HasPrefix(path, "/") {
		return k, badKey("The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\"")
	}
	k.Method = method
	for _, part := range SplitPath(nil, path) {
		g := segment{text: part}
		if strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}") {
			g.variable, g.text = true, part[1:len(part)-1]
			if g.greedy = strings.HasSuffix(g.text, "+"); g.greedy {
				g.text = g.text[:len(g.text)-1]
			}
		}
		if len(k.segments) > 0 && k.segments[len(k.segments)-1].greedy {
			return k, badKey("A greedy path variable must be at the end of the path")
		}
		k.segments = append(k.segments, g)
	}
	return k, nil
}

// SplitPath appends the parts of a path, for Match.
func SplitPath(parts []string, path string) []string {
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		parts = append(parts, part)
	}
	return parts
}

// Match gives the path variables, unescaped, and how specific the match is; a negative score is none. Order (Developer Guide, "Routes for HTTP APIs"): a
// full match of method and path, then a greedy variable, then $default; literals before variables, a method before ANY.
func (k *RouteKey) Match(method string, path []string) (vars map[string]string, score int) {
	if k.Fallback {
		return nil, 0
	}
	if k.Method != "ANY" && k.Method != method {
		return nil, -1
	}
	score = 1
	for i, g := range k.segments {
		switch {
		case g.greedy:
			if len(path) <= i || path[i] == "" {
				return nil, -1
			}
			return with(vars, g.text, strings.Join(path[i:], "/")), score + methodScore(k.Method)
		case i >= len(path):
			return nil, -1
		case g.variable:
			if path[i] == "" {
				return nil, -1
			}
			vars = with(vars, g.text, path[i])
			score += 2 << 4
		case g.text == path[i]:
			score += 3 << 4
		default:
			return nil, -1
		}
	}
	if len(path) != len(k.segments) {
		return nil, -1
	}
	return vars, score + 1<<16 + methodScore(k.Method)
}

func methodScore(m string) int {
	if m == "ANY" {
		return 0
	}
	return 1
}

func with(m map[string]string, k, v string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	if s, err := url.PathUnescape(v); err == nil {
		v = s
	}
	m[k] = v
	return m
}
