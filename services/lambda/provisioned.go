package lambda

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/store"
)

// provisioned is the provisioned concurrency of a version or alias: environments that are started beforehand and kept.
type provisioned struct {
	Count    int32
	Modified string
}

// The states of provisioned concurrency.
const (
	inProgress = "IN_PROGRESS"
	isReady    = "READY"
	hasFailed  = "FAILED"
)

// readiness is how far provisioning has come; it belongs to this run of the platform.
type readiness struct {
	mu   sync.Mutex
	by   map[ref]progress
	work sync.WaitGroup
	end  context.CancelFunc
	ctx  context.Context
}

type progress struct {
	turn           int // of several that follow each other, the newest counts
	status, reason string
}

func (x *readiness) get(f ref) progress {
	x.mu.Lock()
	defer x.mu.Unlock()
	if p, ok := x.by[f]; ok {
		return p
	}
	return progress{status: inProgress}
}

// begin starts work on a reference unless the room is closed; fn says how it ended.
func (x *readiness) begin(f ref, fn func(context.Context) error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx == nil || x.ctx.Err() != nil {
		return
	}
	turn := x.by[f].turn + 1
	x.by[f] = progress{turn: turn, status: inProgress}
	x.work.Go(func() {
		p := progress{turn: turn, status: isReady}
		if err := fn(x.ctx); err != nil {
			p.status, p.reason = hasFailed, cloud.AsError(err).Message
			if cloud.IsCode(err, compute.NotStarted) {
				p.reason = "FUNCTION_ERROR_INIT_FAILURE: " + p.reason
			}
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.by[f].turn == turn {
			x.by[f] = p
		}
	})
}

func (x *readiness) start() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.by = map[ref]progress{}
	x.ctx, x.end = context.WithCancel(context.Background())
}

func (x *readiness) close() {
	x.mu.Lock()
	if x.end != nil {
		x.end()
	}
	x.mu.Unlock()
	x.work.Wait()
}

// provision starts and keeps a reference's environments in the background; count 0 keeps none any more.
func (r *lambdaRoom) provision(f ref, count int32) {
	r.ready.begin(f, func(ctx context.Context) error {
		p, err := r.plan(ctx, f)
		if err != nil {
			return err
		}
		v, done, err := r.version(cloud.WithCall(ctx, cloud.Call{Scope: f.Scope}), p, p.main)
		defer done()
		if err != nil {
			return err
		}
		return r.d.Compute.Ensure(ctx, v, int(count), r.beforehand(p, p.main))
	})
}

// provisionAll starts what was provisioned when the platform last ended.
func (r *lambdaRoom) provisionAll(ctx context.Context) error {
	return r.d.Store.View(ctx, func(rd store.Reader) error {
		return anywhere(rd, "function", func(sc cloud.Scope, fn function) {
			for q, p := range fn.Ready {
				r.provision(ref{Scope: sc, name: fn.Name, qualifier: q}, p.Count)
			}
		})
	})
}

// moved provisions an alias anew after it moved to another version; before is what it had.
func (r *lambdaRoom) moved(ctx context.Context, f ref, before *plan) {
	p, err := r.plan(ctx, f)
	if err != nil || before == nil || p.main.Tag == before.main.Tag && str(p.main.Config.Version) == str(before.main.Config.Version) {
		return
	}
	r.d.Compute.Drop(environmentID(f, str(before.main.Config.Version), before.main.Tag) + "/" + f.qualifier)
	if c, ok := p.fn.Ready[f.qualifier]; ok {
		r.provision(f, c.Count)
	}
}

// provisionRef reads what an operation on provisioned concurrency names; unpublished is what it says of $LATEST.
func (r *lambdaRoom) provisionRef(ctx context.Context, name, qualifier *string, unpublished func() error) (ref, error) {
	f, err := parseRef(ctx, name, qualifier)
	if err == nil && (f.qualifier == "" || f.qualifier == latest) {
		err = unpublished()
	}
	return f, err
}

