package httpevent

import (
	"slices"
	"strconv"
	"strings"
)

// CORS is a configuration of cross-origin resource sharing.
type CORS struct {
	Origins, Methods, Headers, Expose []string
	MaxAge                            *int32 // seconds; nil: not said
	Credentials                       bool
}

// Allowed gives the value of Access-Control-Allow-Origin; "" when the origin may not.
func (c *CORS) Allowed(origin string) string {
	if c == nil || origin == "" {
		return ""
	}
	for _, o := range c.Origins {
		switch {
		case o == "*" && c.Credentials: // browsers take no wildcard together with credentials
			return origin
		case o == "*":
			return "*"
		case o == origin:
			return origin
		case strings.HasSuffix(o, "*") && strings.HasPrefix(origin, strings.TrimSuffix(o, "*")): // https://*
			return origin
		}
	}
	return ""
}

// Preflight answers a preflight request, as the platform does on its own when CORS is configured; false when the request is none. header has canonical
// names.
func (c *CORS) Preflight(method string, header map[string][]string) (Response, bool) {
	origin := first(header, "Origin")
	if c == nil || method != "OPTIONS" || origin == "" || first(header, "Access-Control-Request-Method") == "" {
		return Response{}, false
	}
	r := Response{Status: 204, Header: map[string][]string{}}
	o := c.Allowed(origin)
	if o == "" {
		return r, true
	}
	r.Header["Access-Control-Allow-Origin"] = []string{o}
	if len(c.Methods) > 0 {
		r.Header["Access-Control-Allow-Methods"] = []string{strings.Join(c.Methods, ",")}
	}
	if len(c.Headers) > 0 {
		list := strings.ToLower(strings.Join(c.Headers, ","))
		if slices.Contains(c.Headers, "*") {
			list = first(header, "Access-Control-Request-Headers")
		}
		r.Header["Access-Control-Allow-Headers"] = []string{list}
	}
	if c.MaxAge != nil {
		r.Header["Access-Control-Max-Age"] = []string{strconv.Itoa(int(*c.MaxAge))}
	}
	c.credentials(r.Header)
	return r, true
}

func (c *CORS) credentials(h map[string][]string) {
	if c.Credentials {
		h["Access-Control-Allow-Credentials"] = []string{"true"}
	}
}

// Apply puts the configured headers over those of the function, which are ignored when CORS is configured.
func (c *CORS) Apply(h map[string][]string, origin string) {
	if c == nil {
		return
	}
	for n := range h {
		if strings.HasPrefix(strings.ToLower(n), "access-control-") {
			delete(h, n)
		}
	}
	o := c.Allowed(origin)
	if o == "" {
		return
	}
	h["Access-Control-Allow-Origin"] = []string{o}
	if len(c.Expose) > 0 {
		h["Access-Control-Expose-Headers"] = []string{strings.ToLower(strings.Join(c.Expose, ","))}
	}
	c.credentials(h)
}
