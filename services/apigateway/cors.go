package apigateway

import (
	"slices"
	"strconv"
	"strings"

	api "sundog/api/apigatewayv2"
)

// allowed gives the value of Access-Control-Allow-Origin; "" when the origin may not.
func allowed(c *api.Cors, origin string) string {
	if c == nil || origin == "" {
		return ""
	}
	for _, o := range c.AllowOrigins {
		switch {
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

// preflight answers a CORS preflight request, as the API does on its own when CORS is configured; false when it is none.
func (x *exchange) preflight() (answer, bool) {
	c := x.api.api.CorsConfiguration
	if c == nil || x.method != "OPTIONS" || x.first("Origin") == "" || x.first("Access-Control-Request-Method") == "" {
		return answer{}, false
	}
	a := answer{status: 204, header: map[string][]string{}, final: true}
	if o := allowed(c, x.first("Origin")); o != "" {
		a.header["Access-Control-Allow-Origin"] = []string{o}
		if len(c.AllowMethods) > 0 {
			a.header["Access-Control-Allow-Methods"] = []string{strings.Join(c.AllowMethods, ",")}
		}
		if len(c.AllowHeaders) > 0 {
			list := strings.ToLower(strings.Join(c.AllowHeaders, ","))
			if slices.Contains(c.AllowHeaders, "*") {
				list = x.first("Access-Control-Request-Headers")
			}
			a.header["Access-Control-Allow-Headers"] = []string{list}
		}
		if c.MaxAge != nil {
			a.header["Access-Control-Max-Age"] = []string{strconv.Itoa(int(*c.MaxAge))}
		}
		credentials(c, &a)
	}
	return a, true
}

func credentials(c *api.Cors, a *answer) {
	if c.AllowCredentials != nil && *c.AllowCredentials {
		a.header["Access-Control-Allow-Credentials"] = []string{"true"}
	}
}

// cors puts the API's CORS headers over those of the function, which are ignored when CORS is configured.
func (x *exchange) cors(a *answer) {
	c := x.api.api.CorsConfiguration
	if c == nil || a.final {
		return
	}
	for n := range a.header {
		if strings.HasPrefix(strings.ToLower(n), "access-control-") {
			delete(a.header, n)
		}
	}
	o := allowed(c, x.first("Origin"))
	if o == "" {
		return
	}
	a.header["Access-Control-Allow-Origin"] = []string{o}
	if len(c.ExposeHeaders) > 0 {
		a.header["Access-Control-Expose-Headers"] = []string{strings.ToLower(strings.Join(c.ExposeHeaders, ","))}
	}
	credentials(c, a)
}
