package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/cloud/sigv4"
	"sundog/edge/wire/client"
	"sundog/internal/clock"
	"sundog/internal/ids"
)

// application is an example that runs in a `sundog dev`.
type application struct {
	out    *show
	sundog string
	dir    string
	name   string
	data   string // temporary
	log    *os.File
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process is gone
	err    error         // why it did not start
	took   time.Duration // until it was ready
	ready  struct {
		Endpoint, HTTP, Region, Account string
		PID                             int
		Credentials                     struct{ AccessKeyID, SecretAccessKey string }
		Functions                       map[string]struct{ Name, ARN string }
		Outputs, Resources              map[string]string
	}
	api *client.Client
}

// start begins a dev and waits until it is live, or has ended. err says what went wrong.
func start(ctx context.Context, out *show, sundog, dir string) *application {
	a := &application{out: out, sundog: sundog, dir: dir, name: filepath.Base(dir), ended: make(chan struct{})}
	began := time.Now()
	if a.err = a.launch(); a.err == nil {
		a.err = a.await(ctx)
	}
	a.took = time.Since(began)
	return a
}

func (a *application) launch() (err error) {
	if a.data, err = os.MkdirTemp("", "sundog-demo-"); err != nil {
		return err
	}
	if a.log, err = os.Create(filepath.Join(a.data, "output")); err != nil {
		return err
	}
	a.cmd = exec.Command(a.sundog, "dev", ".", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", filepath.Join(a.data, "data"),
		"--no-watch", "--ready-file", a.readyFile())
	a.cmd.Dir, a.cmd.Stdout, a.cmd.Stderr = a.dir, a.log, a.log
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt of the demo reaches it through stop only
	if err := a.cmd.Start(); err != nil {
		a.cmd = nil
		return err
	}
	go func() {
		_ = a.cmd.Wait() // stop looks at how it ended
		close(a.ended)
	}()
	return nil
}

func (a *application) readyFile() string { return filepath.Join(a.data, "ready.json") }

// await reads the ready file as soon as it is there.
func (a *application) await(ctx context.Context) error {
	err := poll(ctx, limit, func() (bool, error) {
		select {
		case <-a.ended:
			return false, errors.New("sundog dev ended before it was ready")
		default:
		}
		text, err := os.ReadFile(a.readyFile())
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return true, json.Unmarshal(text, &a.ready)
	})
	if err != nil {
		return err
	}
	creds := sigv4.Credentials{AccessKey: a.ready.Credentials.AccessKeyID, Secret: a.ready.Credentials.SecretAccessKey}
	a.api, err = client.New(client.Options{
		Endpoint: a.ready.Endpoint, Region: a.ready.Region, Clock: clock.New(time.Now, 0), IDs: ids.New(), Attempts: 1,
		Credentials: func(context.Context) (sigv4.Credentials, error) { return creds, nil },
	})
	return err
}

// introduce says what runs where, or why it does not.
func (a *application) introduce() {
	if a.err != nil {
		a.out.check(false, fmt.Sprintf("%s starts: %v", a.name, a.err))
		a.output()
		return
	}
	a.out.check(true, fmt.Sprintf("%s is live after %.1f s: API %s, AWS endpoint %s, %d functions, pid %d",
		a.name, a.took.Seconds(), a.ready.HTTP, a.ready.Endpoint, len(a.ready.Functions), a.ready.PID))
}

// output shows what dev itself printed.
func (a *application) output() {
	if a.log == nil {
		return
	}
	if text, err := os.ReadFile(a.log.Name()); err == nil {
		a.out.quote("│", string(text))
	}
}

// stop interrupts the process and waits for its end.
func (a *application) stop() {
	if a.cmd == nil {
		return
	}
	begin := time.Now()
	interrupted := a.cmd.Process.Signal(syscall.SIGINT) == nil
	select {
	case <-a.ended:
	case <-time.After(20 * time.Second):
		a.out.check(false, a.name+" ends when it is interrupted")
		if err := a.cmd.Process.Kill(); err != nil {
			a.out.problem(err.Error())
		}
		<-a.ended
	}
	if interrupted && a.ready.PID != 0 {
		a.out.line("")
		a.out.check(a.cmd.ProcessState.Success(), fmt.Sprintf("%s ended %d ms after its interrupt: %s", a.name, time.Since(begin).Milliseconds(), a.cmd.ProcessState))
		if !a.cmd.ProcessState.Success() {
			a.output()
		}
	}
	if err := errors.Join(a.log.Close(), os.RemoveAll(a.data)); err != nil {
		a.out.problem(err.Error())
	}
}

