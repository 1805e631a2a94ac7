package apigateway

import (
	"context"
	"encoding/json"
	"strings"

	"sundog/cloud"
	"sundog/services/room"
)

// part describes a resource type whose properties are the members of its API's operations.
type part struct {
	typ, op, idMember string // "AWS::ApiGatewayV2::Route", "Route", "RouteId"
	properties        []string
	replaces          []string // properties whose change replaces
	noEffect          map[string]string
	attributes        func(ctx context.Context, r *gatewayRoom, out map[string]any) map[string]any
}

func (r *gatewayRoom) resources() []room.ResourceType {
	parts := []part{
		{
			typ: "AWS::ApiGatewayV2::Api", op: "Api", idMember: "ApiId", replaces: []string{"ProtocolType"},
			properties: []string{"Name", "ProtocolType", "CorsConfiguration", "Description", "DisableExecuteApiEndpoint", "Tags", "Version", "RouteSelectionExpression", "ApiKeySelectionExpression"},
			noEffect:   map[string]string{"IpAddressType": "the platform listens where it is told to"},
			attributes: func(_ context.Context, _ *gatewayRoom, out map[string]any) map[string]any {
				return map[string]any{"ApiId": out["ApiId"], "ApiEndpoint": out["ApiEndpoint"]}
			},
		},
		{
			typ: "AWS::ApiGatewayV2::Route", op: "Route", idMember: "RouteId", replaces: []string{"ApiId"},
			properties: []string{"ApiId", "RouteKey", "Target", "AuthorizationType", "AuthorizerId", "AuthorizationScopes", "OperationName", "ApiKeyRequired"},
		},
		{
			typ: "AWS::ApiGatewayV2::Integration", op: "Integration", idMember: "IntegrationId", replaces: []string{"ApiId"},
			properties: []string{"ApiId", "IntegrationType", "IntegrationUri", "PayloadFormatVersion", "TimeoutInMillis", "Description", "IntegrationMethod", "ConnectionType"},
		},
		{
			typ: "AWS::ApiGatewayV2::Stage", op: "Stage", idMember: "StageName", replaces: []string{"ApiId", "StageName"},
			properties: []string{"ApiId", "StageName", "AutoDeploy", "AccessLogSettings", "DefaultRouteSettings", "RouteSettings", "Description", "StageVariables", "Tags"},
		},
		{
			typ: "AWS::ApiGatewayV2::Authorizer", op: "Authorizer", idMember: "AuthorizerId", replaces: []string{"ApiId"},
			properties: []string{"ApiId", "Name", "AuthorizerType", "AuthorizerUri", "AuthorizerPayloadFormatVersion", "AuthorizerResultTtlInSeconds", "EnableSimpleResponses", "IdentitySource", "JwtConfiguration"},
		},
	}
	var out []room.ResourceType
	for _, p := range parts {
		t := room.ResourceType{Type: p.typ, Properties: p.properties, NoEffect: p.noEffect, Attributes: []string{p.idMember}}
		if p.op == "Api" {
			t.Attributes = []string{"ApiId", "ApiEndpoint"}
		}
		t.Create = func(ctx context.Context, req room.Request) (room.Result, error) { return r.createPart(ctx, p, req) }
		t.Update = func(ctx context.Context, req room.Request) (room.Result, error) { return r.updatePart(ctx, p, req) }
		t.Delete = func(ctx context.Context, req room.Request) error { return r.deletePart(ctx, p, req) }
		out = append(out, t)
	}
	return out
}

// input makes an operation's input of properties.
func (p part) input(props room.Props) map[string]json.RawMessage {
	in := map[string]json.RawMessage{}
	for _, n := range p.properties {
		if v, ok := props[n]; ok {
			in[n] = typed(n, v)
		}
	}
	return in
}

// typed turns the texts "true", "false" and numbers, which templates may write for booleans and numbers, into JSON's own.
func typed(n string, v json.RawMessage) json.RawMessage {
	switch n {
	case "AutoDeploy", "EnableSimpleResponses", "ApiKeyRequired", "DisableExecuteApiEndpoint", "TimeoutInMillis", "AuthorizerResultTtlInSeconds":
		return json.RawMessage(strings.Trim(string(v), `"`))
	}
	return v
}

func (r *gatewayRoom) createPart(ctx context.Context, p part, req room.Request) (room.Result, error) {
	in := p.input(req.New)
	if p.op == "Api" && len(req.Tags) > 0 && in["Tags"] == nil {
		b, err := json.Marshal(req.Tags)
		if err != nil {
			return room.Result{}, err
		}
		in["Tags"] = b
	}
	var out map[string]any
	if err := r.d.Do(ctx, service, "Create"+p.op, in, &out); err != nil {
		return room.Result{}, err
	}
	return p.result(ctx, r, out), nil
}

func (p part) result(ctx context.Context, r *gatewayRoom, out map[string]any) room.Result {
	id, _ := out[p.idMember].(string)
	res := room.Result{Physical: id, Attributes: map[string]any{p.idMember: id}}
	if p.attributes != nil {
		res.Attributes = p.attributes(ctx, r, out)
	}
	return res
}

func (r *gatewayRoom) updatePart(ctx context.Context, p part, req room.Request) (room.Result, error) {
	if req.Changed(p.replaces...) {
		return r.createPart(ctx, p, req)
	}
	in := p.input(req.New)
	id, err := json.Marshal(req.Physical)
	if err != nil {
		return room.Result{}, err
	}
	in[p.idMember] = id
	delete(in, "Tags") // those of an API change with its own operations
	delete(in, "ProtocolType")
	if p.op == "Api" && req.Old["CorsConfiguration"] != nil && req.New["CorsConfiguration"] == nil {
		if err := r.d.Do(ctx, service, "DeleteCorsConfiguration", map[string]string{"ApiId": req.Physical}, nil); err != nil {
			return room.Result{}, err
		}
	}
	var out map[string]any
	if err := r.d.Do(ctx, service, "Update"+p.op, in, &out); err != nil {
		return room.Result{}, err
	}
	return p.result(ctx, r, out), nil
}

func (r *gatewayRoom) deletePart(ctx context.Context, p part, req room.Request) error {
	in := map[string]string{p.idMember: req.Physical}
	if api := req.Old.Text("ApiId"); api != "" {
		in["ApiId"] = api
	}
	err := r.d.Do(ctx, service, "Delete"+p.op, in, nil)
	if err != nil && cloud.AsError(err).Kind == cloud.NotFound {
		return nil
	}
	return err
}
