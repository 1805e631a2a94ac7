package sfn

import (
	"context"
	"errors"
	"time"

	api "sundog/api/sfn"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/asl"
)

// machine is the record of a state machine.
type machine struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Role     string            `json:"role"`
	Revision string            `json:"revision"`
	Updated  bool              `json:"updated,omitempty"` // the revision is not the first
	Created  time.Time         `json:"created"`
	Changed  time.Time         `json:"changed"`
	Tracing  bool              `json:"tracing,omitempty"`
	Versions int64             `json:"versions,omitempty"` // the highest number that was given
	Tags     map[string]string `json:"tags,omitempty"`
	Express  bool              `json:"express,omitempty"`
	Log      *logging          `json:"log,omitempty"`
}

// version is a published version: a revision with the role that it had.
type version struct {
	Revision    string    `json:"revision"`
	Role        string    `json:"role"`
	Description string    `json:"description,omitempty"`
	Created     time.Time `json:"created"`
}

// compile reads a definition and words what is wrong with it as the API does.
func compile(definition string, express bool) (*asl.Machine, error) {
	m, err := asl.Compile(definition, asl.Options{Express: express})
	var bad *asl.InvalidDefinition
	var no *asl.Unsupported
	switch {
	case errors.As(err, &bad):
		return nil, errDefinition(bad.Error())
	case errors.As(err, &no):
		return nil, cloud.NotImplementedf("%s", no.Error())
	case err != nil:
		return nil, err
	}
	return m, unserved(m)
}

func checkRole(role string) error {
	a, err := cloud.ParseARN(role)
	if err != nil || a.Service != "iam" {
		return errARN(role)
	}
	return nil
}

// checkEncryption refuses keys of the customer's: there are none.
func checkEncryption(e *api.EncryptionConfiguration) error {
	if e != nil && deref(e.Type) == "CUSTOMER_MANAGED_KMS_KEY" {
		return cloud.NotImplementedf("encryptionConfiguration of the type CUSTOMER_MANAGED_KMS_KEY is not implemented")
	}
	return nil
}

func (r *sfnRoom) createStateMachine(ctx context.Context, in *api.CreateStateMachineInput) (*api.CreateStateMachineOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, deref(in.Name)}
	if err := checkName(n.Name); err != nil {
		return nil, err
	}
	m := machine{Name: n.Name, Type: "STANDARD", Role: deref(in.RoleArn), Tags: tagMap(in.Tags), Created: r.now()}
	if t := deref(in.Type); t != "" {
		m.Type = t
	}
	m.Express, m.Changed = m.Type == "EXPRESS", m.Created
	if in.TracingConfiguration != nil {
		m.Tracing = deref(in.TracingConfiguration.Enabled)
	}
	if err := errors.Join(checkRole(m.Role), checkEncryption(in.EncryptionConfiguration)); err != nil {
		return nil, err
	}
	var err error
	if m.Log, err = r.loggingOf(ctx, in.LoggingConfiguration); err != nil {
		return nil, err
	}
	if in.VersionDescription != nil && !deref(in.Publish) {
		return nil, errValidation("Version description can only be set when publish is true")
	}
	if _, err := compile(deref(in.Definition), m.Express); err != nil {
		return nil, err
	}
	out := &api.CreateStateMachineOutput{StateMachineArn: ptr(n.arn("stateMachine").String())}
	revision := r.d.IDs.UUID()
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		var old machine
		found, err := load(tx, n.machineKey(), &old)
		if err != nil {
			return err
		}
		if found {
			return r.sameMachine(tx, n, &old, m, deref(in.Definition), out)
		}
		m.Revision, out.CreationDate = revision, &m.Created
		if err := tx.Put(n.definitionKey(m.Revision), []byte(deref(in.Definition))); err != nil {
			return err
		}
		if deref(in.Publish) {
			v, err := publish(tx, n, &m, deref(in.VersionDescription), m.Created)
			if err != nil {
				return err
			}
			out.StateMachineVersionArn = &v
		}
		return save(tx, n.machineKey(), &m)
	})
	return out, err
}

