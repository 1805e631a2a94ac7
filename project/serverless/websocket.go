package serverless

import "strings"

const websocketDeployment = "WebsocketsDeployment"

// websocketAPI is the one WebSocket API of the application while it is compiled.
type websocketAPI struct {
	id       *Value
	external bool
	waits    []string // the deployment's DependsOn
}

// websocketEvents compiles the WebSocket API that all websocket events share.
func (c *compiler) websocketEvents() {
	var api *websocketAPI
	for _, fn := range c.functions {
		for i := range fn.events {
			ev := &fn.events[i]
			if ev.typ != "websocket" {
				continue
			}
			if api == nil {
				api = c.websocketAPI()
			}
			c.websocketRoute(api, fn, ev)
		}
	}
	if api == nil {
		return
	}
	c.websocketStage(api)
	if !api.external {
		c.allow(list(sub("arn:${AWS::Partition}:execute-api:*:*:*/@connections/*")), "execute-api:ManageConnections")
	}
	c.output("ServiceEndpointWebsocket", "URL of the service endpoint",
		joinText("wss://", api.id, ".execute-api.", ref("AWS::Region"), ".", ref("AWS::URLSuffix"), "/"+c.stage))
}

func (c *compiler) websocketAPI() *websocketAPI {
	if id := c.provider.Get("apiGateway", "websocketApiId"); !id.IsNull() {
		return &websocketAPI{id: id, external: true}
	}
	name := c.stage + "-" + c.service + "-websockets"
	if c.provider.Get("apiGateway", "shouldStartNameWithService").Truthy() {
		name = c.service + "-" + c.stage + "-websockets"
	}
	c.resources.Set("WebsocketsApi", resource("AWS::ApiGatewayV2::Api", object(
		"Name", orText(c.provider.Get("websocketsApiName"), name),
		"RouteSelectionExpression", orText(c.provider.Get("websocketsApiRouteSelectionExpression"), "$request.body.action"),
		"Description", c.websocketDescription(), "ProtocolType", "WEBSOCKET")))
	return &websocketAPI{id: ref("WebsocketsApi")}
}

func (c *compiler) websocketDescription() string {
	return orText(c.provider.Get("websocketsDescription"), "Serverless Websockets")
}

// websocketRouteID makes the stem of a route's logical id: $connect is Sconnect.
func websocketRouteID(route string) string {
	s := strings.NewReplacer("$", "S", "-", "Dash", "_", "Underscore", "/", "Slash").Replace(route)
	return alphaNumeric(s)
}

func (c *compiler) websocketRoute(api *websocketAPI, fn *function, ev *event) {
	route := ev.cfg
	if ev.cfg.Is(Map) {
		route = ev.cfg.Get("route")
	}
	if route.Str() == "" {
		c.errorf(ev.at, "the websocket event needs a route")
		return
	}
	integration := fn.id + "WebsocketsIntegration"
	if c.resources.Get(integration) == nil {
		c.resources.Set(integration, resource("AWS::ApiGatewayV2::Integration",
			object("ApiId", api.id, "IntegrationType", "AWS_PROXY", "IntegrationUri", invocationURI(fn.target())), "DependsOn", fn.waits()))
		deps := c.websocketWaits(api, fn.logicalID())
		if w := fn.waits(); w != nil {
			deps.Items = append(deps.Items, w)
		}
		c.resources.Set(fn.id+"LambdaPermissionWebsockets", object("Type", "AWS::Lambda::Permission", "DependsOn", deps,
			"Properties", object("FunctionName", fn.target(), "Action", "lambda:InvokeFunction", "Principal", "apigateway.amazonaws.com")))
	}
	id := websocketRouteID(route.Str()) + "WebsocketsRoute"
	props := object("ApiId", api.id, "RouteKey", route, "AuthorizationType", "NONE", "Target", join("/", str("integrations"), ref(integration)))
	if expr := ev.cfg.Get("routeResponseSelectionExpression"); expr.Truthy() {
		props.Set("RouteResponseSelectionExpression", expr)
		response := id + "Response"
		c.resources.Set(response, resource("AWS::ApiGatewayV2::RouteResponse", object("ApiId", api.id, "RouteId", ref(id), "RouteResponseKey", "$default")))
		api.waits = append(api.waits, response)
	}
	if auth := ev.cfg.Get("authorizer"); !auth.IsNull() {
		c.websocketAuthorizer(api, auth, props)
	}
	c.resources.Set(id, resource("AWS::ApiGatewayV2::Route", props))
	api.waits = append(api.waits, id)
}

