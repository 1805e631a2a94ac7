//go:build linux

// Package isolation tries to get out of the sandboxes in which functions run, and to do harm from within: on a platform with everything that a
// platform has, by functions that were deployed to it, as root and as an ordinary user. It prints what was tried and how it ended.
package isolation

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sundog/api/iam"
	"sundog/api/lambda"
	"sundog/app"

	"sundog/cloud/schema"
	"sundog/cloud/sigv4"
	"sundog/edge/wire/client"
	"sundog/internal/clock"
)

func TestMain(m *testing.M) {
	app.MaybeInit()
	os.Exit(m.Run())
}

const (
	rootKey    = "AKIAISOLATIONROOT"
	rootSecret = "the-secret-of-the-root"
	hostSecret = "SECRET_OF_THE_HOST"
	region     = "us-east-1"
	account    = "000000000000"
)

// world is a platform with an attacker, a neighbour, and things on the host that are worth having.
type world struct {
	t       *testing.T
	p       *app.Platform
	c       *client.Client
	data    string
	secret  string       // a file of the host
	service net.Listener // of the host, on loopback
	allowed net.Listener // likewise, which functions may reach

	mu      sync.Mutex
	blocked []app.Blocked
	tried   [][3]string
}

func open(t *testing.T) *world {
	t.Helper()
	t.Setenv(hostSecret, "host")
	w := &world{t: t, data: filepath.Join(t.TempDir(), "data"), secret: filepath.Join(t.TempDir(), "secret-of-host.txt")}
	if err := os.WriteFile(w.secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.inherited()
	w.service, w.allowed = greeter(t), greeter(t)
	rule, err := app.ParseEgressRule(w.allowed.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w.p, err = app.Open(t.Context(), app.Options{
		Data: w.data, Durability: app.Relaxed, Listen: "127.0.0.1:0", Enforce: true, Region: region, Account: account, Roots: map[string]string{rootKey: rootSecret},
		Cache: t.TempDir(), Sandbox: app.SandboxRequired, AllowEgress: []app.EgressRule{rule}, Blocked: w.note, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.p.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	w.c, err = client.New(client.Options{
		Endpoint: w.p.Endpoint, Region: region, Clock: clock.New(time.Now, 0), Attempts: 1,
		Credentials: func(context.Context) (sigv4.Credentials, error) {
			return sigv4.Credentials{AccessKey: rootKey, Secret: rootSecret}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	for _, role := range []string{"attacker", "neighbour"} {
		w.call(iam.CreateRoleOp, &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: &trust}, &iam.CreateRoleOutput{})
	}
	return w
}

// inherited opens the host's file as whoever started this process may have done: what it starts inherits the descriptor.
func (w *world) inherited() {
	w.t.Helper()
	fd, err := syscall.Open(w.secret, syscall.O_RDONLY, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = syscall.Close(fd) })
}

// greeter is a service of the host that says hello.
func greeter(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
			c.(*net.TCPConn).CloseWrite()
		}
	}()
	return l
}

func (w *world) note(b app.Blocked) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blocked = append(w.blocked, b)
}

func (w *world) call(op *schema.Operation, in, out any) {
	w.t.Helper()
	if err := w.c.Call(w.t.Context(), op, in, out); err != nil {
		w.t.Fatalf("%s: %v", op.Name, err)
	}
}

// archive makes a ZIP of files by name.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The attackers run what they are told.
const (
	nodeAttacker = `
const Run = Object.getPrototypeOf(async function () {}).constructor;
exports.handler = async (e) => { try { return await new Run('require', 'e', e.code)(require, e); } catch (x) { return { how: x.code || x.message }; } };`
	pythonAttacker = `
def handler(e, c):
    scope = {"e": e}
    try:
        exec(e["code"], scope)
        return scope["result"]
    except Exception as x:
        return {"how": type(x).__name__ + " " + str(x)}
`
	nodeNeighbour = `
const fs = require('fs'), http = require('http');
fs.writeFileSync('/tmp/neighbour.txt', 'neighbour');
http.createServer((q, r) => r.end('neighbour')).listen(8099, '0.0.0.0');
let n = 0;
exports.handler = async () => { n += 1; return { n, kept: fs.readFileSync('/tmp/neighbour.txt', 'utf8') }; };`
)

// deploy makes the functions.
func (w *world) deploy() {
	w.function("node-attacker", "nodejs20.x", "index.handler", map[string]string{"index.js": nodeAttacker}, nil)
	w.function("python-attacker", "python3.11", "main.handler", map[string]string{"main.py": pythonAttacker}, nil)
	w.function("forker", "python3.11", "main.handler", map[string]string{"main.py": pythonAttacker}, nil)
	w.function("neighbour", "nodejs20.x", "index.handler", map[string]string{"index.js": nodeNeighbour, "neighbour-code.txt": "neighbour"}, map[string]string{"NEIGHBOUR": "secret-of-neighbour"})
}

// function deploys one; the forker has memory for more processes than it may have.
func (w *world) function(name, runtime, handler string, files, env map[string]string) {
	role := "arn:aws:iam::" + account + ":role/attacker"
	if name == "neighbour" {
		role = "arn:aws:iam::" + account + ":role/neighbour"
	}
	memory := int32(256)
	if name == "forker" {
		memory = 4096
	}
	w.call(lambda.CreateFunctionOp, &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: &runtime, Handler: &handler, Role: &role, Code: &lambda.FunctionCode{ZipFile: archive(w.t, files)}, MemorySize: &memory, Timeout: new(int32(60)),
		Environment: &lambda.Environment{Variables: env},
	}, &lambda.CreateFunctionOutput{})
}

// result is what an invocation gave.
type result struct {
	payload string
	failed  string // FunctionError
}

func (w *world) invoke(function string, event any) result {
	w.t.Helper()
	in, err := json.Marshal(event)
	if err != nil {
		w.t.Fatal(err)
	}
	var out lambda.InvokeOutput
	w.call(lambda.InvokeOp, &lambda.InvokeInput{FunctionName: &function, Payload: in}, &out)
	r := result{payload: string(out.Payload)}
	if out.FunctionError != nil {
		r.failed = *out.FunctionError
	}
	return r
}

// neighbour checks that the other function answers, from the same environment as before.
func (w *world) neighbour(after string) {
	w.t.Helper()
	var got struct {
		N    int
		Kept string
	}
	r := w.invoke("neighbour", struct{}{})
	if err := json.Unmarshal([]byte(r.payload), &got); err != nil || got.Kept != "neighbour" || r.failed != "" {
		w.t.Errorf("after %q the neighbour gives %s %s", after, r.payload, r.failed)
	}
}

// tell prints the list of attempts.
func (w *world) tell() {
	var b strings.Builder
	for _, a := range w.tried {
		fmt.Fprintf(&b, "%-8s %-62s %s\n", a[0], a[1], a[2])
	}
	w.t.Logf("attempts as user %d:\n%s", os.Getuid(), b.String())
}

// asUser runs the tests of a name again as an ordinary user of the host, whose data is its own.
func asUser(t *testing.T, test string) {
	t.Helper()
	const user = 54321
	dir, err := os.MkdirTemp("/tmp", "isolation-") // below t.TempDir nobody else can go
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "isolation.test"), program, 0o755)
	}
	if err == nil {
		err = os.Chown(dir, user, user)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(filepath.Join(dir, "isolation.test"), "-test.run", "^"+test+"$", "-test.v", "-test.count=1")
	c.Dir, c.Env = dir, []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + dir, "TMPDIR=" + dir}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
