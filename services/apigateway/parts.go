package apigateway

import (
	"context"
	"strings"

	api "sundog/api/apigatewayv2"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/httpevent"
)

// id makes the id of a thing.
func (r *gatewayRoom) id() string { return strings.ToLower(r.d.IDs.Alnum(7)) }

// create makes a thing of an API and fills out.
func (r *gatewayRoom) create(ctx context.Context, a ref, kind, idField, id string, in any, check func(document) error, out any) error {
	d, err := documentOf(in)
	if err != nil {
		return err
	}
	if err := check(d); err != nil {
		return err
	}
	if err := d.set(idField, id); err != nil {
		return err
	}
	if err := r.put(ctx, a, kind, id, d); err != nil {
		return err
	}
	return d.into(out)
}

func checkRoute(d document) error {
	var v api.Route
	if err := d.into(&v); err != nil {
		return err
	}
	if _, err := httpevent.ParseRouteKey(text(v.RouteKey)); err != nil {
		return err
	}
	switch text(v.AuthorizationType) {
	case "", "NONE", "AWS_IAM":
	case "CUSTOM", "JWT":
		if v.AuthorizerId == nil {
			return errBad("An authorizer must be specified for authorization type %s", *v.AuthorizationType)
		}
	default:
		return errBad("Invalid authorization type specified")
	}
	if v.ApiKeyRequired != nil && *v.ApiKeyRequired {
		return errBad("ApiKeyRequired is not currently supported for HTTP APIs")
	}
	return nil
}

func (r *gatewayRoom) createRoute(ctx context.Context, in *api.CreateRouteInput) (*api.CreateRouteOutput, error) {
	a := r.ref(ctx, in.ApiId)
	have, err := list[api.Route](ctx, r, in.ApiId, kindRoute)
	if err != nil {
		return nil, err
	}
	for _, h := range have {
		if text(h.RouteKey) == text(in.RouteKey) {
			return nil, errConflict("Route with key %s already exists for this API", text(in.RouteKey))
		}
	}
	out := &api.CreateRouteOutput{}
	if in.AuthorizationType == nil {
		in.AuthorizationType = new("NONE")
	}
	if in.ApiKeyRequired == nil {
		in.ApiKeyRequired = new(false)
	}
	return out, r.create(ctx, a, kindRoute, "RouteId", r.id(), in, checkRoute, out)
}

func (r *gatewayRoom) getRoute(ctx context.Context, in *api.GetRouteInput) (*api.GetRouteOutput, error) {
	out := &api.GetRouteOutput{}
	return out, r.fetch(ctx, r.ref(ctx, in.ApiId), kindRoute, text(in.RouteId), out)
}

func (r *gatewayRoom) getRoutes(ctx context.Context, in *api.GetRoutesInput) (*api.GetRoutesOutput, error) {
	items, err := list[api.Route](ctx, r, in.ApiId, kindRoute)
	return &api.GetRoutesOutput{Items: items}, err
}

func (r *gatewayRoom) updateRoute(ctx context.Context, in *api.UpdateRouteInput) (*api.UpdateRouteOutput, error) {
	out := &api.UpdateRouteOutput{}
	return out, r.update(ctx, r.ref(ctx, in.ApiId), kindRoute, text(in.RouteId), in, checkRoute, out)
}

func (r *gatewayRoom) deleteRoute(ctx context.Context, in *api.DeleteRouteInput) (*api.DeleteRouteOutput, error) {
	return &api.DeleteRouteOutput{}, r.remove(ctx, r.ref(ctx, in.ApiId), kindRoute, text(in.RouteId))
}

// checkIntegration lets functions pass, and refuses the rest by name.
func checkIntegration(d document) error {
	var v api.Integration
	if err := d.into(&v); err != nil {
		return err
	}
	if text(v.IntegrationType) != "AWS_PROXY" || v.IntegrationSubtype != nil {
		return cloud.NotImplementedf("Integrations of type %s %s are not served by this platform; AWS_PROXY to a function is.", text(v.IntegrationType), text(v.IntegrationSubtype))
	}
	for name, set := range map[string]bool{
		"ConnectionId": v.ConnectionId != nil, "CredentialsArn": v.CredentialsArn != nil, "RequestParameters": len(v.RequestParameters) > 0,
		"ResponseParameters": len(v.ResponseParameters) > 0, "RequestTemplates": len(v.RequestTemplates) > 0, "TlsConfig": v.TlsConfig != nil,
	} {
		if set {
			return cloud.NotImplementedf("%s of an integration is not served by this platform.", name)
		}
	}
	if _, err := functionOf(text(v.IntegrationUri)); err != nil {
		return err
	}
	if f := text(v.PayloadFormatVersion); f != "1.0" && f != "2.0" {
		return errBad("PayloadFormatVersion is a required parameter for integration type AWS_PROXY")
	}
	if t := v.TimeoutInMillis; t != nil && (*t < 50 || *t > 30000) {
		return errBad("Timeout should be between 50 ms and 30000 ms")
	}
	return nil
}

