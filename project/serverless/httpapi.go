package serverless

import (
	"sort"
	"strings"

	"sundog/internal/pattern"
)

// httpAPI is the one HTTP API of the application while it is compiled.
type httpAPI struct {
	cfg         *Value
	id          *Value // of an API of somebody else's (provider.httpApi.id), or Ref
	external    bool
	authorizers map[string]*httpAuthorizer
	integrated  map[string]bool
	routes      []httpRoute
}

type httpAuthorizer struct {
	key  string
	cfg  *Value
	id   *Value // what a route's AuthorizerId is
	kind string // JWT or CUSTOM
}

type httpRoute struct {
	method, path string
	fn           *function
	ev           *event
}

var httpMethods = []string{"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}

var routeText = pattern.New(`^(\S+)\s+(/\S*)$`)

const accessLogFormat = `{"requestId":"$context.requestId","ip":"$context.identity.sourceIp","requestTime":"$context.requestTime","httpMethod":"$context.httpMethod","routeKey":"$context.routeKey","status":"$context.status","protocol":"$context.protocol","responseLength":"$context.responseLength"}`

// httpAPIEvents compiles the HTTP API that all httpApi events share.
func (c *compiler) httpAPIEvents() {
	api := &httpAPI{cfg: c.provider.Get("httpApi"), id: ref("HttpApi"), authorizers: map[string]*httpAuthorizer{}, integrated: map[string]bool{}}
	if id := api.cfg.Get("id"); !id.IsNull() {
		api.id, api.external = id, true
	}
	c.readRoutes(api)
	if len(api.routes) == 0 {
		return
	}
	if !api.external {
		c.httpAPIResource(api)
		c.httpStage(api)
		c.output("HttpApiId", "Id of the HTTP API", ref("HttpApi"))
		c.output("HttpApiUrl", "URL of the HTTP API", joinText("https://", ref("HttpApi"), ".execute-api.", ref("AWS::Region"), ".", ref("AWS::URLSuffix")))
	}
	c.httpAuthorizers(api)
	for _, r := range api.routes {
		c.httpIntegration(api, r.fn)
		c.httpRouteResource(api, r)
	}
}

func (c *compiler) readRoutes(api *httpAPI) {
	seen := map[string]Pos{}
	for _, fn := range c.functions {
		for i := range fn.events {
			ev := &fn.events[i]
			if ev.typ != "httpApi" {
				continue
			}
			method, path, ok := c.routeOf(ev)
			if !ok {
				continue
			}
			key := method + " " + path
			if first, dup := seen[key]; dup {
				c.errorf(ev.at, "the route %s is there twice, first at %s", quote(key), first)
				continue
			}
			seen[key] = ev.at
			api.routes = append(api.routes, httpRoute{method: method, path: path, fn: fn, ev: ev})
		}
	}
}

// routeOf reads method and path: "GET /path", "*", or a map. The catch-all has method and path "*".
func (c *compiler) routeOf(ev *event) (method, path string, ok bool) {
	at := ev.at
	switch {
	case ev.cfg.Is(String):
		at = ev.cfg.Pos
		if ev.cfg.Text == "*" {
			return "*", "*", true
		}
		m := routeText.FindStringSubmatch(ev.cfg.Text)
		if m == nil {
			c.errorf(at, "%s is no route; it is written as METHOD /path", quote(ev.cfg.Text))
			return "", "", false
		}
		method, path = m[1], m[2]
	case ev.cfg.Is(Map):
		method, path = ev.cfg.Get("method").Str(), ev.cfg.Get("path").Str()
		if path == "*" && (method == "" || method == "*") {
			return "*", "*", true
		}
		if path == "" {
			c.errorf(at, "the httpApi event needs a path")
			return "", "", false
		}
		if method == "" {
			c.errorf(at, "the httpApi event needs a method")
			return "", "", false
		}
		at = ev.cfg.Get("method").Pos
	default:
		c.errorf(at, "the httpApi event needs a method and a path")
		return "", "", false
	}
	method = strings.ToUpper(method)
	if method == "*" {
		method = "ANY"
	}
	if !contains(httpMethods, method) {
		c.add(Failure, at, didYouMean(method, httpMethods), "unknown HTTP method "+quote(method))
		return "", "", false
	}
	if !strings.HasPrefix(path, "/") {
		c.errorf(at, "the path %s must begin with /", quote(path))
		return "", "", false
	}
	return method, path, true
}

func (c *compiler) httpAPIResource(api *httpAPI) {
	name := c.stage + "-" + c.service
	if c.provider.Get("httpApi", "shouldStartNameWithService").Truthy() {
		name = c.service + "-" + c.stage
	}
	props := object("Name", orText(api.cfg.Get("name"), name), "ProtocolType", "HTTP")
	if d := api.cfg.Get("disableDefaultEndpoint"); !d.IsNull() {
		props.Set("DisableExecuteApiEndpoint", d)
	}
	props.Set("Tags", c.httpTags(api))
	props.Set("CorsConfiguration", c.httpCors(api))
	c.resources.Set("HttpApi", resource("AWS::ApiGatewayV2::Api", props))
}

// httpTags gives the provider's tags when useProviderTags is set; nil otherwise.
func (c *compiler) httpTags(api *httpAPI) *Value {
	tags := c.provider.Get("tags")
	if !api.cfg.Get("useProviderTags").Truthy() || len(tags.entries()) == 0 {
		return nil
	}
	return mergedMap(tags)
}

func (c *compiler) httpCors(api *httpAPI) *Value {
	cfg := api.cfg.Get("cors")
	if !cfg.Truthy() {
		return nil
	}
	out := object()
	if a := cfg.Get("allowCredentials"); !a.IsNull() {
		out.Set("AllowCredentials", a)
	}
	headers := strs("Content-Type", "X-Amz-Date", "Authorization", "X-Api-Key", "X-Amz-Security-Token", "X-Amz-User-Agent", "X-Amzn-Trace-Id")
	setUnlessNull(out, "AllowHeaders", cfg, "allowedHeaders", headers)
	setUnlessNull(out, "AllowMethods", cfg, "allowedMethods", c.routeMethods(api))
	setUnlessNull(out, "AllowOrigins", cfg, "allowedOrigins", strs("*"))
	out.Set("ExposeHeaders", cfg.Get("exposedResponseHeaders"))
	out.Set("MaxAge", cfg.Get("maxAge"))
	return out
}

// routeMethods gives OPTIONS and the methods of all routes.
func (c *compiler) routeMethods(api *httpAPI) *Value {
	methods := []string{"OPTIONS"}
	for _, r := range api.routes {
		if r.method == "*" || r.method == "ANY" {
			all := []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
			sort.Strings(all)
			return strs(append([]string{"OPTIONS"}, removed(all, "OPTIONS")...)...)
		}
		if !contains(methods, r.method) {
			methods = append(methods, r.method)
		}
	}
	return strs(methods...)
}

func removed(l []string, s string) []string {
	var out []string
	for _, x := range l {
		if x != s {
			out = append(out, x)
		}
	}
	return out
}

func (c *compiler) httpStage(api *httpAPI) {
	props := object("ApiId", ref("HttpApi"), "StageName", "$default", "AutoDeploy", true,
		"DefaultRouteSettings", object("DetailedMetricsEnabled", api.cfg.Get("metrics").Truthy()))
	props.Set("Tags", c.httpTags(api))
	stage := resource("AWS::ApiGatewayV2::Stage", props)
	if logs := c.provider.Get("logs", "httpApi"); logs.Truthy() {
		group := object("LogGroupName", "/aws/http-api/"+c.service+"-"+c.stage)
		if days := c.provider.Get("logRetentionInDays"); days.Truthy() {
			group.Set("RetentionInDays", days)
		}
		c.resources.Set("HttpApiLogGroup", resource("AWS::Logs::LogGroup", group))
		props.Set("AccessLogSettings", object("DestinationArn", getAtt("HttpApiLogGroup", "Arn"), "Format", orText(logs.Get("format"), accessLogFormat)))
		stage.Set("DependsOn", str("HttpApiLogGroup"))
	}
	c.resources.Set("HttpApiStage", stage)
}

func (c *compiler) httpIntegration(api *httpAPI, fn *function) {
	if api.integrated[fn.key] {
		return
	}
	api.integrated[fn.key] = true
	c.permission(fn.id+"LambdaPermissionHttpApi", fn, "apigateway.amazonaws.com", executeAPI(api.id, "/*"))
	payload := orText(fn.cfg.Get("httpApi", "payload"), orText(api.cfg.Get("payload"), "2.0"))
	if payload != "1.0" && payload != "2.0" {
		c.errorf(fn.keyPos, "the payload of an HTTP API is 1.0 or 2.0, not %s", quote(payload))
	}
	props := object("ApiId", api.id, "IntegrationType", "AWS_PROXY", "IntegrationUri", fn.target(), "PayloadFormatVersion", payload, "TimeoutInMillis", 30000)
	c.resources.Set("HttpApiIntegration"+fn.id, resource("AWS::ApiGatewayV2::Integration", props, "DependsOn", fn.waits()))
}

// executeAPI is the ARN of an API's requests.
func executeAPI(api *Value, tail string) *Value {
	return joinText("arn:", ref("AWS::Partition"), ":execute-api:", ref("AWS::Region"), ":", ref("AWS::AccountId"), ":", api, tail)
}

func (c *compiler) httpRouteResource(api *httpAPI, r httpRoute) {
	key, id := r.method+" "+r.path, "HttpApiRoute"+upperFirst(strings.ToLower(r.method))+pathID(r.path)
	if r.method == "*" {
		key, id = "$default", "HttpApiRouteDefault"
	}
	integration := "HttpApiIntegration" + r.fn.id
	props := object("ApiId", api.id, "RouteKey", key, "Target", join("/", str("integrations"), ref(integration)))
	c.routeAuthorizer(api, r, props)
	c.resources.Set(id, resource("AWS::ApiGatewayV2::Route", props, "DependsOn", integration))
}
