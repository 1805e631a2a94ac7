package sfn

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	api "sundog/api/sfn"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/engine/timer"
	"sundog/internal/clock"
	"sundog/internal/ids"
	"sundog/services/room"
)

var testScope = cloud.Scope{Account: "111122223333", Region: "us-east-1"}

const testRole = "arn:aws:iam::111122223333:role/flow"

// world is a room with everything around it faked.
type world struct {
	t      testing.TB
	store  store.Store
	clock  *clock.Manual
	wheel  *timer.Wheel
	room   room.Room
	sfn    *sfnRoom
	ctx    context.Context
	mu     sync.Mutex
	fns    map[string]func(string) (string, error) // by name; an error is the function's
	calls  []string                                // "service Operation input" of what was called
	answer func(service, op string, in json.RawMessage) (json.RawMessage, error)
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, store: mem.New(), clock: clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)), fns: map[string]func(string) (string, error){}}
	w.ctx = cloud.WithCall(context.Background(), cloud.Call{Principal: cloud.RootOf(testScope.Account), Scope: testScope})
	w.boot()
	t.Cleanup(w.halt)
	return w
}

// boot starts a room over the store, as a process does.
func (w *world) boot() {
	w.t.Helper()
	w.wheel = timer.New(timer.Options{Store: w.store, Clock: w.clock, Log: slog.New(slog.DiscardHandler)})
	d := room.Deps{Store: w.store, Timers: w.wheel, Clock: w.clock, IDs: ids.New(), Log: slog.New(slog.DiscardHandler), Caller: w, Invoker: w}
	w.room = New(d)
	w.sfn = w.room.Target.(target).sfnRoom
	if err := w.wheel.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	if err := w.room.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// halt ends the process: what it had not stored is lost.
func (w *world) halt() {
	_ = w.wheel.Close()
	if err := w.room.Close(); err != nil {
		w.t.Error(err)
	}
}

// Call implements cloud.Caller: this room's operations are real, the others answered by w.answer.
func (w *world) Call(ctx context.Context, as cloud.Principal, service, op string, in json.RawMessage, _ io.Reader) (cloud.Reply, error) {
	w.mu.Lock()
	w.calls = append(w.calls, service+" "+op+" "+string(in))
	answer := w.answer
	w.mu.Unlock()
	if service != "sfn" {
		if answer == nil {
			return cloud.Reply{Out: json.RawMessage(`{}`)}, nil
		}
		out, err := answer(service, op, in)
		return cloud.Reply{Out: out}, err
	}
	for _, o := range w.room.Operations {
		if o.Name != op {
			continue
		}
		req := o.New()
		if err := json.Unmarshal(in, req); err != nil {
			return cloud.Reply{}, err
		}
		call := cloud.CallFrom(ctx)
		call.Principal = as
		if call.Scope == (cloud.Scope{}) {
			call.Scope = testScope
		}
		out, err := o.Call(cloud.WithCall(ctx, call), req)
		if err != nil {
			return cloud.Reply{}, err
		}
		b, err := json.Marshal(lowered(out))
		return cloud.Reply{Out: b}, err
	}
	return cloud.Reply{}, cloud.NotImplementedf("%s", op)
}

// lowered gives an output by the model's names.
func lowered(v any) any {
	b, _ := json.Marshal(v)
	var m map[string]any
	_ = json.Unmarshal(b, &m)
	for k, e := range m {
		delete(m, k)
		if e != nil {
			m[strings.ToLower(k[:1])+k[1:]] = e
		}
	}
	return m
}

// Invoke implements cloud.Invoker.
func (w *world) Invoke(ctx context.Context, as cloud.Principal, fn cloud.ARN, payload []byte, _ cloud.Mode) (cloud.Result, error) {
	if as.Kind != cloud.AssumedRole || as.Role.String() != testRole {
		return cloud.Result{}, cloud.Errorf(cloud.Denied, "AccessDeniedException", "not the state machine's role: %v", as)
	}
	name := strings.TrimPrefix(fn.Resource, "function:")
	w.mu.Lock()
	f := w.fns[name]
	w.mu.Unlock()
	if f == nil {
		return cloud.Result{}, cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Function not found: %s", fn)
	}
	var out string
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		out, err = f(string(payload))
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return cloud.Result{}, ctx.Err()
	}
	if err != nil {
		typ, msg, _ := strings.Cut(err.Error(), ": ")
		b, _ := json.Marshal(map[string]string{"errorType": typ, "errorMessage": msg})
		return cloud.Result{Payload: b, FunctionError: "Unhandled", ExecutedVersion: "$LATEST"}, nil
	}
	return cloud.Result{Payload: []byte(out), ExecutedVersion: "$LATEST"}, nil
}

