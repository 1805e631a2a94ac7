package lambda

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"sundog/cloud"
	"sundog/engine/store"
)

// Admin is what the platform's own commands may do with functions beyond the API.
type Admin struct{ r *lambdaRoom }

// Function is a function as Admin lists it.
type Function struct {
	ARN              cloud.ARN
	Runtime, Handler string
	Mounted          string // the folder that is mounted over the package; ""
}

// Invoker gives the invoker that other rooms use.
func (a *Admin) Invoker() cloud.Invoker { return invoker{a.r} }

// Mount puts a folder in the place of the function's package, with layers over its own, until the next Mount or the function's end: in the place of the
// unpublished version's, and of versions that were published of the same package. name is a name in the scope of ctx's Call, or an ARN; the function need not exist yet. Calls that run finish on the folder they
// began with; with dir "" the package is back. The returned released is closed when the last call on the folder that was mounted before is over:
// it may be removed then.
func (a *Admin) Mount(ctx context.Context, name, dir string, layers ...string) (released <-chan struct{}, err error) {
	f, err := parseRef(ctx, &name, nil)
	if err != nil {
		return nil, err
	}
	f.qualifier = ""
	p, err := a.r.plan(ctx, f)
	if err != nil && !cloud.IsCode(err, "ResourceNotFoundException") {
		return nil, err
	}
	if dir != "" {
		if dir, err = filepath.Abs(dir); err != nil {
			return nil, err
		}
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			return nil, fmt.Errorf("lambda: %s is no folder that can be mounted", dir)
		}
	}
	released = a.r.mounts.set(f.arn(), dir, layers)
	if p == nil {
		return released, nil
	}
	return released, a.r.restart(ctx, f, p.fn)
}

// restart ends what runs of a function's package and of versions of the same, and starts provisioned concurrency anew.
func (r *lambdaRoom) restart(ctx context.Context, f ref, fn *function) error {
	old := []build{fn.Latest}
	err := r.d.Store.View(ctx, func(rd store.Reader) error {
		return each(rd, key(f.Scope, "version").Str(f.name), func(b build) (bool, error) {
			if fn.mountable(&b) {
				old = append(old, b)
			}
			return true, nil
		})
	})
	for _, b := range old {
		r.drop(f, b)
	}
	for q, c := range fn.Ready {
		r.provision(ref{Scope: f.Scope, name: f.name, qualifier: q}, c.Count)
	}
	return err
}

// Functions lists the functions of the scope of ctx's Call.
func (a *Admin) Functions(ctx context.Context) ([]Function, error) {
	sc := cloud.CallFrom(ctx).Scope
	var all []Function
	err := a.r.d.Store.View(ctx, func(rd store.Reader) error {
		return each(rd, key(sc, "function"), func(fn function) (bool, error) {
			arn := ref{Scope: sc, name: fn.Name}.arn()
			all = append(all, Function{ARN: arn, Runtime: str(fn.Latest.Config.Runtime), Handler: str(fn.Latest.Config.Handler), Mounted: a.r.mounts.dir(arn)})
			return true, nil
		})
	})
	return all, err
}

// mounts are the folders that stand in for packages, with the calls that use them.
type mounts struct {
	mu   sync.Mutex
	next int
	by   map[cloud.ARN]*mount
}

type mount struct {
	dir, tag string
	layers   []string
	users    int
	gone     bool
	over     chan struct{}
}

// set replaces a mount; released is closed when the last call on the one before is over.
func (m *mounts) set(a cloud.ARN, dir string, layers []string) (released <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.by[a]
	if m.by == nil {
		m.by = map[cloud.ARN]*mount{}
	}
	delete(m.by, a)
	if dir != "" {
		m.next++
		m.by[a] = &mount{dir: dir, layers: layers, tag: strconv.Itoa(m.next), over: make(chan struct{})}
	}
	if before == nil {
		done := make(chan struct{})
		close(done)
		return done
	}
	before.gone = true
	before.settle()
	return before.over
}

// settle closes over when nobody uses a mount that is gone.
func (m *mount) settle() {
	if m.gone && m.users == 0 {
		close(m.over)
	}
}

func (m *mounts) remove(a cloud.ARN) { m.set(a, "", nil) }

func (m *mounts) dir(a cloud.ARN) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if x := m.by[a]; x != nil {
		return x.dir
	}
	return ""
}

// use counts a call in; release counts it out.
func (m *mounts) use(a cloud.ARN) (x *mount, release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if x = m.by[a]; x == nil {
		return nil, nil
	}
	x.users++
	return x, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		x.users--
		x.settle()
	}
}