// response is what the application's HTTP API answered.
type response struct {
	status int
	header http.Header
	body   []byte
}

// field gives a member of a JSON body, by its path.
func (r response) field(path ...string) any { return field(r.body, path...) }

func field(body []byte, path ...string) any {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return nil
	}
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

// http sends a request to the application's API and shows it with its answer. trace, if any, names the trace that it belongs to.
func (a *application) http(ctx context.Context, method, path, body, trace string) response {
	a.out.request(method+" "+path, nonEmpty(body))
	began := time.Now()
	r, err := a.send(ctx, method, path, body, trace)
	if err != nil {
		panic(giveUp{err})
	}
	a.out.answer(fmt.Sprintf("%d (%d ms)", r.status, time.Since(began).Milliseconds()), r.body)
	return r
}

func (a *application) send(ctx context.Context, method, path, body, trace string) (response, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.ready.HTTP+path, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if trace != "" {
		req.Header.Set("X-Amzn-Trace-Id", "Root="+trace)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 10<<20))
	return response{resp.StatusCode, resp.Header, text}, err
}

func nonEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// newTrace makes a trace id, so that the tree of a request can be asked for by name.
func newTrace() string {
	b := make([]byte, 12)
	if _, err := rand.Read(b); err != nil {
		panic(giveUp{err})
	}
	return fmt.Sprintf("1-%08x-%s", time.Now().Unix(), hex.EncodeToString(b))
}

// call calls an AWS operation of the platform.
func (a *application) call(ctx context.Context, op *schema.Operation, in, out any) error {
	return a.api.Call(ctx, op, in, out)
}

// must calls an AWS operation that has to succeed, and shows it.
func (a *application) must(ctx context.Context, op *schema.Operation, in, out any, about string) {
	a.out.request(op.Service.ID+" "+op.Name, about)
	if err := a.call(ctx, op, in, out); err != nil {
		var e *cloud.Error
		if errors.As(err, &e) {
			a.out.answer(e.Code, e.Message)
		}
		panic(giveUp{fmt.Errorf("%s: %w", op.Name, err)})
	}
	a.out.answer("done", nil)
}

// command runs a sundog command in the application's folder and gives what it printed.
func (a *application) command(ctx context.Context, args ...string) string {
	cmd := exec.CommandContext(ctx, a.sundog, args...)
	cmd.Dir = a.dir
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		panic(giveUp{fmt.Errorf("sundog %s: %w: %s%s", strings.Join(args, " "), err, out.String(), problems.String())})
	}
	return out.String()
}

// shown is command, with its output shown.
func (a *application) shown(ctx context.Context, args ...string) string {
	a.out.request("sundog "+strings.Join(args, " "), nil)
	text := a.command(ctx, args...)
	a.out.quote("│", text)
	return text
}

// logged waits until a function's log has all these texts, shows the function's own lines, and claims it.
func (a *application) logged(ctx context.Context, function, claim string, texts ...string) {
	var log string
	err := poll(ctx, 20*time.Second, func() (bool, error) {
		log = a.command(ctx, "logs", function, "--since", "48h")
		for _, t := range texts {
			if !strings.Contains(log, t) {
				return false, nil
			}
		}
		return true, nil
	})
	a.out.request("sundog logs "+function, nil)
	a.out.quote("│", telling(log, texts))
	a.out.check(err == nil, claim)
}

// telling gives the lines of a log that have one of the texts; without any, the last lines.
func telling(log string, texts []string) string {
	var b strings.Builder
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	for _, line := range lines {
		if slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(line, t) }) {
			b.WriteString(line + "\n")
		}
	}
	if b.Len() == 0 {
		return strings.Join(lines[max(0, len(lines)-6):], "\n")
	}
	return b.String()
}

// eventually claims that ask gives true within 20 seconds. Errors of ask end it.
func (a *application) eventually(ctx context.Context, claim string, ask func() (bool, error)) bool {
	err := poll(ctx, 20*time.Second, ask)
	if err != nil && !errors.Is(err, errTooLate) {
		claim += ": " + err.Error()
	}
	a.out.check(err == nil, claim)
	return err == nil
}

var errTooLate = errors.New("not in time")

// poll asks, at growing intervals, until ask gives true or an error, or the time is over.
func poll(ctx context.Context, atMost time.Duration, ask func() (bool, error)) error {
	deadline := time.Now().Add(atMost)
	for pause := 5 * time.Millisecond; ; pause = min(pause*2, 200*time.Millisecond) {
		ok, err := ask()
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return errTooLate
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}
