package cloudformation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sundog/engine/store"
)

// rollbackCreate removes what a failed creation made.
func (r *run) rollbackCreate() error {
	if r.st.OnFailure == "DELETE" {
		return r.deleteAll("DELETE")
	}
	return r.deleteAll("ROLLBACK")
}

// deleteAll removes every resource; prefix is DELETE or ROLLBACK.
func (r *run) deleteAll(prefix string) error {
	var all []removal
	for _, id := range slices.Sorted(maps.Keys(r.records)) {
		rec := r.records[id]
		if rec.Status == "DELETE_COMPLETE" || rec.Status == "DELETE_SKIPPED" {
			continue
		}
		all = append(all, removal{key: id, v: rec.version, rec: rec, keep: true, retain: r.retains(rec, rec.Deletion) || slices.Contains(r.o.Retain, id)})
		for i, v := range rec.Old {
			all = append(all, removal{key: fmt.Sprintf("%s#%d", id, i), v: v, rec: rec, retain: v.Replace == "Retain"})
		}
	}
	failed, err := r.execute(r.removals(all), true)
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		return r.finish(prefix+"_FAILED", fmt.Sprintf("The following resource(s) failed to delete: [%s].", strings.Join(failed, ", ")), nil)
	}
	if prefix == "ROLLBACK" {
		return r.finish("ROLLBACK_COMPLETE", "", nil)
	}
	r.st.Deleted = r.d.Clock.Now()
	return r.finish("DELETE_COMPLETE", "", func(tx store.Tx) error {
		if err := unpublish(tx, r.st); err != nil {
			return err
		}
		changes := changePrefix(r.st.Scope, r.st.ID)
		if err := tx.DeleteRange(changes, changes.End()); err != nil {
			return err
		}
		return tx.Delete(nameKey(r.st.Scope, r.st.Name))
	})
}

// retains tells whether a policy keeps a resource that is to go.
func (r *run) retains(rec *record, policy string) bool {
	fresh := rec.Made && rec.Op == r.o.ID
	if fresh && (policy == "RetainExceptOnCreate" || r.o.Next.RetainNew) {
		return false
	}
	return policy == "Retain" || policy == "RetainExceptOnCreate"
}

// removal is one physical resource to be removed.
type removal struct {
	key    string
	v      version
	rec    *record
	whole  bool // the record goes with it
	keep   bool // the record stays, as DELETE_COMPLETE
	retain bool
	done   func() // after it is gone
}

// removals orders removals: what uses a resource goes before it.
func (r *run) removals(all []removal) []job {
	var jobs []job
	for _, m := range all {
		j := job{id: m.key, begin: func() (func() settle, bool) { return r.remove(m), false }}
		for _, other := range all {
			if other.key != m.key && slices.Contains(other.v.Needs, m.rec.ID) {
				j.needs = append(j.needs, other.key)
			}
		}
		jobs = append(jobs, j)
	}
	return jobs
}

func (r *run) remove(m removal) func() settle {
	if m.retain {
		r.gone1(m, "DELETE_SKIPPED")
		return nil
	}
	if m.v.Physical == "" { // its creation failed before anything was there
		r.gone1(m, "DELETE_COMPLETE")
		return nil
	}
	if !m.keep && !m.whole {
		r.sayOld(m, "DELETE_IN_PROGRESS", "")
	} else if m.rec.Status != "DELETE_IN_PROGRESS" {
		m.rec.Op = r.o.ID
		r.mark(m.rec, "DELETE_IN_PROGRESS", "")
	}
	typ := r.types()[m.v.Type]
	req := r.request(m.rec, "delete "+m.key)
	req.Physical, req.Old = m.v.Physical, m.v.Props
	ctx := r.ctx
	return func() settle {
		var err error
		if typ.Delete == nil {
			err = fmt.Errorf("resources of type %s cannot be removed: no room brings the type", m.v.Type)
		} else {
			err = typ.Delete(ctx, req)
		}
		return func() (bool, error) {
			if r.service.ctx.Err() != nil {
				return false, r.service.ctx.Err()
			}
			if err != nil && !m.keep && !m.whole {
				r.sayOld(m, "DELETE_FAILED", reason(err))
				return true, nil
			}
			if failed, err := r.failed(m.rec, "DELETE_FAILED", err); failed || err != nil {
				return failed, err
			}
			r.gone1(m, "DELETE_COMPLETE")
			return false, nil
		}
	}
}

// gone1 records that a removal is done.
func (r *run) gone1(m removal, status string) {
	if m.done != nil {
		m.done()
	}
	switch {
	case m.keep:
		r.mark(m.rec, status, "")
	case m.whole:
		r.say(m.rec, status, "")
		delete(r.records, m.rec.ID)
		delete(r.dirty, m.rec.ID)
		r.gone = append(r.gone, m.rec.ID)
	default:
		r.sayOld(m, status, "")
		r.dirty[m.rec.ID] = true
	}
}

