package lambda

import (
	"context"
	"slices"
	"strings"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/policydoc"
	"sundog/services/room"
)

// statement is one permission, with its members in the order in which AWS shows them.
type statement struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// principalOf makes the principal element of AddPermission's text: a service, an account, an ARN or everyone.
func principalOf(p string) any {
	switch {
	case p == "*":
		return "*"
	case strings.Contains(p, ".") && !strings.HasPrefix(p, "arn:"):
		return map[string]string{"Service": p}
	case len(p) == 12 && digits.MatchString(p):
		return map[string]string{"AWS": "arn:aws:iam::" + p + ":root"}
	}
	return map[string]string{"AWS": p}
}

// clouds are what the names of service principals end in.
var clouds = []string{".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"}

// checkPrincipal refuses principals that do not exist: services of no cloud, and users and roles of the function's own account that are not there.
func (r *lambdaRoom) checkPrincipal(ctx context.Context, f ref, p string) error {
	a, err := cloud.ParseARN(p)
	switch {
	case err != nil && strings.Contains(p, "."):
		if !slices.ContainsFunc(clouds, func(end string) bool { return strings.HasSuffix(p, end) }) {
			return errPrincipal()
		}
	case err == nil && a.Service == "iam" && a.Account == f.Account && a.Resource != "root":
		if _, err := r.d.Directory.Describe(ctx, a); err != nil && cloud.AsError(err).Kind == cloud.NotFound {
			return errPrincipal()
		}
	}
	return nil
}

func errPrincipal() error {
	return errParameter("The provided principal was invalid. Please check the principal and try again.")
}

