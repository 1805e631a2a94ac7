package lambda

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
)

// build is what a version is made of: its configuration and its code.
type build struct {
	Config api.FunctionConfiguration
	Blob   string // the package
	Tag    string // new with every change of code or configuration: environments belong to it
	Print  string `json:",omitempty"` // of a version: what it was published from
	// Holders are the resources of templates whose version it is: several, when one of them was made of what another had published already.
	Holders []string `json:",omitempty"`
}

// function is all that belongs to a function's name.
type function struct {
	Name     string
	Latest   build
	Next     int64 // number of the next version
	Reserved *int32
	Tags     map[string]string
	Policies map[string]policyRecord // by qualifier; "" is the function itself
	Events   map[string]eventConfig  // by qualifier, $LATEST included
	URLs     map[string]urlConfig    // by qualifier; "" is the function itself
	Ready    map[string]provisioned  // provisioned concurrency, by qualifier
	Canary   *canary                 `json:",omitempty"` // a canary deployment that is on
	Managed  map[string]management   // of the runtime, by version, $LATEST included
	Loops    string                  // RecursiveLoop; "": Terminate
	Signing  string                  // the ARN of the code signing configuration; ""
}

// forget drops what belongs to a version or alias that is gone. Its URL stays, and answers that it is forbidden, as on Lambda.
func (fn *function) forget(qualifier string) {
	delete(fn.Policies, qualifier)
	delete(fn.Events, qualifier)
	delete(fn.Ready, qualifier)
	delete(fn.Managed, qualifier)
}

// policyRecord is a resource policy. A function's, version's and alias's has no revision of its own: it is a part of theirs.
type policyRecord struct{ Text, Revision string }

// alias is an alias's record.
type alias struct{ Config api.AliasConfiguration }

// reaches tells whether calls by the alias can run a version.
func (a *alias) reaches(number string) bool {
	if str(a.Config.FunctionVersion) == number {
		return true
	}
	if a.Config.RoutingConfig == nil {
		return false
	}
	_, ok := a.Config.RoutingConfig.AdditionalVersionWeights[number]
	return ok
}

func functionKey(f ref) []byte { return key(f.Scope, "function").Str(f.name) }

func versionKey(f ref, n int64) []byte { return key(f.Scope, "version").Str(f.name).U64(uint64(n)) }

func aliasKey(f ref, name string) []byte { return key(f.Scope, "alias").Str(f.name).Str(name) }

// read gives the function of a name; its error says that it is absent.
func read(r store.Reader, f ref) (*function, error) {
	var fn function
	ok, err := load(r, functionKey(f), &fn)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, f.errAbsent()
	}
	return &fn, nil
}

// find gives the build that a reference means, through its alias if it names one (the alias's main version).
func find(r store.Reader, f ref) (*function, *build, *alias, error) {
	fn, err := read(r, f)
	if err != nil {
		return nil, nil, nil, err
	}
	if f.qualifier == "" || f.qualifier == latest {
		return fn, &fn.Latest, nil, nil
	}
	number := f.qualifier
	var al *alias
	if !digits.MatchString(number) {
		var a alias
		if ok, err := load(r, aliasKey(f, f.qualifier), &a); err != nil || !ok {
			return nil, nil, nil, orElse(err, f.errAbsent())
		}
		al, number = &a, str(a.Config.FunctionVersion)
	}
	b, err := readVersion(r, f, fn, number)
	return fn, b, al, err
}

// readVersion gives a version by its number, or $LATEST.
func readVersion(r store.Reader, f ref, fn *function, number string) (*build, error) {
	if number == latest {
		return &fn.Latest, nil
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, f.errAbsent()
	}
	var b build
	if ok, err := load(r, versionKey(f, n), &b); err != nil || !ok {
		return nil, orElse(err, f.errAbsent())
	}
	return &b, nil
}

// change edits a function's record in a transaction and forgets what is cached of it.
func (r *lambdaRoom) change(ctx context.Context, f ref, fn func(store.Tx, *function) error) error {
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := read(tx, f)
		if err != nil {
			return err
		}
		if err := fn(tx, rec); err != nil {
			return err
		}
		return save(tx, functionKey(f), rec)
	})
	r.forget(f)
	return err
}

func (r *lambdaRoom) forget(f ref) {
	r.cache.forget(f)
	r.policies.ForgetAll(func(a cloud.ARN) bool { x := refOf(a); return x.Scope == f.Scope && x.name == f.name }) // versions and aliases too
}

