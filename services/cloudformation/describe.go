package cloudformation

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"

	api "sundog/api/cloudformation"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/cfn"
)

// page is how many rows one answer has at most.
const page = 100

func apiStack(st *stack) api.Stack {
	no, unchecked := st.Revision.NoRollback, "NOT_CHECKED"
	out := api.Stack{StackId: &st.ID, StackName: &st.Name, Description: text(st.Revision.Description), CreationTime: &st.Created, LastUpdatedTime: stamp(st.Updated), DeletionTime: stamp(st.Deleted),
		StackStatus: &st.Status, StackStatusReason: text(st.Reason), DisableRollback: &no, Capabilities: st.Revision.Capabilities, RoleARN: text(st.Revision.Role),
		Tags: apiTags(st.Revision.Tags), EnableTerminationProtection: &st.Protected, ChangeSetId: text(st.ChangeSet), ParentId: text(st.Parent), RootId: text(st.Root), DriftInformation: &api.StackDriftInformation{StackDriftStatus: &unchecked},
		RollbackConfiguration: &api.RollbackConfiguration{}, NotificationARNs: []string{}, Parameters: apiParameters(st.Revision.Values)}
	if t := st.Revision.Timeout; t > 0 {
		minutes := int32(t.Minutes())
		out.TimeoutInMinutes = &minutes
	}
	for _, o := range st.Outputs {
		out.Outputs = append(out.Outputs, api.Output{OutputKey: &o.ID, OutputValue: &o.Value, Description: text(o.Description), ExportName: text(o.Export)})
	}
	return out
}

func apiParameters(in []cfn.ParameterValue) []api.Parameter {
	var out []api.Parameter
	for _, p := range in {
		if p.NoEcho {
			p.Value, p.Resolved = "****", ""
		}
		out = append(out, api.Parameter{ParameterKey: &p.Name, ParameterValue: &p.Value, ResolvedValue: text(p.Resolved)})
	}
	return out
}

func (s *service) describeStacks(ctx context.Context, in *api.DescribeStacksInput) (*api.DescribeStacksOutput, error) {
	out := &api.DescribeStacksOutput{}
	sc := scope(ctx)
	return out, s.d.Store.View(ctx, func(r store.Reader) error {
		*out = api.DescribeStacksOutput{Stacks: []api.Stack{}}
		if n := str(in.StackName); n != "" {
			st, err := find(r, sc, n)
			if err != nil {
				return err
			}
			if st == nil {
				return errNoStack(n)
			}
			out.Stacks = append(out.Stacks, apiStack(st))
			return nil
		}
		return s.stacks(r, sc, in.NextToken, &out.NextToken, func(st *stack) bool {
			if st.Status != "DELETE_COMPLETE" {
				out.Stacks = append(out.Stacks, apiStack(st))
			}
			return st.Status != "DELETE_COMPLETE"
		})
	})
}

// stacks calls take for the stacks after a token, until page of them were taken; it sets the token for the next page.
func (s *service) stacks(r store.Reader, sc cloud.Scope, token *string, next **string, take func(*stack) bool) error {
	after, err := fromToken(token)
	if err != nil {
		return err
	}
	n, last := 0, ""
	return each(r, table(sc, "stack"), func(_ []byte, st *stack) error {
		switch {
		case after != "" && st.ID <= after:
		case n == page:
			if *next == nil {
				*next = toToken(last)
			}
		case take(st):
			n, last = n+1, st.ID
		}
		return nil
	})
}

func toToken(s string) *string {
	t := base64.RawURLEncoding.EncodeToString([]byte(s))
	return &t
}

func fromToken(t *string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(str(t))
	if err != nil {
		return "", errValidation("NextToken is not valid")
	}
	return string(b), nil
}

func (s *service) listStacks(ctx context.Context, in *api.ListStacksInput) (*api.ListStacksOutput, error) {
	out := &api.ListStacksOutput{}
	unchecked := "NOT_CHECKED"
	return out, s.d.Store.View(ctx, func(r store.Reader) error {
		*out = api.ListStacksOutput{StackSummaries: []api.StackSummary{}}
		return s.stacks(r, scope(ctx), in.NextToken, &out.NextToken, func(st *stack) bool {
			if len(in.StackStatusFilter) > 0 && !slices.Contains(in.StackStatusFilter, st.Status) {
				return false
			}
			out.StackSummaries = append(out.StackSummaries, api.StackSummary{StackId: &st.ID, StackName: &st.Name, TemplateDescription: text(st.Revision.Description), CreationTime: &st.Created,
				LastUpdatedTime: stamp(st.Updated), DeletionTime: stamp(st.Deleted), StackStatus: &st.Status, StackStatusReason: text(st.Reason),
				DriftInformation: &api.StackDriftInformationSummary{StackDriftStatus: &unchecked}})
			return true
		})
	})
}