func (r *run) sayOld(m removal, status, why string) {
	r.events = append(r.events, r.st.say(r.d, m.rec.ID, m.v.Physical, m.v.Type, status, why, r.o.Token))
}

// rollbackUpdate gives changed resources back what they were.
func (r *run) rollbackUpdate() error {
	var jobs []job
	for _, id := range slices.Sorted(maps.Keys(r.records)) {
		rec := r.records[id]
		if rec.Op == r.o.ID && rec.Before != nil {
			jobs = append(jobs, job{id: id, needs: rec.Before.Needs, begin: func() (func() settle, bool) { return r.revert(rec), false }})
		}
	}
	failed, err := r.execute(jobs, false)
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		r.o.Stopped = true
		return r.phase("rollback", "UPDATE_ROLLBACK_FAILED", fmt.Sprintf("The following resource(s) failed to update: [%s].", strings.Join(failed, ", ")))
	}
	if err := r.phase("undo", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", ""); err != nil {
		return err
	}
	return r.phases()
}

func (r *run) revert(rec *record) func() settle {
	typ := r.types()[rec.Type]
	before := *rec.Before
	replaced := rec.Physical != before.Physical
	untouched := rec.Attempt == nil && !replaced && !strings.HasPrefix(rec.Status, "UPDATE") // only policies changed
	if replaced || untouched || typ.Update == nil || slices.Contains(r.o.Skip, rec.ID) {
		if replaced {
			rec.Old = []version{rec.version} // what the update made goes in the clean-up
		}
		r.restored(rec, before, !untouched)
		return nil
	}
	tried := rec.Attempt
	if tried == nil {
		tried = rec.Props
	}
	req := r.request(rec, "revert")
	req.Old, req.New, req.Tags, req.Metadata, req.Reverts = tried, before.Props, r.st.tags(), before.Metadata, true
	rec.Attempt = tried
	r.mark(rec, "UPDATE_IN_PROGRESS", "")
	ctx := r.ctx
	return func() settle {
		res, err := typ.Update(ctx, req)
		return func() (bool, error) {
			if failed, err := r.failed(rec, "UPDATE_FAILED", err); failed || err != nil {
				return failed, err
			}
			back := before
			if res.Physical != "" {
				back.Physical, back.Attributes = res.Physical, res.Attributes
			}
			r.restored(rec, back, true)
			return false, nil
		}
	}
}

func (r *run) restored(rec *record, v version, say bool) {
	rec.version, rec.Before, rec.Attempt = v, nil, nil
	r.dirty[rec.ID] = true
	if say {
		r.mark(rec, "UPDATE_COMPLETE", "")
	}
}

// cleanup removes what the stack no longer has: replaced resources, and those that left the template; after a rollback those that
// the update had made. A resource that cannot be removed is left and said, as CloudFormation does.
func (r *run) cleanup(status string) error {
	var all []removal
	undo := r.o.Phase == "undo"
	var stays map[string]bool
	if !undo {
		var err error
		if stays, err = r.staying(); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.records)) {
		rec := r.records[id]
		for i, v := range rec.Old {
			m := removal{key: fmt.Sprintf("%s#%d", id, i), v: v, rec: rec, retain: !undo && (v.Replace == "Retain" || v.Replace == "RetainExceptOnCreate")}
			m.done = func() { rec.Old = slices.DeleteFunc(rec.Old, func(o version) bool { return o.Physical == v.Physical }) }
			all = append(all, m)
		}
		if leaves := undo && rec.Made && rec.Op == r.o.ID || !undo && !stays[id]; leaves {
			all = append(all, removal{key: id, v: rec.version, rec: rec, whole: true, retain: r.retains(rec, rec.Deletion)})
		} else if rec.Op == r.o.ID && rec.Before != nil {
			rec.Before = nil
			r.dirty[id] = true
		}
	}
	failed, err := r.execute(r.removals(all), true)
	if err != nil {
		return err
	}
	for _, m := range all { // what could not be removed is no longer the stack's
		if slices.Contains(failed, m.key) && m.whole {
			delete(r.records, m.rec.ID)
			delete(r.dirty, m.rec.ID)
			r.gone = append(r.gone, m.rec.ID)
		} else if slices.Contains(failed, m.key) {
			m.done()
			r.dirty[m.rec.ID] = true
		}
	}
	return r.finish(status, "", func(tx store.Tx) error {
		if undo {
			return tx.Delete(templateKey(r.st.Scope, r.st.ID, r.o.Next.Template))
		}
		return nil
	})
}

// staying gives the ids of the resources that the new revision has.
func (r *run) staying() (map[string]bool, error) {
	if r.b == nil { // the process was restarted in the clean-up
		var body string
		err := r.d.Store.View(r.ctx, func(rd store.Reader) (err error) {
			body, err = loadTemplate(rd, r.st, r.o.Next.Template)
			return err
		})
		if err != nil {
			return nil, err
		}
		if err := r.bindNext(body); err != nil {
			return nil, err
		}
	}
	out := map[string]bool{}
	for _, res := range r.b.ActiveResources() {
		out[res.ID] = true
	}
	return out, nil
}
