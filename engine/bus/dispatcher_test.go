package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/engine/policy"
	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/internal/clock"
	"sundog/internal/ids"
)

var (
	start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	scope = cloud.Scope{Account: "000000000000", Region: "eu-west-1"}
	queue = cloud.NewARN("sqs", scope, "jobs")
	topic = cloud.NewARN("sns", scope, "news")
)

// inbox is a target that notes what arrives, and answers as programmed.
type inbox struct {
	clock  *clock.Manual
	mu     sync.Mutex
	got    []Delivery
	lines  []string
	answer func(d Delivery) (Outcome, error)
}

func (i *inbox) Action(cloud.ARN) string { return "sqs:SendMessage" }

func (i *inbox) Deliver(_ context.Context, d Delivery) (Outcome, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, d)
	i.lines = append(i.lines, fmt.Sprintf("%s@%v", d.ID, i.clock.Now().Sub(start)))
	if i.answer == nil {
		return Outcome{}, nil
	}
	return i.answer(d)
}

type fixture struct {
	*Dispatcher
	*inbox
	t     *testing.T
	store *mem.Store
	allow error
	room  Target // of all services; nil: the inbox, of sqs
}

func (f *fixture) restart() {
	f.t.Helper()
	if f.Dispatcher != nil {
		if err := f.Close(); err != nil {
			f.t.Fatal(err)
		}
	}
	f.Dispatcher = New(Options{
		Store: f.store, Clock: f.clock, IDs: ids.NewFixed(1), Log: slog.New(slog.DiscardHandler),
		Authorise: func(context.Context, Delivery, string) error { return f.allow },
	})
	f.Bind(Binding{Target: func(service string) Target {
		if f.room != nil {
			return f.room
		}
		if service == "sqs" {
			return f.inbox
		}
		return nil
	}})
	if err := f.Start(context.Background()); err != nil {
		f.t.Fatal(err)
	}
}

