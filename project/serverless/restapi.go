package serverless

import (
	"strings"
)

// restDeployment is the stem of the deployment's logical id.
const restDeployment = "ApiGatewayDeployment"

// restAPI is the one REST API of the application while it is compiled; http events of functions and of state machines share it.
type restAPI struct {
	cfg       *Value // provider.apiGateway
	id, root  *Value
	external  bool
	paths     map[string]*Value // path -> its ResourceId
	cors      []*restCors
	events    []*restEvent
	methods   []string // logical ids, for the deployment's DependsOn
	validator bool
}

// restEvent is one http event, read.
type restEvent struct {
	fn           *function
	cfg          *Value
	at           Pos
	method, path string // path without slashes at its ends
	integration  string // AWS_PROXY, AWS, HTTP, HTTP_PROXY, MOCK
}

// restEvents compiles the REST API that all http events share.
func (c *compiler) restEvents() {
	for _, fn := range c.functions {
		for i := range fn.events {
			if ev := &fn.events[i]; ev.typ == "http" {
				if e := c.restEventOf(fn, ev); e != nil {
					c.restAPIOf().events = append(c.restAPIOf().events, e)
				}
			}
		}
	}
	if c.rest == nil {
		return
	}
	api := c.rest
	for _, e := range api.events {
		c.restPath(api, e.path)
		c.collectCors(api, e)
	}
	c.corsMethods(api)
	for _, e := range api.events {
		c.restMethod(api, e)
	}
	c.restModels(api)
	c.restPermissions(api)
	c.finishREST()
}

// restAPIOf gives the REST API, made on first use.
func (c *compiler) restAPIOf() *restAPI {
	if c.rest != nil {
		return c.rest
	}
	cfg := c.provider.Get("apiGateway")
	api := &restAPI{cfg: cfg, id: ref("ApiGatewayRestApi"), root: getAtt("ApiGatewayRestApi", "RootResourceId"), paths: map[string]*Value{}}
	c.rest = api
	if id := cfg.Get("restApiId"); !id.IsNull() {
		api.id, api.external = id, true
		if api.root = cfg.Get("restApiRootResourceId"); api.root == nil {
			c.errorf(id.Pos, "apiGateway.restApiId needs apiGateway.restApiRootResourceId too")
		}
		for _, f := range cfg.Get("restApiResources").entries() {
			api.paths[strings.Trim(f.Key, "/")] = f.Value
		}
		return api
	}
	c.restResource(api)
	return api
}

func (c *compiler) restResource(api *restAPI) {
	cfg := api.cfg
	name := orText(c.provider.Get("apiName"), c.stage+"-"+c.service)
	if cfg.Get("shouldStartNameWithService").Truthy() {
		name = orText(c.provider.Get("apiName"), c.service+"-"+c.stage)
	}
	props := object("Name", name)
	if b := cfg.Get("binaryMediaTypes"); b.Truthy() {
		props.Set("BinaryMediaTypes", b)
	}
	if d := cfg.Get("disableDefaultEndpoint"); !d.IsNull() {
		props.Set("DisableExecuteApiEndpoint", d)
	}
	endpoint := object("Types", strs(strings.ToUpper(orText(c.provider.Get("endpointType"), "EDGE"))))
	if v := c.provider.Get("vpcEndpointIds"); v.Truthy() {
		endpoint.Set("VpcEndpointIds", v)
	}
	props.Set("EndpointConfiguration", endpoint)
	props.Set("Policy", str(""))
	if p := orValue(cfg.Get("resourcePolicy"), c.provider.Get("resourcePolicy")); p.Truthy() {
		props.Set("Policy", object("Version", "2012-10-17", "Statement", apiPolicy(p)))
	}
	for _, p := range [][2]string{{"ApiKeySourceType", "apiKeySourceType"}, {"MinimumCompressionSize", "minimumCompressionSize"}, {"Description", "description"}} {
		if v := cfg.Get(p[1]); !v.IsNull() {
			props.Set(p[0], v)
		}
	}
	c.resources.Set("ApiGatewayRestApi", resource("AWS::ApiGateway::RestApi", props))
}

// apiPolicy gives the statements of a resource policy with Action as a list and a single Resource as a text.
func apiPolicy(statements *Value) *Value {
	out := list()
	for _, s := range asList(statements).Items {
		s = s.Clone()
		if a := s.Get("Action"); a.Is(String) {
			s.Set("Action", list(a))
		}
		if r := s.Get("Resource"); r.Is(List) && len(r.Items) == 1 {
			s.Set("Resource", r.Items[0])
		}
		out.Items = append(out.Items, s)
	}
	return out
}

var integrationTypes = map[string]string{"": "AWS_PROXY", "lambda-proxy": "AWS_PROXY", "aws-proxy": "AWS_PROXY", "aws_proxy": "AWS_PROXY",
	"lambda": "AWS", "aws": "AWS", "http": "HTTP", "http-proxy": "HTTP_PROXY", "http_proxy": "HTTP_PROXY", "mock": "MOCK"}

