package sfn

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	api "sundog/api/sfn"
	"sundog/engine/store"
)

func (n name) versionARN(v int64) string {
	return n.arn("stateMachine").String() + ":" + strconv.FormatInt(v, 10)
}

// publish makes a version of the machine's revision, or gives the version that has it already.
func publish(tx store.Tx, n name, m *machine, description string, at time.Time) (arn string, err error) {
	if m.Versions > 0 {
		var last version
		found, err := load(tx, n.versions().U64(uint64(m.Versions)), &last)
		if err != nil {
			return "", err
		}
		if found && last.Revision == m.Revision {
			return n.versionARN(m.Versions), nil
		}
	}
	m.Versions++
	v := version{Revision: m.Revision, Role: m.Role, Description: description, Created: at}
	return n.versionARN(m.Versions), save(tx, n.versions().U64(uint64(m.Versions)), v)
}

func (r *sfnRoom) publishVersion(ctx context.Context, in *api.PublishStateMachineVersionInput) (*api.PublishStateMachineVersionOutput, error) {
	q, err := parseMachine(deref(in.StateMachineArn))
	if err != nil {
		return nil, errNoMachine(deref(in.StateMachineArn))
	}
	out := &api.PublishStateMachineVersionOutput{}
	return out, r.d.Store.Update(ctx, func(tx store.Tx) error {
		m, err := machineOf(tx, q.name)
		if err != nil {
			return err
		}
		if id := deref(in.RevisionId); id != "" && id != m.Revision && (id != "INITIAL" || m.Updated) {
			return errConflict("Failed to publish the State Machine version for revision %s. The current State Machine revision is %s.", id, m.Revision)
		}
		arn, err := publish(tx, q.name, m, deref(in.Description), r.now())
		if err != nil {
			return err
		}
		var v version
		if _, err := load(tx, q.versions().U64(uint64(m.Versions)), &v); err != nil {
			return err
		}
		out.StateMachineVersionArn, out.CreationDate = &arn, &v.Created
		return save(tx, q.machineKey(), m)
	})
}

func (r *sfnRoom) deleteVersion(ctx context.Context, in *api.DeleteStateMachineVersionInput) (*api.DeleteStateMachineVersionOutput, error) {
	arn := deref(in.StateMachineVersionArn)
	q, err := parseMachine(arn)
	if err != nil || q.version == 0 {
		return nil, errARN(arn)
	}
	return &api.DeleteStateMachineVersionOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error {
		var users []string
		err := scan(tx, store.Prefix(q.aliases()), len(q.aliases()), func(_, value []byte) (bool, error) {
			a, err := decode[alias](value)
			if err != nil {
				return false, err
			}
			if slices.ContainsFunc(a.Routes, func(r route) bool { return r.Version == q.version }) {
				users = append(users, a.Name)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return errConflict("Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [%s]", strings.Join(users, ", "))
		}
		return tx.Delete(q.versions().U64(uint64(q.version)))
	})
}

func (r *sfnRoom) listVersions(ctx context.Context, in *api.ListStateMachineVersionsInput) (*api.ListStateMachineVersionsOutput, error) {
	q, err := parseMachine(deref(in.StateMachineArn))
	if err != nil {
		return nil, err
	}
	out := &api.ListStateMachineVersionsOutput{StateMachineVersions: []api.StateMachineVersionListItem{}}
	return out, r.d.Store.View(ctx, func(tx store.Reader) error {
		if _, err := machineOf(tx, q.name); err != nil {
			return err
		}
		var err error
		out.NextToken, err = page(tx, q.versions(), true, in.MaxResults, in.NextToken, func(key, value []byte) (bool, error) {
			n, _, err := store.CutU64(key)
			if err != nil || n > math.MaxInt64 {
				return false, err
			}
			v, err := decode[version](value)
			if err != nil {
				return false, err
			}
			out.StateMachineVersions = append(out.StateMachineVersions, api.StateMachineVersionListItem{StateMachineVersionArn: ptr(q.versionARN(int64(n))), CreationDate: &v.Created})
			return true, nil
		})
		return err
	})
}
