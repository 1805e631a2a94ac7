package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"sundog/app"
	"sundog/internal/ids"
)

type serveCommand struct {
	Listen           string         `default:"127.0.0.1:4566" help:"Address of the AWS endpoint."`
	Data             string         `default:"sundog-data" type:"path" help:"Folder of the data."`
	Durability       string         `enum:"sync,relaxed" default:"sync" help:"sync: every answer waits for the disk; relaxed: a power cut may lose 100 ms."`
	AllowUnsandboxed bool           `help:"Run functions as plain processes of this user where the machine has no sandbox for them; without it, the platform does not start there."`
	AllowEgress      []string       `placeholder:"HOST|CIDR[:PORT]" sep:"none" help:"Destinations that functions may connect to; none otherwise. Repeatable; *.HOST stands for every name below."`
	Region           string         `default:"us-east-1" help:"The region of unsigned requests."`
	EgressAllow      []netip.Prefix `placeholder:"CIDR" help:"Private ranges that the platform's own requests (subscriptions by HTTP) may reach; public addresses may always be reached, link-local ones never."`
	Verbose          bool           `short:"v" help:"Show the platform's own log in detail."`
}

// serveAccount is the account of a served platform.
const serveAccount = "000000000000"

// Run serves until it is interrupted.
func (c *serveCommand) Run(ctx context.Context) error {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	root, err := rootKey(c.Data)
	if err != nil {
		return err
	}
	rules, err := egressRules(c.AllowEgress)
	if err != nil {
		return err
	}
	sandbox := app.SandboxRequired
	if c.AllowUnsandboxed {
		sandbox = app.SandboxPossible
	}
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	p, err := app.Open(ctx, app.Options{
		Data: c.Data, Durability: c.Durability, Listen: c.Listen, Enforce: true, Region: c.Region, Account: serveAccount, EgressAllow: c.EgressAllow,
		Sandbox: sandbox, AllowEgress: rules, Settle: true,
		Roots: map[string]string{root.AccessKeyID: root.SecretAccessKey}, Log: log, Progress: func(s string) { log.Info(s) },
	})
	var none *app.NoSandbox
	if errors.As(err, &none) {
		return fmt.Errorf("%w; `sundog doctor` tells more; --allow-unsandboxed runs functions as plain processes of this user", err)
	}
	if err != nil {
		return err
	}
	if ok, lack := p.Sandboxed(); !ok {
		fmt.Fprintf(os.Stderr, "functions run as plain processes of this user, with all that it may do: %v\n", lack)
	}
	fmt.Printf("ready endpoint=%s data=%s durability=%s account=%s credentials=%s\n", p.Endpoint, c.Data, c.Durability, serveAccount, keyPlace(c.Data))
	<-ctx.Done()
	return p.Close()
}

// egressRules reads the destinations of --allow-egress.
func egressRules(list []string) (rules []app.EgressRule, err error) {
	for _, s := range list {
		r, err := app.ParseEgressRule(s)
		if err != nil {
			return nil, fmt.Errorf("--allow-egress: %w", err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

const rootVariable = "SUNDOG_ROOT_ACCESS_KEY_ID"

func keyPlace(data string) string {
	if os.Getenv(rootVariable) != "" {
		return "environment"
	}
	return filepath.Join(data, "credentials")
}

// rootKey gives the root key: that of the environment, else the one in DATA/credentials, which is made at the first start.
func rootKey(data string) (credentials, error) {
	if id := os.Getenv(rootVariable); id != "" {
		secret := os.Getenv("SUNDOG_ROOT_SECRET_ACCESS_KEY")
		if secret == "" {
			return credentials{}, errors.New(rootVariable + " is set, but SUNDOG_ROOT_SECRET_ACCESS_KEY is not")
		}
		return credentials{id, secret}, nil
	}
	path := filepath.Join(data, "credentials")
	text, err := os.ReadFile(path)
	if err == nil {
		return readCredentials(path, text)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return credentials{}, err
	}
	g := ids.New()
	k := credentials{"AKIA" + g.Alnum(16), g.Hex(20)}
	file := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", k.AccessKeyID, k.SecretAccessKey)
	return k, os.WriteFile(path, []byte(file), 0o600)
}

// readCredentials reads the default profile of an AWS shared credentials file.
func readCredentials(path string, text []byte) (credentials, error) {
	var c credentials
	for line := range bytes.Lines(text) {
		k, v, _ := bytes.Cut(line, []byte("="))
		value := string(bytes.TrimSpace(v))
		switch string(bytes.TrimSpace(k)) {
		case "aws_access_key_id":
			c.AccessKeyID = value
		case "aws_secret_access_key":
			c.SecretAccessKey = value
		}
	}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return c, fmt.Errorf("%s has no key", path)
	}
	return c, nil
}
