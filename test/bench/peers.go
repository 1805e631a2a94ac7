package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"context"

	"sundog/api/dynamodb"
)

// The other tools, at pinned versions. They keep their data in memory and verify no signatures.
const (
	dynalite = "dynalite@4.0.0"
	offline  = "serverless-offline@13.9.0"
	// framework is what offline is a plugin of: the last version under a free licence.
	framework = "serverless@3.40.0"
)

// peers measures the other tools.
func (b *bench) peers() {
	if b.wants("process", "dynamodb") {
		b.dynalite()
	}
	if b.wants("process", "functions") {
		b.offline()
	}
	if b.wants("process", "sqs", "sns") {
		b.brokers()
	}
}

// peer is a running other tool.
type peer struct {
	process *exec.Cmd
	address string
	started time.Time
}

// install has npm packages in a folder of the cache.
func (b *bench) install(name string, packages ...string) (string, error) {
	return b.cached(name, func(ctx context.Context, dir string) *exec.Cmd {
		return exec.CommandContext(ctx, "npm", append([]string{"install", "--no-audit", "--no-fund", "--prefix", dir}, packages...)...)
	})
}

// cached gives a folder of the cache after commands have filled it once.
func (b *bench) cached(name string, commands ...func(ctx context.Context, dir string) *exec.Cmd) (string, error) {
	dir := filepath.Join(b.cache, strings.NewReplacer("@", "-", "=", "-", ":", "-").Replace(name))
	done := filepath.Join(dir, ".complete")
	if _, err := os.Stat(done); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	progress("installing %s into %s", name, dir)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	for _, command := range commands {
		c := command(ctx, dir)
		if out, err := c.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %.300s", c.Path, err, out)
		}
	}
	return dir, os.WriteFile(done, nil, 0o644)
}

// run starts a tool in a process group of its own.
func run(dir, address string, argv ...string) (*peer, error) {
	c := exec.Command(argv[0], argv[1:]...)
	c.Dir, c.SysProcAttr = dir, &syscall.SysProcAttr{Setpgid: true}
	c.Env = append(os.Environ(), "SLS_TELEMETRY_DISABLED=1", "SLS_NOTIFICATIONS_MODE=off", "SLS_INTERACTIVE_SETUP_ENABLE=0", "AWS_REGION="+region)
	p := &peer{process: c, address: address, started: time.Now()}
	return p, c.Start()
}

func (p *peer) stop() {
	_ = syscall.Kill(-p.process.Process.Pid, syscall.SIGKILL)
	_ = p.process.Wait()
}

// listening waits until the tool takes connections.
func (p *peer) listening() error {
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if c, err := net.Dial("tcp", p.address); err == nil {
			return c.Close()
		}
	}
	return errors.New("does not listen after 60 s")
}

// idle measures what the tool takes when it has answered and does nothing.
func (b *bench) idle(p *peer, tool string, answered time.Duration) {
	b.add(rowStart, "%s %s", tool, short(answered))
	time.Sleep(2 * time.Second)
	if text, err := resident(p.process.Process.Pid); err == nil {
		b.add(rowMemory, "%s %s", tool, text)
	}
}

// add appends to the cell of the other tools.
func (b *bench) add(what, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, r := range b.table.rows {
		if r.what == what && r.cells["peer"] != "" {
			text = r.cells["peer"] + "; " + text
		}
	}
	b.table.put(what, "peer", "%s", text)
}

// dynalite measures items in dynalite.
func (b *bench) dynalite() {
	if err := b.measureDynalite(); err != nil {
		b.add("PutItem", "%s could not be measured", dynalite)
		b.table.note("%s: %v", dynalite, err)
	}
}

func (b *bench) measureDynalite() error {
	dir, err := b.install(dynalite, dynalite)
	if err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	p, err := connect(address, "dynalite")
	if err != nil {
		return err
	}
	list, err := p.request(dynamodb.ListTablesOp, &dynamodb.ListTablesInput{}, nil)
	if err != nil {
		return err
	}
	_, port, _ := strings.Cut(address, ":")
	t, err := run(dir, address, "node", filepath.Join(dir, "node_modules/dynalite/cli.js"), "--host", "127.0.0.1", "--port", port, "--createTableMs", "0")
	if err != nil {
		return err
	}
	defer t.stop()
	if err := firstAnswer(address, list); err != nil {
		return err
	}
	b.idle(t, "dynalite", time.Since(t.started))
	if err := createTable(p); err != nil {
		return err
	}
	time.Sleep(time.Second) // until the table is active
	puts, err := p.requests(operation{op: dynamodb.PutItemOp, in: putItem})
	if err != nil {
		return err
	}
	b.add("PutItem", "dynalite %s", load(address, puts, connections, b.duration))
	gets, err := p.requests(operation{op: dynamodb.GetItemOp, in: getItem})
	if err != nil {
		return err
	}
	b.add("GetItem", "dynalite %s", load(address, gets, connections, b.duration))
	return nil
}

const offlineService = `service: bench
frameworkVersion: '3'
provider: { name: aws, runtime: nodejs20.x, region: us-east-1 }
plugins: [serverless-offline]
functions:
  hello:
    handler: index.handler
    events: [{ httpApi: GET /hello }]
`

// offline measures invocations through an HTTP API in serverless-offline.
func (b *bench) offline() {
	if err := b.measureOffline(); err != nil {
		b.add(warmHTTP("node"), "%s could not be measured", offline)
		b.table.note("%s: %v", offline, err)
	}
}

func (b *bench) measureOffline() error {
	dir, err := b.install(offline, framework, offline)
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"serverless.yml": offlineService, "index.js": nodeHandler} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	var ports []string
	for range 3 {
		a, err := freeAddress()
		if err != nil {
			return err
		}
		_, port, _ := strings.Cut(a, ":")
		ports = append(ports, port)
	}
	address := "127.0.0.1:" + ports[0]
	t, err := run(dir, address, "node", filepath.Join(dir, "node_modules/serverless/bin/serverless.js"), "offline", "start", "--host", "127.0.0.1",
		"--httpPort", ports[0], "--lambdaPort", ports[1], "--albPort", ports[2], "--noPrependStageInUrl")
	if err != nil {
		return err
	}
	defer t.stop()
	if err := t.listening(); err != nil {
		return err
	}
	request, cold := get(address, "/hello"), time.Now()
	if err := firstAnswer(address, request); err != nil {
		return err
	}
	b.add(coldRow("node"), "serverless-offline %s", short(time.Since(cold)))
	b.idle(t, "serverless-offline", time.Since(t.started))
	all, alone := load(address, [][]byte{request}, callers, b.duration), load(address, [][]byte{request}, 1, b.duration/3)
	b.add(warmHTTP("node"), "serverless-offline %s; alone p50 %s", all, short(alone.p50))
	return nil
}
