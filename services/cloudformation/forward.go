package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/cfn"
	"sundog/services/room"
)

// forward makes and changes resources towards the new revision.
func (r *run) forward() error {
	parent := r.ctx
	if t := r.o.Next.Timeout; t > 0 && r.o.Kind == "create" {
		var cancel context.CancelFunc
		r.ctx, cancel = context.WithTimeout(parent, t)
		defer cancel()
	}
	var jobs []job
	for _, id := range r.g.Order {
		res := r.b.Resource(id)
		jobs = append(jobs, job{id: id, needs: r.g.Needs[id], begin: func() (func() settle, bool) { return r.step(res) }})
	}
	failed, err := r.execute(jobs, false)
	late := r.ctx.Err() != nil && parent.Err() == nil
	r.ctx = parent
	if late {
		return r.fail(nil, errors.New("Stack creation time exceeded the specified timeout."))
	}
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		return r.fail(failed, nil)
	}
	return r.complete()
}

// complete evaluates the outputs and commits the new revision.
func (r *run) complete() error {
	outputs, err := r.b.OutputValues(&values{records: r.records})
	if err != nil {
		return r.fail(nil, err)
	}
	for _, res := range r.b.ActiveResources() { // what a former process evaluated may use exports too
		if _, err := r.want(res); err != nil {
			return r.fail(nil, err)
		}
	}
	imports := slices.Sorted(maps.Keys(r.imports))
	was := *r.st
	commit := func(tx store.Tx) error {
		*r.st = was
		if err := publish(tx, r.st, outputs, imports); err != nil {
			return err
		}
		r.st.Outputs, r.st.Revision = outputs, r.o.Next
		if was.Revision.Template != r.o.Next.Template {
			return tx.Delete(templateKey(r.st.Scope, r.st.ID, was.Revision.Template)) // from here on there is no way back
		}
		return nil
	}
	if r.o.Kind == "create" {
		err = r.finishWith("CREATE_COMPLETE", commit)
	} else {
		err = r.finishWith("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", commit)
	}
	var refused *cloud.Error
	if errors.As(err, &refused) {
		*r.st = was
		r.events = nil
		return r.fail(nil, err)
	}
	if err != nil || r.o.Kind == "create" {
		return err
	}
	return r.phases()
}

// finishWith ends a creation, or moves an update to its clean-up, in the commit that publishes the outputs.
func (r *run) finishWith(status string, commit func(store.Tx) error) error {
	e := r.st.say(r.d, r.st.Name, r.st.ID, stackType, status, "", r.o.Token)
	r.events = append(r.events, e)
	return r.flush(func(tx store.Tx) error {
		if err := commit(tx); err != nil {
			return err
		}
		r.st.Status, r.st.Reason = status, ""
		if r.o.Kind == "create" {
			if err := tx.Delete(opKey(r.st.Scope, r.st.ID)); err != nil {
				return err
			}
		} else {
			r.o.Phase = "cleanup"
			if err := save(tx, opKey(r.st.Scope, r.st.ID), r.o); err != nil {
				return err
			}
		}
		return save(tx, stackKey(r.st.Scope, r.st.ID), r.st)
	})
}

// fail turns back: after resources that failed, or another error.
func (r *run) fail(failed []string, err error) error {
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	verb := r.o.Kind
	why := fmt.Sprintf("The following resource(s) failed to %s: [%s].", verb, strings.Join(failed, ", "))
	if err != nil {
		why = reason(err)
	}
	r.st.Fault = why
	switch {
	case r.o.Kind == "update":
		if err := r.phase("rollback", "UPDATE_ROLLBACK_IN_PROGRESS", why); err != nil {
			return err
		}
	case r.o.Next.NoRollback:
		return r.finish("CREATE_FAILED", why, nil)
	case r.st.OnFailure == "DELETE":
		if err := r.phase("rollback", "DELETE_IN_PROGRESS", why+" Delete requested by user."); err != nil {
			return err
		}
	default:
		if err := r.phase("rollback", "ROLLBACK_IN_PROGRESS", why+" Rollback requested by user."); err != nil {
			return err
		}
	}
	return r.phases()
}

// step begins what one resource needs to come to the new revision.
func (r *run) step(res *cfn.Resource) (func() settle, bool) {
	rec := r.records[res.ID]
	if rec != nil && rec.Op == r.o.ID && ended(rec.Status) {
		return nil, false // done before the process was restarted
	}
	if rec != nil && rec.Op == r.o.ID && strings.HasSuffix(rec.Status, "_FAILED") {
		return nil, true
	}
	fresh := rec == nil || rec.Made && rec.Op == r.o.ID
	if rec == nil {
		rec = &record{ID: res.ID, version: version{Type: res.Type}, Op: r.o.ID, Made: true}
		r.records[res.ID] = rec
	}
	after, err := r.want(res)
	if err != nil {
		rec.Op = r.o.ID
		r.mark(rec, failedStatus(fresh), reason(err))
		return nil, true
	}
	next := version{Type: res.Type, Needs: r.g.Needs[res.ID], Metadata: metadata(res)}
	var derr, rerr error
	next.Deletion, derr = r.b.Policy(res.DeletionPolicy)
	next.Replace, rerr = r.b.Policy(res.UpdateReplacePolicy)
	if err := errors.Join(derr, rerr); err != nil {
		r.mark(rec, failedStatus(fresh), reason(err))
		return nil, true
	}
	if fresh {
		return r.create(rec, next, after), false
	}
	return r.update(rec, next, after), false
}