// functionOf reads an integration's URI: a function's ARN, bare or inside the invocation path of REST APIs.
func functionOf(uri string) (cloud.ARN, error) {
	if i := strings.Index(uri, "/functions/"); i >= 0 && strings.HasSuffix(uri, "/invocations") {
		uri = strings.TrimSuffix(uri[i+len("/functions/"):], "/invocations")
	}
	a, err := cloud.ParseARN(uri)
	if err != nil || a.Service != "lambda" {
		return a, errBad("Integration URI %q is not the ARN of a function", uri)
	}
	return a, nil
}

func (r *gatewayRoom) createIntegration(ctx context.Context, in *api.CreateIntegrationInput) (*api.CreateIntegrationOutput, error) {
	out := &api.CreateIntegrationOutput{}
	if in.ConnectionType == nil {
		in.ConnectionType = new("INTERNET")
	}
	if in.IntegrationMethod == nil {
		in.IntegrationMethod = new("POST")
	}
	if in.TimeoutInMillis == nil {
		in.TimeoutInMillis = new(int32(30000))
	}
	return out, r.create(ctx, r.ref(ctx, in.ApiId), kindIntegration, "IntegrationId", r.id(), in, checkIntegration, out)
}

func (r *gatewayRoom) getIntegration(ctx context.Context, in *api.GetIntegrationInput) (*api.GetIntegrationOutput, error) {
	out := &api.GetIntegrationOutput{}
	return out, r.fetch(ctx, r.ref(ctx, in.ApiId), kindIntegration, text(in.IntegrationId), out)
}

func (r *gatewayRoom) getIntegrations(ctx context.Context, in *api.GetIntegrationsInput) (*api.GetIntegrationsOutput, error) {
	items, err := list[api.Integration](ctx, r, in.ApiId, kindIntegration)
	return &api.GetIntegrationsOutput{Items: items}, err
}

func (r *gatewayRoom) updateIntegration(ctx context.Context, in *api.UpdateIntegrationInput) (*api.UpdateIntegrationOutput, error) {
	out := &api.UpdateIntegrationOutput{}
	return out, r.update(ctx, r.ref(ctx, in.ApiId), kindIntegration, text(in.IntegrationId), in, checkIntegration, out)
}

func (r *gatewayRoom) deleteIntegration(ctx context.Context, in *api.DeleteIntegrationInput) (*api.DeleteIntegrationOutput, error) {
	return &api.DeleteIntegrationOutput{}, r.remove(ctx, r.ref(ctx, in.ApiId), kindIntegration, text(in.IntegrationId))
}

func checkStage(d document) error {
	var v api.Stage
	if err := d.into(&v); err != nil {
		return err
	}
	if v.AutoDeploy == nil || !*v.AutoDeploy || v.DeploymentId != nil {
		return cloud.NotImplementedf("Stages without AutoDeploy, and deployments, are not served by this platform: set AutoDeploy.")
	}
	if v.ClientCertificateId != nil {
		return cloud.NotImplementedf("Client certificates of stages are not served by this platform.")
	}
	settings := []api.RouteSettings{}
	if v.DefaultRouteSettings != nil {
		settings = append(settings, *v.DefaultRouteSettings)
	}
	for _, s := range v.RouteSettings {
		settings = append(settings, s)
	}
	for _, s := range settings {
		if s.ThrottlingBurstLimit != nil || s.ThrottlingRateLimit != nil || s.LoggingLevel != nil {
			return cloud.NotImplementedf("Throttling and logging levels in the route settings of stages are not served by this platform.")
		}
	}
	return nil
}

