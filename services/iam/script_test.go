package iam

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/engine/policy"
	"sundog/engine/store/mem"
	"sundog/internal/clock"
	"sundog/internal/ids"
	"sundog/services/room"
)

var rewrite = flag.Bool("rewrite", false, "write the outputs into the scripts")

const owner = "111111111111"

// house is a room with a caller that authorises nothing, so that the resource handlers can be tested.
type house struct {
	room  room.Room
	id    cloud.Identity
	clock *clock.Manual
	creds map[string]cloud.Credentials
	as    cloud.Principal
	last  string // access key
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{clock: clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), creds: map[string]cloud.Credentials{}, as: cloud.RootOf(owner)}
	st := mem.New()
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	h.room, h.id = New(room.Deps{Store: st, Clock: h.clock, IDs: ids.NewFixed(1), Caller: h}, func(key string) (string, string, bool) {
		return "root-secret", owner, key == "ROOT"
	})
	return h
}

func (h *house) ctx(p cloud.Principal) context.Context {
	return cloud.WithCall(context.Background(), cloud.Call{Principal: p, Scope: cloud.Scope{Account: p.Account, Region: "eu-west-1"}, Secure: true})
}

// Call is cloud.Caller's.
func (h *house) Call(_ context.Context, as cloud.Principal, service, op string, in json.RawMessage, _ io.Reader) (cloud.Reply, error) {
	for _, o := range h.room.Operations {
		if o.Name != op || o.Service != service {
			continue
		}
		v := o.New()
		d := json.NewDecoder(bytes.NewReader(in))
		d.DisallowUnknownFields()
		if err := d.Decode(v); err != nil {
			return cloud.Reply{}, err
		}
		if o.Access != nil {
			if _, err := o.Access(h.ctx(as), v); err != nil {
				return cloud.Reply{}, err
			}
		}
		out, err := o.Call(h.ctx(as), v)
		if err != nil {
			return cloud.Reply{}, err
		}
		raw, err := json.Marshal(out)
		return cloud.Reply{Out: raw}, err
	}
	return cloud.Reply{}, cloud.NotImplementedf("%s %s", service, op)
}

// TestScripts runs testdata/*.txt: a command, then "----", what it gives, and an empty line. Commands are an operation with its input
// ("sts.AssumeRole {...}"), "be NAME ACCESSKEY" (who calls from now on: a key that the script made, "last", or ROOT), "may ACTION ARN"
// (judge what the caller may do), and "later DURATION".
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) { runScript(t, f) })
	}
}

func runScript(t *testing.T, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	var got strings.Builder
	for block := range strings.SplitSeq(strings.TrimRight(string(raw), "\n"), "\n\n") {
		command, _, _ := strings.Cut(block, "\n----")
		var comments []string
		lines := strings.Split(command, "\n")
		for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
			comments, lines = append(comments, lines[0]), lines[1:]
		}
		command = strings.Join(lines, "\n")
		for _, c := range comments {
			got.WriteString(c + "\n")
		}
		if command != "" {
			fmt.Fprintf(&got, "%s\n----\n%s\n", command, h.command(strings.Join(lines, " ")))
		}
		got.WriteString("\n")
	}
	text := strings.TrimRight(got.String(), "\n") + "\n"
	if *rewrite {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != string(raw) {
		t.Errorf("the script gives\n%s", firstDifference(text, string(raw)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d: %s\nwant: %s", i+1, g[i], append(w, "(nothing)")[min(i, len(w))])
		}
	}
	return "fewer lines"
}

func (h *house) command(c string) string {
	verb, rest, _ := strings.Cut(c, " ")
	switch verb {
	case "be":
		return h.be(rest)
	case "may":
		return h.may(rest)
	case "later":
		d, err := time.ParseDuration(rest)
		if err == nil {
			h.clock.AdvanceWall(d)
		}
		return outcome(nil, err)
	}
	service, op, ok := strings.Cut(verb, ".")
	if !ok {
		service, op = "iam", verb
	}
	if rest == "" {
		rest = "{}"
	}
	reply, err := h.Call(context.Background(), h.as, service, op, json.RawMessage(rest), nil)
	h.keep(reply.Out)
	return outcome(reply.Out, err)
}

// keep remembers credentials that an operation gave, by access key.
func (h *house) keep(out json.RawMessage) {
	var c struct {
		AccessKey   struct{ AccessKeyId, SecretAccessKey string }
		Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	}
	if json.Unmarshal(out, &c) != nil {
		return
	}
	if id := c.AccessKey.AccessKeyId; id != "" {
		h.last, h.creds[id] = id, cloud.Credentials{SecretAccessKey: c.AccessKey.SecretAccessKey}
	}
	if id := c.Credentials.AccessKeyId; id != "" {
		h.last, h.creds[id] = id, cloud.Credentials{SecretAccessKey: c.Credentials.SecretAccessKey, SessionToken: c.Credentials.SessionToken}
	}
}

func (h *house) be(key string) string {
	if key == "last" {
		key = h.last
	}
	secret, p, _, err := h.id.Secret(context.Background(), key, h.creds[key].SessionToken)
	if err == nil && key != "ROOT" && secret != h.creds[key].SecretAccessKey {
		return "another secret"
	}
	if err != nil {
		return outcome(nil, err)
	}
	h.as = p
	return p.ARN
}

func (h *house) may(what string) string {
	action, resource, _ := strings.Cut(what, " ")
	set, err := h.id.Policies(context.Background(), h.as)
	if err != nil {
		return outcome(nil, err)
	}
	a, _ := cloud.ParseARN(resource)
	d := policy.Evaluate(policy.Request{Principal: h.as, Action: action, Resource: a}, set)
	if d.Allow {
		return "yes, " + d.Where
	}
	return "no, " + d.Where
}

func outcome(out json.RawMessage, err error) string {
	if err != nil {
		e := cloud.AsError(err)
		return fmt.Sprintf("%s %d: %s", e.Code, e.Status, e.Message)
	}
	var v any
	if len(out) == 0 || json.Unmarshal(out, &v) != nil {
		return "ok"
	}
	b, err := json.Marshal(prune(v))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// prune drops what is null, and shortens session tokens.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if e = prune(e); e == nil {
				delete(v, k)
			} else if v[k] = e; k == "SessionToken" {
				v[k] = "..."
			}
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	}
	return v
}