func setup(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, store: mem.New(), inbox: &inbox{clock: clock.NewManual(start)}}
	f.restart()
	t.Cleanup(func() {
		if err := errors.Join(f.Close(), f.store.Close()); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *fixture) emit(d ...Delivery) {
	f.t.Helper()
	for i := range d {
		if d[i].Target.IsZero() {
			d[i].Target = queue
		}
		if d[i].Source.IsZero() {
			d[i].Source = topic
		}
		d[i].Scope = scope
	}
	f.update(func(tx store.Tx) error { return f.Emit(tx, 4, d...) })
}

func (f *fixture) update(fn func(store.Tx) error) {
	f.t.Helper()
	if err := f.store.Update(context.Background(), fn); err != nil {
		f.t.Fatal(err)
	}
}

// expect advances the clock and compares what arrived meanwhile.
func (f *fixture) expect(d time.Duration, want ...string) {
	f.t.Helper()
	if r, err := f.clock.Advance(context.Background(), d); err != nil || len(r.Unquiet) > 0 {
		f.t.Fatal(r, err)
	}
	f.mu2().Lock()
	defer f.mu2().Unlock()
	if !slices.Equal(f.lines, want) {
		f.t.Fatalf("arrived %v, want %v", f.lines, want)
	}
	f.lines = nil
}

func (f *fixture) mu2() *sync.Mutex { return &f.inbox.mu }

// empty checks that nothing is left in the store.
func (f *fixture) empty() {
	f.t.Helper()
	if err := f.store.View(context.Background(), func(r store.Reader) error {
		it := r.Scan(store.ScanOptions{})
		for it.Next() {
			f.t.Errorf("left %q", it.Key())
		}
		return it.Close()
	}); err != nil {
		f.t.Fatal(err)
	}
}

func TestDelivers(t *testing.T) {
	f := setup(t)
	f.emit(Delivery{ID: "a", Payload: []byte("hello"), Parameters: map[string]string{"Subject": "s"}})
	f.expect(0, "a@0s")
	if d := f.got[0]; string(d.Payload) != "hello" || d.Parameters["Subject"] != "s" || !d.Expires.Equal(start.Add(lifetime)) {
		t.Fatalf("%+v", d)
	}
	f.emit(Delivery{ID: "later", NotBefore: start.Add(time.Minute)}, Delivery{ID: "cancelled", NotBefore: start.Add(time.Minute)})
	f.expect(time.Second)
	f.update(func(tx store.Tx) error { return f.Cancel(tx, 4, "cancelled") })
	f.update(func(tx store.Tx) error { return f.Cancel(tx, 4, "unknown") })
	f.expect(time.Hour, "later@1m0s")
	f.empty()
}

func TestRetries(t *testing.T) {
	f := setup(t)
	left := 3
	f.answer = func(Delivery) (Outcome, error) {
		if left--; left >= 0 {
			return Outcome{Kind: Again, Code: "Busy", Reason: "try later"}, nil
		}
		return Outcome{}, nil
	}
	f.emit(Delivery{ID: "a", Payload: []byte("x"), Retry: Retry{Max: 5, Base: 2 * time.Second, Cap: 5 * time.Second}})
	f.expect(time.Hour, "a@0s", "a@2s", "a@6s", "a@11s")
	if d := f.got[3]; d.Attempt != 3 || string(d.Payload) != "x" {
		t.Fatalf("%+v", d)
	}
	f.empty()
	left = 1
	f.emit(Delivery{ID: "b", Retry: Retry{Max: 5}})
	f.answer = func(Delivery) (Outcome, error) {
		if left--; left >= 0 {
			return Outcome{}, errors.New("infrastructure")
		}
		return Outcome{}, nil
	}
	f.expect(time.Hour, "b@1h0m0s", "b@1h0m1s")
	if d := f.got[len(f.got)-1]; d.Attempt != 0 {
		t.Fatalf("trouble was counted: %+v", d)
	}
	f.empty()
}

func TestDeadLetters(t *testing.T) {
	grave := cloud.NewARN("sqs", scope, "grave")
	for _, c := range []struct {
		name   string
		d      Delivery
		answer Outcome
		err    error
		allow  error
		want   []string // arrivals, the letter last
		attrs  string
	}{
		{"permanent", Delivery{}, Outcome{Kind: Permanent, Code: "Gone", Reason: "no such queue"}, nil, nil,
			[]string{"a@0s", "a.dead@0s"}, "Gone|no such queue|a"},
		{"exhausted", Delivery{Retry: Retry{Max: 1}}, Outcome{Kind: Again, Code: "Busy", Reason: "busy"}, nil, nil,
			[]string{"a@0s", "a@1s", "a.dead@1s"}, "Busy|busy|a"},
		{"expired", Delivery{Retry: Retry{Max: -1, Base: 40 * time.Second, Cap: time.Minute}, Expires: start.Add(time.Minute)}, Outcome{Kind: Again, Code: "Busy", Reason: "busy"}, nil, nil,
			[]string{"a@0s", "a@40s", "a.dead@1m0s"}, "Busy|busy|a"},
		{"denied", Delivery{}, Outcome{}, nil, cloud.Errorf(cloud.Denied, "AccessDenied", "not allowed"), nil, ""},
		{"no room", Delivery{Target: cloud.NewARN("nowhere", scope, "x")}, Outcome{}, nil, nil,
			[]string{"a.dead@0s"}, "NotImplemented|Deliveries to " + cloud.NewARN("nowhere", scope, "x").String() + " are not implemented on this platform.|a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := setup(t)
			f.allow = c.allow
			f.answer = func(d Delivery) (Outcome, error) {
				if d.Target == grave {
					return Outcome{}, nil
				}
				return c.answer, c.err
			}
			c.d.ID, c.d.DeadLetter, c.d.Payload, c.d.Letter = "a", grave, []byte("event"), []byte("body")
			c.d.Source = cloud.NewARN("lambda", scope, "function:f")
			f.emit(c.d)
			f.expect(23*time.Hour, c.want...)
			if c.want != nil {
				d := f.got[len(f.got)-1]
				got := d.Attributes["ErrorCode"].Value + "|" + d.Attributes["ErrorMessage"].Value + "|" + d.Attributes["RequestID"].Value
				if got != c.attrs || string(d.Payload) != "body" || d.Target != grave {
					t.Fatalf("%+v", d)
				}
			}
			f.expect(3 * time.Hour)
			f.empty()
		})
	}
}

// A topic hands its messages to the dead letter queue as they were.
func TestDeadLetterOfATopic(t *testing.T) {
	s := &settlement{verdict: verdict{outcome: Outcome{Code: "C", Reason: "no"}}}
	s.d.Source, s.d.Target = cloud.NewARN("sns", scope, "news"), queue
	s.d.Attributes = map[string]Attribute{"a": {Type: "String", Value: "v"}}
	if got := deadAttributes(s); len(got) != 1 || got["a"].Value != "v" {
		t.Fatalf("%+v", got)
	}
}

