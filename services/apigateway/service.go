package apigateway

import (
	"context"
	"sync/atomic"

	api "sundog/api/apigatewayv2"
	"sundog/cloud"
	"sundog/services/room"
)

const service = "apigatewayv2"

// gatewayRoom is the room.
type gatewayRoom struct {
	d      room.Deps
	fronts fronts
}

// Own is the application's own HTTP API on a listener without a prefix; see Local.
type Own struct {
	room *gatewayRoom
	api  atomic.Pointer[ref]
}

// New makes the room, and the handle by which one of its APIs is served on a listener of its own.
func New(d room.Deps) (room.Room, *Own) {
	r := &gatewayRoom{d: d}
	return room.Room{
		Service:    "apigateway",
		Operations: r.operations(),
		Refused:    refused,
		Resources:  r.resources(),
		Front:      front{r},
	}, &Own{room: r}
}

var refused = map[string]string{
	"CreateApiMapping": "custom domains are not served", "CreateDomainName": "custom domains are not served", "CreateVpcLink": "there are no VPCs",
	"CreateDeployment": "stages deploy by themselves", "CreateModel": "models belong to WebSocket APIs", "CreateRouteResponse": "route responses belong to WebSocket APIs",
	"CreateIntegrationResponse": "integration responses belong to WebSocket APIs", "ImportApi": "OpenAPI documents are not read", "ReimportApi": "OpenAPI documents are not read",
	"ExportApi": "OpenAPI documents are not written",
}

// on is the access of an operation on a path of the management API (Service Authorization Reference, "API Gateway V2").
func on[I any](method string, path func(*I) string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		a := cloud.NewARN("apigateway", cloud.Scope{Region: cloud.CallFrom(ctx).Scope.Region}, path(in))
		return []cloud.Access{{Action: "apigateway:" + method, Resource: a}}, nil
	}
}

func (r *gatewayRoom) operations() []cloud.Operation {
	return append(append(r.apiOperations(), r.routeOperations()...), r.stageOperations()...)
}

func (r *gatewayRoom) apiOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.CreateApiOp, r.createAPI, on("POST", func(*api.CreateApiInput) string { return "/apis" })),
		cloud.Op(service, api.GetApiOp, r.getAPI, on("GET", func(in *api.GetApiInput) string { return "/apis/" + text(in.ApiId) })),
		cloud.Op(service, api.GetApisOp, r.getAPIs, on("GET", func(*api.GetApisInput) string { return "/apis" })),
		cloud.Op(service, api.UpdateApiOp, r.updateAPI, on("PATCH", func(in *api.UpdateApiInput) string { return "/apis/" + text(in.ApiId) })),
		cloud.Op(service, api.DeleteApiOp, r.deleteAPI, on("DELETE", func(in *api.DeleteApiInput) string { return "/apis/" + text(in.ApiId) })),
		cloud.Op(service, api.DeleteCorsConfigurationOp, r.deleteCORS, on("DELETE", func(in *api.DeleteCorsConfigurationInput) string { return "/apis/" + text(in.ApiId) + "/cors" })),
		cloud.Op(service, api.GetTagsOp, r.getTags, on("GET", func(in *api.GetTagsInput) string { return "/tags/" + text(in.ResourceArn) })),
		cloud.Op(service, api.TagResourceOp, r.tagResource, on("POST", func(in *api.TagResourceInput) string { return "/tags/" + text(in.ResourceArn) })),
		cloud.Op(service, api.UntagResourceOp, r.untagResource, on("DELETE", func(in *api.UntagResourceInput) string { return "/tags/" + text(in.ResourceArn) })),
	}
}