func (c *compiler) restEventOf(fn *function, ev *event) *restEvent {
	e := &restEvent{fn: fn, cfg: ev.cfg, at: ev.at}
	switch {
	case ev.cfg.Is(String):
		parts := strings.Fields(ev.cfg.Text)
		if len(parts) != 2 {
			c.errorf(ev.cfg.Pos, "%s is no route; it is written as METHOD path", quote(ev.cfg.Text))
			return nil
		}
		e.method, e.path, e.cfg = parts[0], parts[1], object()
	case ev.cfg.Is(Map):
		e.method, e.path = ev.cfg.Get("method").Str(), ev.cfg.Get("path").Str()
	}
	if e.path == "" || e.method == "" {
		c.errorf(ev.at, "the http event needs a path and a method")
		return nil
	}
	e.method, e.path = strings.ToUpper(e.method), strings.Trim(e.path, "/")
	if e.method == "*" {
		e.method = "ANY"
	}
	if !contains(httpMethods, e.method) {
		c.add(Failure, ev.at, didYouMean(e.method, httpMethods), "unknown HTTP method "+quote(e.method))
		return nil
	}
	kind := strings.ToLower(e.cfg.Get("integration").Str())
	typ, ok := integrationTypes[kind]
	if !ok {
		c.add(Failure, e.cfg.Get("integration").Pos, didYouMean(kind, []string{"lambda-proxy", "lambda", "http", "http-proxy", "mock"}), "unknown integration "+quote(kind))
		return nil
	}
	if e.integration = typ; kind == "" && e.cfg.Get("async").Truthy() {
		e.integration = "AWS"
	}
	return e
}

// restPath makes the resources of a path and gives the ResourceId of its end.
func (c *compiler) restPath(api *restAPI, path string) *Value {
	if path == "" {
		return api.root
	}
	if id, ok := api.paths[path]; ok {
		return id
	}
	parent, part := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, part = path[:i], path[i+1:]
	}
	above := c.restPath(api, parent)
	id := "ApiGatewayResource" + pathID(path)
	c.resources.Set(id, resource("AWS::ApiGateway::Resource", object("ParentId", above, "PathPart", part, "RestApiId", api.id)))
	api.paths[path] = ref(id)
	return api.paths[path]
}

func (e *restEvent) methodID() string {
	return "ApiGatewayMethod" + pathID(e.path) + upperFirst(strings.ToLower(e.method))
}

// restPermissions let the API invoke each function once.
func (c *compiler) restPermissions(api *restAPI) {
	for _, e := range api.events {
		id := e.fn.id + "LambdaPermissionApiGateway"
		if c.resources.Get(id) == nil {
			c.permission(id, e.fn, "apigateway.amazonaws.com", executeAPI(api.id, "/*/*"))
		}
	}
}

func (c *compiler) restStage(api *restAPI) string {
	return orText(api.cfg.Get("stage"), c.stage)
}

// finishREST makes the deployment, its keys and plans, and the output. It runs again when state machines add methods.
func (c *compiler) finishREST() {
	api := c.rest
	props := object("RestApiId", api.id, "StageName", c.restStage(api))
	props.Set("Description", api.cfg.Get("description"))
	c.resources.Set(restDeployment+pendingSuffix, resource("AWS::ApiGateway::Deployment", props, "DependsOn", strs(api.methods...)))
	c.apiKeys(api)
	if logs := c.provider.Get("logs", "restApi"); logs.Truthy() && !api.external {
		group := object("LogGroupName", "/aws/api-gateway/"+c.service+"-"+c.stage)
		if days := c.provider.Get("logRetentionInDays"); days.Truthy() {
			group.Set("RetentionInDays", days)
		}
		c.resources.Set("ApiGatewayLogGroup", resource("AWS::Logs::LogGroup", group))
		c.add(Note, logs.Pos, "", "logs.restApi: the log group is made; the framework sets the stage's logging after it has deployed, which has no effect here")
	}
	c.output("ServiceEndpoint", "URL of the service endpoint",
		joinText("https://", api.id, ".execute-api.", ref("AWS::Region"), ".", ref("AWS::URLSuffix"), "/"+c.stage))
}

// restDefinition is the text whose hash names the deployment: everything of the API but the deployment.
func (c *compiler) restDefinition() string {
	var b strings.Builder
	for _, f := range c.resources.Fields {
		typ := f.Value.Get("Type").Str()
		if strings.HasPrefix(typ, "AWS::ApiGateway::") && typ != "AWS::ApiGateway::Deployment" && typ != "AWS::ApiGateway::ApiKey" {
			b.WriteString(f.Key + f.Value.JSON())
		}
	}
	return b.String()
}
