package serverless

import (
	"sort"
	"strings"
	"unicode"
)

// restMethod makes one method with its authorizer and integration.
func (c *compiler) restMethod(api *restAPI, e *restEvent) {
	id := e.methodID()
	if c.resources.Get(id) != nil {
		c.errorf(e.at, "the route %s /%s is there twice", e.method, e.path)
		return
	}
	params := requestParameters(e.cfg)
	props := object("HttpMethod", e.method, "RequestParameters", params.method, "ResourceId", c.restPath(api, e.path), "RestApiId", api.id)
	if o := e.cfg.Get("operationId"); o.Truthy() {
		props.Set("OperationName", o)
	}
	props.Set("ApiKeyRequired", boolean(e.cfg.Get("private").Truthy()))
	depends := e.fn.id + "LambdaPermissionApiGateway"
	if a := c.restAuthorizer(api, e, props); a != "" {
		depends = a
	}
	props.Set("Integration", c.restIntegration(e, params))
	props.Set("MethodResponses", c.methodResponses(e))
	schemas := e.cfg.Get("request", "schemas")
	if schemas.IsNull() && e.cfg.Has("request") {
		schemas = e.cfg.Get("request", "schema")
	}
	if params.required || schemas.Truthy() {
		api.validator = true
		props.Set("RequestValidatorId", ref(c.validatorID()))
	}
	if schemas.Truthy() {
		props.Set("RequestModels", c.requestModels(api, e, schemas))
	}
	deps := strs(depends)
	if w := e.fn.waits(); w != nil {
		deps.Items = append(deps.Items, w)
	}
	c.resources.Set(id, resource("AWS::ApiGateway::Method", props, "DependsOn", deps))
	api.methods = append(api.methods, id)
}

// parameters are a method's request parameters, and how they are passed to the integration.
type parameters struct {
	method, integration *Value
	required            bool
}

func requestParameters(cfg *Value) parameters {
	p := parameters{method: object(), integration: object()}
	for _, kind := range [][2]string{{"querystrings", "querystring"}, {"paths", "path"}, {"headers", "header"}} {
		for _, f := range cfg.Get("request", "parameters", kind[0]).entries() {
			required, mapped := f.Value, ""
			if f.Value.Is(Map) {
				required, mapped = f.Value.Get("required"), f.Value.Get("mappedValue").Str()
			}
			name := "method.request." + kind[1] + "." + f.Key
			p.method.Set(name, boolean(required.Truthy()))
			p.required = p.required || required.Truthy()
			if mapped == "" {
				mapped = name
			}
			p.integration.Set("integration.request."+kind[1]+"."+f.Key, str(mapped))
		}
	}
	return p
}

func (c *compiler) restIntegration(e *restEvent, params parameters) *Value {
	in := object("IntegrationHttpMethod", "POST", "Type", e.integration)
	switch e.integration {
	case "AWS_PROXY", "AWS":
		parts := []any{"arn:", ref("AWS::Partition"), ":apigateway:", ref("AWS::Region"), ":lambda:path/2015-03-31/functions/", getAtt(e.fn.logicalID(), "Arn")}
		if e.fn.alias != "" {
			parts = append(parts, ":", e.fn.alias)
		}
		in.Set("Uri", joinText(append(parts, "/invocations")...))
	case "HTTP", "HTTP_PROXY":
		uri := e.cfg.Get("request", "uri")
		if !uri.Truthy() {
			c.errorf(e.at, "an http event with the integration %s needs request.uri", strings.ToLower(e.integration))
		}
		in.Set("Uri", uri)
		method := strings.ToUpper(orText(e.cfg.Get("request", "method"), e.method))
		in.Set("IntegrationHttpMethod", str(method))
	}
	switch e.integration {
	case "AWS", "HTTP", "MOCK":
		c.mappedIntegration(e, in)
	}
	if e.integration != "AWS_PROXY" && len(params.integration.Fields) > 0 {
		in.Set("RequestParameters", params.integration)
	}
	if e.cfg.Get("async").Truthy() {
		rp := orValue(in.Get("RequestParameters"), object())
		rp.Set("integration.request.header.X-Amz-Invocation-Type", str("'Event'"))
		in.Set("RequestParameters", rp)
	}
	return in
}

// mappedIntegration adds the templates of an integration that is no proxy.
func (c *compiler) mappedIntegration(e *restEvent, in *Value) {
	request := e.cfg.Get("request")
	if e.integration == "AWS" {
		in.Set("PassthroughBehavior", str(strings.ToUpper(orText(request.Get("passThrough"), "NEVER"))))
	} else if p := request.Get("passThrough"); p.Truthy() {
		in.Set("PassthroughBehavior", str(strings.ToUpper(p.Str())))
	}
	if h := request.Get("contentHandling"); h.Truthy() {
		in.Set("ContentHandling", h)
	}
	templates := object()
	if e.integration == "AWS" {
		templates = lambdaTemplates()
	}
	templates = mergedMap(templates, request.Get("template"))
	for i := range templates.Fields {
		if templates.Fields[i].Value.IsNull() {
			templates.Fields[i].Value = str("")
		}
	}
	if len(templates.Fields) > 0 {
		in.Set("RequestTemplates", templates)
	}
	responses := list()
	for _, s := range statusCodes(e) {
		responses.Items = append(responses.Items, object("StatusCode", s.code, "SelectionPattern", s.pattern,
			"ResponseParameters", c.responseHeaders(e, s, false), "ResponseTemplates", responseTemplates(e, s)))
	}
	in.Set("IntegrationResponses", responses)
}

