package asl

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write the recorded histories anew")

// A script is a definition and then commands, each followed by what came of it:
//
//	start INPUT                   begin
//	ok TASK OUTPUT                TaskSucceeded (also: submitted, heartbeat, taken)
//	fail TASK ERROR CAUSE         TaskFailed
//	at SECONDS                    Wake at that moment after the start
//	stop                          StopExecution
//
// Between commands the execution goes through its rows, as after a crash.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/scripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(b))
			if *rewrite {
				if err := os.WriteFile(f, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if got != string(b) {
				t.Errorf("%s differs; got:\n%s", f, got)
			}
		})
	}
}

func play(t *testing.T, text string) string {
	t.Helper()
	definition, rest, _ := strings.Cut(text, "\n---\n")
	m, err := Compile(definition, Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := definition + "\n---\n"
	p := &player{t: t, m: m, start: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), rows: map[string][]byte{}}
	for line := range strings.SplitSeq(rest, "\n") {
		if line == "" || strings.HasPrefix(line, "  ") {
			continue
		}
		out += line + "\n" + p.command(line)
	}
	return out
}

type player struct {
	t     *testing.T
	m     *Machine
	x     *Execution
	start time.Time
	now   time.Time
	rows  map[string][]byte
}

func (p *player) command(line string) string {
	verb, arg, _ := strings.Cut(line, " ")
	task, more, _ := strings.Cut(arg, " ")
	ev := Event{Task: task, Output: more}
	switch verb {
	case "start":
		p.now = p.start
		p.x = New(p.m, &fixedEnv{}, Info{Input: arg, ARN: "arn:aws:states:r:1:execution:m:x", Name: "x", Machine: "m", Region: "r", Start: p.start})
		p.x.Start()
		return p.result(true)
	case "ok":
		ev.Kind = TaskSucceeded
	case "submitted":
		ev.Kind = TaskSubmitted
	case "heartbeat":
		ev.Kind = TaskHeartbeat
	case "taken":
		ev.Kind, ev.Worker = TaskTaken, more
	case "fail":
		name, cause, _ := strings.Cut(more, " ")
		ev.Kind, ev.Error, ev.Cause = TaskFailed, &name, &cause
	case "at":
		n, err := strconv.ParseFloat(arg, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		p.now = p.start.Add(time.Duration(n * float64(time.Second)))
		ev = Event{Kind: Wake}
	case "stop":
		ev = Event{Kind: Stop}
	default:
		p.t.Fatalf("unknown command %q", line)
	}
	return p.result(p.x.Step(p.now, ev))
}

// result shows the new events and commands, and reloads the execution.
func (p *player) result(applied bool) string {
	if !applied {
		return "  not awaited\n"
	}
	var b strings.Builder
	for _, e := range p.x.History() {
		fmt.Fprintf(&b, "  %d<-%d %s%s\n", e.ID, e.PreviousID, e.Type, details(e.Details))
	}
	for _, c := range p.x.Commands() {
		if c.Run != nil {
			fmt.Fprintf(&b, "  run %s %s %s\n", c.Run.ID, c.Run.Resource.ActionText()+c.Run.Resource.ARN[strings.LastIndexByte(c.Run.Resource.ARN, ':'):], c.Run.Parameters)
		} else {
			fmt.Fprintf(&b, "  cancel %s\n", c.Cancel)
		}
	}
	if d := p.x.Due(); !d.IsZero() {
		fmt.Fprintf(&b, "  due at %v\n", d.Sub(p.start).Seconds())
	}
	changes, err := p.x.Changes()
	if err != nil {
		p.t.Fatal(err)
	}
	for k, v := range changes {
		if p.rows[k] = v; v == nil {
			delete(p.rows, k)
		}
	}
	if p.x.Status() == Running {
		if p.x, err = Load(p.m, &fixedEnv{}, p.rows); err != nil {
			p.t.Fatal(err)
		}
	} else if n := len(p.x.threads); n > 0 {
		p.t.Errorf("%d threads are left", n)
	}
	return b.String()
}

func details(d *Details) string {
	if d == nil {
		return ""
	}
	s := ""
	for _, f := range []struct {
		name  string
		value *string
	}{{"", d.Name}, {"in=", d.Input}, {"out=", d.Output}, {"error=", d.Error}, {"cause=", d.Cause}} {
		if f.value != nil {
			s += " " + f.name + *f.value
		}
	}
	if d.Index != nil {
		s += " #" + strconv.FormatInt(*d.Index, 10)
	}
	for k, v := range d.AssignedVariables {
		s += " " + k + ":=" + v
	}
	return s
}