func (r *lambdaRoom) putProvisioned(ctx context.Context, in *api.PutProvisionedConcurrencyConfigInput) (*api.PutProvisionedConcurrencyConfigOutput, error) {
	f, err := r.provisionRef(ctx, in.FunctionName, in.Qualifier, errUnpublished)
	if err != nil {
		return nil, err
	}
	n := val(in.ProvisionedConcurrentExecutions, 0)
	c := provisioned{Count: n, Modified: r.stamp()}
	err = r.change(ctx, f, func(tx store.Tx, fn *function) error {
		_, _, alias, err := find(tx, f)
		if err != nil {
			return err
		}
		if err := provisionable(tx, f, fn, alias); err != nil {
			return err
		}
		if err := r.checkProvisioned(tx, f, fn, n); err != nil {
			return err
		}
		if fn.Ready == nil {
			fn.Ready = map[string]provisioned{}
		}
		fn.Ready[f.qualifier] = c
		return nil
	})
	if err != nil {
		return nil, f.orNoAlias(err)
	}
	r.gates.forget(f.Scope)
	r.provision(f, n)
	return &api.PutProvisionedConcurrencyConfigOutput{
		RequestedProvisionedConcurrentExecutions: &n, AllocatedProvisionedConcurrentExecutions: new(int32(0)), AvailableProvisionedConcurrentExecutions: new(int32(0)),
		Status: new(inProgress), LastModified: &c.Modified,
	}, nil
}