func permission(f ref, in *api.AddPermissionInput) statement {
	st := statement{Sid: str(in.StatementId), Effect: "Allow", Principal: principalOf(str(in.Principal)), Action: str(in.Action), Resource: f.qualified().String()}
	add := func(operator, key string, value *string) {
		if value == nil {
			return
		}
		if st.Condition == nil {
			st.Condition = map[string]map[string]string{}
		}
		if st.Condition[operator] == nil {
			st.Condition[operator] = map[string]string{}
		}
		st.Condition[operator][key] = *value
	}
	add("ArnLike", "AWS:SourceArn", in.SourceArn)
	add("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	add("StringEquals", "lambda:FunctionUrlAuthType", in.FunctionUrlAuthType)
	add("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	add("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	if in.InvokedViaFunctionUrl != nil {
		text := "false"
		if *in.InvokedViaFunctionUrl {
			text = "true"
		}
		add("Bool", "lambda:InvokedViaFunctionUrl", &text)
	}
	return st
}

func (r *lambdaRoom) addPermission(ctx context.Context, in *api.AddPermissionInput) (*api.AddPermissionOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if f.qualifier == latest {
		return nil, errParameter("We currently do not support adding policies for $LATEST.")
	}
	if in.FunctionUrlAuthType != nil && str(in.Action) != "lambda:InvokeFunctionUrl" {
		return nil, errParameter("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
	}
	if err := r.checkPrincipal(ctx, f, str(in.Principal)); err != nil {
		return nil, err
	}
	st := permission(f, in)
	var text string
	err = r.editPolicy(ctx, f, in.RevisionId, func(doc *room.Statements) error {
		if doc.Find(st.Sid) >= 0 {
			return errConflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", st.Sid)
		}
		if doc.Version == "" {
			doc.Version, doc.ID = "2012-10-17", "default"
		}
		if err := doc.Add(st); err != nil {
			return err
		}
		text = string(doc.Statement[len(doc.Statement)-1])
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.AddPermissionOutput{Statement: &text}, nil
}

// revision checks that the caller means the policy as it is now; get is the operation that would have told.
func (p policyRecord) revision(want *string, get string) error {
	if want != nil && *want != p.Revision {
		return errPrecondition(get)
	}
	return nil
}

// revised is whose revision a policy's is: a function's, a version's or an alias's. save keeps a new one.
type revised struct {
	at   **string
	save func(store.Tx) error
}

// revisedBy finds whose revision the policy of a reference has. rec is the function's record, which the caller saves.
func revisedBy(rd store.Reader, f ref, rec *function) (revised, error) {
	_, b, al, err := find(rd, f)
	switch {
	case err != nil:
		return revised{}, f.orNoAlias(err)
	case al != nil:
		return revised{&al.Config.RevisionId, func(tx store.Tx) error { return save(tx, aliasKey(f, f.qualifier), al) }}, nil
	case f.qualifier == "" || f.qualifier == latest:
		return revised{&rec.Latest.Config.RevisionId, func(store.Tx) error { return nil }}, nil
	}
	n, err := parseNumber(f.qualifier)
	return revised{&b.Config.RevisionId, func(tx store.Tx) error { return save(tx, versionKey(f, n), b) }}, err
}

// writePolicy changes the policy of a function, version or alias, which is a revision of that; edit gets its text and gives the new one, "" for none.
// get is the operation that tells revisions.
func (r *lambdaRoom) writePolicy(ctx context.Context, f ref, revision *string, get string, edit func(text string) (string, error)) (next string, err error) {
	err = r.change(ctx, f, func(tx store.Tx, rec *function) error {
		rev, err := revisedBy(tx, f, rec)
		if err != nil {
			return err
		}
		if err := (policyRecord{Revision: str(*rev.at)}).revision(revision, get); err != nil {
			return err
		}
		text, err := edit(rec.Policies[f.qualifier].Text)
		if err != nil {
			return err
		}
		if err := setPolicy(rec, f.qualifier, text); err != nil {
			return err
		}
		next = r.d.IDs.UUID()
		*rev.at = &next
		return rev.save(tx)
	})
	return next, err
}

// editPolicy rewrites the statements of a policy. A wrong principal is refused by the policy language.
func (r *lambdaRoom) editPolicy(ctx context.Context, f ref, revision *string, fn func(*room.Statements) error) error {
	_, err := r.writePolicy(ctx, f, revision, "GetPolicy", func(text string) (string, error) {
		doc, err := room.ParseStatements(text)
		if err != nil {
			return "", err
		}
		if err := fn(&doc); err != nil {
			return "", err
		}
		return doc.Text()
	})
	return err
}

// maxPolicy is the size of a resource policy, in characters.
const maxPolicy = 20480

// checkPolicySize bounds the policy of a function, a version, an alias or a layer's version.
func checkPolicySize(text string) error {
	if len(text) <= maxPolicy {
		return nil
	}
	return cloud.Errorf(cloud.Invalid, "PolicyLengthExceededException", "The final policy size (%d) is bigger than the limit (%d).", len(text), maxPolicy).With("Type", "User")
}

// setPolicy puts a policy's text in the place of the one that a function, version or alias has; "" takes it away.
func setPolicy(rec *function, qualifier, text string) error {
	if text == "" {
		delete(rec.Policies, qualifier)
		return nil
	}
	if err := checkPolicySize(text); err != nil {
		return err
	}
	if _, err := policydoc.Parse(text, policydoc.Resource); err != nil {
		return errPrincipal()
	}
	if rec.Policies == nil {
		rec.Policies = map[string]policyRecord{}
	}
	rec.Policies[qualifier] = policyRecord{Text: text}
	return nil
}

func errNoPolicy() error { return errNotFound("The resource you requested does not exist.") }

func (r *lambdaRoom) removePermission(ctx context.Context, in *api.RemovePermissionInput) (*api.RemovePermissionOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if _, err := r.plan(ctx, ref{Scope: f.Scope, name: f.name}); err != nil {
		return nil, errNotFound("No policy found for: %s", f.qualified()) // the wording has no public source
	}
	return &api.RemovePermissionOutput{}, r.editPolicy(ctx, f, in.RevisionId, func(doc *room.Statements) error {
		if len(doc.Statement) == 0 {
			return errNotFound("No policy is associated with the given resource.")
		}
		i := doc.Find(str(in.StatementId))
		if i < 0 {
			return errNotFound("Statement %s is not found in resource policy.", str(in.StatementId))
		}
		doc.Remove(i)
		return nil
	})
}

func (r *lambdaRoom) getPolicy(ctx context.Context, in *api.GetPolicyInput) (*api.GetPolicyOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	rec, err := r.policyOf(ctx, f)
	return &api.GetPolicyOutput{Policy: &rec.Text, RevisionId: &rec.Revision}, err
}

// policyOf gives the policy of a function, version or alias; its error says that there is none.
func (r *lambdaRoom) policyOf(ctx context.Context, f ref) (policyRecord, error) {
	p, err := r.plan(ctx, f)
	if err != nil {
		return policyRecord{}, f.orNoAlias(err)
	}
	rec, ok := p.fn.Policies[f.qualifier]
	if !ok {
		return rec, errNoPolicy()
	}
	rec.Revision = str(p.main.Config.RevisionId)
	if p.alias != nil {
		rec.Revision = str(p.alias.Config.RevisionId)
	}
	return rec, nil
}

// readPolicy reads the policy that holds for an ARN; nil when there is none.
func (r *lambdaRoom) readPolicy(ctx context.Context, a cloud.ARN) (*cloud.Policy, error) {
	if strings.HasPrefix(a.Resource, "layer:") {
		return r.readLayerPolicy(ctx, a)
	}
	if !strings.HasPrefix(a.Resource, "function:") {
		return nil, nil
	}
	f := refOf(a)
	if f.qualifier == latest {
		f.qualifier = ""
	}
	p, err := r.plan(ctx, f)
	if err != nil || p.fn.Policies[f.qualifier].Text == "" {
		return nil, err
	}
	return policydoc.Parse(p.fn.Policies[f.qualifier].Text, policydoc.Resource)
}
