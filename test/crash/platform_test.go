package crash

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/cloud/sigv4"
	"sundog/edge/wire/client"
	"sundog/internal/clock"
	"sundog/internal/ids"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sundog-crash-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "sundog")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/sundog")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building the binary:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// platform is one data folder and the process that serves it, if any.
type platform struct {
	t        *testing.T
	data     string
	mode     string
	address  string
	client   *client.Client
	process  *exec.Cmd
	ended    chan struct{} // closed when the process has ended
	messages lockedBuffer
}

// newPlatform starts a platform on a folder of its own; it is killed at the end of the test.
func newPlatform(t *testing.T, mode string) *platform {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &platform{t: t, data: t.TempDir(), mode: mode, address: l.Addr().String()}
	_ = l.Close()
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the platform's log:\n%s", p.messages.String())
		}
	})
	p.client = p.connect()
	return p
}

// start starts the process and returns when it answers.
func (p *platform) start() {
	p.t.Helper()
	c := exec.Command(binary, "serve", "--allow-unsandboxed", "--data", p.data, "--durability", p.mode, "--listen", p.address)
	c.Stderr = &p.messages
	out, err := c.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.process, p.ended = c, make(chan struct{})
	ready := make(chan bool, 1)
	ended := p.ended
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "ready ") {
				ready <- true
			}
		}
		_ = c.Wait()
	}()
	select {
	case <-ready:
	case <-ended:
		p.t.Fatalf("the platform ended at its start: %v\n%s", c.ProcessState, p.messages.String())
	case <-time.After(30 * time.Second):
		p.t.Fatal("the platform is not ready after 30 s")
	}
}

// kill ends the process as a crash would, and waits until it has gone.
func (p *platform) kill() {
	_ = p.process.Process.Signal(syscall.SIGKILL)
	<-p.ended
}

// connect makes a client with the root's key, one attempt for each call.
func (p *platform) connect() *client.Client {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.data, "credentials"))
	if err != nil {
		p.t.Fatal(err)
	}
	var k sigv4.Credentials
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			k.AccessKey = strings.TrimSpace(value)
		case "aws_secret_access_key":
			k.Secret = strings.TrimSpace(value)
		}
	}
	c, err := client.New(client.Options{
		Endpoint: "http://" + p.address, Region: "us-east-1", Attempts: 1, Clock: clock.New(time.Now, 0), IDs: ids.New(),
		Credentials: func(context.Context) (sigv4.Credentials, error) { return k, nil },
		HTTP:        &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 128}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// call calls an operation and gives its output.
func call[O any](ctx context.Context, p *platform, op *schema.Operation, in any) (*O, error) {
	out := new(O)
	return out, p.client.Call(ctx, op, in, out)
}

// must is call for what has to work.
func must[O any](p *platform, op *schema.Operation, in any) *O {
	p.t.Helper()
	out, err := call[O](context.Background(), p, op, in)
	if err != nil {
		p.t.Fatalf("%s: %v", op.Name, err)
	}
	return out
}

// unknown tells whether an error leaves open what became of a call: the connection broke. Answers of the platform do not.
func unknown(err error) bool {
	var e *cloud.Error
	return err != nil && !errors.As(err, &e)
}

// lockedBuffer collects what a process writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() > 1<<20 {
		return len(b), nil
	}
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
