package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sundog/api/sqs"
	"sundog/cloud/schema"
	"sundog/cloud/sigv4"
	"sundog/edge/wire/all"
	"sundog/edge/wire/client"
	"sundog/internal/clock"
	"sundog/internal/ids"
)

const region = "us-east-1"

// platform is a running `sundog serve`, or another tool that speaks the same API.
type platform struct {
	address string
	mode    string // durability, or the other tool's name
	other   bool   // another tool
	process *exec.Cmd
	key     sigv4.Credentials
	client  *client.Client
	signer  *sigv4.Signer
}

// rootKey is given to every platform.
var rootKey = sigv4.Credentials{AccessKey: "AKIABENCHBENCHBENCH0", Secret: "benchbenchbenchbenchbenchbenchbenchbench"}

// connect makes what requests to an address are signed and sent with.
func connect(address, mode string) (*platform, error) {
	p := &platform{address: address, mode: mode, key: rootKey, signer: sigv4.NewSigner(sigv4.NewKeys(16))}
	var err error
	p.client, err = client.New(client.Options{
		Endpoint: "http://" + address, Region: region, Clock: clock.New(time.Now, 0), IDs: ids.New(),
		Credentials: func(context.Context) (sigv4.Credentials, error) { return p.key, nil },
		HTTP:        &http.Client{Timeout: time.Minute},
	})
	return p, err
}

// serve starts a platform on an empty folder and waits for its first answer.
func (b *bench) serve(mode string) (*platform, error) {
	dir, err := os.MkdirTemp(b.scratch, "data-")
	if err != nil {
		return nil, err
	}
	p, _, err := b.serveIn(dir, mode, unsandboxed)
	return p, err
}

// Whether a platform first tries a sandbox out, and does not start without. Those that are measured do not depend on the machine having one.
const (
	unsandboxed = false
	sandboxed   = true
)

// serveIn starts a platform on a folder; took is the time to its first answer to a signed request.
func (b *bench) serveIn(dir, mode string, sandbox bool) (p *platform, took time.Duration, err error) {
	address, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	if p, err = connect(address, mode); err != nil {
		return nil, 0, err
	}
	log, err := os.Create(filepath.Join(b.scratch, filepath.Base(dir)+".log"))
	if err != nil {
		return nil, 0, err
	}
	defer log.Close()
	c := exec.Command(b.binary, "serve", "--data", dir, "--durability", mode, "--listen", address)
	if !sandbox {
		c.Args = append(c.Args, "--allow-unsandboxed")
	}
	c.Env = append(os.Environ(), "SUNDOG_ROOT_ACCESS_KEY_ID="+rootKey.AccessKey, "SUNDOG_ROOT_SECRET_ACCESS_KEY="+rootKey.Secret)
	c.Stderr = log
	request, err := p.request(sqs.ListQueuesOp, &sqs.ListQueuesInput{}, nil)
	if err != nil {
		return nil, 0, err
	}
	start := time.Now()
	if err := c.Start(); err != nil {
		return nil, 0, err
	}
	p.process = c
	if err := firstAnswer(address, request); err != nil {
		p.stop()
		text, _ := os.ReadFile(log.Name())
		return nil, 0, fmt.Errorf("%w\n%s", err, text)
	}
	return p, time.Since(start), nil
}

// firstAnswer sends a request again and again until it is answered well.
func firstAnswer(address string, request []byte) error {
	last := fmt.Errorf("no answer")
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			last = err
			continue
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		var a reply
		if _, err = c.Write(request); err == nil {
			a, err = answer(bufio.NewReader(c), false)
		}
		_ = c.Close()
		if err == nil && a.status/100 == 2 {
			return nil
		}
		if last = err; err == nil {
			last = fmt.Errorf("status %d, %.200s", a.status, a.body)
		}
	}
	return fmt.Errorf("%s: %w", address, last)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (p *platform) stop() {
	_ = p.process.Process.Signal(os.Interrupt)
	_ = p.process.Wait()
}

// request writes and signs a request of an operation. body is what a streamed input holds.
func (p *platform) request(op *schema.Operation, in any, body []byte) ([]byte, error) {
	r, err := all.Protocol(op.Service.Protocols[0]).EncodeRequest(op, in)
	if err != nil {
		return nil, err
	}
	if body == nil && r.Body != nil {
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	r.URL.Scheme, r.URL.Host, r.Host = "http", p.address, p.address
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	p.signer.Sign(r, sigv4.HashHex(body), p.key, op.Service.SigningName, region, time.Now())
	var b bytes.Buffer
	err = r.Write(&b)
	return b.Bytes(), err
}

// call calls an operation that has to work.
func call[O any](p *platform, op *schema.Operation, in any) (*O, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out := new(O)
	if err := p.client.Call(ctx, op, in, out); err != nil {
		return nil, fmt.Errorf("%s: %w", op.Name, err)
	}
	return out, nil
}

// process measures what an idle process takes.
func (b *bench) process() error {
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	b.table.put(rowSize, "relaxed", "%.1f MB", float64(info.Size())/1e6)
	for _, mode := range modes {
		if err := b.starts(mode); err != nil {
			return err
		}
	}
	return nil
}

// starts starts a platform on the same folder some times, without and with the trial of a sandbox in turn, and looks at the last one's memory.
func (b *bench) starts(mode string) error {
	const tries = 12
	dir, err := os.MkdirTemp(b.scratch, "idle-")
	if err != nil {
		return err
	}
	var times [2][]time.Duration
	for i := range tries {
		p, took, err := b.serveIn(dir, mode, i%2 == 0)
		if err != nil && i%2 == 0 {
			b.table.put(rowTrial, mode, "no sandbox")
			continue
		}
		if err != nil {
			return err
		}
		if i > 1 { // the first start makes the folder
			times[i%2] = append(times[i%2], took)
		}
		if i == tries-1 {
			time.Sleep(2 * time.Second)
			text, err := resident(p.process.Process.Pid)
			if err != nil {
				p.stop()
				return err
			}
			b.table.put(rowMemory, mode, "%s", text)
		}
		p.stop()
	}
	b.table.put(rowStart, mode, "%s", short(median(times[1])))
	if len(times[0]) > 0 {
		b.table.put(rowTrial, mode, "%s", short(median(times[0])))
	}
	return nil
}

// resident reads the resident memory of a process: all, and, where the system tells, what is no file's (a program's own text is one).
func resident(pid int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
		if err != nil {
			return "", err
		}
		kb, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		return fmt.Sprintf("%.0f MiB", kb/1024), err
	}
	sizes := map[string]float64{} // MiB
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[2] == "kB" {
			kb, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				return "", err
			}
			sizes[f[0]] = kb / 1024
		}
	}
	return fmt.Sprintf("%.0f MiB, %.0f without files", sizes["VmRSS:"], sizes["RssAnon:"]), nil
}
