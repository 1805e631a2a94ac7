package cloudformation

import (
	"context"
	"maps"
	"slices"
	"time"

	api "sundog/api/cloudformation"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/cfn"
)

// request is what CreateStack, UpdateStack and CreateChangeSet have in common.
type request struct {
	stack, body, address *string
	previous             *bool // UsePreviousTemplate
	parameters           []api.Parameter
	capabilities         []string
	tags                 []api.Tag
	role                 *string
}

// refuse names the members that are not applied.
func refuse(members map[string]bool) error {
	for _, m := range slices.Sorted(maps.Keys(members)) {
		if members[m] {
			return cloud.NotImplementedf("The parameter %s is not implemented.", m)
		}
	}
	return nil
}

func triggers(r *api.RollbackConfiguration) bool {
	return r != nil && (len(r.RollbackTriggers) > 0 || r.MonitoringTimeInMinutes != nil && *r.MonitoringTimeInMinutes > 0)
}

// revision makes what a call asks for, over what the stack is now; nil prior at creation. The template's text comes with it.
func (s *service) revision(ctx context.Context, in request, prior *stack) (revision, string, error) {
	rev := revision{Template: s.d.IDs.UUID(), Given: map[string]string{}, Tags: tagsOf(in.tags), Capabilities: in.capabilities, Role: str(in.role)}
	var body string
	var err error
	if set(in.previous) {
		if in.body != nil || in.address != nil || prior == nil {
			return rev, "", errValidation("You cannot specify both usePreviousTemplate and Template Body/Template URL.")
		}
		err = s.d.Store.View(ctx, func(r store.Reader) (err error) {
			body, err = loadTemplate(r, prior, prior.Revision.Template)
			return err
		})
	} else {
		body, err = s.body(ctx, in.body, in.address)
	}
	if err != nil {
		return rev, "", err
	}
	if prior != nil {
		if in.tags == nil {
			rev.Tags = prior.Revision.Tags
		}
		if in.role == nil {
			rev.Role = prior.Revision.Role
		}
	}
	for _, p := range in.parameters {
		k := str(p.ParameterKey)
		if !set(p.UsePreviousValue) {
			rev.Given[k] = str(p.ParameterValue)
			continue
		}
		i := -1
		if prior != nil {
			i = slices.IndexFunc(prior.Revision.Values, func(v cfn.ParameterValue) bool { return v.Name == k })
		}
		if i < 0 {
			return rev, "", errValidation("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", k)
		}
		rev.Given[k] = prior.Revision.Values[i].Value
	}
	return rev, body, nil
}

// actor is the principal that a revision's handlers act as: the stack's role, or who called.
func actor(ctx context.Context, rev revision) (cloud.Principal, error) {
	call := cloud.CallFrom(ctx)
	if rev.Role == "" {
		return call.Principal, nil
	}
	a, err := cloud.ParseARN(rev.Role)
	typ, _ := a.ResourceType()
	if err != nil || a.Service != "iam" || typ != "role" {
		return cloud.Principal{}, errValidation("Role %s is invalid or cannot be assumed", rev.Role)
	}
	return cloud.RoleSession(a, "AWSCloudFormation"), nil
}

func (s *service) operation(ctx context.Context, kind string, st *stack, rev revision) (operation, error) {
	call := cloud.CallFrom(ctx)
	as, err := actor(ctx, rev)
	return operation{ID: s.d.IDs.UUID(), Kind: kind, Phase: "forward", StackID: st.ID, Scope: st.Scope, As: as, Trace: call.Trace, Endpoint: call.Endpoint, Next: rev}, err
}

func (s *service) createStack(ctx context.Context, in *api.CreateStackInput) (*api.CreateStackOutput, error) {
	if err := checkName(str(in.StackName)); err != nil {
		return nil, err
	}
	if err := refuse(map[string]bool{"NotificationARNs": len(in.NotificationARNs) > 0, "RollbackConfiguration": triggers(in.RollbackConfiguration), "ResourceTypes": len(in.ResourceTypes) > 0,
		"StackPolicyBody": in.StackPolicyBody != nil, "StackPolicyURL": in.StackPolicyURL != nil, "DeploymentConfig": in.DeploymentConfig != nil, "DisableValidation": set(in.DisableValidation)}); err != nil {
		return nil, err
	}
	if in.OnFailure != nil && in.DisableRollback != nil {
		return nil, errValidation("Only one of OnFailure and DisableRollback can be specified")
	}
	rev, body, err := s.revision(ctx, request{stack: in.StackName, body: in.TemplateBody, address: in.TemplateURL, parameters: in.Parameters, capabilities: in.Capabilities, tags: in.Tags, role: in.RoleARN}, nil)
	if err != nil {
		return nil, err
	}
	rev.NoRollback, rev.RetainNew = set(in.DisableRollback) || str(in.OnFailure) == "DO_NOTHING", set(in.RetainExceptOnCreate)
	if in.TimeoutInMinutes != nil {
		rev.Timeout = time.Duration(*in.TimeoutInMinutes) * time.Minute
	}
	st := s.newStack(ctx, str(in.StackName))
	st.Protected, st.OnFailure, st.ClientToken = set(in.EnableTerminationProtection), str(in.OnFailure), str(in.ClientRequestToken)
	o, err := s.prepare(ctx, "create", st, rev, body, true)
	if err != nil {
		return nil, err
	}
	o.Token = str(in.ClientRequestToken)
	again := ""
	err = s.d.Store.Update(ctx, func(tx store.Tx) error {
		there, err := find(tx, st.Scope, st.Name)
		if err != nil {
			return err
		}
		if there != nil {
			if again = there.ID; st.ClientToken != "" && st.ClientToken == there.ClientToken {
				return nil
			}
			return errExists("Stack [%s] already exists", st.Name)
		}
		again = ""
		if err := st.adopt(tx, parentOf(ctx)); err != nil {
			return err
		}
		if err := tx.Put(nameKey(st.Scope, st.Name), []byte(st.ID)); err != nil {
			return err
		}
		return s.begin(tx, st, o, body, "CREATE_IN_PROGRESS")
	})
	if err != nil {
		return nil, err
	}
	if again != "" {
		return &api.CreateStackOutput{StackId: &again}, nil
	}
	s.launch(o)
	return &api.CreateStackOutput{StackId: &st.ID, OperationId: &o.ID}, nil
}