func (c *compiler) methodResponses(e *restEvent) *Value {
	out := list()
	if e.integration == "AWS_PROXY" || e.integration == "HTTP_PROXY" {
		return out
	}
	for _, s := range statusCodes(e) {
		out.Items = append(out.Items, object("ResponseParameters", c.responseHeaders(e, s, true), "ResponseModels", object(), "StatusCode", s.code))
	}
	return out
}

// status is one answer of an integration that is no proxy.
type status struct {
	code, pattern string
	cfg           *Value
}

// errorStatuses are the answers that a Lambda integration has when the file names none: an error's text chooses them by "[404]".
var errorStatuses = []string{"400", "401", "403", "404", "422", "500", "502", "504"}

func statusCodes(e *restEvent) []status {
	own := e.cfg.Get("response", "statusCodes")
	if own.Is(Map) {
		var out []status
		for _, f := range own.Fields {
			out = append(out, status{code: f.Key, pattern: f.Value.Get("pattern").Str(), cfg: f.Value})
		}
		return out
	}
	out := []status{{code: "200"}}
	if e.integration != "AWS" {
		return out
	}
	const any = `[\s\S]*`
	for _, code := range errorStatuses {
		pattern := any + `\[` + code + `\]` + any
		switch code {
		case "500":
			pattern = any + `(Process\s?exited\s?before\s?completing\s?request|\[500\])` + any
		case "504":
			pattern = "(" + pattern + `)|(.*Task timed out after \d+\.\d+ seconds$)`
		}
		out = append(out, status{code: code, pattern: pattern})
	}
	return out
}

// responseHeaders gives the headers of an answer: their values, or true for each (as method responses declare them).
func (c *compiler) responseHeaders(e *restEvent, s status, declare bool) *Value {
	out := object()
	put := func(name string, v *Value) {
		if declare {
			v = boolean(true)
		}
		out.Set("method.response.header."+name, v)
	}
	if e.cfg.Get("cors").Truthy() {
		put("Access-Control-Allow-Origin", str("'"+orText(e.cfg.Get("cors", "origin"), "*")+"'"))
	}
	for _, f := range mergedMap(e.cfg.Get("response", "headers"), s.cfg.Get("headers")).Fields {
		put(f.Key, f.Value)
	}
	return out
}

func responseTemplates(e *restEvent, s status) *Value {
	t := orValue(s.cfg.Get("template"), e.cfg.Get("response", "template"))
	switch {
	case t.IsNull():
		return object()
	case t.Is(Map):
		return t
	}
	return object("application/json", t)
}

func (c *compiler) validatorID() string { return "ApiGateway" + idPart(c.service) + "RequestValidator" }

// camelWords makes ApplicationJson of application/json.
func camelWords(s string) string {
	var b strings.Builder
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		b.WriteString(upperFirst(w))
	}
	return b.String()
}

// requestModels gives the models of a method's bodies; a model is one of the provider's, by name, or is made for the method.
func (c *compiler) requestModels(api *restAPI, e *restEvent, schemas *Value) *Value {
	shared := api.cfg.Get("request", "schemas")
	out := object()
	for _, f := range schemas.entries() {
		if f.Value.Is(String) {
			def := shared.Get(f.Value.Text)
			if def == nil {
				c.add(Failure, f.Value.Pos, didYouMean(f.Value.Text, shared.Keys()), "the schema "+quote(f.Value.Text)+" is not defined in provider.apiGateway.request.schemas")
				continue
			}
			id := "ApiGateway" + camelWords(f.Value.Text) + "Model"
			c.model(api, id, f.Key, def)
			out.Set(f.Key, ref(id))
			continue
		}
		id := e.methodID() + camelWords(f.Key) + "Model"
		c.model(api, id, f.Key, f.Value)
		out.Set(f.Key, ref(id))
	}
	return out
}

func (c *compiler) model(api *restAPI, id, contentType string, def *Value) {
	schema := def
	if s := def.Get("schema"); s.Is(Map) {
		schema = s
	}
	props := object("RestApiId", api.id, "ContentType", contentType, "Schema", schema)
	if schema != def {
		props.Set("Name", def.Get("name"))
		props.Set("Description", def.Get("description"))
	}
	c.resources.Set(id, resource("AWS::ApiGateway::Model", props))
}

func (c *compiler) restModels(api *restAPI) {
	if api.validator {
		c.resources.Set(c.validatorID(), resource("AWS::ApiGateway::RequestValidator", object("RestApiId", api.id, "ValidateRequestBody", true,
			"ValidateRequestParameters", true, "Name", c.service+"-"+c.stage+" | Validate request body and querystring parameters")))
	}
}

// sortedKeys gives the keys of a set in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
