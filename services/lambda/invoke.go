package lambda

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/compute"
)

// Limits of payloads (Lambda Developer Guide, "Quotas").
const (
	maxSync  = 6291456
	maxAsync = 1048576
	accounts = 1000 // concurrent executions of an account
)

func (r *lambdaRoom) invokeOperation(ctx context.Context, in *api.InvokeInput) (*api.InvokeOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if in.TenantId != nil || in.DurableExecutionName != nil {
		return nil, cloud.NotImplementedf("Invoke: TenantId and DurableExecutionName are not implemented on this platform.")
	}
	m := cloud.Mode{Type: cloud.InvocationType(str(in.InvocationType)), LogTail: str(in.LogType) == "Tail", RequestID: cloud.CallFrom(ctx).RequestID}
	if m.ClientContext, err = clientContext(in.ClientContext); err != nil {
		return nil, err
	}
	res, err := r.invoke(ctx, f, in.Payload, m)
	if err != nil {
		return nil, err
	}
	return invokeOutput(res, m), nil
}

func clientContext(text *string) ([]byte, error) {
	if text == nil {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(*text)
	if err != nil || !json.Valid(b) {
		return nil, errContent("Client context must be a valid Base64-encoded JSON object.")
	}
	return b, nil
}

func invokeOutput(res cloud.Result, m cloud.Mode) *api.InvokeOutput {
	switch m.Type {
	case cloud.EventInvoke:
		return &api.InvokeOutput{StatusCode: new(int32(202))}
	case cloud.DryRun:
		return &api.InvokeOutput{StatusCode: new(int32(204))}
	}
	out := &api.InvokeOutput{StatusCode: new(int32(200)), Payload: res.Payload, ExecutedVersion: &res.ExecutedVersion}
	if res.FunctionError != "" {
		out.FunctionError = &res.FunctionError
	}
	if m.LogTail {
		out.LogResult = new(base64.StdEncoding.EncodeToString(res.LogTail))
	}
	return out
}

// checkPayload checks the payload of an invocation and gives what the function gets: an empty one is an empty object. encoded says that the platform has
// written it.
func checkPayload(payload []byte, kind cloud.InvocationType, encoded bool) ([]byte, error) {
	limit := maxSync
	if kind == cloud.EventInvoke {
		limit = maxAsync
	}
	if len(payload) > limit {
		return nil, errTooLarge("%d byte payload is too large for the %s invocation type (limit %d bytes)", len(payload), cmp.Or(kind, cloud.RequestResponse), limit)
	}
	if len(payload) == 0 {
		return []byte("{}"), nil
	}
	if !encoded && (!json.Valid(payload) || !utf8.Valid(payload)) {
		return nil, errBadPayload(cmp.Or(describeJSON(payload), "it is no JSON"))
	}
	return payload, nil
}

// admit finds what an invocation runs, and checks its payload.
func (r *lambdaRoom) admit(ctx context.Context, f ref, payload []byte, m cloud.Mode) (*plan, []byte, error) {
	p, err := r.plan(ctx, f)
	if err != nil {
		if f.qualifier == "" && cloud.IsCode(err, "ResourceNotFoundException") {
			return nil, nil, errNotFound("Function not found: %s", f.exact())
		}
		return nil, nil, err
	}
	payload, err = checkPayload(payload, m.Type, m.Encoded)
	return p, payload, err
}

// invoke is every invocation that comes in by name: checked, and run, queued or only checked by its mode.
func (r *lambdaRoom) invoke(ctx context.Context, f ref, payload []byte, m cloud.Mode) (cloud.Result, error) {
	p, payload, err := r.admit(ctx, f, payload, m)
	if err != nil {
		return cloud.Result{}, err
	}
	id := m.RequestID
	if id == "" {
		id = r.d.IDs.UUID()
	}
	switch m.Type {
	case cloud.DryRun:
		return cloud.Result{}, nil
	case cloud.EventInvoke:
		return cloud.Result{RequestID: id}, r.enqueue(ctx, p, id, payload)
	}
	return r.within(ctx, p, call{id: id, payload: payload, context: m.ClientContext, out: m.Out, tail: m.LogTail})
}

// slowStart is how much longer than its timeout a function may take: its environment starts.
const slowStart = 10 * time.Second

// within runs a function for a caller who waits no longer than the context's deadline. The function is not ended by it, and is recorded when it has ended.
func (r *lambdaRoom) within(ctx context.Context, p *plan, c call) (cloud.Result, error) {
	until, ok := ctx.Deadline()
	if !ok || c.out != nil || p.timeout()+slowStart < until.Sub(r.d.Clock.Wall()) {
		return r.run(ctx, p, c) // as a rule: the function's own timeout comes first
	}
	var res cloud.Result
	done := make(chan error, 1)
	go func() {
		var err error
		res, err = r.run(ctx, p, c)
		done <- err
	}()
	select {
	case err := <-done:
		return res, err
	case <-ctx.Done():
		return cloud.Result{}, ctx.Err()
	}
}

// invokeAsync is the older way to invoke a function asynchronously.
func (r *lambdaRoom) invokeAsync(ctx context.Context, in *api.InvokeAsyncInput) (*api.InvokeAsyncOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	payload, err := io.ReadAll(io.LimitReader(in.InvokeArgs, maxSync+1))
	if err != nil {
		return nil, err
	}
	_, err = r.invoke(ctx, f, payload, cloud.Mode{Type: cloud.EventInvoke, RequestID: cloud.CallFrom(ctx).RequestID})
	return &api.InvokeAsyncOutput{Status: new(int32(202))}, err
}

// call is one run of a function.
type call struct {
	id      string // the request's
	payload []byte
	context []byte
	out     io.Writer
	tail    bool
	build   *build // nil: by the alias's weights
}

// pick chooses the version that an invocation runs, by the alias's weights.
func (r *lambdaRoom) pick(p *plan) *build {
	if p.held != nil {
		p = p.held
	}
	if len(p.others) == 0 {
		return p.main
	}
	raw, err := hex.DecodeString(r.d.IDs.Hex(4))
	if err != nil {
		return p.main // never: Hex gives hex
	}
	x := float64(binary.BigEndian.Uint32(raw)) / (1 << 32)
	for number, b := range p.others {
		if x -= p.alias.Config.RoutingConfig.AdditionalVersionWeights[number]; x < 0 {
			return b
		}
	}
	return p.main
}

// run runs a function once and records it. The error is the platform's or a throttle; the function's own is in the result.
func (r *lambdaRoom) run(ctx context.Context, p *plan, c call) (cloud.Result, error) {
	b := c.build
	if b == nil {
		b = r.pick(p)
	}
	trace, err := r.visit(p, cloud.CallFrom(ctx).Trace)
	if err != nil {
		return cloud.Result{}, err
	}
	if err := r.pinned(p, b); err != nil {
		return cloud.Result{}, err
	}
	leave, n, err := r.enter(ctx, p)
	if err != nil {
		if cloud.AsError(err).Kind == cloud.Throttled {
			r.throttled(p)
		}
		return cloud.Result{}, err
	}
	defer leave()
	defer r.d.Clock.Busy(p.busy)()
	v, done, err := r.version(ctx, p, b)
	defer done()
	if err != nil {
		return cloud.Result{}, err
	}
	rec := r.record(trace, p, b, c, n)
	inv := compute.Invocation{
		RequestID: c.id, Payload: c.payload, ClientContext: c.context, Trace: rec.trace, Started: rec.started, Ready: rec.begin, Log: rec.line, Out: c.out, Settled: p.settled,
	}
	res, err := r.d.Compute.Invoke(ctx, v, inv)
	if err != nil {
		if cloud.AsError(err).Kind == cloud.Throttled {
			r.throttled(p)
			return cloud.Result{}, errTooMany("ConcurrentInvocationLimitExceeded")
		}
		if cloud.IsCode(err, "NoSuchEntity") {
			return cloud.Result{}, cloud.Errorf(cloud.Denied, "AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.").WithStatus(403)
		}
		return cloud.Result{}, err
	}
	rec.finished(res)
	r.tallies.count(p, b, res.Kind != compute.None)
	out := cloud.Result{Payload: res.Payload, ExecutedVersion: str(b.Config.Version), RequestID: c.id, LogTail: rec.tail()}
	if res.Kind != compute.None {
		out.FunctionError = "Unhandled"
	}
	return out, nil
}

// environmentID names the environments of a build: a changed configuration or code is another one.
func environmentID(f ref, version, tag string) string {
	return f.arn().String() + ":" + version + "@" + tag
}

// pools remembers which pools of environments a build has: one for each alias by which it was invoked, and for each folder mounted over it.
type pools struct {
	mu sync.Mutex
	by map[string]map[string]bool
}

// note adds a pool of a build.
func (p *pools) note(base, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by[base][id] {
		return
	}
	if p.by == nil {
		p.by = map[string]map[string]bool{}
	}
	if p.by[base] == nil {
		p.by[base] = map[string]bool{}
	}
	p.by[base][id] = true
}

// take forgets the pools of a build and gives their ids.
func (p *pools) take(base string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.Collect(maps.Keys(p.by[base]))
	delete(p.by, base)
	return all
}

// running is what compute is told of a build, but for its folders: those are found anew with every call.
type running struct {
	version compute.Version
	base    string    // the environments' name without the alias
	own     cloud.ARN // the function's: what folders are mounted over
	err     error
}

// version gives what runs: the unpacked package, or the folder that is mounted over it. done, which is never nil, says that the call is over.
func (r *lambdaRoom) version(ctx context.Context, p *plan, b *build) (v compute.Version, done func(), err error) {
	known, ok := p.versions.Load(b)
	if !ok {
		known, _ = p.versions.LoadOrStore(b, r.running(p.ref, b))
	}
	x := known.(*running)
	if x.err != nil {
		return x.version, func() {}, x.err
	}
	return r.folders(ctx, x, b, p.fn.mountable(b))
}

// mountable tells whether a folder that is mounted over the function's package stands in for that of a build: the unpublished one's, and those of versions
// that were published of the same.
func (fn *function) mountable(b *build) bool {
	return str(b.Config.CodeSha256) == str(fn.Latest.Config.CodeSha256)
}

func (r *lambdaRoom) running(f ref, b *build) *running {
	c := &b.Config
	number := str(c.Version)
	v := compute.Version{
		ID: environmentID(f, number, b.Tag), Function: f.name, Qualifier: number, ARN: f.qualified(), Runtime: str(c.Runtime), Handler: str(c.Handler),
		MemoryMB: int(val(c.MemorySize, 128)), Timeout: time.Duration(val(c.Timeout, 3)) * time.Second, LogGroup: logGroup(c), Endpoint: r.o.Endpoint,
		EphemeralMB: 512, Env: map[string]string{}, RuntimeVersion: func() (string, string) { return r.runtimeNames(f.Region, str(c.Runtime)) },
	}
	var err error
	if v.Role, err = cloud.ParseARN(str(c.Role)); err != nil {
		return &running{err: err}
	}
	if c.EphemeralStorage != nil {
		v.EphemeralMB = int(val(c.EphemeralStorage.Size, 512))
	}
	if c.Environment != nil {
		for k, x := range c.Environment.Variables {
			v.Env[k] = x
		}
	}
	if l := c.LoggingConfig; l != nil && str(l.LogFormat) == "JSON" {
		v.Env["AWS_LAMBDA_LOG_FORMAT"], v.Env["AWS_LAMBDA_LOG_LEVEL"] = "JSON", val(l.ApplicationLogLevel, "INFO")
	}
	base := v.ID
	if f.qualifier != "" && !digits.MatchString(f.qualifier) && f.qualifier != latest {
		v.ID += "/" + f.qualifier // its context shows the alias's ARN
	}
	return &running{version: v, base: base, own: f.arn()}
}

// folders finds a version's code and layers, which stay until done.
func (r *lambdaRoom) folders(ctx context.Context, x *running, b *build, mountable bool) (v compute.Version, done func(), err error) {
	v = x.version
	leave := func() {}
	if len(b.Config.Layers) > 0 {
		if v.Layers, leave, err = r.layerDirs(ctx, b.Config.Layers); err != nil {
			return v, leave, err
		}
	}
	var release func()
	var m *mount
	if mountable {
		m, release = r.mounts.use(x.own)
	}
	if m != nil {
		v.CodeDir, v.ID, v.Layers = m.dir, v.ID+"#"+m.tag, append(m.layers[:len(m.layers):len(m.layers)], v.Layers...)
	} else {
		v.CodeDir, release, err = r.codeDir(ctx, b.Blob, str(b.Config.CodeSha256))
	}
	r.pools.note(x.base, v.ID)
	if len(b.Config.Layers) == 0 {
		return v, release, err
	}
	return v, func() { release(); leave() }, err
}

func logGroup(c *api.FunctionConfiguration) string {
	if c.LoggingConfig != nil && str(c.LoggingConfig.LogGroup) != "" {
		return *c.LoggingConfig.LogGroup
	}
	return "/aws/lambda/" + str(c.FunctionName)
}

// Invoker serves cloud.Invoker: the gateway's Invoke without the gateway. The caller has been authorised.
type invoker struct{ r *lambdaRoom }

// Invoke runs a function, which may be named with its version or alias.
func (i invoker) Invoke(ctx context.Context, as cloud.Principal, fn cloud.ARN, payload []byte, m cloud.Mode) (cloud.Result, error) {
	if fn.Service != service || !strings.HasPrefix(fn.Resource, "function:") {
		return cloud.Result{}, errNotFound("Function not found: %s", fn)
	}
	c := cloud.CallFrom(ctx)
	c.Principal, c.Scope = as, fn.Scope()
	c.Trace.Lineage = "" // loops are not followed through other rooms
	return i.r.invoke(cloud.WithCall(ctx, c), refOf(fn), payload, m)
}

var _ cloud.Invoker = invoker{}
