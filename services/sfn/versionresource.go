package sfn

import (
	"context"
	"fmt"

	"sundog/cloud"
	"sundog/services/room"
)

// arnResult is the result of a resource whose Ref and Arn are the same.
func arnResult(arn string) room.Result {
	return room.Result{Physical: arn, Attributes: map[string]any{"Arn": arn}}
}

func (r *sfnRoom) createVersionResource(ctx context.Context, req room.Request) (room.Result, error) {
	in := map[string]any{"stateMachineArn": req.New.Text("StateMachineArn")}
	for prop, member := range map[string]string{"Description": "description", "StateMachineRevisionId": "revisionId"} {
		if v := req.New.Text(prop); v != "" {
			in[member] = v
		}
	}
	var out struct {
		Arn string `json:"stateMachineVersionArn"`
	}
	err := r.d.Do(ctx, service, "PublishStateMachineVersion", in, &out)
	return arnResult(out.Arn), err
}

func (r *sfnRoom) deleteVersionResource(ctx context.Context, req room.Request) error {
	return r.d.Do(ctx, service, "DeleteStateMachineVersion", map[string]any{"stateMachineVersionArn": req.Physical}, nil)
}

// routing gives the routing configuration of a template's alias: written down, or the one version of a deployment that shifts all traffic
// at once. Gradual deployments are refused.
func routing(p room.Props) (any, error) {
	var list any
	if found, err := p.Get("RoutingConfiguration", &list); err != nil {
		return nil, fmt.Errorf("RoutingConfiguration: %w", err)
	} else if found {
		return small(list), nil
	}
	var d struct{ StateMachineVersionArn, Type string }
	found, err := p.Get("DeploymentPreference", &d)
	switch {
	case err != nil:
		return nil, fmt.Errorf("DeploymentPreference: %w", err)
	case !found:
		return nil, errMissing("One of RoutingConfiguration and DeploymentPreference is required")
	case d.Type != "ALL_AT_ONCE":
		return nil, cloud.NotImplementedf("DeploymentPreference of the type %s is not implemented", d.Type)
	}
	return []map[string]any{{"stateMachineVersionArn": d.StateMachineVersionArn, "weight": 100}}, nil
}

func (r *sfnRoom) createAliasResource(ctx context.Context, req room.Request) (room.Result, error) {
	routes, err := routing(req.New)
	if err != nil {
		return room.Result{}, err
	}
	n := req.New.Text("Name")
	if n == "" {
		n = req.Name(80)
	}
	var out struct {
		Arn string `json:"stateMachineAliasArn"`
	}
	err = r.d.Do(ctx, service, "CreateStateMachineAlias", map[string]any{"name": n, "description": req.New.Text("Description"), "routingConfiguration": routes}, &out)
	return arnResult(out.Arn), err
}

func (r *sfnRoom) updateAliasResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Changed("Name") {
		return r.createAliasResource(ctx, req) // replacement
	}
	routes, err := routing(req.New)
	if err != nil {
		return room.Result{}, err
	}
	in := map[string]any{"stateMachineAliasArn": req.Physical, "description": req.New.Text("Description"), "routingConfiguration": routes}
	return arnResult(req.Physical), r.d.Do(ctx, service, "UpdateStateMachineAlias", in, nil)
}

func (r *sfnRoom) deleteAliasResource(ctx context.Context, req room.Request) error {
	return r.d.Do(ctx, service, "DeleteStateMachineAlias", map[string]any{"stateMachineAliasArn": req.Physical}, nil)
}
