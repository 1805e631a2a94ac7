package cloudformation

import (
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/internal/pattern"
	"sundog/lang/cfn"
	"sundog/services/room"
)

// stack is a row of table "stack".
type stack struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Scope       cloud.Scope       `json:"scope"`
	Status      string            `json:"status"`
	Reason      string            `json:"reason,omitempty"`
	Fault       string            `json:"fault,omitempty"` // why the last operation turned back
	Revision    revision          `json:"revision"`        // what is deployed, or is being created
	Outputs     []cfn.OutputValue `json:"outputs,omitempty"`
	Imports     []string          `json:"imports,omitempty"` // names of exports that it uses
	Protected   bool              `json:"protected,omitempty"`
	OnFailure   string            `json:"onFailure,omitempty"`
	ChangeSet   string            `json:"changeSet,omitempty"` // the last executed
	ClientToken string            `json:"clientToken,omitempty"`
	Parent      string            `json:"parent,omitempty"` // of a nested stack
	Root        string            `json:"root,omitempty"`
	Depth       int               `json:"depth,omitempty"`
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated,omitzero"`
	Deleted     time.Time         `json:"deleted,omitzero"`
}

// revision is what a caller asks a stack to be.
type revision struct {
	Template     string               `json:"template"` // version in table "template"
	Description  string               `json:"description,omitempty"`
	Given        map[string]string    `json:"given,omitempty"` // parameter values, without defaults
	Values       []cfn.ParameterValue `json:"values,omitempty"`
	Tags         []tag                `json:"tags,omitempty"`
	Capabilities []string             `json:"capabilities,omitempty"`
	Role         string               `json:"role,omitempty"`
	NoRollback   bool                 `json:"noRollback,omitempty"`
	RetainNew    bool                 `json:"retainNew,omitempty"` // RetainExceptOnCreate of the call
	Timeout      time.Duration        `json:"timeout,omitempty"`
}

type tag struct {
	Key   string `json:"k"`
	Value string `json:"v"`
}

// version is a resource as it was made.
type version struct {
	Type       string         `json:"type"`
	Physical   string         `json:"physical,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
	Props      room.Props     `json:"props,omitempty"`
	Deletion   string         `json:"deletion,omitempty"` // DeletionPolicy
	Replace    string         `json:"replace,omitempty"`  // UpdateReplacePolicy
	Needs      []string       `json:"needs,omitempty"`
	Metadata   string         `json:"metadata,omitempty"`
}

// record is a row of table "resource".
type record struct {
	ID string `json:"id"`
	version
	Status  string     `json:"status"`
	Reason  string     `json:"reason,omitempty"`
	Updated time.Time  `json:"updated"`
	Op      string     `json:"op,omitempty"`      // the operation that last touched it
	Made    bool       `json:"made,omitempty"`    // Op created it
	Before  *version   `json:"before,omitempty"`  // what Op changed
	Attempt room.Props `json:"attempt,omitempty"` // what Op changes it to
	Old     []version  `json:"old,omitempty"`     // replaced, to be removed when Op cleans up
}

// event is a row of table "event".
type event struct {
	ID       string    `json:"id"`
	Logical  string    `json:"logical"`
	Physical string    `json:"physical,omitempty"`
	Type     string    `json:"type"`
	Status   string    `json:"status"`
	Reason   string    `json:"reason,omitempty"`
	Props    string    `json:"props,omitempty"`
	Token    string    `json:"token,omitempty"`
	At       time.Time `json:"at"`
}

// operation is a row of table "op": it is there while the operation runs, and after a rollback that failed.
type operation struct {
	ID        string          `json:"id"`
	Kind      string          `json:"kind"`  // create, update, delete
	Phase     string          `json:"phase"` // forward, cleanup, rollback, undo
	StackID   string          `json:"stack"`
	Scope     cloud.Scope     `json:"scope"`
	As        cloud.Principal `json:"as"`
	Trace     cloud.Trace     `json:"trace,omitzero"`
	Endpoint  string          `json:"endpoint,omitempty"`
	Next      revision        `json:"next"`
	Retain    []string        `json:"retain,omitempty"` // DeleteStack's RetainResources
	Skip      []string        `json:"skip,omitempty"`   // ContinueUpdateRollback's ResourcesToSkip
	Token     string          `json:"token,omitempty"`
	ChangeSet string          `json:"changeSet,omitempty"`
	Stopped   bool            `json:"stopped,omitempty"` // a rollback failed: it waits for ContinueUpdateRollback
}

const stackType = "AWS::CloudFormation::Stack"

var stackName = pattern.New(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

func checkName(s string) error {
	if !stackName.MatchString(s) {
		return errValidation("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", s)
	}
	return nil
}

// find gives a stack by name or id; nil when there is none. A deleted stack is only found by its id.
func find(r store.Reader, sc cloud.Scope, nameOrID string) (*stack, error) {
	id := nameOrID
	if !strings.HasPrefix(id, "arn:") {
		b, err := r.Get(nameKey(sc, nameOrID))
		if err != nil || b == nil {
			return nil, err
		}
		id = string(b)
	}
	st := new(stack)
	if ok, err := load(r, stackKey(sc, id), st); !ok {
		return nil, err
	}
	return st, nil
}

// live is find for stacks that are not deleted; an absent one is an error.
func live(r store.Reader, sc cloud.Scope, nameOrID string) (*stack, error) {
	st, err := find(r, sc, nameOrID)
	if err == nil && (st == nil || st.Status == "DELETE_COMPLETE") {
		err = errStackGone(nameOrID)
	}
	return st, err
}

func loadRecords(r store.Reader, sc cloud.Scope, id string) (map[string]*record, error) {
	out := map[string]*record{}
	return out, each(r, resourcePrefix(sc, id), func(_ []byte, rec *record) error {
		out[rec.ID] = rec
		return nil
	})
}

func loadTemplate(r store.Reader, st *stack, version string) (string, error) {
	b, err := r.Get(templateKey(st.Scope, st.ID, version))
	return string(b), err
}

func (st *stack) say(d room.Deps, logical, physical, typ, status, why, token string) event {
	now := d.Clock.Now()
	id := d.IDs.UUID()
	if typ != stackType {
		id = logical + "-" + status + "-" + now.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return event{ID: id, Logical: logical, Physical: physical, Type: typ, Status: status, Reason: why, Token: token, At: now}
}

// turn gives the stack a status and the event that says so.
func (st *stack) turn(d room.Deps, status, why, token string) event {
	st.Status, st.Reason = status, why
	return st.say(d, st.Name, st.ID, stackType, status, why, token)
}

func saveEvent(tx store.Tx, st *stack, e event) error {
	b, err := jsonBytes(e)
	if err != nil {
		return err
	}
	return tx.PutStamped(eventPrefix(st.Scope, st.ID), nil, b)
}

func (st *stack) tags() map[string]string {
	out := map[string]string{}
	for _, t := range st.Revision.Tags {
		out[t.Key] = t.Value
	}
	return out
}
