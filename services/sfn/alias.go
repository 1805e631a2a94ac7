package sfn

import (
	"context"
	"fmt"
	"strings"
	"time"

	api "sundog/api/sfn"
	"sundog/cloud"
	"sundog/engine/store"
)

// alias points at one or two versions.
type alias struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Routes      []route   `json:"routes"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
}

type route struct {
	Version int64 `json:"version"`
	Weight  int32 `json:"weight"`
}

// routesOf checks a routing configuration and gives the machine that its versions belong to.
func routesOf(list []api.RoutingConfigurationListItem) (name, []route, error) {
	var n name
	var out []route
	var arns, weights []string
	sum := int32(0)
	for _, e := range list {
		arns = append(arns, deref(e.StateMachineVersionArn))
		weights = append(weights, fmt.Sprint(deref(e.Weight)))
		sum += deref(e.Weight)
	}
	received := "[" + strings.Join(arns, ", ") + "]"
	if len(list) == 2 && arns[0] == arns[1] {
		return n, nil, errValidation("Routing configuration must contain distinct state machine version ARNs. Received: %s", received)
	}
	for i, e := range list {
		q, err := parseMachine(arns[i])
		if err != nil || q.version == 0 {
			return n, nil, errValidation("Routing configuration must contain state machine version ARNs. Received: %s", received)
		}
		if i > 0 && q.name != n {
			return n, nil, errValidation("Routing configuration must contain versions of one state machine. Received: %s", received)
		}
		n = q.name
		out = append(out, route{Version: q.version, Weight: deref(e.Weight)})
	}
	if sum != 100 {
		return n, nil, errValidation("Sum of routing configuration weights must equal 100. Received: [%s]", strings.Join(weights, ", "))
	}
	return n, out, nil
}

func checkRoutes(tx store.Reader, n name, routes []route) error {
	for _, rt := range routes {
		if _, _, err := resolve(tx, qualified{name: n, version: rt.Version}); err != nil {
			return cloud.Errorf(cloud.NotFound, "ResourceNotFound", "Request references a resource that does not exist.")
		}
	}
	return nil
}

func (n name) aliasARN(a string) string { return n.arn("stateMachine").String() + ":" + a }

func (r *sfnRoom) createAlias(ctx context.Context, in *api.CreateStateMachineAliasInput) (*api.CreateStateMachineAliasOutput, error) {
	n, routes, err := routesOf(in.RoutingConfiguration)
	if err != nil {
		return nil, err
	}
	a := alias{Name: deref(in.Name), Description: deref(in.Description), Routes: routes, Created: r.now()}
	a.Updated = a.Created
	out := &api.CreateStateMachineAliasOutput{StateMachineAliasArn: ptr(n.aliasARN(a.Name)), CreationDate: &a.Created}
	return out, r.d.Store.Update(ctx, func(tx store.Tx) error {
		if err := checkRoutes(tx, n, routes); err != nil {
			return err
		}
		var old alias
		found, err := load(tx, n.aliases().Str(a.Name), &old)
		if err != nil {
			return err
		}
		if found {
			if fmt.Sprint(old.Routes) != fmt.Sprint(routes) || old.Description != a.Description {
				return errConflict("State Machine Alias already exists: '%s'", n.aliasARN(a.Name))
			}
			out.CreationDate = &old.Created
			return nil
		}
		return save(tx, n.aliases().Str(a.Name), a)
	})
}

func parseAlias(arn string) (qualified, error) {
	q, err := parseMachine(arn)
	if err == nil && q.alias == "" {
		err = errARN(arn)
	}
	return q, err
}

func aliasOf(tx store.Reader, q qualified) (*alias, error) {
	var a alias
	found, err := load(tx, q.aliases().Str(q.alias), &a)
	if err == nil && !found {
		err = cloud.Errorf(cloud.NotFound, "ResourceNotFound", "Request references a resource that does not exist.")
	}
	return &a, err
}

func (r *sfnRoom) updateAlias(ctx context.Context, in *api.UpdateStateMachineAliasInput) (*api.UpdateStateMachineAliasOutput, error) {
	q, err := parseAlias(deref(in.StateMachineAliasArn))
	if err != nil {
		return nil, err
	}
	out := &api.UpdateStateMachineAliasOutput{UpdateDate: ptr(r.now())}
	return out, r.d.Store.Update(ctx, func(tx store.Tx) error {
		a, err := aliasOf(tx, q)
		if err != nil {
			return err
		}
		if in.Description != nil {
			a.Description = *in.Description
		}
		if in.RoutingConfiguration != nil {
			n, routes, err := routesOf(in.RoutingConfiguration)
			if err != nil {
				return err
			}
			if n != q.name {
				return errValidation("Routing configuration must contain versions of the alias's state machine.")
			}
			if err := checkRoutes(tx, n, routes); err != nil {
				return err
			}
			a.Routes = routes
		}
		a.Updated = *out.UpdateDate
		return save(tx, q.aliases().Str(q.alias), a)
	})
}

func (r *sfnRoom) describeAlias(ctx context.Context, in *api.DescribeStateMachineAliasInput) (*api.DescribeStateMachineAliasOutput, error) {
	q, err := parseAlias(deref(in.StateMachineAliasArn))
	if err != nil {
		return nil, err
	}
	var out *api.DescribeStateMachineAliasOutput
	err = r.d.Store.View(ctx, func(tx store.Reader) error {
		a, err := aliasOf(tx, q)
		if err != nil {
			return err
		}
		out = &api.DescribeStateMachineAliasOutput{StateMachineAliasArn: ptr(q.aliasARN(a.Name)), Name: &a.Name, Description: some(a.Description), CreationDate: &a.Created, UpdateDate: &a.Updated}
		for _, rt := range a.Routes {
			out.RoutingConfiguration = append(out.RoutingConfiguration, api.RoutingConfigurationListItem{StateMachineVersionArn: ptr(q.versionARN(rt.Version)), Weight: ptr(rt.Weight)})
		}
		return nil
	})
	return out, err
}

func (r *sfnRoom) deleteAlias(ctx context.Context, in *api.DeleteStateMachineAliasInput) (*api.DeleteStateMachineAliasOutput, error) {
	q, err := parseAlias(deref(in.StateMachineAliasArn))
	if err != nil {
		return nil, err
	}
	return &api.DeleteStateMachineAliasOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(q.aliases().Str(q.alias)) })
}

func (r *sfnRoom) listAliases(ctx context.Context, in *api.ListStateMachineAliasesInput) (*api.ListStateMachineAliasesOutput, error) {
	q, err := parseMachine(deref(in.StateMachineArn))
	if err != nil {
		return nil, err
	}
	out := &api.ListStateMachineAliasesOutput{StateMachineAliases: []api.StateMachineAliasListItem{}}
	return out, r.d.Store.View(ctx, func(tx store.Reader) error {
		if _, err := machineOf(tx, q.name); err != nil {
			return err
		}
		var err error
		out.NextToken, err = page(tx, q.aliases(), false, in.MaxResults, in.NextToken, func(_, value []byte) (bool, error) {
			a, err := decode[alias](value)
			if err != nil {
				return false, err
			}
			if q.version > 0 && !a.routesTo(q.version) {
				return false, nil
			}
			out.StateMachineAliases = append(out.StateMachineAliases, api.StateMachineAliasListItem{StateMachineAliasArn: ptr(q.aliasARN(a.Name)), CreationDate: &a.Created})
			return true, nil
		})
		return err
	})
}

func (a *alias) routesTo(v int64) bool {
	for _, rt := range a.Routes {
		if rt.Version == v {
			return true
		}
	}
	return false
}

// choose picks a version by the weights; dice is at least 0 and less than 1.
func (a *alias) choose(dice float64) int64 {
	at := int32(dice * 100)
	for _, rt := range a.Routes {
		if at < rt.Weight {
			return rt.Version
		}
		at -= rt.Weight
	}
	return a.Routes[len(a.Routes)-1].Version
}