func (s *service) describeEvents(ctx context.Context, in *api.DescribeStackEventsInput) (*api.DescribeStackEventsOutput, error) {
	out := &api.DescribeStackEventsOutput{}
	before, err := fromToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	return out, s.d.Store.View(ctx, func(r store.Reader) error {
		*out = api.DescribeStackEventsOutput{StackEvents: []api.StackEvent{}}
		st, err := find(r, scope(ctx), str(in.StackName))
		if err != nil {
			return err
		}
		if st == nil {
			return errStackGone(str(in.StackName))
		}
		prefix := eventPrefix(st.Scope, st.ID)
		o := store.Prefix(prefix)
		if o.Reverse = true; before != "" {
			o.Hi = append(prefix.Clone(), before...)
		}
		it := r.Scan(o)
		defer it.Close()
		for it.Next() {
			if len(out.StackEvents) == page {
				out.NextToken = toToken(before)
				break
			}
			var e event
			if err := decode(it.Value(), &e); err != nil {
				return err
			}
			out.StackEvents = append(out.StackEvents, apiEvent(st, e))
			before = string(it.Key()[len(prefix):])
		}
		return it.Err()
	})
}

func apiEvent(st *stack, e event) api.StackEvent {
	return api.StackEvent{StackId: &st.ID, StackName: &st.Name, EventId: &e.ID, LogicalResourceId: &e.Logical, PhysicalResourceId: &e.Physical, ResourceType: &e.Type, Timestamp: &e.At,
		ResourceStatus: &e.Status, ResourceStatusReason: text(e.Reason), ResourceProperties: text(e.Props), ClientRequestToken: text(e.Token)}
}

// resources gives a stack's resources in the order of their logical ids.
func (s *service) resources(ctx context.Context, nameOrID string) (*stack, []*record, error) {
	var st *stack
	var out []*record
	err := s.d.Store.View(ctx, func(r store.Reader) (err error) {
		if st, err = find(r, scope(ctx), nameOrID); err != nil {
			return err
		}
		if st == nil {
			return errNoStack(nameOrID)
		}
		records, err := loadRecords(r, st.Scope, st.ID)
		out = nil
		for _, id := range slices.Sorted(maps.Keys(records)) {
			out = append(out, records[id])
		}
		return err
	})
	return st, out, err
}