// sameMachine makes CreateStateMachine idempotent: the same name with the same definition, type and role is the same machine.
func (r *sfnRoom) sameMachine(tx store.Tx, n name, old *machine, m machine, definition string, out *api.CreateStateMachineOutput) error {
	text, err := tx.Get(n.definitionKey(old.Revision))
	if err != nil {
		return err
	}
	if string(text) != definition || old.Type != m.Type || old.Role != m.Role {
		return errMachineExists(n.arn("stateMachine").String())
	}
	out.CreationDate = &old.Created
	return nil
}

func (r *sfnRoom) updateStateMachine(ctx context.Context, in *api.UpdateStateMachineInput) (*api.UpdateStateMachineOutput, error) {
	q, err := parseMachine(deref(in.StateMachineArn))
	if err != nil {
		return nil, err
	}
	if in.Definition == nil && in.RoleArn == nil && in.LoggingConfiguration == nil && in.TracingConfiguration == nil && in.EncryptionConfiguration == nil {
		return nil, errMissing("Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
	}
	if err := checkEncryption(in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	log, err := r.loggingOf(ctx, in.LoggingConfiguration)
	if err != nil {
		return nil, err
	}
	if in.RoleArn != nil {
		if err := checkRole(*in.RoleArn); err != nil {
			return nil, err
		}
	}
	out := &api.UpdateStateMachineOutput{UpdateDate: ptr(r.now())}
	revision := r.d.IDs.UUID()
	return out, r.d.Store.Update(ctx, func(tx store.Tx) error {
		m, err := machineOf(tx, q.name)
		if err != nil {
			return err
		}
		text, err := tx.Get(q.definitionKey(m.Revision))
		if err != nil {
			return err
		}
		if in.Definition != nil {
			if _, err := compile(*in.Definition, m.Express); err != nil {
				return err
			}
			text = []byte(*in.Definition)
		}
		if in.RoleArn != nil {
			m.Role = *in.RoleArn
		}
		if in.TracingConfiguration != nil {
			m.Tracing = deref(in.TracingConfiguration.Enabled)
		}
		if in.LoggingConfiguration != nil {
			m.Log = log
		}
		m.Revision, m.Updated, m.Changed = revision, true, *out.UpdateDate
		out.RevisionId = &m.Revision
		if err := tx.Put(q.definitionKey(m.Revision), text); err != nil {
			return err
		}
		if deref(in.Publish) {
			v, err := publish(tx, q.name, m, deref(in.VersionDescription), m.Changed)
			if err != nil {
				return err
			}
			out.StateMachineVersionArn = &v
		}
		return save(tx, q.machineKey(), m)
	})
}

func machineOf(r store.Reader, n name) (*machine, error) {
	var m machine
	found, err := load(r, n.machineKey(), &m)
	if err == nil && !found {
		err = errNoMachine(n.arn("stateMachine").String())
	}
	return &m, err
}

func (r *sfnRoom) describeStateMachine(ctx context.Context, in *api.DescribeStateMachineInput) (*api.DescribeStateMachineOutput, error) {
	arn := deref(in.StateMachineArn)
	q, err := parseMachine(arn)
	if err != nil {
		return nil, err
	}
	var out *api.DescribeStateMachineOutput
	err = r.d.Store.View(ctx, func(tx store.Reader) error {
		m, rev, err := resolve(tx, q)
		if err != nil {
			return err
		}
		text, err := tx.Get(q.definitionKey(rev.Revision))
		if err != nil {
			return err
		}
		out = &api.DescribeStateMachineOutput{StateMachineArn: &arn, Name: &m.Name, Status: ptr("ACTIVE"), Definition: ptr(string(text)), RoleArn: &rev.Role,
			Type: &m.Type, CreationDate: &m.Created, LoggingConfiguration: m.Log.shown(), TracingConfiguration: &api.TracingConfiguration{Enabled: &m.Tracing},
			Description: some(rev.Description), EncryptionConfiguration: nil}
		if m.Updated && q.version == 0 {
			out.RevisionId = &m.Revision
		}
		if q.version > 0 {
			out.CreationDate = &rev.Created
		}
		if compiled, err := asl.Compile(string(text), asl.Options{Express: m.Express}); err == nil {
			out.VariableReferences = compiled.VariableReferences()
		}
		return nil
	})
	return out, err
}

// resolve finds what an ARN names: the machine, and the revision with its role. An alias is resolved by the caller.
func resolve(r store.Reader, q qualified) (*machine, *version, error) {
	m, err := machineOf(r, q.name)
	if err != nil {
		return nil, nil, err
	}
	if q.alias != "" {
		return nil, nil, errNoMachine(q.arn("stateMachine").String() + ":" + q.alias)
	}
	if q.version == 0 {
		return m, &version{Revision: m.Revision, Role: m.Role, Created: m.Created}, nil
	}
	var v version
	found, err := load(r, q.versions().U64(uint64(q.version)), &v)
	if err == nil && !found {
		err = errNoMachine(q.versionARN(q.version))
	}
	return m, &v, err
}

func (r *sfnRoom) deleteStateMachine(ctx context.Context, in *api.DeleteStateMachineInput) (*api.DeleteStateMachineOutput, error) {
	q, err := parseMachine(deref(in.StateMachineArn))
	if err != nil {
		return nil, err
	}
	return &api.DeleteStateMachineOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error {
		for _, k := range []store.Key{q.versions(), q.aliases()} { // definitions stay: executions show them
			if err := tx.DeleteRange(k, k.End()); err != nil {
				return err
			}
		}
		return tx.Delete(q.machineKey())
	})
}

func (r *sfnRoom) listStateMachines(ctx context.Context, in *api.ListStateMachinesInput) (*api.ListStateMachinesOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	out := &api.ListStateMachinesOutput{StateMachines: []api.StateMachineListItem{}}
	err := r.d.Store.View(ctx, func(tx store.Reader) error {
		var err error
		out.NextToken, err = page(tx, table(sc, "machine"), false, in.MaxResults, in.NextToken, func(_, value []byte) (bool, error) {
			m, err := decode[machine](value)
			if err != nil {
				return false, err
			}
			n := name{sc, m.Name}
			out.StateMachines = append(out.StateMachines, api.StateMachineListItem{StateMachineArn: ptr(n.arn("stateMachine").String()), Name: &m.Name, Type: &m.Type, CreationDate: &m.Created})
			return true, nil
		})
		return err
	})
	return out, err
}

func (r *sfnRoom) validateDefinition(_ context.Context, in *api.ValidateStateMachineDefinitionInput) (*api.ValidateStateMachineDefinitionOutput, error) {
	found := asl.Validate(deref(in.Definition), asl.Options{Express: deref(in.Type) == "EXPRESS"})
	out := &api.ValidateStateMachineDefinitionOutput{Result: ptr("OK"), Diagnostics: []api.ValidateStateMachineDefinitionDiagnostic{}}
	limit := int(deref(in.MaxResults))
	if limit <= 0 {
		limit = 100
	}
	for _, d := range found {
		if d.Severity == "ERROR" {
			out.Result = ptr("FAIL")
		}
		if len(out.Diagnostics) == limit {
			out.Truncated = ptr(true)
			break
		}
		out.Diagnostics = append(out.Diagnostics, api.ValidateStateMachineDefinitionDiagnostic{Severity: ptr(d.Severity), Code: ptr(d.Code), Message: ptr(d.Message), Location: ptr(d.Location)})
	}
	return out, nil
}
