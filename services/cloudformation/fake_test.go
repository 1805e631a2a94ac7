package cloudformation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	api "sundog/api/cloudformation"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/services/room"
)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}
func (c *clock) Wall() time.Time                          { return c.Now() }
func (c *clock) AfterNow(time.Time, func()) (stop func()) { return func() {} }
func (c *clock) Busy(string) (done func())                { return func() {} }

type ids struct {
	mu sync.Mutex
	n  int
}

func (i *ids) UUID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.n++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", i.n)
}
func (i *ids) Hex(n int) string   { return strings.Repeat("0", 2*n) }
func (i *ids) Alnum(n int) string { return strings.Repeat("A", n) }

// world is the outside that the fake types act on: things by physical id.
type world struct {
	mu     sync.Mutex
	things map[string]room.Props
	tokens map[string]string // token of a creation -> physical id
	calls  []string
	n      int
	hang   map[string]chan struct{} // by logical id: a handler waits for it
	arrive chan string              // logical ids whose handler waits
	open   bool                     // any attribute is there
}

func (w *world) note(verb string, r room.Request) {
	w.calls = append(w.calls, verb+" "+r.LogicalID)
}

func (w *world) wait(ctx context.Context, id string) error {
	w.mu.Lock()
	gate := w.hang[id]
	w.mu.Unlock()
	if gate == nil {
		return nil
	}
	w.arrive <- id
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func bad(p room.Props, verb string) error {
	var s string
	if raw, ok := p["Fail"]; ok && json.Unmarshal(raw, &s) == nil && s == verb {
		return cloud.Errorf(cloud.Invalid, "InvalidRequest", "the thing does not want to %s", verb)
	}
	return nil
}

func (w *world) create(ctx context.Context, r room.Request) (room.Result, error) {
	if err := errors.Join(w.wait(ctx, r.LogicalID), bad(r.New, "create")); err != nil {
		return room.Result{}, bad(r.New, "create")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("create", r)
	id, again := w.tokens[r.Token]
	if !again {
		w.n++
		id = fmt.Sprintf("%s-%s-%d", r.StackName, r.LogicalID, w.n)
		w.tokens[r.Token] = id
	}
	w.things[id] = r.New
	return w.result(id), nil
}

func (w *world) result(id string) room.Result {
	r := room.Result{Physical: id, Attributes: map[string]any{"Arn": "arn:" + id, "Size": 3}}
	if w.open {
		r.Attributes["TopicArn"], r.Attributes["StreamArn"], r.Attributes["DomainName"], r.Attributes["QueueName"], r.Attributes["Name"] = id, id, id, id, id
	}
	return r
}

func (w *world) update(ctx context.Context, r room.Request) (room.Result, error) {
	if err := bad(r.New, "update"); err != nil {
		return room.Result{}, err
	}
	if string(r.Old["Name"]) != string(r.New["Name"]) {
		return w.create(ctx, r)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("update", r)
	w.things[r.Physical] = r.New
	return w.result(r.Physical), nil
}

func (w *world) remove(_ context.Context, r room.Request) error {
	if err := bad(r.Old, "delete"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("delete", r)
	delete(w.things, r.Physical)
	return nil
}

func (w *world) types() []room.ResourceType {
	thing := room.ResourceType{Type: "Test::Thing", Properties: []string{"Name", "Value", "Uses", "Fail", "Tags"}, NoEffect: map[string]string{"Encrypted": "data is not encrypted at rest"},
		Attributes: []string{"Arn", "Size"}, Create: w.create, Update: w.update, Delete: w.remove}
	fixed := thing
	fixed.Type, fixed.Update = "Test::Fixed", nil
	role := thing
	role.Type, role.Properties = "AWS::IAM::Role", []string{"RoleName"}
	return []room.ResourceType{thing, fixed, role}
}

type fixture struct {
	*testing.T
	s   *service
	w   *world
	st  store.Store
	d   room.Deps
	ctx context.Context
}

func newFixture(t *testing.T) *fixture { return over(t, mem.New()) }

// over makes a fixture over a store, which it closes at the end of the test.
func over(t *testing.T, st store.Store) *fixture {
	f := &fixture{T: t, w: &world{things: map[string]room.Props{}, tokens: map[string]string{}, hang: map[string]chan struct{}{}, arrive: make(chan string, 100)}, st: st}
	f.d = room.Deps{Store: f.st, Clock: &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, IDs: &ids{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Caller: caller{f}}
	f.ctx = cloud.WithCall(context.Background(), cloud.Call{Principal: cloud.RootOf("123456789012"), Scope: cloud.Scope{Account: "123456789012", Region: "eu-west-1"}})
	f.boot()
	t.Cleanup(func() {
		if err := errors.Join(f.s.close(), f.st.Close()); err != nil {
			t.Error(err)
		}
	})
	return f
}

// boot starts a service over the store, as a new process would.
func (f *fixture) boot() {
	f.s = newService(f.d, func() []room.ResourceType { return append(f.w.types(), f.s.nested()) })
	if err := f.s.start(context.Background()); err != nil {
		f.Fatal(err)
	}
}

// caller has two objects and one parameter, and calls the fixture's own room.
type caller struct{ f *fixture }

func (c caller) Call(ctx context.Context, _ cloud.Principal, service, op string, in json.RawMessage, _ io.Reader) (cloud.Reply, error) {
	if service == name {
		for _, o := range c.f.s.room().Operations {
			if o.Name == op {
				return answer(ctx, o, in)
			}
		}
	}
	switch service + " " + op + " " + string(in) {
	case `s3 GetObject {"Bucket":"tmpl","Key":"child.yaml"}`:
		return cloud.Reply{Body: io.NopCloser(strings.NewReader("Parameters: {V: {Type: String}, F: {Type: String, Default: ''}}\nResources: {A: {Type: Test::Thing, Properties: {Value: !Ref V, Fail: !Ref F}}}\nOutputs: {Arn: {Value: !GetAtt A.Arn}}"))}, nil
	case `s3 GetObject {"Bucket":"tmpl","Key":"self.yaml"}`:
		return cloud.Reply{Body: io.NopCloser(strings.NewReader("Resources: {S: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'http://localhost/tmpl/self.yaml'}}}"))}, nil
	case `s3 GetObject {"Bucket":"tmpl","Key":"a/b.yaml"}`:
		return cloud.Reply{Body: io.NopCloser(strings.NewReader("Resources: {A: {Type: Test::Thing}}"))}, nil
	case `ssm GetParameter {"Name":"/size","WithDecryption":false}`:
		return cloud.Reply{Out: json.RawMessage(`{"Parameter":{"Value":"42"}}`)}, nil
	}
	return cloud.Reply{}, cloud.Errorf(cloud.NotFound, "NoSuchKey", "The specified key does not exist.")
}

func answer(ctx context.Context, o cloud.Operation, in json.RawMessage) (cloud.Reply, error) {
	v := o.New()
	if err := json.Unmarshal(in, v); err != nil {
		return cloud.Reply{}, err
	}
	out, err := o.Call(ctx, v)
	if err != nil {
		return cloud.Reply{}, err
	}
	b, err := json.Marshal(out)
	return cloud.Reply{Out: b}, err
}

func (f *fixture) create(body string, change ...func(*api.CreateStackInput)) error {
	n := "shop"
	in := &api.CreateStackInput{StackName: &n, TemplateBody: &body}
	for _, c := range change {
		c(in)
	}
	_, err := f.s.createStack(f.ctx, in)
	return err
}

func (f *fixture) update(body string, change ...func(*api.UpdateStackInput)) error {
	n := "shop"
	in := &api.UpdateStackInput{StackName: &n, TemplateBody: &body}
	for _, c := range change {
		c(in)
	}
	_, err := f.s.updateStack(f.ctx, in)
	return err
}

func (f *fixture) delete() error {
	n := "shop"
	_, err := f.s.deleteStack(f.ctx, &api.DeleteStackInput{StackName: &n})
	return err
}

// settled waits until the stack is in no progress and gives it.
func (f *fixture) settled(nameOrID string) *stack {
	f.Helper()
	wake, stop := f.st.Watch(table(scope(f.ctx), "stack"))
	defer stop()
	for {
		var st *stack
		err := f.st.View(f.ctx, func(r store.Reader) (err error) {
			st, err = find(r, scope(f.ctx), nameOrID)
			return err
		})
		if err != nil {
			f.Fatal(err)
		}
		if st == nil || !inProgress(st.Status) {
			return st
		}
		<-wake
	}
}

func (f *fixture) want(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) status(want string) *stack {
	f.Helper()
	st := f.settled("shop")
	if st == nil || st.Status != want {
		f.Fatalf("the stack is %+v, want %s\n%s", st, want, f.events("shop"))
	}
	return st
}

// events gives a stack's events, oldest first.
func (f *fixture) events(n string) string {
	f.Helper()
	out, err := f.s.describeEvents(f.ctx, &api.DescribeStackEventsInput{StackName: &n})
	if err != nil {
		f.Fatal(err)
	}
	var b strings.Builder
	for i := len(out.StackEvents) - 1; i >= 0; i-- {
		e := out.StackEvents[i]
		fmt.Fprintf(&b, "%s %s %s\n", *e.LogicalResourceId, *e.ResourceStatus, str(e.ResourceStatusReason))
	}
	return b.String()
}