func (c *compiler) websocketWaits(api *websocketAPI, function string) *Value {
	deps := list()
	if !api.external {
		deps.Items = append(deps.Items, str("WebsocketsApi"))
	}
	if function != "" {
		deps.Items = append(deps.Items, str(function))
	}
	return deps
}

func (c *compiler) websocketAuthorizer(api *websocketAPI, auth, route *Value) {
	if auth.Str() == "AWS_IAM" || auth.Str() == "aws_iam" {
		route.Set("AuthorizationType", str("AWS_IAM"))
		return
	}
	name, arn := auth.Get("name").Str(), auth.Get("arn")
	if auth.Is(String) {
		if name = auth.Text; strings.HasPrefix(auth.Text, "arn:") {
			name, arn = auth.Text[strings.LastIndexByte(auth.Text, ':')+1:], auth
		}
	} else if name == "" {
		name = nameOfARN(arn)
	}
	function, target := "", arn
	if arn.IsNull() {
		fn := c.functionByKey(name)
		if fn == nil {
			c.add(Failure, auth.Pos, didYouMean(name, c.functionKeys()), "the authorizer "+quote(name)+" is no function of this application")
			return
		}
		function, target = fn.logicalID(), fn.target()
	}
	id := functionID(name) + "WebsocketsAuthorizer"
	identity := orValue(auth.Get("identitySource"), strs("route.request.header.Auth"))
	route.Set("AuthorizationType", str("CUSTOM"))
	route.Set("AuthorizerId", ref(id))
	if c.resources.Get(id) != nil {
		return
	}
	c.resources.Set(id, resource("AWS::ApiGatewayV2::Authorizer", object("ApiId", api.id, "Name", name, "AuthorizerType", "REQUEST",
		"AuthorizerUri", invocationURI(target), "IdentitySource", asList(identity))))
	c.resources.Set(functionID(name)+"LambdaPermissionWebsockets", object("Type", "AWS::Lambda::Permission", "DependsOn", c.websocketWaits(api, function),
		"Properties", object("Action", "lambda:InvokeFunction", "Principal", "apigateway.amazonaws.com", "FunctionName", target)))
}

func (c *compiler) websocketStage(api *websocketAPI) {
	description := c.websocketDescription()
	deployment := websocketDeployment + pendingSuffix
	props := object("ApiId", api.id, "Description", description)
	if api.external {
		props.Set("StageName", str(c.stage))
	} else {
		stage := object("ApiId", api.id, "StageName", c.stage, "Description", description)
		if logs := c.provider.Get("logs", "websocket"); logs.Truthy() {
			c.websocketLogs(logs, stage)
		}
		stage.Set("DeploymentId", ref(deployment))
		c.resources.Set("WebsocketsDeploymentStage", resource("AWS::ApiGatewayV2::Stage", stage))
	}
	c.resources.Set(deployment, object("Type", "AWS::ApiGatewayV2::Deployment", "DependsOn", strs(api.waits...), "Properties", props))
}

func (c *compiler) websocketLogs(logs, stage *Value) {
	settings := object("DataTraceEnabled", !isFalse(logs.Get("fullExecutionData")), "LoggingLevel", orText(logs.Get("level"), "INFO"))
	if isFalse(logs.Get("executionLogging")) {
		settings = nil
	}
	stage.Set("DefaultRouteSettings", settings)
	if !isFalse(logs.Get("accessLogging")) {
		format := `$context.identity.sourceIp $context.identity.caller $context.identity.user [$context.requestTime] "$context.eventType $context.routeKey $context.connectionId" $context.requestId`
		stage.Set("AccessLogSettings", object("DestinationArn", sub("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${WebsocketsLogGroup}"),
			"Format", orText(logs.Get("format"), format)))
	}
	c.resources.Set("WebsocketsLogGroup", resource("AWS::Logs::LogGroup", object("LogGroupName", "/aws/websocket/"+c.service+"-"+c.stage)))
}

// websocketDefinition is the text whose hash names the deployment.
func (c *compiler) websocketDefinition() string {
	var b strings.Builder
	for _, f := range c.resources.Fields {
		if strings.Contains(f.Key, "Websockets") && f.Value.Get("Type").Str() != "AWS::ApiGatewayV2::Deployment" && f.Value.Get("Type").Str() != "AWS::ApiGatewayV2::Stage" {
			b.WriteString(f.Key + f.Value.JSON())
		}
	}
	return b.String()
}
