package serverless

import (
	"strings"
)

// restCors is what all http events of one path say about CORS.
type restCors struct {
	path             string
	origin           string
	origins, headers []string
	methods          []string
	credentials      bool
	maxAge, cache    *Value
}

var defaultCorsHeaders = []string{"Content-Type", "X-Amz-Date", "Authorization", "X-Api-Key", "X-Amz-Security-Token", "X-Amz-User-Agent", "X-Amzn-Trace-Id"}

func (c *compiler) collectCors(api *restAPI, e *restEvent) {
	cfg := e.cfg.Get("cors")
	if !cfg.Truthy() {
		return
	}
	var cors *restCors
	for _, x := range api.cors {
		if x.path == e.path {
			cors = x
		}
	}
	if cors == nil {
		cors = &restCors{path: e.path}
		api.cors = append(api.cors, cors)
	}
	cors.origin = orText(cfg.Get("origin"), "*")
	if o := cfg.Get("origins"); o.Truthy() {
		cors.origins = union(texts(asList(o)), cors.origins)
	} else if strings.Contains(cors.origin, ",") {
		for _, o := range strings.Split(cors.origin, ",") {
			cors.origins = union(cors.origins, []string{strings.TrimSpace(o)})
		}
	}
	headers := defaultCorsHeaders
	if h := cfg.Get("headers"); h.Truthy() {
		headers = texts(asList(h))
	}
	cors.headers = union(headers, cors.headers)
	methods := texts(asList(cfg.Get("methods")))
	methods = union(methods, []string{"OPTIONS"})
	if e.method == "ANY" {
		methods = union(methods, []string{"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"})
	} else {
		methods = union(methods, []string{e.method})
	}
	cors.methods = union(methods, cors.methods)
	cors.credentials = cors.credentials || cfg.Get("allowCredentials").Truthy()
	if m := cfg.Get("maxAge"); m.Truthy() && (cors.maxAge == nil || m.Num > cors.maxAge.Num) {
		cors.maxAge = m
	}
	if cc := cfg.Get("cacheControl"); cc.Truthy() {
		cors.cache = cc
	}
}

func texts(l *Value) []string {
	var out []string
	for _, it := range l.items() {
		out = append(out, it.Str())
	}
	return out
}

// union gives a, then what only b has.
func union(a, b []string) []string {
	out := append([]string(nil), a...)
	for _, x := range b {
		if !contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// corsMethods makes the OPTIONS method of each path with CORS: it answers without a function.
func (c *compiler) corsMethods(api *restAPI) {
	for _, cors := range api.cors {
		e := &restEvent{method: "OPTIONS", path: cors.path}
		id := e.methodID()
		headers := corsHeaders(cors)
		declared := object()
		for _, f := range headers.Fields {
			declared.Set(f.Key, boolean(true))
		}
		template := ""
		if len(cors.origins) > 0 {
			template = originTemplate(cors.origins)
		}
		integration := object("Type", "MOCK", "RequestTemplates", object("application/json", "{statusCode:200}"), "ContentHandling", "CONVERT_TO_TEXT",
			"IntegrationResponses", list(object("StatusCode", "200", "ResponseParameters", headers, "ResponseTemplates", object("application/json", template))))
		props := object("AuthorizationType", "NONE", "HttpMethod", "OPTIONS",
			"MethodResponses", list(object("StatusCode", "200", "ResponseParameters", declared, "ResponseModels", object())),
			"RequestParameters", object(), "Integration", integration, "ResourceId", c.restPath(api, cors.path), "RestApiId", api.id)
		c.resources.Set(id, resource("AWS::ApiGateway::Method", props))
		api.methods = append(api.methods, id)
	}
}

func corsHeaders(cors *restCors) *Value {
	origin := cors.origin
	if len(cors.origins) > 0 {
		origin = cors.origins[0]
	}
	const p = "method.response.header."
	h := object(p+"Access-Control-Allow-Origin", "'"+origin+"'",
		p+"Access-Control-Allow-Headers", "'"+strings.Join(cors.headers, ",")+"'",
		p+"Access-Control-Allow-Methods", "'"+strings.Join(cors.methods, ",")+"'")
	if cors.credentials {
		h.Set(p+"Access-Control-Allow-Credentials", str("'true'"))
	}
	if cors.maxAge != nil {
		h.Set(p+"Access-Control-Max-Age", str("'"+cors.maxAge.Str()+"'"))
	}
	if cors.cache != nil {
		h.Set(p+"Cache-Control", str("'"+cors.cache.Str()+"'"))
	}
	return h
}

// originTemplate answers with the request's own origin when it is one of the allowed ones; * stands for any text.
func originTemplate(origins []string) string {
	var tests []string
	for _, o := range origins {
		pattern := strings.ReplaceAll(strings.ReplaceAll(o, ".", "[.]"), "*", ".+")
		tests = append(tests, `$origin.matches("`+pattern+`")`)
	}
	return `#set($origin = $input.params("Origin"))` + "\n" +
		`#if($origin == "") #set($origin = $input.params("origin")) #end` + "\n" +
		`#if(` + strings.Join(tests, " || ") + `) #set($context.responseOverride.header.Access-Control-Allow-Origin = $origin) #end`
}
