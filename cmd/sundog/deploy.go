package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"sundog/internal/clock"
	"sundog/project/bundle"
	"sundog/project/deploy"
	"sundog/project/serverless"
)

type deployCommand struct {
	platform
	Dir   string `arg:"" optional:"" default:"." type:"existingdir" help:"The application's folder."`
	Stage string `help:"The stage; default: the file's, or dev."`

	Canary       string `placeholder:"PERCENT/TIME,..." help:"Shift calls to the new versions of functions step by step, such as 10%/5m or 10%/1m,50%/5m, and roll back when too many fail."`
	MaxErrorRate string `placeholder:"PERCENT" default:"1%" help:"With --canary: how many calls of a new version may fail."`
}

// canary reads the flags of a canary deployment; nil when there are none.
func (c *deployCommand) canary() (*deploy.Canary, error) {
	if c.Canary == "" {
		return nil, nil
	}
	steps, err := deploy.ParseCanary(c.Canary)
	if err != nil {
		return nil, err
	}
	rate, err := strconv.ParseFloat(strings.TrimSuffix(c.MaxErrorRate, "%"), 64)
	if err != nil || rate < 0 || rate > 100 {
		return nil, fmt.Errorf("--max-error-rate must be a percentage from 0%% to 100%%, not %q", c.MaxErrorRate)
	}
	return &deploy.Canary{Steps: steps, MaxErrorRate: rate}, nil
}

// Validate refuses flags that cannot be read.
func (c *deployCommand) Validate() error {
	_, err := c.canary()
	return err
}

// loadFor reads an application for a platform that exists, and shows what there is to say.
func loadFor(ctx context.Context, c *connection, dir, stage string, out *screen) (*serverless.App, string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, "", err
	}
	a, list, err := serverless.Load(ctx, abs, serverless.Options{Stage: stage, AccountID: c.Account, Env: os.LookupEnv})
	showDiagnostics(out, abs, list, err)
	return a, abs, err
}

// Run deploys and shows the outputs.
func (c *deployCommand) Run(ctx context.Context) error {
	out := newScreen(os.Stdout)
	conn, err := c.connect()
	if err != nil {
		return err
	}
	a, dir, err := loadFor(ctx, conn, c.Dir, c.Stage, out)
	if err != nil {
		return err
	}
	if err := missingSources(a, out); err != nil {
		return err
	}
	progress := func(s string) { out.line("%s", out.paint(dim, s)) }
	b := &bundle.Builder{Dir: dir}
	if err := b.Prepare(ctx, a.Functions, progress); err != nil {
		return err
	}
	archives, artifacts, err := deploy.Packages(ctx, a, b)
	if err != nil {
		return err
	}
	canary, err := c.canary()
	if err != nil {
		return err
	}
	d := &deploy.Deployer{Client: conn.client, Progress: progress, Canary: canary, Clock: clock.New(time.Now, 0)}
	o, err := d.Application(ctx, a, archives, artifacts)
	if errors.Is(err, context.Canceled) && canary != nil {
		out.line("the platform goes on with the deployment, and ends it or rolls it back by itself")
	}
	if err != nil {
		return err
	}
	for _, n := range o.Notes {
		out.line("%s", out.paint(dim, n))
	}
	what := "updated"
	if o.Created {
		what = "created"
	}
	if o.Unchanged {
		what = "unchanged"
	}
	out.line("%s %s", out.paint(bold, a.StackName), out.paint(green, what))
	if id := o.Resources["HttpApi"]; id != "" {
		out.line("HTTP API  %s", conn.Endpoint+"/_aws/execute-api/"+id)
	}
	keys := make([]string, 0, len(o.Outputs))
	for k := range o.Outputs {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		out.line("%s = %s", k, o.Outputs[k])
	}
	return nil
}

// missingSources refuses event sources that the file uses and does not define, as a cloud does; for the rest it warns.
func missingSources(a *serverless.App, out *screen) error {
	var errs []error
	for _, r := range a.ReferencedARNs() {
		hint := ""
		if r.Nearest != "" {
			hint = fmt.Sprintf("; did you mean %s?", r.Nearest)
		}
		text := fmt.Sprintf("%s: the %s %q (%s) is not defined in the file%s", r.Pos, r.Kind, r.Name, r.Use, hint)
		if r.Use == serverless.EventSource {
			errs = append(errs, errors.New(text))
			continue
		}
		out.line("%s", out.paint(yellow, "warning: "+text))
	}
	return errors.Join(errs...)
}

type removeCommand struct {
	platform
	Dir   string `arg:"" optional:"" default:"." type:"existingdir" help:"The application's folder."`
	Stage string `help:"The stage; default: the file's, or dev."`
}

// Run removes the application's stack.
func (c *removeCommand) Run(ctx context.Context) error {
	out := newScreen(os.Stdout)
	conn, err := c.connect()
	if err != nil {
		return err
	}
	a, _, err := loadFor(ctx, conn, c.Dir, c.Stage, out)
	if err != nil {
		return err
	}
	found, err := (&deploy.Deployer{Client: conn.client}).Remove(ctx, a.StackName)
	if err != nil {
		return err
	}
	if !found {
		out.line("%s is not there: nothing to remove", out.paint(bold, a.StackName))
		return nil
	}
	out.line("%s %s", out.paint(bold, a.StackName), out.paint(green, "removed"))
	return nil
}

type packageCommand struct {
	Dir    string `arg:"" optional:"" default:"." type:"existingdir" help:"The application's folder."`
	Stage  string `help:"The stage; default: the file's, or dev."`
	Region string `help:"The region; default: the file's, or us-east-1."`
}

// Run prints the template.
func (c *packageCommand) Run(ctx context.Context) error {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	a, list, err := serverless.Load(ctx, dir, serverless.Options{Stage: c.Stage, Region: c.Region, AccountID: serveAccount, Env: os.LookupEnv})
	showDiagnostics(newScreen(os.Stderr), dir, list, err)
	if err != nil {
		return err
	}
	template, err := a.Template(nil)
	if err != nil {
		return err
	}
	_, err = fmt.Println(string(template))
	return err
}