func (s *service) newStack(ctx context.Context, n string) *stack {
	sc := scope(ctx)
	return &stack{ID: cloud.NewARN(name, sc, "stack/"+n+"/"+s.d.IDs.UUID()).String(), Name: n, Scope: sc, Created: s.d.Clock.Now()}
}

// prepare checks a revision and makes its operation.
func (s *service) prepare(ctx context.Context, kind string, st *stack, rev revision, body string, direct bool) (operation, error) {
	o, err := s.operation(ctx, kind, st, rev)
	if err != nil {
		return o, err
	}
	b, err := s.bind(ctx, st, &o.Next, body, o.As)
	if err != nil {
		return o, err
	}
	return o, checkCapabilities(b.Template, rev.Capabilities, direct)
}

// begin writes an operation, its template and the stack's new status.
func (s *service) begin(tx store.Tx, st *stack, o operation, body, status string) error {
	if body != "" {
		if err := tx.Put(templateKey(st.Scope, st.ID, o.Next.Template), []byte(body)); err != nil {
			return err
		}
	}
	if o.Kind == "create" {
		st.Revision = o.Next
	}
	e := st.turn(s.d, status, "User Initiated", o.Token)
	if err := save(tx, stackKey(st.Scope, st.ID), st); err != nil {
		return err
	}
	if err := saveEvent(tx, st, e); err != nil {
		return err
	}
	return save(tx, opKey(st.Scope, st.ID), o)
}

const noUpdates = "No updates are to be performed."