func (r *gatewayRoom) createStage(ctx context.Context, in *api.CreateStageInput) (*api.CreateStageOutput, error) {
	a, n := r.ref(ctx, in.ApiId), text(in.StageName)
	if n == "" || strings.Trim(strings.ToLower(n), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" && n != "$default" {
		return nil, errBad("Stage name only allows a-zA-Z0-9_- and $default")
	}
	err := r.d.Store.View(ctx, func(rd store.Reader) error {
		if d, err := read(rd, a.key(kindStage).Str(n)); err != nil || d != nil {
			return errConflict("Stage already exists")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &api.CreateStageOutput{}
	check := func(d document) error {
		for _, k := range []string{"CreatedDate", "LastUpdatedDate"} {
			if err := d.set(k, r.d.Clock.Now().UTC()); err != nil {
				return err
			}
		}
		return checkStage(d)
	}
	return out, r.create(ctx, a, kindStage, "StageName", n, in, check, out)
}

func (r *gatewayRoom) getStage(ctx context.Context, in *api.GetStageInput) (*api.GetStageOutput, error) {
	out := &api.GetStageOutput{}
	return out, r.fetch(ctx, r.ref(ctx, in.ApiId), kindStage, text(in.StageName), out)
}

func (r *gatewayRoom) getStages(ctx context.Context, in *api.GetStagesInput) (*api.GetStagesOutput, error) {
	items, err := list[api.Stage](ctx, r, in.ApiId, kindStage)
	return &api.GetStagesOutput{Items: items}, err
}

func (r *gatewayRoom) updateStage(ctx context.Context, in *api.UpdateStageInput) (*api.UpdateStageOutput, error) {
	out := &api.UpdateStageOutput{}
	return out, r.update(ctx, r.ref(ctx, in.ApiId), kindStage, text(in.StageName), in, checkStage, out)
}

func (r *gatewayRoom) deleteStage(ctx context.Context, in *api.DeleteStageInput) (*api.DeleteStageOutput, error) {
	return &api.DeleteStageOutput{}, r.remove(ctx, r.ref(ctx, in.ApiId), kindStage, text(in.StageName))
}

func checkAuthorizer(d document) error {
	var v api.Authorizer
	if err := d.into(&v); err != nil {
		return err
	}
	if text(v.AuthorizerType) != "REQUEST" {
		return cloud.NotImplementedf("Authorizers of type %s are not served by this platform; REQUEST is.", text(v.AuthorizerType))
	}
	if v.AuthorizerCredentialsArn != nil {
		return cloud.NotImplementedf("AuthorizerCredentialsArn is not served by this platform; give API Gateway the permission to invoke the function.")
	}
	if f := text(v.AuthorizerPayloadFormatVersion); f != "1.0" && f != "2.0" {
		return errBad("AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer")
	}
	if t := v.AuthorizerResultTtlInSeconds; t != nil && (*t < 0 || *t > 3600) {
		return errBad("AuthorizerResultTtlInSeconds must be between 0 and 3600")
	}
	_, err := functionOf(text(v.AuthorizerUri))
	return err
}

func (r *gatewayRoom) createAuthorizer(ctx context.Context, in *api.CreateAuthorizerInput) (*api.CreateAuthorizerOutput, error) {
	out := &api.CreateAuthorizerOutput{}
	return out, r.create(ctx, r.ref(ctx, in.ApiId), kindAuthorizer, "AuthorizerId", r.id(), in, checkAuthorizer, out)
}

func (r *gatewayRoom) getAuthorizer(ctx context.Context, in *api.GetAuthorizerInput) (*api.GetAuthorizerOutput, error) {
	out := &api.GetAuthorizerOutput{}
	return out, r.fetch(ctx, r.ref(ctx, in.ApiId), kindAuthorizer, text(in.AuthorizerId), out)
}

func (r *gatewayRoom) getAuthorizers(ctx context.Context, in *api.GetAuthorizersInput) (*api.GetAuthorizersOutput, error) {
	items, err := list[api.Authorizer](ctx, r, in.ApiId, kindAuthorizer)
	return &api.GetAuthorizersOutput{Items: items}, err
}

func (r *gatewayRoom) updateAuthorizer(ctx context.Context, in *api.UpdateAuthorizerInput) (*api.UpdateAuthorizerOutput, error) {
	out := &api.UpdateAuthorizerOutput{}
	return out, r.update(ctx, r.ref(ctx, in.ApiId), kindAuthorizer, text(in.AuthorizerId), in, checkAuthorizer, out)
}

func (r *gatewayRoom) deleteAuthorizer(ctx context.Context, in *api.DeleteAuthorizerInput) (*api.DeleteAuthorizerOutput, error) {
	return &api.DeleteAuthorizerOutput{}, r.remove(ctx, r.ref(ctx, in.ApiId), kindAuthorizer, text(in.AuthorizerId))
}
