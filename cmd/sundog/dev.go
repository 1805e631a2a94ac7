package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"sundog/app"
	"sundog/cloud"
	"sundog/project/bundle"
	"sundog/project/deploy"
	"sundog/project/serverless"
)

type devCommand struct {
	Dir         string   `arg:"" optional:"" default:"." type:"existingdir" help:"The application's folder."`
	Stage       string   `help:"The stage; default: the file's, or dev."`
	Listen      string   `default:"127.0.0.1:4566" help:"Address of the AWS endpoint."`
	HTTP        string   `name:"http" default:"127.0.0.1:3000" help:"Address of the application's own HTTP API, without a prefix."`
	Data        string   `help:"Folder of the data; default: DIR/.sundog."`
	Ephemeral   bool     `help:"Keep nothing."`
	Durability  string   `enum:"sync,relaxed" default:"relaxed" help:"sync: every answer waits for the disk; relaxed: a power cut may lose 100 ms."`
	NoWatch     bool     `help:"Do not reload on save."`
	Enforce     bool     `help:"Deny what no policy allows, instead of warning."`
	NoSandbox   bool     `help:"Run functions as plain processes of this user."`
	AllowEgress []string `placeholder:"HOST|CIDR[:PORT]" sep:"none" help:"Destinations besides public addresses that functions may connect to."`
	ReadyFile   string   `type:"path" help:"Write all URLs and ARNs here, as JSON, when the application is live."`
	Verbose     bool     `short:"v" help:"Show the platform's own log."`
}

// devAccount is the account of dev; test/test are its root keys.
const devAccount = "000000000000"

// live is a running dev: the platform, the application on it, and what shows them.
type live struct {
	cmd      *devCommand
	dir      string
	out      *screen
	platform *app.Platform
	conn     *connection
	app      *serverless.App
	builder  *bundle.Builder
	deployer *deploy.Deployer
	ready    ready
	gen      string                // the generation that runs
	packaged func(rel string) bool // whether a file goes into a package
}

// Run runs the application until it is interrupted.
func (c *devCommand) Run(ctx context.Context) error {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	l := &live{cmd: c, dir: dir, out: newScreen(os.Stdout), builder: &bundle.Builder{Dir: dir}}
	if l.app, err = l.load(ctx); err != nil {
		return err
	}
	started := time.Now()
	if err := l.openPlatform(ctx); err != nil {
		return err
	}
	opened := time.Since(started)
	defer func() {
		_ = os.Remove(readyPath(dir))
		if err := l.platform.Close(); err != nil {
			l.out.line("%s", l.out.paint(red, "closing: "+err.Error()))
		}
	}()
	stop := l.follow()
	defer stop()
	watcher, err := l.watcher() // from here on: what is saved while the application comes up is live, too
	if err != nil {
		return err
	}
	defer watcher.Close()
	if err := l.bring(ctx); err != nil {
		return err
	}
	l.banner(time.Since(started), opened)
	if err := l.writeReady(); err != nil {
		return err
	}
	return l.watch(ctx, watcher)
}

// load reads the application and shows what there is to say about it.
func (l *live) load(ctx context.Context) (*serverless.App, error) {
	a, diagnostics, err := serverless.Load(ctx, l.dir, serverless.Options{Stage: l.cmd.Stage, AccountID: devAccount, Env: os.LookupEnv})
	showDiagnostics(l.out, l.dir, diagnostics, err)
	return a, err
}

// showDiagnostics prints warnings and failures with their source lines; each once.
func showDiagnostics(out *screen, dir string, list []serverless.Diagnostic, err error) {
	var wrong *serverless.Error
	if errors.As(err, &wrong) {
		for _, d := range wrong.Diagnostics {
			out.line("%s", out.paint(red, d.Render(dir)))
		}
	}
	for _, d := range list {
		switch {
		case d.Severity == serverless.Warning:
			out.line("%s", out.paint(yellow, d.Render(dir)))
		case d.Severity == serverless.Note:
			out.line("%s", out.paint(dim, d.String()))
		}
	}
}

