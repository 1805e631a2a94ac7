package dynamodb

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/internal/clock"
	"sundog/internal/ids"
	"sundog/services/room"
)

var rewrite = flag.Bool("rewrite", false, "write the scripts' answers anew")

var testScope = cloud.Scope{Account: "123456789012", Region: "us-east-1"}

// world is a room on a store of its own. It is also the room's Caller.
type world struct {
	t     testing.TB
	room  room.Room
	s     *service
	clock *clock.Manual
	ops   map[string]cloud.Operation
	ctx   context.Context
}

func newWorld(t testing.TB, st store.Store) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), ops: map[string]cloud.Operation{}}
	w.ctx = cloud.WithCall(context.Background(), cloud.Call{Scope: testScope, Principal: cloud.RootOf(testScope.Account), Endpoint: "http://localhost:4566"})
	w.room = New(room.Deps{Store: st, Clock: w.clock, IDs: ids.NewFixed(1), Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Caller: w})
	w.s = w.room.Stream.(changes).service
	for _, op := range w.room.Operations {
		w.ops[op.Name] = op
	}
	t.Cleanup(func() {
		if err := w.room.Close(); err != nil {
			t.Error(err)
		}
		w.clock.Close()
	})
	return w
}

// call calls an operation with JSON and gives its answer as JSON without nulls.
func (w *world) call(op, in string) (string, error) {
	o, ok := w.ops[op]
	if !ok {
		return "", fmt.Errorf("no operation %s", op)
	}
	v := o.New()
	d := json.NewDecoder(strings.NewReader(in))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	if _, err := o.Access(w.ctx, v); err != nil {
		return "", err
	}
	out, err := o.Call(w.ctx, v)
	if err != nil {
		return "", err
	}
	return compact(w.t, out), nil
}

// must is call for calls that must succeed.
func (w *world) must(op, in string) string {
	w.t.Helper()
	out, err := w.call(op, in)
	if err != nil {
		w.t.Fatalf("%s %s: %v", op, in, err)
	}
	return out
}

// Call serves the room's own calls, as the gateway would.
func (w *world) Call(ctx context.Context, _ cloud.Principal, _, op string, in json.RawMessage, _ io.Reader) (cloud.Reply, error) {
	if err := ctx.Err(); err != nil {
		return cloud.Reply{}, err
	}
	out, err := w.call(op, string(in))
	return cloud.Reply{Out: json.RawMessage(out)}, err
}

func compact(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(prune(tree)); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}

// prune drops nulls: absent members.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if x == nil {
				delete(v, k)
			} else {
				v[k] = prune(x)
			}
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	}
	return v
}

// A script is a list of steps: a command line, input lines up to "----", and the recorded answer up to an empty line. Commands are
// operations, and: advance DURATION; settle (wait until background work is done). $1, $2... in an input stand for the values that
// earlier answers had under ShardIterator or NextShardIterator.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { runScript(t, f) })
	}
}

var iterators = regexp.MustCompile(`"(?:Next)?ShardIterator":"([^"]+)"`)

func runScript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, mem.New())
	var out strings.Builder
	var saved []string
	for step := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n\n") {
		in, want, _ := strings.Cut(step, "\n----")
		want = strings.TrimPrefix(want, "\n")
		filled := in
		for i := len(saved); i > 0; i-- {
			filled = strings.ReplaceAll(filled, fmt.Sprintf("$%d", i), saved[i-1])
		}
		got := w.step(filled)
		for _, m := range iterators.FindAllStringSubmatch(got, -1) {
			saved = append(saved, m[1])
			got = strings.Replace(got, m[1], fmt.Sprintf("$%d", len(saved)), 1)
		}
		if got != want && !*rewrite {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
		fmt.Fprintf(&out, "%s\n----\n%s\n\n", in, got)
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) step(in string) string {
	var lines []string
	for l := range strings.SplitSeq(in, "\n") {
		if !strings.HasPrefix(l, "#") {
			lines = append(lines, l)
		}
	}
	cmd, arg, _ := strings.Cut(lines[0], " ")
	switch cmd {
	case "advance":
		d, err := time.ParseDuration(arg)
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.clock.Advance(w.ctx, d); err != nil {
			return err.Error()
		}
		return "ok"
	case "settle":
		if err := w.clock.Settle(w.ctx); err != nil {
			return err.Error()
		}
		return "ok"
	}
	body := strings.Join(append([]string{arg}, lines[1:]...), "\n")
	if strings.TrimSpace(body) == "" {
		body = "{}"
	}
	out, err := w.call(cmd, body)
	if err == nil {
		return out
	}
	e := cloud.AsError(err)
	if e.Code == "InternalFailure" {
		w.t.Error(err)
	}
	s := "! " + e.Code + ": " + e.Message
	if len(e.Fields) > 0 {
		s += "\n! " + compact(w.t, e.Fields)
	}
	return s
}
