package cloudformation

import (
	"context"
	"slices"
	"time"

	api "sundog/api/cloudformation"
	"sundog/cloud"
	"sundog/engine/store"
)

// changeSet is a row of table "change".
type changeSet struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Created     time.Time `json:"created"`
	Status      string    `json:"status"`
	Execution   string    `json:"execution"`
	Reason      string    `json:"reason,omitempty"`
	OnFailure   string    `json:"onFailure,omitempty"`
	Changes     []change  `json:"changes,omitempty"`
	Op          operation `json:"op"` // to be begun when it is executed
}

// findChangeSet gives a change set by its name in a stack, or by its ARN.
func findChangeSet(r store.Reader, sc cloud.Scope, stackName, nameOrID string) (*stack, *changeSet, error) {
	var found *changeSet
	match := func(_ []byte, c *changeSet) error {
		if c.ID == nameOrID || c.Name == nameOrID && stackName != "" {
			found = c
		}
		return nil
	}
	if stackName != "" {
		st, err := live(r, sc, stackName)
		if err != nil {
			return nil, nil, err
		}
		if err := each(r, changePrefix(sc, st.ID), match); err != nil || found != nil {
			return st, found, err
		}
		return nil, nil, errNoChangeSet(nameOrID)
	}
	if _, err := cloud.ParseARN(nameOrID); err != nil {
		return nil, nil, errValidation("StackName must be specified if ChangeSetName is not specified as an ARN.")
	}
	if err := each(r, table(sc, "change"), match); err != nil {
		return nil, nil, err
	}
	if found == nil {
		return nil, nil, errNoChangeSet(nameOrID)
	}
	st, err := live(r, sc, found.Op.StackID)
	return st, found, err
}

func (s *service) createChangeSet(ctx context.Context, in *api.CreateChangeSetInput) (*api.CreateChangeSetOutput, error) {
	if err := refuse(map[string]bool{"NotificationARNs": len(in.NotificationARNs) > 0, "RollbackConfiguration": triggers(in.RollbackConfiguration), "ResourceTypes": len(in.ResourceTypes) > 0,
		"ResourcesToImport": len(in.ResourcesToImport) > 0, "ImportExistingResources": set(in.ImportExistingResources), "ChangeSetType " + str(in.ChangeSetType): str(in.ChangeSetType) == "IMPORT",
		"DeploymentMode": in.DeploymentMode != nil, "DeploymentConfig": in.DeploymentConfig != nil, "DisableValidation": set(in.DisableValidation)}); err != nil {
		return nil, err
	}
	st, records, fresh, err := s.changed(ctx, in)
	if err != nil {
		return nil, err
	}
	prior := st
	if fresh || st.Status == "REVIEW_IN_PROGRESS" {
		prior = nil
	}
	rev, body, err := s.revision(ctx, request{stack: in.StackName, body: in.TemplateBody, address: in.TemplateURL, previous: in.UsePreviousTemplate, parameters: in.Parameters,
		capabilities: in.Capabilities, tags: in.Tags, role: in.RoleARN}, prior)
	if err != nil {
		return nil, err
	}
	rev.NoRollback = prior == nil && str(in.OnStackFailure) == "DO_NOTHING"
	kind := "update"
	if prior == nil {
		kind = "create"
	}
	o, err := s.prepare(ctx, kind, st, rev, body, false)
	if err != nil {
		return nil, err
	}
	c := &changeSet{ID: cloud.NewARN(name, st.Scope, "changeSet/"+str(in.ChangeSetName)+"/"+s.d.IDs.UUID()).String(), Name: str(in.ChangeSetName), Description: str(in.Description),
		Created: s.d.Clock.Now(), OnFailure: str(in.OnStackFailure), Status: "CREATE_COMPLETE", Execution: "AVAILABLE"}
	p, err := s.plan(ctx, st, records, &o, body)
	if err != nil {
		return nil, err
	}
	if c.Changes = p.changes; p.none() {
		c.Status, c.Execution = "FAILED", "UNAVAILABLE"
		c.Reason = "The submitted information didn't contain changes. Submit different information to create a change set."
	}
	o.ChangeSet, c.Op = c.ID, o
	if err := s.saveChangeSet(ctx, st, c, body, fresh); err != nil {
		return nil, err
	}
	return &api.CreateChangeSetOutput{Id: &c.ID, StackId: &st.ID}, nil
}