// provisionable checks that a version or alias can have environments of its own: a version has them by its number or by one alias, not both, and an
// alias means one published version.
func provisionable(rd store.Reader, f ref, fn *function, al *alias) error {
	if al == nil {
		for q := range fn.Ready {
			var a alias
			if digits.MatchString(q) {
				continue
			}
			if ok, err := load(rd, aliasKey(f, q), &a); err != nil || ok && str(a.Config.FunctionVersion) == f.qualifier {
				return orElse(err, errConflict("Version is pointed by a Provisioned Concurrency alias"))
			}
		}
		return nil
	}
	version := str(al.Config.FunctionVersion)
	if al.Config.RoutingConfig != nil {
		return errParameter("Alias with weights can not be used with Provisioned Concurrency")
	}
	if version == latest {
		return errUnpublished()
	}
	if _, ok := fn.Ready[version]; ok {
		return errConflict("Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
	}
	return nil
}

// errNotProvisionable is what reading and deleting say of $LATEST. The wording has no public source.
func errNotProvisionable() error {
	return errParameter("The function resource provided must be an alias or a published version.")
}

func errUnpublished() error {
	return errParameter("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
}

// checkProvisioned checks a number against the function's reservation, or against what the account has left.
func (r *lambdaRoom) checkProvisioned(rd store.Reader, f ref, fn *function, n int32) error {
	sum := n
	for q, c := range fn.Ready {
		if q != f.qualifier {
			sum += c.Count
		}
	}
	if fn.Reserved != nil {
		if sum > *fn.Reserved {
			return errParameter("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
		}
		return nil
	}
	others, err := allocated(rd, f.Scope, f.name)
	switch left := accounts - others; {
	case err != nil:
		return err
	case int64(sum) > left:
		return errParameter("Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%d].", left)
	case left-int64(sum) < minUnreserved:
		return errParameter("Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved)
	}
	return nil
}

// shape shows provisioned concurrency and how far it has come.
func (c provisioned) shape(f ref, p progress) api.ProvisionedConcurrencyConfigListItem {
	up := int32(0)
	if p.status == isReady {
		up = c.Count
	}
	out := api.ProvisionedConcurrencyConfigListItem{
		FunctionArn: new(f.qualified().String()), RequestedProvisionedConcurrentExecutions: &c.Count, AllocatedProvisionedConcurrentExecutions: &up,
		AvailableProvisionedConcurrentExecutions: &up, Status: &p.status, LastModified: &c.Modified,
	}
	if p.reason != "" {
		out.StatusReason = &p.reason
	}
	return out
}

func (r *lambdaRoom) getProvisioned(ctx context.Context, in *api.GetProvisionedConcurrencyConfigInput) (*api.GetProvisionedConcurrencyConfigOutput, error) {
	f, err := r.provisionRef(ctx, in.FunctionName, in.Qualifier, errNotProvisionable)
	if err != nil {
		return nil, err
	}
	p, err := r.plan(ctx, f)
	if err != nil {
		return nil, f.orNoAlias(err)
	}
	c, ok := p.fn.Ready[f.qualifier]
	if !ok {
		return nil, cloud.Errorf(cloud.NotFound, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function").With("Type", "User")
	}
	s := c.shape(f, r.ready.get(f))
	return &api.GetProvisionedConcurrencyConfigOutput{
		RequestedProvisionedConcurrentExecutions: s.RequestedProvisionedConcurrentExecutions, AvailableProvisionedConcurrentExecutions: s.AvailableProvisionedConcurrentExecutions,
		AllocatedProvisionedConcurrentExecutions: s.AllocatedProvisionedConcurrentExecutions, Status: s.Status, StatusReason: s.StatusReason, LastModified: s.LastModified,
	}, nil
}

func (r *lambdaRoom) deleteProvisioned(ctx context.Context, in *api.DeleteProvisionedConcurrencyConfigInput) (*api.DeleteProvisionedConcurrencyConfigOutput, error) {
	f, err := r.provisionRef(ctx, in.FunctionName, in.Qualifier, errNotProvisionable)
	if err != nil {
		return nil, err
	}
	had := false
	err = r.change(ctx, f, func(tx store.Tx, fn *function) error {
		if _, _, _, err := find(tx, f); err != nil {
			return err
		}
		_, had = fn.Ready[f.qualifier]
		delete(fn.Ready, f.qualifier)
		return nil
	})
	if err == nil && had {
		r.gates.forget(f.Scope)
		r.provision(f, 0)
	}
	return &api.DeleteProvisionedConcurrencyConfigOutput{}, f.orNoAlias(err)
}

func (r *lambdaRoom) listProvisioned(ctx context.Context, in *api.ListProvisionedConcurrencyConfigsInput) (*api.ListProvisionedConcurrencyConfigsOutput, error) {
	p, err := r.existing(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	all := []api.ProvisionedConcurrencyConfigListItem{}
	for q, c := range p.fn.Ready {
		at := ref{Scope: p.ref.Scope, name: p.ref.name, qualifier: q}
		all = append(all, c.shape(at, r.ready.get(at)))
	}
	slices.SortFunc(all, func(a, b api.ProvisionedConcurrencyConfigListItem) int {
		return strings.Compare(*a.FunctionArn, *b.FunctionArn)
	})
	page, next, err := paginate(all, in.Marker, in.MaxItems, 50)
	return &api.ListProvisionedConcurrencyConfigsOutput{ProvisionedConcurrencyConfigs: page, NextMarker: next}, err
}

// provisionResource applies a template's ProvisionedConcurrencyConfig to a version or alias and waits until the environments are there.
func (r *lambdaRoom) provisionResource(ctx context.Context, name, qualifier string, count int) error {
	in := map[string]any{"FunctionName": name, "Qualifier": qualifier}
	if count == 0 {
		return gone(r.d.Do(ctx, service, "DeleteProvisionedConcurrencyConfig", in, nil))
	}
	in["ProvisionedConcurrentExecutions"] = count
	if err := r.d.Do(ctx, service, "PutProvisionedConcurrencyConfig", in, nil); err != nil {
		return err
	}
	delete(in, "ProvisionedConcurrentExecutions")
	for {
		var out struct{ Status, StatusReason string }
		if err := r.d.Do(ctx, service, "GetProvisionedConcurrencyConfig", in, &out); err != nil {
			return err
		}
		switch out.Status {
		case isReady:
			return nil
		case hasFailed:
			return errParameter("Provisioned concurrency of %s:%s: %s", name, qualifier, out.StatusReason)
		}
		if !pause(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}