func (l *live) openPlatform(ctx context.Context) (err error) {
	data := l.cmd.Data
	if data == "" {
		data = filepath.Join(l.dir, ".sundog")
	}
	durability := l.cmd.Durability
	if l.cmd.Ephemeral {
		durability, data = app.Memory, ""
	} else {
		data = filepath.Join(data, "data")
	}
	rules, err := egressRules(l.cmd.AllowEgress)
	if err != nil {
		return err
	}
	sandbox := app.SandboxPossible
	if l.cmd.NoSandbox {
		sandbox = app.SandboxNone
	}
	level := slog.LevelError
	if l.cmd.Verbose {
		level = slog.LevelDebug
	}
	l.platform, err = app.Open(ctx, app.Options{
		Data: data, Durability: durability, Listen: l.cmd.Listen, HTTP: l.cmd.HTTP, Dev: true, AllowPrivate: true, Sandbox: sandbox, AllowEgress: rules, AllowPublic: true, Blocked: l.blocked, Enforce: l.cmd.Enforce, Region: l.app.Region, Account: devAccount, Settle: true,
		Roots: map[string]string{devKeys.AccessKeyID: devKeys.SecretAccessKey}, Warn: l.warn, Progress: func(s string) { l.out.line("%s", l.out.paint(dim, s)) },
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		return err
	}
	if ok, lack := l.platform.Sandboxed(); !ok && lack != nil {
		l.out.line("%s", l.out.paint(dim, "functions run as plain processes, for this machine has no sandbox: "+lack.Error()))
	}
	l.conn = &connection{ready: ready{Endpoint: l.platform.Endpoint, Region: l.app.Region, Account: devAccount, Credentials: devKeys}}
	if err := l.conn.open(ownAgent); err != nil {
		return errors.Join(err, l.platform.Close())
	}
	l.deployer = &deploy.Deployer{Client: l.conn.client}
	return nil
}

// warn reports a missing permission, once, with the statement that would grant it.
func (l *live) warn(m app.Missing) {
	who := m.Principal.Role.Resource
	if who == "" {
		who = m.Principal.Service
	}
	l.out.line("%s", l.out.paint(yellow, fmt.Sprintf("permission: %s may not %s on %s; a cloud would deny it. To grant it:\n  %s", who, m.Action, m.Resource, m.Suggestion)))
}

// blocked reports a destination that a function was kept from, with how to allow it.
func (l *live) blocked(b app.Blocked) {
	text := fmt.Sprintf("blocked: %s may not connect to %s: %s", b.Function, b.Destination, b.Reason)
	if b.Allow != "" {
		text += "; to allow it, start with --allow-egress " + b.Allow
	}
	l.out.line("%s", l.out.paint(yellow, text))
}

// bring installs what the code needs, mounts it, makes the stand-ins, and deploys the stack.
func (l *live) bring(ctx context.Context) error {
	if err := l.builder.Prepare(ctx, l.app.Functions, func(s string) { l.out.line("%s", l.out.paint(dim, s)) }); err != nil {
		return err
	}
	packaged, err := l.builder.Packaged(l.app)
	if err != nil {
		return err
	}
	l.packaged = packaged
	if err := l.mount(ctx, l.builder.Generation); err != nil {
		return err
	}
	if err := l.standIns(ctx); err != nil {
		return err
	}
	archives, artifacts, err := mounted(l.app)
	if err != nil {
		return err
	}
	outcome, err := l.deployer.Application(ctx, l.app, archives, artifacts)
	if err != nil {
		return err
	}
	for _, n := range outcome.Notes {
		l.out.line("%s", l.out.paint(dim, n))
	}
	l.describe(outcome)
	return nil
}

// mount copies the sources as they are now into a generation, and has every function run from it if it is a new one.
func (l *live) mount(ctx context.Context, generation func(context.Context) (string, error)) error {
	gen, err := generation(ctx)
	if err != nil || gen == l.gen {
		return err
	}
	var released []<-chan struct{}
	own := map[string]string{}
	for _, layer := range l.app.Layers {
		own[layer.LogicalID] = filepath.Join(l.dir, layer.Path)
	}
	for _, f := range l.app.Functions {
		if f.Image != "" {
			continue
		}
		layers := []string{}
		if p := l.builder.PythonPath(); p != "" {
			layers = append(layers, filepath.Dir(p)) // it has python/, as a layer does
		}
		for _, id := range f.Layers {
			layers = append(layers, own[id])
		}
		arn := cloud.NewARN("lambda", cloud.Scope{Account: devAccount, Region: l.app.Region}, "function:"+f.Name)
		over, err := l.platform.Mount(ctx, arn, l.builder.CodeDir(gen, f.Key), layers)
		if err != nil {
			return err
		}
		released = append(released, over)
	}
	old := l.gen
	l.gen = gen
	if old != "" && old != gen {
		go l.drop(ctx, old, released)
	}
	return nil
}

// drop removes a generation when the last call on it is over.
func (l *live) drop(ctx context.Context, gen string, released []<-chan struct{}) {
	for _, over := range released {
		select {
		case <-over:
		case <-ctx.Done():
			return
		}
	}
	if err := l.builder.Drop(gen); err != nil {
		l.out.line("%s", l.out.paint(red, err.Error()))
	}
}

// describe fills the ready file of what the deploy made, and gives the application its own HTTP listener.
func (l *live) describe(o deploy.Outcome) {
	r := ready{
		Endpoint: l.platform.Endpoint, HTTP: l.platform.HTTP, Service: l.app.Service, Stage: l.app.Stage, Region: l.app.Region, Account: devAccount,
		PID: os.Getpid(), Credentials: devKeys, Functions: map[string]readyFunction{}, APIs: map[string]string{},
		Outputs: o.Outputs, Resources: o.Resources,
	}
	sc := cloud.Scope{Account: devAccount, Region: l.app.Region}
	for _, f := range l.app.Functions {
		r.Functions[f.Key] = readyFunction{f.Name, cloud.NewARN("lambda", sc, "function:"+f.Name).String(), routesOf(f)}
	}
	if id := o.Resources["HttpApi"]; id != "" {
		r.APIs["HttpApi"] = l.platform.Endpoint + "/_aws/execute-api/" + id
		l.platform.ServeOwn(sc, id)
	}
	l.ready = r
}

// writeReady writes the ready files, whole or not at all.
func (l *live) writeReady() error {
	text, err := json.MarshalIndent(l.ready, "", "  ")
	if err != nil {
		return err
	}
	paths := []string{readyPath(l.dir)}
	if l.cmd.ReadyFile != "" {
		paths = append(paths, l.cmd.ReadyFile)
	}
	for _, p := range paths {
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(p+".new", text, 0o600); err != nil {
			return err
		}
		if err := os.Rename(p+".new", p); err != nil {
			return err
		}
	}
	return nil
}
