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
		reserved, err := r.reserved(tx, f.Scope, f.name)
		if err != nil {
			return err
		}
		if reserved+n > accounts-minUnreserved {
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

// reserved sums the reservations of a scope, one function aside.
func (r *lambdaRoom) reserved(rd store.Reader, sc cloud.Scope, but string) (sum int32, err error) {
	err = each(rd, key(sc, "function"), func(fn function) (bool, error) {
		if fn.Name != but {
			sum += val(fn.Reserved, 0)
		}
		return true, nil
	})
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
		if reserved, err = r.reserved(rd, sc, ""); err != nil {
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

// gates count running invocations: of functions with a reservation by the function, of the others by what reservations leave of the account's
// concurrency.
type gates struct {
	account sync.Map // cloud.Scope -> *atomic.Int64
	every   sync.Map // the same, with those that have a reservation
	name    sync.Map // cloud.ARN -> *atomic.Int64
	left    sync.Map // cloud.Scope -> int64: what reservations leave
}

func counter(m *sync.Map, k any) *atomic.Int64 {
	if c, ok := m.Load(k); ok {
		return c.(*atomic.Int64)
	}
	c, _ := m.LoadOrStore(k, new(atomic.Int64))
	return c.(*atomic.Int64)
}

// forget drops what is known of a scope's reservations: they changed.
func (g *gates) forget(sc cloud.Scope) { g.left.Delete(sc) }

// unreserved is what reservations leave of an account's concurrency.
func (r *lambdaRoom) unreserved(ctx context.Context, sc cloud.Scope) (int64, error) {
	if n, ok := r.gates.left.Load(sc); ok {
		return n.(int64), nil
	}
	var sum int32
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) { sum, err = r.reserved(rd, sc, ""); return err })
	if err == nil {
		r.gates.left.Store(sc, int64(accounts-sum))
	}
	return int64(accounts - sum), err
}

// concurrent is how much runs, an invocation that has just been counted in included: of its function, of the account, and of the account without the functions
// that have a reservation.
type concurrent struct{ function, account, unreserved int64 }

// enter counts an invocation in: within the function's reserved concurrency, or within what the account has left.
func (r *lambdaRoom) enter(ctx context.Context, p *plan) (leave func(), n concurrent, err error) {
	n.function = p.mine.Add(1)
	if p.fn.Reserved != nil {
		if n.function > int64(*p.fn.Reserved) {
			p.mine.Add(-1)
			return nil, n, errTooMany("ReservedFunctionConcurrentInvocationLimitExceeded")
		}
		n.account, n.unreserved = p.every.Add(1), p.all.Load()
		return func() { p.mine.Add(-1); p.every.Add(-1) }, n, nil
	}
	most, err := r.unreserved(ctx, p.ref.Scope)
	if n.unreserved = p.all.Add(1); err != nil || n.unreserved > most {
		p.mine.Add(-1)
		p.all.Add(-1)
		return nil, n, orElse(err, errTooMany("ConcurrentInvocationLimitExceeded"))
	}
	n.account = p.every.Add(1)
	return func() { p.mine.Add(-1); p.all.Add(-1); p.every.Add(-1) }, n, nil
}