func (r *gatewayRoom) routeOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.CreateRouteOp, r.createRoute, on("POST", func(in *api.CreateRouteInput) string { return "/apis/" + text(in.ApiId) + "/routes" })),
		cloud.Op(service, api.GetRouteOp, r.getRoute, on("GET", func(in *api.GetRouteInput) string { return "/apis/" + text(in.ApiId) + "/routes/" + text(in.RouteId) })),
		cloud.Op(service, api.GetRoutesOp, r.getRoutes, on("GET", func(in *api.GetRoutesInput) string { return "/apis/" + text(in.ApiId) + "/routes" })),
		cloud.Op(service, api.UpdateRouteOp, r.updateRoute, on("PATCH", func(in *api.UpdateRouteInput) string {
			return "/apis/" + text(in.ApiId) + "/routes/" + text(in.RouteId)
		})),
		cloud.Op(service, api.DeleteRouteOp, r.deleteRoute, on("DELETE", func(in *api.DeleteRouteInput) string {
			return "/apis/" + text(in.ApiId) + "/routes/" + text(in.RouteId)
		})),
		cloud.Op(service, api.CreateIntegrationOp, r.createIntegration, on("POST", func(in *api.CreateIntegrationInput) string { return "/apis/" + text(in.ApiId) + "/integrations" })),
		cloud.Op(service, api.GetIntegrationOp, r.getIntegration, on("GET", func(in *api.GetIntegrationInput) string {
			return "/apis/" + text(in.ApiId) + "/integrations/" + text(in.IntegrationId)
		})),
		cloud.Op(service, api.GetIntegrationsOp, r.getIntegrations, on("GET", func(in *api.GetIntegrationsInput) string { return "/apis/" + text(in.ApiId) + "/integrations" })),
		cloud.Op(service, api.UpdateIntegrationOp, r.updateIntegration, on("PATCH", func(in *api.UpdateIntegrationInput) string {
			return "/apis/" + text(in.ApiId) + "/integrations/" + text(in.IntegrationId)
		})),
		cloud.Op(service, api.DeleteIntegrationOp, r.deleteIntegration, on("DELETE", func(in *api.DeleteIntegrationInput) string {
			return "/apis/" + text(in.ApiId) + "/integrations/" + text(in.IntegrationId)
		})),
	}
}

func (r *gatewayRoom) stageOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.CreateStageOp, r.createStage, on("POST", func(in *api.CreateStageInput) string { return "/apis/" + text(in.ApiId) + "/stages" })),
		cloud.Op(service, api.GetStageOp, r.getStage, on("GET", func(in *api.GetStageInput) string { return "/apis/" + text(in.ApiId) + "/stages/" + text(in.StageName) })),
		cloud.Op(service, api.GetStagesOp, r.getStages, on("GET", func(in *api.GetStagesInput) string { return "/apis/" + text(in.ApiId) + "/stages" })),
		cloud.Op(service, api.UpdateStageOp, r.updateStage, on("PATCH", func(in *api.UpdateStageInput) string {
			return "/apis/" + text(in.ApiId) + "/stages/" + text(in.StageName)
		})),
		cloud.Op(service, api.DeleteStageOp, r.deleteStage, on("DELETE", func(in *api.DeleteStageInput) string {
			return "/apis/" + text(in.ApiId) + "/stages/" + text(in.StageName)
		})),
		cloud.Op(service, api.CreateAuthorizerOp, r.createAuthorizer, on("POST", func(in *api.CreateAuthorizerInput) string { return "/apis/" + text(in.ApiId) + "/authorizers" })),
		cloud.Op(service, api.GetAuthorizerOp, r.getAuthorizer, on("GET", func(in *api.GetAuthorizerInput) string {
			return "/apis/" + text(in.ApiId) + "/authorizers/" + text(in.AuthorizerId)
		})),
		cloud.Op(service, api.GetAuthorizersOp, r.getAuthorizers, on("GET", func(in *api.GetAuthorizersInput) string { return "/apis/" + text(in.ApiId) + "/authorizers" })),
		cloud.Op(service, api.UpdateAuthorizerOp, r.updateAuthorizer, on("PATCH", func(in *api.UpdateAuthorizerInput) string {
			return "/apis/" + text(in.ApiId) + "/authorizers/" + text(in.AuthorizerId)
		})),
		cloud.Op(service, api.DeleteAuthorizerOp, r.deleteAuthorizer, on("DELETE", func(in *api.DeleteAuthorizerInput) string {
			return "/apis/" + text(in.ApiId) + "/authorizers/" + text(in.AuthorizerId)
		})),
	}
}