func TestDeadLetterOfARule(t *testing.T) {
	rule := cloud.NewARN("events", scope, "rule/r")
	s := &settlement{verdict: verdict{outcome: Outcome{Code: "C", Reason: strings.Repeat("é", 600)}, limit: "MaximumRetryAttempts"}}
	s.d.Source, s.d.Target, s.d.Attempt = rule, queue, 7
	got := deadAttributes(s)
	if got["RULE_ARN"].Value != rule.String() || got["TARGET_ARN"].Value != queue.String() || got["ERROR_CODE"].Value != "C" ||
		got["EXHAUSTED_RETRY_CONDITION"].Value != "MaximumRetryAttempts" || got["RETRY_ATTEMPTS"].Value != "7" || len(got["ERROR_MESSAGE"].Value) != maxReason {
		t.Fatalf("%+v", got)
	}
}

func TestOrder(t *testing.T) {
	f := setup(t)
	fail := true
	f.answer = func(d Delivery) (Outcome, error) {
		if d.ID == "g1" && fail {
			fail = false
			return Outcome{Kind: Again}, nil
		}
		return Outcome{}, nil
	}
	f.emit(Delivery{ID: "g0", OrderKey: "g"}, Delivery{ID: "g1", OrderKey: "g", Retry: Retry{Max: 9}}, Delivery{ID: "g2", OrderKey: "g"})
	f.emit(Delivery{ID: "g3", OrderKey: "g"})
	f.expect(0, "g0@0s", "g1@0s")
	f.restart() // the head still blocks
	f.emit(Delivery{ID: "h0", OrderKey: "h"})
	f.expect(0, "h0@0s")
	f.emit(Delivery{ID: "g4", OrderKey: "g"})
	f.expect(time.Second, "g1@1s", "g2@1s", "g3@1s", "g4@1s")
	f.empty()
}

func TestCancelOfABlockingHead(t *testing.T) {
	f := setup(t)
	f.answer = func(d Delivery) (Outcome, error) {
		if d.ID == "g0" {
			return Outcome{Kind: Again, After: time.Minute}, nil
		}
		return Outcome{}, nil
	}
	f.emit(Delivery{ID: "g0", OrderKey: "g", Retry: Retry{Max: -1}}, Delivery{ID: "g1", OrderKey: "g"})
	f.expect(0, "g0@0s")
	f.update(func(tx store.Tx) error { return f.Cancel(tx, 4, "g0") })
	f.expect(time.Hour, "g1@1m0s")
	f.empty()
}

