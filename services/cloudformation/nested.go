package cloudformation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/services/room"
)

// maxNesting bounds how deep stacks make stacks, as a template may name itself.
const maxNesting = 8

// nested is AWS::CloudFormation::Stack: a stack as a resource of another. Its attributes are its outputs, as Outputs.Name.
func (s *service) nested() room.ResourceType {
	return room.ResourceType{
		Type: stackType, Properties: []string{"TemplateURL", "Parameters", "Tags", "TimeoutInMinutes"},
		Create: s.createNested, Update: s.updateNested, Delete: s.deleteNested,
	}
}

// parentKey carries the parent's id to CreateStack.
type parentKey struct{}

func parentOf(ctx context.Context) string {
	id, _ := ctx.Value(parentKey{}).(string)
	return id
}

func (s *service) nestedInput(ctx context.Context, r room.Request, stackName string) (map[string]any, error) {
	var o operation
	err := s.d.Store.View(ctx, func(rd store.Reader) error {
		_, err := load(rd, opKey(scope(ctx), r.StackID), &o)
		return err
	})
	if err != nil {
		return nil, err
	}
	tags, err := r.MergedTags(r.New)
	if err != nil {
		return nil, err
	}
	var given map[string]any
	if _, err := r.New.Get("Parameters", &given); err != nil {
		return nil, errValidation("Invalid Parameters: %v", err)
	}
	parameters, list := []map[string]string{}, []map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(given)) {
		parameters = append(parameters, map[string]string{"ParameterKey": k, "ParameterValue": parameterText(given[k])})
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, map[string]string{"Key": k, "Value": tags[k]})
	}
	return map[string]any{"StackName": stackName, "TemplateURL": r.New.Text("TemplateURL"), "Parameters": parameters, "Tags": list,
		"Capabilities": o.Next.Capabilities, "ClientRequestToken": strings.ReplaceAll(r.Token, "/", "-")}, nil
}

// parameterText gives a parameter's value as CreateStack takes it: lists are joined by commas.
func parameterText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		var items []string
		for _, i := range v {
			items = append(items, parameterText(i))
		}
		return strings.Join(items, ",")
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func (s *service) createNested(ctx context.Context, r room.Request) (room.Result, error) {
	in, err := s.nestedInput(ctx, r, r.Name(128))
	if err != nil {
		return room.Result{}, err
	}
	if t := r.New.Text("TimeoutInMinutes"); t != "" {
		in["TimeoutInMinutes"] = json.Number(t)
	}
	var made struct{ StackId string }
	if err := s.d.Do(context.WithValue(ctx, parentKey{}, r.StackID), name, "CreateStack", in, &made); err != nil {
		return room.Result{}, err
	}
	return s.outcome(ctx, made.StackId, "created", "CREATE_COMPLETE")
}

func (s *service) updateNested(ctx context.Context, r room.Request) (room.Result, error) {
	in, err := s.nestedInput(ctx, r, r.Physical)
	if err != nil {
		return room.Result{}, err
	}
	err = s.d.Do(ctx, name, "UpdateStack", in, nil)
	if err != nil && cloud.AsError(err).Message == noUpdates {
		return s.outcome(ctx, r.Physical, "updated", updatable...) // as it is after an update of its own was rolled back
	}
	if err != nil {
		return room.Result{}, err
	}
	return s.outcome(ctx, r.Physical, "updated", "UPDATE_COMPLETE")
}

func (s *service) deleteNested(ctx context.Context, r room.Request) error {
	if err := s.d.Do(ctx, name, "DeleteStack", map[string]any{"StackName": r.Physical}, nil); err != nil {
		return err
	}
	st, err := s.await(ctx, r.Physical)
	if err == nil && st != nil && st.Status != "DELETE_COMPLETE" {
		err = errValidation("Embedded stack %s was not successfully deleted: %s", r.Physical, st.Reason)
	}
	return err
}

// outcome waits for a nested stack; good are the statuses that it must reach.
func (s *service) outcome(ctx context.Context, id, verb string, good ...string) (room.Result, error) {
	res := room.Result{Physical: id, Attributes: map[string]any{}}
	st, err := s.await(ctx, id)
	switch {
	case err != nil:
		return res, err
	case st == nil:
		return res, errNoStack(id)
	case !slices.Contains(good, st.Status):
		return res, errValidation("Embedded stack %s was not successfully %s. Currently in %s with reason: %s", id, verb, st.Status, st.Fault)
	}
	for _, o := range st.Outputs {
		res.Attributes["Outputs."+o.ID] = o.Value
	}
	return res, nil
}

// await waits until a stack is in no progress; nil when it is not there.
func (s *service) await(ctx context.Context, id string) (*stack, error) {
	wake, stop := s.d.Store.Watch(stackKey(scope(ctx), id))
	defer stop()
	for {
		var st *stack
		err := s.d.Store.View(ctx, func(r store.Reader) (err error) {
			st, err = find(r, scope(ctx), id)
			return err
		})
		if err != nil || st == nil || !inProgress(st.Status) {
			return st, err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// adopt makes a new stack a part of its parent.
func (st *stack) adopt(r store.Reader, parent string) error {
	if parent == "" {
		return nil
	}
	var p stack
	found, err := load(r, stackKey(st.Scope, parent), &p)
	if err != nil || !found {
		return err
	}
	st.Parent, st.Root, st.Depth = p.ID, p.Root, p.Depth+1
	if st.Root == "" {
		st.Root = p.ID
	}
	if st.Depth > maxNesting {
		return errValidation("Stacks can be nested %d deep at most", maxNesting)
	}
	return nil
}
