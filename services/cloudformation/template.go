package cloudformation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	api "sundog/api/cloudformation"
	"sundog/cloud"
	"sundog/lang/cfn"
)

const maxTemplate = 1_000_000

// body gives a template's text from what a call carries.
func (s *service) body(ctx context.Context, text, address *string) (string, error) {
	switch {
	case text != nil && address != nil:
		return "", errValidation("Only one of TemplateBody or TemplateURL can be specified")
	case text != nil:
		return *text, nil
	case address == nil:
		return "", errValidation("Either Template URL or Template Body must be specified.")
	}
	bucket, key, version, err := objectOf(*address)
	if err != nil {
		return "", err
	}
	in, err := json.Marshal(map[string]string{"Bucket": bucket, "Key": key})
	if version != "" && err == nil {
		in, err = json.Marshal(map[string]string{"Bucket": bucket, "Key": key, "VersionId": version})
	}
	if err != nil {
		return "", err
	}
	reply, err := s.d.Caller.Call(ctx, cloud.CallFrom(ctx).Principal, "s3", "GetObject", in, nil)
	if err != nil {
		return "", errValidation("S3 error: %s", reason(err))
	}
	if reply.Body == nil {
		return "", errors.New("cloudformation: GetObject gave no body")
	}
	defer reply.Body.Close()
	b, err := io.ReadAll(io.LimitReader(reply.Body, maxTemplate+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxTemplate {
		return "", errValidation("Template may not exceed %d bytes in size.", maxTemplate)
	}
	return string(b), nil
}

// objectOf reads the address of an S3 object, with the bucket in the host or in the path.
func objectOf(address string) (bucket, key, version string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || len(u.Path) < 2 {
		return "", "", "", errValidation("TemplateURL must be a supported URL.")
	}
	version = u.Query().Get("versionId")
	host, path := u.Hostname(), u.Path[1:]
	for _, mark := range []string{".s3.", ".s3-"} {
		if before, _, ok := strings.Cut(host, mark); ok {
			return before, path, version, nil
		}
	}
	bucket, key, ok := strings.Cut(path, "/")
	if !ok || key == "" {
		return "", "", "", errValidation("TemplateURL must be a supported URL.")
	}
	return bucket, key, version, nil
}

func parse(text string) (*cfn.Template, error) {
	t, err := cfn.Parse([]byte(text))
	return t, templateError(err)
}

// env is what a stack's template is evaluated in; imports collects the names of the exports that are asked for.
func (s *service) env(ctx context.Context, st *stack, as cloud.Principal, imports func(string)) cfn.Env {
	return cfn.Env{
		Account: st.Scope.Account, Region: st.Scope.Region, StackName: st.Name, StackID: st.ID,
		Import: func(n string) (string, error) {
			imports(n)
			return s.importValue(ctx, st.Scope, n)
		},
		Dynamic: func(service, ref string) (string, error) { return s.dynamic(ctx, as, service, ref) },
	}
}

// dynamic asks the parameter store, as the stack's principal.
func (s *service) dynamic(ctx context.Context, as cloud.Principal, service, ref string) (string, error) {
	if service != "ssm" && service != "ssm-secure" {
		return "", cloud.NotImplementedf("Dynamic references to %s are not implemented: {{resolve:%s:%s}}.", service, service, ref)
	}
	in, err := json.Marshal(map[string]any{"Name": ref, "WithDecryption": service == "ssm-secure"})
	if err != nil {
		return "", err
	}
	reply, err := s.d.Caller.Call(ctx, as, "ssm", "GetParameter", in, nil)
	if err != nil {
		return "", errValidation("Unable to fetch parameters [%s] from parameter store for this account. (%s)", ref, reason(err))
	}
	var out struct{ Parameter struct{ Value string } }
	if err := json.Unmarshal(reply.Out, &out); err != nil {
		return "", fmt.Errorf("cloudformation: GetParameter: %w", err)
	}
	return out.Parameter.Value, nil
}

// bind parses and binds a revision's template, and checks what can be checked before anything is made.
func (s *service) bind(ctx context.Context, st *stack, rev *revision, text string, as cloud.Principal) (*cfn.Bound, error) {
	t, err := parse(text)
	if err != nil {
		return nil, err
	}
	b, err := t.Bind(rev.Given, s.env(ctx, st, as, func(string) {}))
	if err != nil {
		return nil, templateError(err)
	}
	if _, err := b.Graph(); err != nil {
		return nil, templateError(err)
	}
	rev.Values, rev.Description = b.Values(), t.Description
	return b, s.checkTypes(b)
}

// checkTypes refuses resource types, properties, attributes and policies that are not served.
func (s *service) checkTypes(b *cfn.Bound) error {
	var types, where []string
	for _, r := range b.Resources {
		if _, ok := s.types()[r.Type]; !ok {
			where = append(where, r.ID+": "+r.Type)
			if !slices.Contains(types, r.Type) {
				types = append(types, r.Type)
			}
		}
	}
	if len(types) > 0 {
		return errValidation("Template format error: Unrecognized resource types: [%s]. This platform does not implement them (%s)", strings.Join(types, ", "), strings.Join(where, ", "))
	}
	for _, r := range b.ActiveResources() {
		if err := s.checkResource(b, r); err != nil {
			return err
		}
	}
	for _, o := range b.Outputs {
		if err := s.checkAttributes(b, o.Value); err != nil && b.Active(o.Condition) {
			return err
		}
	}
	return nil
}

func (s *service) checkResource(b *cfn.Bound, r *cfn.Resource) error {
	typ := s.types()[r.Type]
	if len(typ.Properties) > 0 {
		for _, p := range r.Properties.Keys {
			if _, ok := typ.NoEffect[p]; !ok && !slices.Contains(typ.Properties, p) {
				return errValidation("Encountered unsupported property %s (resource %s of type %s)", p, r.ID, r.Type)
			}
		}
	}
	for _, v := range []cfn.Value{r.DeletionPolicy, r.UpdateReplacePolicy} {
		p, err := b.Policy(v)
		if err != nil {
			return templateError(err)
		}
		if p == "Snapshot" {
			return cloud.NotImplementedf("The policy Snapshot of resource %s is not implemented.", r.ID)
		}
	}
	return s.checkAttributes(b, r.Properties)
}

func (s *service) checkAttributes(b *cfn.Bound, v cfn.Value) error {
	var bad error
	b.References(v, func(id, attribute string) {
		known := s.types()[b.Resource(id).Type].Attributes
		if attribute != "" && len(known) > 0 && !slices.Contains(known, attribute) && bad == nil {
			bad = errValidation("Template error: resource %s does not support attribute type %s in Fn::GetAtt", id, attribute)
		}
	})
	return bad
}

// named are the IAM types, with the property that gives them a name of the user's choice.
var named = map[string]string{
	"AWS::IAM::Role": "RoleName", "AWS::IAM::User": "UserName", "AWS::IAM::Group": "GroupName", "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
	"AWS::IAM::InstanceProfile": "InstanceProfileName", "AWS::IAM::Policy": "", "AWS::IAM::AccessKey": "", "AWS::IAM::UserToGroupAddition": "",
	"AWS::IAM::RolePolicy": "", "AWS::IAM::UserPolicy": "", "AWS::IAM::GroupPolicy": "",
}

// capabilities says which capabilities a template needs, and for which types.
func capabilities(t *cfn.Template) (need []string, types []string) {
	for _, r := range t.Resources {
		property, iam := named[r.Type]
		if !iam {
			continue
		}
		if !slices.Contains(types, r.Type) {
			types = append(types, r.Type)
		}
		if _, own := r.Properties.Get(property); own {
			need = []string{"CAPABILITY_NAMED_IAM"}
		} else if need == nil {
			need = []string{"CAPABILITY_IAM"}
		}
	}
	return need, types
}

// checkCapabilities refuses a template whose needs are not acknowledged; direct says that the call is no change set.
func checkCapabilities(t *cfn.Template, given []string, direct bool) error {
	need, _ := capabilities(t)
	for _, c := range need {
		if !slices.Contains(given, c) && (c != "CAPABILITY_IAM" || !slices.Contains(given, "CAPABILITY_NAMED_IAM")) {
			return errCapabilities(c)
		}
	}
	if direct && len(t.Transforms) > 0 && !slices.Contains(given, "CAPABILITY_AUTO_EXPAND") {
		return errCapabilities("CAPABILITY_AUTO_EXPAND")
	}
	return nil
}

func (s *service) validateTemplate(ctx context.Context, in *api.ValidateTemplateInput) (*api.ValidateTemplateOutput, error) {
	t, err := s.parseFrom(ctx, in.TemplateBody, in.TemplateURL)
	if err != nil {
		return nil, err
	}
	out := &api.ValidateTemplateOutput{Description: text(t.Description), DeclaredTransforms: t.Transforms}
	for _, p := range t.Parameters {
		out.Parameters = append(out.Parameters, api.TemplateParameter{ParameterKey: &p.Name, DefaultValue: p.Default, NoEcho: &p.NoEcho, Description: text(p.Description)})
	}
	out.Capabilities, out.CapabilitiesReason = needs(t)
	return out, nil
}

func needs(t *cfn.Template) ([]string, *string) {
	need, types := capabilities(t)
	if len(need) == 0 {
		return nil, nil
	}
	return need, text("The following resource(s) require capabilities: [" + strings.Join(types, ", ") + "]")
}

func (s *service) parseFrom(ctx context.Context, body, address *string) (*cfn.Template, error) {
	b, err := s.body(ctx, body, address)
	if err != nil {
		return nil, err
	}
	return parse(b)
}