// updatable are the statuses in which a stack takes an update.
var updatable = []string{"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}

func (s *service) read(ctx context.Context, nameOrID string) (st *stack, records map[string]*record, err error) {
	err = s.d.Store.View(ctx, func(r store.Reader) (err error) {
		if st, err = live(r, scope(ctx), nameOrID); err != nil {
			return err
		}
		records, err = loadRecords(r, st.Scope, st.ID)
		return err
	})
	return st, records, err
}

func (s *service) updateStack(ctx context.Context, in *api.UpdateStackInput) (*api.UpdateStackOutput, error) {
	if err := refuse(map[string]bool{"NotificationARNs": len(in.NotificationARNs) > 0, "RollbackConfiguration": triggers(in.RollbackConfiguration), "ResourceTypes": len(in.ResourceTypes) > 0,
		"StackPolicyBody": in.StackPolicyBody != nil, "StackPolicyURL": in.StackPolicyURL != nil, "StackPolicyDuringUpdateBody": in.StackPolicyDuringUpdateBody != nil,
		"StackPolicyDuringUpdateURL": in.StackPolicyDuringUpdateURL != nil, "DeploymentConfig": in.DeploymentConfig != nil, "DisableValidation": set(in.DisableValidation), "DisableRollback": set(in.DisableRollback)}); err != nil {
		return nil, err
	}
	st, records, err := s.read(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	if !slices.Contains(updatable, st.Status) {
		return nil, errValidation("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
	}
	rev, body, err := s.revision(ctx, request{stack: in.StackName, body: in.TemplateBody, address: in.TemplateURL, previous: in.UsePreviousTemplate, parameters: in.Parameters,
		capabilities: in.Capabilities, tags: in.Tags, role: in.RoleARN}, st)
	if err != nil {
		return nil, err
	}
	rev.RetainNew = set(in.RetainExceptOnCreate)
	o, err := s.prepare(ctx, "update", st, rev, body, true)
	if err != nil {
		return nil, err
	}
	o.Token = str(in.ClientRequestToken)
	changes, err := s.plan(ctx, st, records, &o, body)
	if err != nil {
		return nil, err
	}
	if changes.none() {
		return nil, errValidation(noUpdates)
	}
	if err := s.beginUpdate(ctx, st.ID, o, body, updatable); err != nil {
		return nil, err
	}
	return &api.UpdateStackOutput{StackId: &st.ID, OperationId: &o.ID}, nil
}

// beginUpdate starts an update on a stack that is in one of the statuses.
func (s *service) beginUpdate(ctx context.Context, id string, o operation, body string, from []string) error {
	err := s.d.Store.Update(ctx, func(tx store.Tx) error {
		st, err := live(tx, o.Scope, id)
		if err != nil {
			return err
		}
		if !slices.Contains(from, st.Status) {
			return errValidation("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
		}
		st.Updated = s.d.Clock.Now()
		if o.ChangeSet != "" {
			st.ChangeSet = o.ChangeSet
		}
		status := "UPDATE_IN_PROGRESS"
		if o.Kind == "create" {
			status = "CREATE_IN_PROGRESS"
		}
		return s.begin(tx, st, o, body, status)
	})
	if err == nil {
		s.launch(o)
	}
	return err
}

func (s *service) deleteStack(ctx context.Context, in *api.DeleteStackInput) (*api.DeleteStackOutput, error) {
	if err := refuse(map[string]bool{"DeletionMode": in.DeletionMode != nil && *in.DeletionMode != "STANDARD", "DeploymentConfig": in.DeploymentConfig != nil}); err != nil {
		return nil, err
	}
	var o operation
	starts := false
	err := s.d.Store.Update(ctx, func(tx store.Tx) error {
		starts = false
		st, err := find(tx, scope(ctx), str(in.StackName))
		if err != nil || st == nil || st.Status == "DELETE_COMPLETE" || st.Status == "DELETE_IN_PROGRESS" {
			return err
		}
		switch {
		case st.Protected:
			return errValidation("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.Name)
		case len(in.RetainResources) > 0 && st.Status != "DELETE_FAILED":
			return errValidation("Invalid operation on stack [%s]. When you delete a stack, specify which resources to retain only if the stack is in the DELETE_FAILED state.", st.ID)
		case inProgress(st.Status):
			return errValidation("Stack:%s is in %s state and can not be deleted.", st.ID, st.Status)
		}
		rev := st.Revision
		if in.RoleARN != nil {
			rev.Role = *in.RoleARN
		}
		if o, err = s.operation(ctx, "delete", st, rev); err != nil {
			return err
		}
		o.Retain, o.Token = in.RetainResources, str(in.ClientRequestToken)
		why, err := used(tx, st)
		if err != nil {
			return err
		}
		if why != "" {
			return s.note(tx, st, "DELETE_FAILED", why, o.Token)
		}
		starts = true
		return s.begin(tx, st, o, "", "DELETE_IN_PROGRESS")
	})
	if starts && err == nil {
		s.launch(o)
	}
	return &api.DeleteStackOutput{}, err
}

func (s *service) note(tx store.Tx, st *stack, status, why, token string) error {
	e := st.turn(s.d, status, why, token)
	if err := saveEvent(tx, st, e); err != nil {
		return err
	}
	return save(tx, stackKey(st.Scope, st.ID), st)
}

func inProgress(status string) bool {
	return len(status) > 12 && status[len(status)-12:] == "_IN_PROGRESS" && status != "REVIEW_IN_PROGRESS"
}

func (s *service) continueRollback(ctx context.Context, in *api.ContinueUpdateRollbackInput) (*api.ContinueUpdateRollbackOutput, error) {
	if err := refuse(map[string]bool{"RoleARN": in.RoleARN != nil, "ForceRollback": set(in.ForceRollback)}); err != nil {
		return nil, err
	}
	var o operation
	err := s.d.Store.Update(ctx, func(tx store.Tx) error {
		st, err := live(tx, scope(ctx), str(in.StackName))
		if err != nil {
			return err
		}
		found, err := load(tx, opKey(st.Scope, st.ID), &o)
		if err != nil {
			return err
		}
		if !found || st.Status != "UPDATE_ROLLBACK_FAILED" {
			return errValidation("Stack:%s is in %s state and can not continue to roll back.", st.ID, st.Status)
		}
		o.Stopped, o.Skip, o.Token = false, in.ResourcesToSkip, str(in.ClientRequestToken)
		if err := save(tx, opKey(st.Scope, st.ID), o); err != nil {
			return err
		}
		return s.note(tx, st, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", o.Token)
	})
	if err != nil {
		return nil, err
	}
	s.launch(o)
	return &api.ContinueUpdateRollbackOutput{}, nil
}

func (s *service) protect(ctx context.Context, in *api.UpdateTerminationProtectionInput) (*api.UpdateTerminationProtectionOutput, error) {
	out := &api.UpdateTerminationProtectionOutput{}
	return out, s.d.Store.Update(ctx, func(tx store.Tx) error {
		st, err := live(tx, scope(ctx), str(in.StackName))
		if err != nil {
			return err
		}
		st.Protected, out.StackId = set(in.EnableTerminationProtection), &st.ID
		return save(tx, stackKey(st.Scope, st.ID), st)
	})
}