func failedStatus(fresh bool) string {
	if fresh {
		return "CREATE_FAILED"
	}
	return "UPDATE_FAILED"
}

// want evaluates a resource's properties.
func (r *run) want(res *cfn.Resource) (room.Props, error) {
	return props(r.b, res, &values{records: r.records})
}

func (r *run) request(rec *record, step string) room.Request {
	tags := map[string]string{}
	for _, t := range r.o.Next.Tags {
		tags[t.Key] = t.Value
	}
	return room.Request{StackName: r.st.Name, StackID: r.st.ID, LogicalID: rec.ID, Physical: rec.Physical, Token: step + "/" + rec.ID + "/" + r.o.ID, Tags: tags, Rest: r.busy.rest}
}

func (r *run) create(rec *record, next version, after room.Props) func() settle {
	rec.version, rec.Attempt = next, after
	if rec.Status != "CREATE_IN_PROGRESS" {
		r.mark(rec, "CREATE_IN_PROGRESS", "")
	}
	req := r.request(rec, "create")
	req.New, req.Metadata = after, next.Metadata
	typ := r.types()[rec.Type]
	ctx := r.ctx
	return func() settle {
		res, err := typ.Create(ctx, req)
		return func() (bool, error) {
			rec.Physical, rec.Attributes = res.Physical, res.Attributes
			if failed, err := r.failed(rec, "CREATE_FAILED", err); failed || err != nil {
				return failed, err
			}
			rec.Props, rec.Attempt = after, nil
			r.say(rec, "CREATE_IN_PROGRESS", "Resource creation Initiated")
			r.mark(rec, "CREATE_COMPLETE", noEffect(typ, after))
			return false, nil
		}
	}
}

// failed records a handler's error. When the run itself is being stopped the error says nothing of the resource.
func (r *run) failed(rec *record, status string, err error) (bool, error) {
	if r.service.ctx.Err() != nil {
		return false, r.service.ctx.Err()
	}
	if err == nil {
		return false, nil
	}
	why := reason(err)
	if cloud.AsError(err).Kind == cloud.Internal {
		r.d.Log.Error("a resource step failed", "stack", r.st.Name, "resource", rec.ID, "error", err)
	}
	r.mark(rec, status, why)
	return true, nil
}

func (r *run) update(rec *record, next version, after room.Props) func() settle {
	typ := r.types()[rec.Type]
	retagged := taggable(typ) && !slices.Equal(r.o.Next.Tags, r.st.Revision.Tags)
	if len(cfn.Changed(rec.Props, after)) == 0 && !retagged && rec.Op != r.o.ID {
		r.adopt(rec, next)
		return nil
	}
	if rec.Op != r.o.ID {
		before := rec.version
		rec.Before, rec.Op, rec.Made = &before, r.o.ID, false
	}
	rec.Attempt = after
	if rec.Status != "UPDATE_IN_PROGRESS" {
		r.mark(rec, "UPDATE_IN_PROGRESS", "")
	}
	req := r.request(rec, "update")
	req.Old, req.New, req.Metadata = rec.Props, after, next.Metadata
	ctx := r.ctx
	return func() settle {
		var res room.Result
		var err error
		if typ.Update != nil {
			res, err = typ.Update(ctx, req)
		} else {
			req.Physical, req.Old = "", nil
			res, err = typ.Create(ctx, req)
		}
		return func() (bool, error) { return r.updated(rec, typ, next, after, res, err) }
	}
}

// adopt takes over what changes without a handler: policies, metadata, dependencies.
func (r *run) adopt(rec *record, next version) {
	next.Physical, next.Attributes, next.Props = rec.Physical, rec.Attributes, rec.Props
	if next.Deletion != rec.Deletion || next.Replace != rec.Replace || next.Metadata != rec.Metadata || !slices.Equal(next.Needs, rec.Needs) {
		before := rec.version
		rec.version, rec.Before, rec.Op, rec.Made = next, &before, r.o.ID, false
		r.dirty[rec.ID] = true
	}
}

func (r *run) updated(rec *record, typ room.ResourceType, next version, after room.Props, res room.Result, err error) (bool, error) {
	if failed, err := r.failed(rec, "UPDATE_FAILED", err); failed || err != nil {
		return failed, err
	}
	next.Physical, next.Attributes, next.Props = res.Physical, res.Attributes, after
	if next.Physical == "" {
		next.Physical = rec.Physical
	}
	if next.Physical != rec.Before.Physical {
		r.say(rec, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource; hence creating one.")
		rec.Old = append(rec.Old, *rec.Before)
	}
	rec.version, rec.Attempt = next, nil
	r.mark(rec, "UPDATE_COMPLETE", noEffect(typ, after))
	return false, nil
}