func (w *world) function(name string, f func(string) (string, error)) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fns[name] = f
	return "arn:aws:lambda:us-east-1:111122223333:function:" + name
}

func (w *world) create(name, definition string) string {
	w.t.Helper()
	out, err := w.sfn.createStateMachine(w.ctx, &api.CreateStateMachineInput{Name: &name, Definition: &definition, RoleArn: ptr(testRole)})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.StateMachineArn
}

func (w *world) start(machine, input string) string {
	w.t.Helper()
	out, err := w.sfn.startExecution(w.ctx, &api.StartExecutionInput{StateMachineArn: &machine, Input: &input})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.ExecutionArn
}

// settle waits until nothing is at work, moving the clock by d first.
func (w *world) settle(d time.Duration) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := w.clock.Advance(ctx, d); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) describe(execution string) *api.DescribeExecutionOutput {
	w.t.Helper()
	out, err := w.sfn.describeExecution(w.ctx, &api.DescribeExecutionInput{ExecutionArn: &execution})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// wants checks how an execution ended.
func (w *world) wants(execution, status, detail string) {
	w.t.Helper()
	d := w.describe(execution)
	got := deref(d.Output)
	if *d.Status != "SUCCEEDED" {
		got = deref(d.Error) + ": " + deref(d.Cause)
	}
	if *d.Status != status || !strings.Contains(got, detail) {
		w.t.Errorf("%s %s, want %s with %q\n%s", *d.Status, got, status, detail, w.history(execution))
	}
}

func (w *world) history(execution string) string {
	w.t.Helper()
	out, err := w.sfn.getHistory(w.ctx, &api.GetExecutionHistoryInput{ExecutionArn: &execution, MaxResults: ptr(int32(1000))})
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range out.Events {
		fmt.Fprintf(&b, "%d %s\n", *e.Id, *e.Type)
	}
	return b.String()
}

// token gives the task token that was sent to a queue last; "" when none was.
func (w *world) token() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.calls) - 1; i >= 0; i-- {
		body, ok := strings.CutPrefix(w.calls[i], "sqs SendMessage ")
		if !ok {
			continue
		}
		var in struct{ MessageBody string }
		_ = json.Unmarshal([]byte(body), &in)
		var inner struct{ Token string }
		if json.Unmarshal([]byte(in.MessageBody), &inner) == nil {
			return inner.Token
		}
		return in.MessageBody
	}
	return ""
}

// await waits until the history of an execution has an event of the type.
func (w *world) await(typ, execution string) {
	w.t.Helper()
	wake, stop := w.store.Watch(historyKey(execution))
	defer stop()
	for !strings.Contains(w.history(execution), typ) {
		select {
		case <-wake:
		case <-time.NewTimer(5 * time.Second).C:
			w.t.Fatalf("no %s:\n%s", typ, w.history(execution))
		}
	}
}

// nothingLeft checks that an ended execution left no rows of a running one.
func (w *world) nothingLeft(execution string) {
	w.t.Helper()
	err := w.store.View(context.Background(), func(r store.Reader) error {
		for _, k := range []store.Key{stateKey(execution), runningTable(execShard(execution)).Str(execution)} {
			if err := scan(r, store.Prefix(k), 0, func(key, _ []byte) (bool, error) {
				w.t.Errorf("left behind: %q", key)
				return true, nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Error(err)
	}
}
