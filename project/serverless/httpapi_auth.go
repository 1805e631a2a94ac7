package serverless

import "strings"

// httpAuthorizers makes the authorizers of provider.httpApi.authorizers that the API needs.
func (c *compiler) httpAuthorizers(api *httpAPI) {
	for _, f := range api.cfg.Get("authorizers").entries() {
		a := &httpAuthorizer{key: f.Key, cfg: f.Value, kind: "JWT"}
		api.authorizers[f.Key] = a
		id := "HttpApiAuthorizer" + functionID(f.Key)
		a.id = ref(id)
		props := object("ApiId", api.id, "Name", orText(f.Value.Get("name"), f.Key))
		switch typ := f.Value.Get("type").Str(); typ {
		case "", "jwt":
			c.jwtAuthorizer(f, props)
		case "request":
			a.kind = "CUSTOM"
			c.requestAuthorizer(api, f, props)
		default:
			c.add(Failure, f.Value.Get("type").Pos, didYouMean(typ, []string{"jwt", "request"}), "the type of an authorizer is jwt or request, not "+quote(typ))
			continue
		}
		c.resources.Set(id, resource("AWS::ApiGatewayV2::Authorizer", props))
	}
}

func asList(v *Value) *Value {
	if v.IsNull() {
		return list()
	}
	if v.Kind == List {
		return v
	}
	return list(v)
}

func (c *compiler) jwtAuthorizer(f Field, props *Value) {
	if !f.Value.Has("issuerUrl") || !f.Value.Has("audience") || !f.Value.Has("identitySource") {
		c.errorf(f.Pos, "the jwt authorizer %s needs identitySource, issuerUrl and audience", quote(f.Key))
	}
	props.Set("IdentitySource", asList(f.Value.Get("identitySource")))
	props.Set("AuthorizerType", str("JWT"))
	props.Set("JwtConfiguration", object("Audience", asList(f.Value.Get("audience")), "Issuer", f.Value.Get("issuerUrl")))
}

func (c *compiler) requestAuthorizer(api *httpAPI, f Field, props *Value) {
	cfg := f.Value
	props.Set("IdentitySource", asList(cfg.Get("identitySource")))
	props.Set("AuthorizerType", str("REQUEST"))
	if s := cfg.Get("enableSimpleResponses"); !s.IsNull() {
		props.Set("EnableSimpleResponses", s)
	}
	if ttl := cfg.Get("resultTtlInSeconds"); !ttl.IsNull() {
		props.Set("AuthorizerResultTtlInSeconds", ttl)
	}
	props.Set("AuthorizerPayloadFormatVersion", str(orText(cfg.Get("payloadVersion"), "2.0")))
	target, waits := c.authorizerFunction(f)
	if target == nil {
		return
	}
	props.Set("AuthorizerUri", invocationURI(target))
	if cfg.Get("managedExternally").Truthy() {
		return
	}
	c.resources.Set(functionID(f.Key)+"LambdaAuthorizerPermissionHttpApi", resource("AWS::Lambda::Permission",
		object("FunctionName", target, "Action", "lambda:InvokeFunction", "Principal", "apigateway.amazonaws.com", "SourceArn", executeAPI(api.id, "/*")),
		"DependsOn", waits))
}

// authorizerFunction gives the ARN of an authorizer's function: one of the application's, or one that is named by ARN.
func (c *compiler) authorizerFunction(f Field) (target, waits *Value) {
	if arn := f.Value.Get("functionArn"); !arn.IsNull() {
		return arn, nil
	}
	name := f.Value.Get("functionName")
	if name.IsNull() {
		c.errorf(f.Pos, "the request authorizer %s needs functionName or functionArn", quote(f.Key))
		return nil, nil
	}
	if fn := c.functionByKey(name.Str()); fn != nil {
		return fn.target(), fn.waits()
	}
	c.add(Failure, name.Pos, didYouMean(name.Str(), c.functionKeys()), "the authorizer's function "+quote(name.Str())+" does not exist")
	return nil, nil
}

func (c *compiler) functionByKey(key string) *function {
	for _, fn := range c.functions {
		if fn.key == key {
			return fn
		}
	}
	return nil
}

// invocationURI is API Gateway's address of a function.
func invocationURI(arn *Value) *Value {
	return joinText("arn:", ref("AWS::Partition"), ":apigateway:", ref("AWS::Region"), ":lambda:path/2015-03-31/functions/", arn, "/invocations")
}

func (c *compiler) routeAuthorizer(api *httpAPI, r httpRoute, props *Value) {
	cfg := r.ev.cfg.Get("authorizer")
	if cfg.IsNull() {
		return
	}
	if cfg.Is(String) {
		if cfg.Text == "aws_iam" {
			props.Set("AuthorizationType", str("AWS_IAM"))
			return
		}
		cfg = &Value{Kind: Map, Pos: cfg.Pos, Fields: []Field{{Key: "name", Pos: cfg.Pos, Value: cfg}}}
	}
	name, typ, id := cfg.Get("name"), strings.ToLower(cfg.Get("type").Str()), cfg.Get("id")
	switch {
	case typ == "aws_iam":
		props.Set("AuthorizationType", str("AWS_IAM"))
		return
	case !id.IsNull():
		if !api.external {
			c.errorf(id.Pos, "an authorizer of another stack (id) goes with an API of another stack only: set provider.httpApi.id, or define the authorizer in provider.httpApi.authorizers")
			return
		}
		kind := map[string]string{"request": "CUSTOM", "jwt": "JWT", "": "JWT"}[typ]
		props.Set("AuthorizationType", str(kind))
		props.Set("AuthorizerId", id)
	default:
		a := api.authorizers[name.Str()]
		if a == nil {
			keys := api.cfg.Get("authorizers").Keys()
			c.add(Failure, cfg.Pos, didYouMean(name.Str(), keys), "the authorizer "+quote(name.Str())+" is not defined in provider.httpApi.authorizers")
			return
		}
		props.Set("AuthorizationType", str(a.kind))
		props.Set("AuthorizerId", a.id)
	}
	if s := cfg.Get("scopes"); s.Truthy() {
		props.Set("AuthorizationScopes", s)
	}
}