func (s *service) describeResource(ctx context.Context, in *api.DescribeStackResourceInput) (*api.DescribeStackResourceOutput, error) {
	st, records, err := s.resources(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	unchecked := "NOT_CHECKED"
	for _, rec := range records {
		if rec.ID == str(in.LogicalResourceId) {
			return &api.DescribeStackResourceOutput{StackResourceDetail: &api.StackResourceDetail{StackId: &st.ID, StackName: &st.Name, LogicalResourceId: &rec.ID, PhysicalResourceId: text(rec.Physical),
				ResourceType: &rec.Type, LastUpdatedTimestamp: &rec.Updated, ResourceStatus: &rec.Status, ResourceStatusReason: text(rec.Reason), Metadata: text(rec.Metadata),
				DriftInformation: &api.StackResourceDriftInformation{StackResourceDriftStatus: &unchecked}}}, nil
		}
	}
	return nil, errValidation("Resource %s does not exist for stack %s", str(in.LogicalResourceId), str(in.StackName))
}

func (s *service) describeResources(ctx context.Context, in *api.DescribeStackResourcesInput) (*api.DescribeStackResourcesOutput, error) {
	nameOrID := str(in.StackName)
	if (in.StackName == nil) == (in.PhysicalResourceId == nil) {
		return nil, errValidation("Exactly one of StackName and PhysicalResourceId must be specified")
	}
	if in.PhysicalResourceId != nil {
		var err error
		if nameOrID, err = s.owner(ctx, *in.PhysicalResourceId); err != nil {
			return nil, err
		}
	}
	st, records, err := s.resources(ctx, nameOrID)
	if err != nil {
		return nil, err
	}
	unchecked := "NOT_CHECKED"
	out := &api.DescribeStackResourcesOutput{StackResources: []api.StackResource{}}
	for _, rec := range records {
		if in.LogicalResourceId != nil && rec.ID != *in.LogicalResourceId {
			continue
		}
		out.StackResources = append(out.StackResources, api.StackResource{StackId: &st.ID, StackName: &st.Name, LogicalResourceId: &rec.ID, PhysicalResourceId: text(rec.Physical), ResourceType: &rec.Type,
			Timestamp: &rec.Updated, ResourceStatus: &rec.Status, ResourceStatusReason: text(rec.Reason), DriftInformation: &api.StackResourceDriftInformation{StackResourceDriftStatus: &unchecked}})
	}
	return out, nil
}

// owner gives the id of the live stack that has a physical resource.
func (s *service) owner(ctx context.Context, physical string) (string, error) {
	id := ""
	err := s.d.Store.View(ctx, func(r store.Reader) error {
		return each(r, table(scope(ctx), "stack"), func(_ []byte, st *stack) error {
			if id != "" || st.Status == "DELETE_COMPLETE" {
				return nil
			}
			records, err := loadRecords(r, st.Scope, st.ID)
			for _, rec := range records {
				if rec.Physical == physical {
					id = st.ID
				}
			}
			return err
		})
	})
	if err == nil && id == "" {
		err = errValidation("Stack for %s does not exist", physical)
	}
	return id, err
}

func (s *service) listResources(ctx context.Context, in *api.ListStackResourcesInput) (*api.ListStackResourcesOutput, error) {
	_, records, err := s.resources(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	after, err := fromToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	unchecked := "NOT_CHECKED"
	out := &api.ListStackResourcesOutput{StackResourceSummaries: []api.StackResourceSummary{}}
	for _, rec := range records {
		if rec.ID <= after {
			continue
		}
		if n := len(out.StackResourceSummaries); n == page {
			out.NextToken = toToken(*out.StackResourceSummaries[n-1].LogicalResourceId)
			break
		}
		out.StackResourceSummaries = append(out.StackResourceSummaries, api.StackResourceSummary{LogicalResourceId: &rec.ID, PhysicalResourceId: text(rec.Physical), ResourceType: &rec.Type,
			LastUpdatedTimestamp: &rec.Updated, ResourceStatus: &rec.Status, ResourceStatusReason: text(rec.Reason), DriftInformation: &api.StackResourceDriftInformationSummary{StackResourceDriftStatus: &unchecked}})
	}
	return out, nil
}

func (s *service) getStackPolicy(ctx context.Context, in *api.GetStackPolicyInput) (*api.GetStackPolicyOutput, error) {
	_, _, err := s.read(ctx, str(in.StackName))
	return &api.GetStackPolicyOutput{}, err
}

func (s *service) getTemplate(ctx context.Context, in *api.GetTemplateInput) (*api.GetTemplateOutput, error) {
	var body string
	err := s.d.Store.View(ctx, func(r store.Reader) error {
		st, version, err := s.templateOf(r, scope(ctx), str(in.StackName), str(in.ChangeSetName))
		if err != nil {
			return err
		}
		body, err = loadTemplate(r, st, version)
		return err
	})
	return &api.GetTemplateOutput{TemplateBody: &body, StagesAvailable: []string{"Original", "Processed"}}, err
}

// templateOf finds the template of a stack, or of a change set of it.
func (s *service) templateOf(r store.Reader, sc cloud.Scope, stackName, changeName string) (*stack, string, error) {
	if changeName != "" {
		st, c, err := findChangeSet(r, sc, stackName, changeName)
		if err != nil {
			return nil, "", err
		}
		return st, c.Op.Next.Template, nil
	}
	st, err := find(r, sc, stackName)
	if err == nil && st == nil {
		err = errNoStack(stackName)
	}
	if err != nil {
		return nil, "", err
	}
	return st, st.Revision.Template, nil
}

func (s *service) getTemplateSummary(ctx context.Context, in *api.GetTemplateSummaryInput) (*api.GetTemplateSummaryOutput, error) {
	if err := refuse(map[string]bool{"StackSetName": in.StackSetName != nil, "CallAs": in.CallAs != nil && *in.CallAs != "SELF"}); err != nil {
		return nil, err
	}
	body, address := in.TemplateBody, in.TemplateURL
	if in.StackName != nil {
		t, err := s.getTemplate(ctx, &api.GetTemplateInput{StackName: in.StackName})
		if err != nil {
			return nil, err
		}
		body = t.TemplateBody
	}
	t, err := s.parseFrom(ctx, body, address)
	if err != nil {
		return nil, err
	}
	version := "2010-09-09"
	out := &api.GetTemplateSummaryOutput{Description: text(t.Description), Version: &version, DeclaredTransforms: t.Transforms, Parameters: []api.ParameterDeclaration{}}
	if !t.Metadata.IsZero() {
		b, err := jsonBytes(t.Metadata)
		if err != nil {
			return nil, err
		}
		out.Metadata = text(string(b))
	}
	for _, p := range t.Parameters {
		out.Parameters = append(out.Parameters, api.ParameterDeclaration{ParameterKey: &p.Name, ParameterType: &p.Type, DefaultValue: p.Default, NoEcho: &p.NoEcho, Description: text(p.Description),
			ParameterConstraints: &api.ParameterConstraints{AllowedValues: p.AllowedValues}})
	}
	for _, r := range t.Resources {
		if !slices.Contains(out.ResourceTypes, r.Type) {
			out.ResourceTypes = append(out.ResourceTypes, r.Type)
		}
	}
	out.Capabilities, out.CapabilitiesReason = needs(t)
	return out, nil
}

// describe tells other rooms of a stack.
func (s *service) describe(ctx context.Context, a cloud.ARN) (cloud.Description, error) {
	var d cloud.Description
	return d, s.d.Store.View(ctx, func(r store.Reader) error {
		st, err := find(r, a.Scope(), a.String())
		if err != nil {
			return err
		}
		if st == nil {
			return cloud.Errorf(cloud.NotFound, "ValidationError", "Stack with id %s does not exist", a)
		}
		d = cloud.Description{Type: stackType, Name: st.Name, Attributes: map[string]string{"StackStatus": st.Status}, Tags: st.tags()}
		return nil
	})
}