// A delivery that is cancelled while its attempt fails is over, and nobody is told that it was delivered.
func TestCancelDuringAnAttempt(t *testing.T) {
	f := setup(t)
	var told []string
	f.Dispatcher.bind.Report = func(string) Reporter { return func(d Delivery, _ Result) { told = append(told, d.ID) } }
	f.answer = func(d Delivery) (Outcome, error) {
		if d.ID == "g1" {
			return Outcome{}, nil
		}
		f.update(func(tx store.Tx) error { return f.Cancel(tx, 4, d.ID) })
		return Outcome{Kind: Again}, nil
	}
	report := map[string]string{"a": "b"}
	f.emit(Delivery{ID: "g0", OrderKey: "g", Retry: Retry{Max: -1}, Report: report}, Delivery{ID: "g1", OrderKey: "g", Report: report}, Delivery{ID: "u", Retry: Retry{Max: -1}, Report: report})
	if _, err := f.clock.Advance(context.Background(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if len(f.got) != 3 || !slices.Equal(told, []string{"g1"}) {
		t.Fatalf("%d attempts, told of %v", len(f.got), told)
	}
	f.empty()
}

func TestOrderUnderLoad(t *testing.T) {
	f := setup(t)
	const groups, each = 20, 100
	var wg sync.WaitGroup
	for g := range groups {
		wg.Go(func() {
			for i := range each {
				f.emit(Delivery{ID: fmt.Sprintf("%d.%d", g, i), OrderKey: fmt.Sprint(g)})
			}
		})
	}
	wg.Wait()
	if err := f.clock.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	next := [groups]int{}
	for _, d := range f.got {
		var g, i int
		if _, err := fmt.Sscanf(d.ID, "%d.%d", &g, &i); err != nil || next[g] != i {
			t.Fatalf("%s after %d, %v", d.ID, next[g], err)
		}
		next[g]++
	}
	if len(f.got) != groups*each {
		t.Fatalf("%d arrived", len(f.got))
	}
	f.empty()
}

// TestMoreThanMemoryHolds lets a target stand still while more is emitted than fits, and restarts in between.
func TestMoreThanMemoryHolds(t *testing.T) {
	f := setup(t)
	open := make(chan struct{})
	var seen sync.Map
	var n atomic.Int32
	slow := &slowTarget{open: open, note: func(d Delivery) {
		if _, again := seen.LoadOrStore(d.ID, true); !again {
			n.Add(1)
		}
	}}
	f.Bind(Binding{Target: func(string) Target { return slow }})
	const total = maxKnown + 3000
	for i := 0; i < total; i += 100 {
		batch := make([]Delivery, 100)
		for j := range batch {
			batch[j].ID = fmt.Sprint(i + j)
			if j%10 == 0 {
				batch[j].OrderKey = fmt.Sprint(i)
			}
		}
		f.emit(batch...)
	}
	f.Dispatcher.mu.Lock()
	known := len(f.known)
	f.Dispatcher.mu.Unlock()
	if known > maxKnown {
		t.Fatalf("%d in memory", known)
	}
	close(open)
	if err := f.clock.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	if want := int32((total + 99) / 100 * 100); n.Load() != want {
		t.Fatalf("%d of %d arrived", n.Load(), want)
	}
	f.empty()
}

type slowTarget struct {
	open chan struct{}
	note func(Delivery)
}

func (s *slowTarget) Action(cloud.ARN) string { return "" }

func (s *slowTarget) Deliver(ctx context.Context, d Delivery) (Outcome, error) {
	select {
	case <-s.open:
		s.note(d)
		return Outcome{}, nil
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
}

func TestRestartFindsWhatIsLeft(t *testing.T) {
	f := setup(t)
	slow := &slowTarget{open: make(chan struct{})}
	f.Bind(Binding{Target: func(string) Target { return slow }})
	f.emit(Delivery{ID: "a"}, Delivery{ID: "b", OrderKey: "k"})
	f.restart()
	if err := f.clock.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(f.lines)
	f.expect(0, "a@0s", "b@0s")
	f.empty()
}

type directory struct{ p *cloud.Policy }

func (directory) Describe(context.Context, cloud.ARN) (cloud.Description, error) {
	return cloud.Description{}, nil
}
func (d directory) ResourcePolicy(context.Context, cloud.ARN) (*cloud.Policy, error) { return d.p, nil }

func TestPolicies(t *testing.T) {
	allow := &cloud.Policy{Version: "2012-10-17", Statements: []cloud.Statement{{
		Allow: true, Principals: []cloud.PolicyPrincipal{{Type: "Service", Value: "sns.amazonaws.com"}}, Actions: []string{"sqs:SendMessage"},
		Resources: []string{queue.String()}, Conditions: []cloud.Condition{{Operator: "ArnEquals", Key: "aws:SourceArn", Values: []string{topic.String()}}},
	}}}
	d := Delivery{Target: queue, As: cloud.ServicePrincipal("sns.amazonaws.com", topic)}
	ctx := cloud.WithCall(context.Background(), cloud.Call{Principal: d.As})
	judge := func(p *cloud.Policy, d Delivery) error {
		return Policies{Directory: directory{p}, Clock: clock.NewManual(start), Evaluator: policy.NewEvaluator(10)}.Authorise(ctx, d, "sqs:SendMessage")
	}
	if err := judge(allow, d); err != nil {
		t.Fatal(err)
	}
	if err := judge(nil, d); !cloud.IsCode(err, "AccessDenied") {
		t.Fatal(err)
	}
	d.As.Service = "events.amazonaws.com"
	if err := judge(allow, d); !cloud.IsCode(err, "AccessDenied") {
		t.Fatal(err)
	}
}

func BenchmarkDeliveries(b *testing.B) {
	s, c := mem.New(), clock.NewManual(start)
	d := New(Options{Store: s, Clock: c, IDs: ids.New(), Log: slog.New(slog.DiscardHandler)})
	open := make(chan struct{})
	close(open)
	target := &slowTarget{open: open, note: func(Delivery) {}}
	d.Bind(Binding{Target: func(string) Target { return target }})
	if err := d.Start(context.Background()); err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 200)
	var n atomic.Uint32
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			x := n.Add(1)
			if err := s.Update(context.Background(), func(tx store.Tx) error {
				return d.Emit(tx, store.Shard(x), Delivery{ID: fmt.Sprint(x), Source: topic, Target: queue, Payload: payload})
			}); err != nil {
				b.Error(err)
			}
		}
	})
	if err := c.Settle(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
	_ = d.Close()
}