// plan is what an invocation of a reference needs to know.
type plan struct {
	ref    ref
	fn     *function
	main   *build
	alias  *alias
	others map[string]*build // an alias's further versions
	held   *plan             // what runs instead, while a canary deployment is on

	lineage    string            // the function's name in lineages
	first      string            // the lineage of a chain of requests that begins here
	busy       string            // what the clock is told of its runs
	dimensions map[string]string // of the function's metrics
	resource   map[string]string // of those of what is invoked: the function by its name, a version or an alias
	versions   sync.Map          // *build -> *running
	meters     meters
	mine, all  *atomic.Int64 // what runs now: of the function, of the account without reservations; set by lambdaRoom.plan
	every      *atomic.Int64 // of the account with them
	ready      int64         // the provisioned concurrency of what is invoked
	early      *atomic.Int64 // what runs now on it; nil: there is none
	settled    func(time.Duration)
}

func newPlan(f ref) *plan {
	name, resource := lineageName(f), f.name
	if f.qualifier != "" {
		resource += ":" + f.qualifier
	}
	return &plan{
		ref: f, others: map[string]*build{}, lineage: name, first: visited("", name), busy: "lambda " + f.name,
		dimensions: map[string]string{"FunctionName": f.name}, resource: map[string]string{"FunctionName": f.name, "Resource": resource},
	}
}

// timeout is the longest of the versions that may run.
func (p *plan) timeout() time.Duration {
	if p.held != nil {
		p = p.held
	}
	longest := val(p.main.Config.Timeout, 3)
	for _, b := range p.others {
		longest = max(longest, val(b.Config.Timeout, 3))
	}
	return time.Duration(longest) * time.Second
}

// cache keeps plans, for they are asked for with every invocation.
type cache struct {
	mu      sync.RWMutex
	version uint64
	plans   map[ref]*plan
}

// maxPlans bounds the cache; over it, it starts anew.
const maxPlans = 10_000

func (c *cache) forget(f ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	for k := range c.plans {
		if k.Scope == f.Scope && k.name == f.name {
			delete(c.plans, k)
		}
	}
}

func (c *cache) get(f ref) (*plan, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.plans[f], c.version
}

func (c *cache) put(p *plan, version uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version != version {
		return // something changed while it was read
	}
	if c.plans == nil || len(c.plans) >= maxPlans {
		c.plans = map[ref]*plan{}
	}
	c.plans[p.ref] = p
}

// plan finds what a reference means. The plan is shared: it is not to be changed.
func (r *lambdaRoom) plan(ctx context.Context, f ref) (*plan, error) {
	p, version := r.cache.get(f)
	if p != nil {
		return p, nil
	}
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) {
		if p, err = readPlan(rd, f); err != nil || f.qualifier != "" || p.fn.Canary == nil || p.fn.Canary.Aliases[canaryAlias] == "" {
			return err
		}
		p.held, err = readPlan(rd, ref{Scope: f.Scope, name: f.name, qualifier: canaryAlias})
		return err
	})
	if err != nil {
		return nil, err
	}
	p.mine, p.all, p.every = counter(&r.gates.name, f.arn()), counter(&r.gates.account, f.Scope), counter(&r.gates.every, f.Scope)
	if c, ok := p.fn.Ready[f.qualifier]; ok && c.Count > 0 {
		p.ready, p.early = int64(c.Count), counter(&r.gates.early, f)
	}
	p.settled = func(d time.Duration) {
		r.count(p, "PostRuntimeExtensionsDuration", "Milliseconds", millis(d), r.d.Clock.Now())
	}
	r.cache.put(p, version)
	return p, nil
}

func readPlan(rd store.Reader, f ref) (p *plan, err error) {
	p = newPlan(f)
	if p.fn, p.main, p.alias, err = find(rd, f); err != nil || p.alias == nil || p.alias.Config.RoutingConfig == nil {
		return p, err
	}
	for number := range p.alias.Config.RoutingConfig.AdditionalVersionWeights {
		if p.others[number], err = readVersion(rd, f, p.fn, number); err != nil {
			return p, err
		}
	}
	return p, nil
}

// describe tells other rooms of a function or a layer.
func (r *lambdaRoom) describe(ctx context.Context, a cloud.ARN) (cloud.Description, error) {
	f := refOf(a)
	p, err := r.plan(ctx, f)
	if err != nil {
		return cloud.Description{}, err
	}
	c := p.main.Config
	return cloud.Description{
		Type: "AWS::Lambda::Function", Name: f.name, Tags: p.fn.Tags,
		Attributes: map[string]string{"Role": str(c.Role), "Runtime": str(c.Runtime), "Handler": str(c.Handler), "Timeout": strconv.Itoa(int(val(c.Timeout, 3)))},
	}, nil
}
