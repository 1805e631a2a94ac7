package apigateway

import (
	api "sundog/api/apigatewayv2"
	"sundog/lang/httpevent"
)

// sharing is an API's CORS configuration; nil when it has none.
func sharing(c *api.Cors) *httpevent.CORS {
	if c == nil {
		return nil
	}
	return &httpevent.CORS{
		Origins: c.AllowOrigins, Methods: c.AllowMethods, Headers: c.AllowHeaders, Expose: c.ExposeHeaders, MaxAge: c.MaxAge,
		Credentials: c.AllowCredentials != nil && *c.AllowCredentials,
	}
}

// preflight answers a CORS preflight request, as the API does on its own when CORS is configured; false when it is none.
func (x *exchange) preflight() (answer, bool) {
	r, ok := sharing(x.api.api.CorsConfiguration).Preflight(x.method, x.header)
	return answer{status: r.Status, header: r.Header, final: true}, ok
}

// cors puts the API's CORS headers over those of the function, which are ignored when CORS is configured.
func (x *exchange) cors(a *answer) {
	if !a.final {
		sharing(x.api.api.CorsConfiguration).Apply(a.header, x.first("Origin"))
	}
}
