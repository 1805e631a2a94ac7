package lambda

import (
	"context"
	"sync"
	"sync/atomic"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/store"
)

// minUnreserved is what reservations leave to the other functions of an account.
const minUnreserved = 100

func (r *lambdaRoom) putConcurrency(ctx context.Context, in *api.PutFunctionConcurrencyInput) (*api.PutFunctionConcurrencyOutput, error) {
	p, err := r.whole(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	f := p.ref
	n := val(in.ReservedConcurrentExecutions, 0)
	err = r.change(ctx, f, func(tx store.Tx, fn *function) error {
		others, err := allocated(tx, f.Scope, f.name)
		if err != nil {
			return err
		}
		if others+int64(n) > accounts-minUnreserved {
			return errParameter("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved)
		}
		var started int32
		for _, c := range fn.Ready {
			started += c.Count
		}
		if started > n {
			return errParameter(" ReservedConcurrentExecutions  %d should not be lower than function's total provisioned concurrency [%d].", n, started)
		}
		fn.Reserved = &n
		return nil
	})
	r.gates.forget(f.Scope)
	return &api.PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: &n}, err
}

// reserved sums the reservations of a scope.
func (r *lambdaRoom) reserved(rd store.Reader, sc cloud.Scope) (sum int32, err error) {
	err = each(rd, key(sc, "function"), func(fn function) (bool, error) { sum += val(fn.Reserved, 0); return true, nil })
	return sum, err
}

func (r *lambdaRoom) getConcurrency(ctx context.Context, in *api.GetFunctionConcurrencyInput) (*api.GetFunctionConcurrencyOutput, error) {
	p, err := r.whole(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return &api.GetFunctionConcurrencyOutput{ReservedConcurrentExecutions: p.fn.Reserved}, nil
}

func (r *lambdaRoom) deleteConcurrency(ctx context.Context, in *api.DeleteFunctionConcurrencyInput) (*api.DeleteFunctionConcurrencyOutput, error) {
	p, err := r.whole(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	f := p.ref
	err = r.change(ctx, f, func(_ store.Tx, fn *function) error { fn.Reserved = nil; return nil })
	r.gates.forget(f.Scope)
	return &api.DeleteFunctionConcurrencyOutput{}, err
}

func (r *lambdaRoom) accountSettings(ctx context.Context, _ *api.GetAccountSettingsInput) (*api.GetAccountSettingsOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	var count, size int64
	var reserved int32
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) {
		if reserved, err = r.reserved(rd, sc); err != nil {
			return err
		}
		if size, err = codeStored(rd, sc); err != nil {
			return err
		}
		return each(rd, key(sc, "function"), func(function) (bool, error) { count++; return true, nil })
	})
	return &api.GetAccountSettingsOutput{
		AccountLimit: &api.AccountLimit{
			TotalCodeSize: new(int64(maxStorage)), CodeSizeUnzipped: new(int64(compute.MaxUnzipped)), CodeSizeZipped: new(int64(maxZipped)),
			ConcurrentExecutions: new(int32(accounts)), UnreservedConcurrentExecutions: new(accounts - reserved),
		},
		AccountUsage: &api.AccountUsage{TotalCodeSize: &size, FunctionCount: &count},
	}, err
}

// gates count running invocations: of functions with a reservation by the function, of the others by what reservations and provisioned concurrency leave of
// the account's concurrency, and those on provisioned concurrency by what was invoked.
type gates struct {
	account sync.Map // cloud.Scope -> *atomic.Int64
	every   sync.Map // the same, with those that have a reservation or run on provisioned concurrency
	name    sync.Map // cloud.ARN -> *atomic.Int64
	early   sync.Map // ref -> *atomic.Int64
	left    sync.Map // cloud.Scope -> int64: what is not allocated
}

func counter(m *sync.Map, k any) *atomic.Int64 {
	if c, ok := m.Load(k); ok {
		return c.(*atomic.Int64)
	}
	c, _ := m.LoadOrStore(k, new(atomic.Int64))
	return c.(*atomic.Int64)
}

// forget drops what is known of a scope's allocations: they changed.
func (g *gates) forget(sc cloud.Scope) { g.left.Delete(sc) }

// allocated is what a function takes of its account's concurrency although nothing of it runs: its reservation, of which its provisioned concurrency is a
// part, or else that.
func (fn *function) allocated() (n int64) {
	if fn.Reserved != nil {
		return int64(*fn.Reserved)
	}
	for _, c := range fn.Ready {
		n += int64(c.Count)
	}
	return n
}

// allocated sums this over the functions of a scope, one aside.
func allocated(rd store.Reader, sc cloud.Scope, but string) (sum int64, err error) {
	err = each(rd, key(sc, "function"), func(fn function) (bool, error) {
		if fn.Name != but {
			sum += fn.allocated()
		}
		return true, nil
	})
	return sum, err
}

// unallocated is what functions leave of an account's concurrency for invocations on demand.
func (r *lambdaRoom) unallocated(ctx context.Context, sc cloud.Scope) (int64, error) {
	if n, ok := r.gates.left.Load(sc); ok {
		return n.(int64), nil
	}
	var sum int64
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) { sum, err = allocated(rd, sc, ""); return err })
	if err == nil {
		r.gates.left.Store(sc, accounts-sum)
	}
	return accounts - sum, err
}

// concurrent is how much runs, an invocation that has just been counted in included: of its function, of the account, of what is invoked on its provisioned
// concurrency, and of the account on demand and without a reservation; and how much of the account's concurrency is claimed: by these, and by what is allocated.
type concurrent struct {
	function, account, early, unreserved, claimed int64

	provisioned bool // it runs on provisioned concurrency
}

// enter counts an invocation in: on provisioned concurrency that is not in use, else within the function's reserved concurrency, or within what the account
// has left.
func (r *lambdaRoom) enter(ctx context.Context, p *plan) (leave func(), n concurrent, err error) {
	if n.function = p.mine.Add(1); p.fn.Reserved != nil && n.function > int64(*p.fn.Reserved) {
		p.mine.Add(-1)
		return nil, n, errTooMany("ReservedFunctionConcurrentInvocationLimitExceeded")
	}
	if p.early != nil {
		n.early, n.provisioned = p.take(r.available(p))
	}
	early, demand := n.provisioned, !n.provisioned && p.fn.Reserved == nil
	leave = func() {
		p.mine.Add(-1)
		p.every.Add(-1)
		if early {
			p.early.Add(-1)
		}
		if demand {
			p.all.Add(-1)
		}
	}
	n.account, n.unreserved = p.every.Add(1), p.all.Load()
	if demand {
		n.unreserved = p.all.Add(1)
	}
	left, err := r.unallocated(ctx, p.ref.Scope)
	if err != nil || demand && n.unreserved > left {
		leave()
		return nil, n, orElse(err, errTooMany("ConcurrentInvocationLimitExceeded"))
	}
	n.claimed = n.unreserved + accounts - left
	return leave, n, nil
}

// available is how much of a plan's provisioned concurrency has come up.
func (r *lambdaRoom) available(p *plan) int64 {
	if r.ready.get(p.ref).status != isReady {
		return 0
	}
	return p.ready
}

// take counts an invocation in on provisioned concurrency if some of it is not in use, and tells how much is then.
func (p *plan) take(available int64) (used int64, ok bool) {
	for {
		used = p.early.Load()
		if used >= available {
			return used, false
		}
		if p.early.CompareAndSwap(used, used+1) {
			return used + 1, true
		}
	}
}