// changed gives the stack that a change set is for; fresh says that it has to be made.
func (s *service) changed(ctx context.Context, in *api.CreateChangeSetInput) (st *stack, records map[string]*record, fresh bool, err error) {
	n := str(in.StackName)
	err = s.d.Store.View(ctx, func(r store.Reader) (err error) {
		if st, err = find(r, scope(ctx), n); err != nil || st == nil {
			return err
		}
		records, err = loadRecords(r, st.Scope, st.ID)
		return err
	})
	if err != nil {
		return nil, nil, false, err
	}
	if st != nil && st.Status == "DELETE_COMPLETE" {
		st = nil
	}
	if str(in.ChangeSetType) == "CREATE" {
		if st == nil {
			return s.newStack(ctx, n), map[string]*record{}, true, checkName(n)
		}
		if st.Status != "REVIEW_IN_PROGRESS" {
			return nil, nil, false, errValidation("Stack [%s] already exists and cannot be created again with the changeSet [%s].", n, str(in.ChangeSetName))
		}
		return st, records, false, nil
	}
	if st == nil {
		return nil, nil, false, errStackGone(n)
	}
	if !slices.Contains(updatable, st.Status) {
		return nil, nil, false, errValidation("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
	}
	return st, records, false, nil
}

func (s *service) saveChangeSet(ctx context.Context, st *stack, c *changeSet, body string, fresh bool) error {
	return s.d.Store.Update(ctx, func(tx store.Tx) error {
		if fresh {
			if there, err := tx.Get(nameKey(st.Scope, st.Name)); err != nil || there != nil {
				return errOr(err, errExists("Stack [%s] already exists", st.Name))
			}
			if err := tx.Put(nameKey(st.Scope, st.Name), []byte(st.ID)); err != nil {
				return err
			}
			if err := s.note(tx, st, "REVIEW_IN_PROGRESS", "User Initiated", ""); err != nil {
				return err
			}
		}
		if err := each(tx, changePrefix(st.Scope, st.ID), func(_ []byte, other *changeSet) error {
			if other.Name == c.Name {
				return errExists("ChangeSet %s cannot be created due to a mismatch with existing attributes: it already exists", c.Name)
			}
			return nil
		}); err != nil {
			return err
		}
		if err := tx.Put(templateKey(st.Scope, st.ID, c.Op.Next.Template), []byte(body)); err != nil {
			return err
		}
		return save(tx, changePrefix(st.Scope, st.ID).Str(c.ID), c)
	})
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func (s *service) executeChangeSet(ctx context.Context, in *api.ExecuteChangeSetInput) (*api.ExecuteChangeSetOutput, error) {
	var o operation
	err := s.d.Store.Update(ctx, func(tx store.Tx) error {
		st, c, err := findChangeSet(tx, scope(ctx), str(in.StackName), str(in.ChangeSetName))
		if err != nil {
			return err
		}
		if c.Execution != "AVAILABLE" {
			return errChangeSetStatus("ChangeSet [%s] cannot be executed in its current execution status of [%s]", c.ID, c.Execution)
		}
		from := updatable
		status := "UPDATE_IN_PROGRESS"
		if c.Op.Kind == "create" {
			from, status = []string{"REVIEW_IN_PROGRESS"}, "CREATE_IN_PROGRESS"
			st.OnFailure = c.OnFailure
		}
		if !slices.Contains(from, st.Status) {
			return errValidation("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
		}
		if c.Op.Kind == "update" && set(in.DisableRollback) {
			return refuse(map[string]bool{"DisableRollback": true})
		}
		c.Execution = "EXECUTE_COMPLETE"
		o = c.Op
		o.Next.NoRollback = o.Next.NoRollback || set(in.DisableRollback)
		o.Next.RetainNew, o.Token, o.Trace = set(in.RetainExceptOnCreate), str(in.ClientRequestToken), cloud.CallFrom(ctx).Trace
		if o.As, err = actor(ctx, o.Next); err != nil {
			return err
		}
		st.ChangeSet = c.ID
		if st.Status != "REVIEW_IN_PROGRESS" {
			st.Updated = s.d.Clock.Now()
		}
		// The others were made for what the stack no longer is.
		if err := dropOthers(tx, st, c); err != nil {
			return err
		}
		if err := save(tx, changePrefix(st.Scope, st.ID).Str(c.ID), c); err != nil {
			return err
		}
		return s.begin(tx, st, o, "", status)
	})
	if err != nil {
		return nil, err
	}
	s.launch(o)
	return &api.ExecuteChangeSetOutput{}, nil
}

func (s *service) deleteChangeSet(ctx context.Context, in *api.DeleteChangeSetInput) (*api.DeleteChangeSetOutput, error) {
	return &api.DeleteChangeSetOutput{}, s.d.Store.Update(ctx, func(tx store.Tx) error {
		st, c, err := findChangeSet(tx, scope(ctx), str(in.StackName), str(in.ChangeSetName))
		if cloud.IsCode(err, "ChangeSetNotFound") {
			return nil // deleting what is not there succeeds
		}
		if err != nil {
			return err
		}
		return dropChangeSet(tx, st, c, st.Revision.Template)
	})
}

// dropOthers removes all change sets of a stack but one, with their templates.
func dropOthers(tx store.Tx, st *stack, but *changeSet) error {
	var others []*changeSet
	if err := each(tx, changePrefix(st.Scope, st.ID), func(_ []byte, c *changeSet) error {
		if c.ID != but.ID {
			others = append(others, c)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, c := range others {
		if err := dropChangeSet(tx, st, c, but.Op.Next.Template); err != nil {
			return err
		}
	}
	return nil
}

// dropChangeSet removes a change set with its template, unless that is the one to keep.
func dropChangeSet(tx store.Tx, st *stack, c *changeSet, keep string) error {
	if t := c.Op.Next.Template; t != keep && t != st.Revision.Template {
		if err := tx.Delete(templateKey(st.Scope, st.ID, t)); err != nil {
			return err
		}
	}
	return tx.Delete(changePrefix(st.Scope, st.ID).Str(c.ID))
}

func (s *service) describeChangeSet(ctx context.Context, in *api.DescribeChangeSetInput) (*api.DescribeChangeSetOutput, error) {
	out := &api.DescribeChangeSetOutput{}
	return out, s.d.Store.View(ctx, func(r store.Reader) error {
		st, c, err := findChangeSet(r, scope(ctx), str(in.StackName), str(in.ChangeSetName))
		if err != nil {
			return err
		}
		no := false
		*out = api.DescribeChangeSetOutput{ChangeSetId: &c.ID, ChangeSetName: &c.Name, StackId: &st.ID, StackName: &st.Name, Description: text(c.Description), CreationTime: &c.Created,
			Status: &c.Status, ExecutionStatus: &c.Execution, StatusReason: text(c.Reason), Parameters: apiParameters(c.Op.Next.Values), Capabilities: c.Op.Next.Capabilities,
			Tags: apiTags(c.Op.Next.Tags), OnStackFailure: text(c.OnFailure), IncludeNestedStacks: &no, NotificationARNs: []string{}, RollbackConfiguration: &api.RollbackConfiguration{}, Changes: []api.Change{}}
		for _, ch := range c.Changes {
			out.Changes = append(out.Changes, apiChange(ch))
		}
		return nil
	})
}

func apiChange(c change) api.Change {
	typ, static, dynamic, property := "Resource", "Static", "Dynamic", "Properties"
	out := &api.ResourceChange{Action: &c.Action, LogicalResourceId: &c.ID, PhysicalResourceId: text(c.Physical), ResourceType: &c.Type, Replacement: text(c.Replacement), Scope: []string{}, Details: []api.ResourceChangeDetail{}}
	add := func(attribute, name, evaluation, source, cause string) {
		if !slices.Contains(out.Scope, attribute) {
			out.Scope = append(out.Scope, attribute)
		}
		out.Details = append(out.Details, api.ResourceChangeDetail{Evaluation: &evaluation, ChangeSource: text(source), CausingEntity: text(cause),
			Target: &api.ResourceTargetDefinition{Attribute: &attribute, Name: text(name), RequiresRecreation: text(recreation(c))}})
	}
	for _, p := range c.Properties {
		if len(c.Dynamic) > 0 {
			add(property, p, dynamic, "ResourceReference", c.Dynamic[0])
		} else {
			add(property, p, static, "DirectModification", "")
		}
	}
	if c.Tags {
		add("Tags", "", static, "DirectModification", "")
	}
	if c.Metadata {
		add("Metadata", "", static, "DirectModification", "")
	}
	return api.Change{Type: &typ, ResourceChange: out}
}

func recreation(c change) string {
	switch c.Replacement {
	case "True":
		return "Always"
	case "False":
		return "Never"
	}
	return "Conditionally"
}

func (s *service) listChangeSets(ctx context.Context, in *api.ListChangeSetsInput) (*api.ListChangeSetsOutput, error) {
	out := &api.ListChangeSetsOutput{}
	return out, s.d.Store.View(ctx, func(r store.Reader) error {
		*out = api.ListChangeSetsOutput{Summaries: []api.ChangeSetSummary{}}
		st, err := live(r, scope(ctx), str(in.StackName))
		if err != nil {
			return err
		}
		return each(r, changePrefix(st.Scope, st.ID), func(_ []byte, c *changeSet) error {
			out.Summaries = append(out.Summaries, api.ChangeSetSummary{StackId: &st.ID, StackName: &st.Name, ChangeSetId: &c.ID, ChangeSetName: &c.Name, ExecutionStatus: &c.Execution,
				Status: &c.Status, StatusReason: text(c.Reason), CreationTime: &c.Created, Description: text(c.Description)})
			return nil
		})
	})
}
