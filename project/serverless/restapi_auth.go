package serverless

import (
	"fmt"
	"strings"
)

// restAuthorizer sets a method's authorization and gives the logical id of the authorizer that the method waits for.
func (c *compiler) restAuthorizer(api *restAPI, e *restEvent, props *Value) string {
	cfg := e.cfg.Get("authorizer")
	if cfg.IsNull() {
		props.Set("AuthorizationType", str("NONE"))
		return ""
	}
	if s := cfg.Str(); strings.EqualFold(s, "aws_iam") || strings.EqualFold(cfg.Get("type").Str(), "aws_iam") {
		props.Set("AuthorizationType", str("AWS_IAM"))
		return ""
	}
	if id := cfg.Get("authorizerId"); !id.IsNull() {
		typ := cfg.Get("type").Str()
		if typ == "" || strings.EqualFold(typ, "token") || strings.EqualFold(typ, "request") {
			typ = "CUSTOM"
		}
		props.Set("AuthorizationType", str(strings.ToUpper(typ)))
		props.Set("AuthorizerId", id)
		if s := cfg.Get("scopes"); s.Truthy() {
			props.Set("AuthorizationScopes", s)
		}
		return ""
	}
	return c.namedAuthorizer(api, e, cfg, props)
}

func (c *compiler) namedAuthorizer(api *restAPI, e *restEvent, cfg, props *Value) string {
	name, arn := cfg.Get("name").Str(), cfg.Get("arn")
	if cfg.Is(String) {
		if name = cfg.Text; strings.HasPrefix(cfg.Text, "arn:") {
			name, arn = "", cfg
		}
	}
	if name == "" {
		name = lastPart(arn)
	}
	pool := strings.EqualFold(cfg.Get("type").Str(), "COGNITO_USER_POOLS") || strings.Contains(arn.Str(), ":cognito-idp:")
	id := functionID(name) + "ApiGatewayAuthorizer"
	props.Set("AuthorizationType", str("CUSTOM"))
	if pool {
		props.Set("AuthorizationType", str("COGNITO_USER_POOLS"))
	}
	props.Set("AuthorizerId", ref(id))
	if s := cfg.Get("scopes"); pool && s.Truthy() {
		props.Set("AuthorizationScopes", s)
	}
	if cl := cfg.Get("claims"); pool && cl.Truthy() {
		c.errorf(cl.Pos, "claims of a Cognito authorizer are not supported")
	}
	if c.resources.Get(id) == nil {
		c.makeAuthorizer(api, e, cfg, id, name, arn, pool)
	}
	return id
}

// lastPart names an authorizer by its ARN: what stands after the last "-" of the function's name.
func lastPart(arn *Value) string {
	if isIntrinsic(arn) {
		return nameOfARN(arn)
	}
	s := arn.Str()
	s = s[strings.LastIndexByte(s, ':')+1:]
	return s[strings.LastIndexByte(s, '-')+1:]
}

func (c *compiler) makeAuthorizer(api *restAPI, e *restEvent, cfg *Value, id, name string, arn *Value, pool bool) {
	props := object()
	if cfg.Is(Map) {
		props.Set("AuthorizerResultTtlInSeconds", orValue(cfg.Get("resultTtlInSeconds"), number(300)))
		if name != "" && arn.IsNull() && cfg.Get("resultTtlInSeconds").IsNull() {
			props.Set("AuthorizerResultTtlInSeconds", number(300))
		}
	}
	props.Set("IdentitySource", str(orText(cfg.Get("identitySource"), "method.request.header.Authorization")))
	props.Set("Name", str(name))
	props.Set("RestApiId", api.id)
	if v := cfg.Get("identityValidationExpression"); v.Truthy() {
		props.Set("IdentityValidationExpression", v)
	}
	if pool {
		props.Set("Type", str("COGNITO_USER_POOLS"))
		props.Set("ProviderARNs", list(arn))
		c.resources.Set(id, resource("AWS::ApiGateway::Authorizer", props))
		return
	}
	var target, waits *Value
	if target = arn; arn.IsNull() {
		fn := c.functionByKey(name)
		if fn == nil {
			c.add(Failure, cfg.Where(), didYouMean(name, c.functionKeys()), fmt.Sprintf("the authorizer %s of %s /%s is no function of this application", quote(name), e.method, e.path))
			return
		}
		target, waits = fn.target(), fn.waits()
	}
	props.Set("AuthorizerUri", invocationURI(target))
	props.Set("Type", str(strings.ToUpper(orText(cfg.Get("type"), "TOKEN"))))
	c.resources.Set(id, resource("AWS::ApiGateway::Authorizer", props, "DependsOn", waits))
	permission := functionID(name) + "LambdaPermissionApiGateway"
	if cfg.Get("managedExternally").Truthy() || c.resources.Get(permission) != nil {
		return
	}
	c.resources.Set(permission, resource("AWS::Lambda::Permission", object("FunctionName", target, "Action", "lambda:InvokeFunction",
		"Principal", "apigateway.amazonaws.com", "SourceArn", executeAPI(api.id, "/*/*")), "DependsOn", waits))
}
