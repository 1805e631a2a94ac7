package serverless

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Resolver answers the variables that need a running platform. Each method gives found=false for what does not exist.
type Resolver interface {
	// SSM reads a parameter of the Systems Manager (decrypted); a StringList comes as one text with commas, and a path below
	// /aws/reference/secretsmanager/ reads a secret.
	SSM(ctx context.Context, region, name string) (value string, found bool, err error)
	// S3 reads an object as text.
	S3(ctx context.Context, bucket, key string) (value string, found bool, err error)
	// CF reads an output of a CloudFormation stack.
	CF(ctx context.Context, region, stack, output string) (value string, found bool, err error)
}

// sourceTypes are the types of variables that are served, for hints.
var sourceTypes = []string{"self", "opt", "env", "file", "ssm", "s3", "cf", "sls", "aws", "param", "strToBool", "git"}

// fetch reads one source; nil without an error is "no value".
func (r *variables) fetch(s source, params, address string, at Pos) (*Value, error) {
	if s.address == nil && s.typ != "strToBool" && s.typ != "file" {
		return nil, failure(at, "", "the source %s needs an address: %s:...", s.typ, s.typ)
	}
	switch s.typ {
	case "self":
		return r.dig(r.root, address)
	case "opt":
		return r.option(address), nil
	case "env":
		return textOrNil(r.env(address)), nil
	case "file":
		return r.file(params, address, at)
	case "sls":
		return r.framework(address, at)
	case "aws":
		return r.cloud(address, at)
	case "param":
		return r.param(address)
	case "strToBool":
		return strToBool(params, at)
	case "git":
		return r.git(address, at)
	case "ssm", "s3", "cf":
		return r.remote(s.typ, params, address, at)
	}
	return nil, failure(at, didYouMean(s.typ, sourceTypes), "unknown variable source %s", quote(s.typ))
}

func textOrNil(s string, ok bool) *Value {
	if !ok {
		return nil
	}
	return str(s)
}

// option gives a command-line option; the empty address gives all of them.
func (r *variables) option(name string) *Value {
	all := object()
	for k, v := range r.opts.Options {
		all.Set(k, str(v))
	}
	for k, v := range map[string]string{"stage": r.opts.Stage, "region": r.opts.Region} {
		if v != "" {
			all.Set(k, str(v))
		}
	}
	if name == "" {
		return all
	}
	return all.Get(name)
}

// stage is the stage by the framework's precedence: option, provider.stage, "dev".
func (r *variables) stage() (string, error) { return r.setting(r.opts.Stage, "stage", "dev") }

func (r *variables) region() (string, error) {
	return r.setting(r.opts.Region, "region", "us-east-1")
}

func (r *variables) setting(option, key, standard string) (string, error) {
	if option != "" {
		return option, nil
	}
	p := r.root.Get("provider")
	if p == nil {
		return standard, nil
	}
	v, err := r.dig(p, key)
	if err != nil {
		return "", err
	}
	if s := v.Str(); s != "" {
		return s, nil
	}
	return standard, nil
}

func (r *variables) framework(address string, at Pos) (*Value, error) {
	switch address {
	case "stage":
		s, err := r.stage()
		return str(s), err
	case "instanceId":
		if r.opts.InstanceID != "" {
			return str(r.opts.InstanceID), nil
		}
		id := make([]byte, 8)
		if _, err := rand.Read(id); err != nil {
			return nil, failure(at, "", "no random bytes: %v", err)
		}
		r.opts.InstanceID = hex.EncodeToString(id)
		return str(r.opts.InstanceID), nil
	}
	return nil, failure(at, didYouMean(address, []string{"stage", "instanceId"}), "unknown address sls:%s", address)
}

func (r *variables) cloud(address string, at Pos) (*Value, error) {
	switch address {
	case "accountId":
		return str(r.opts.AccountID), nil
	case "region":
		s, err := r.region()
		return str(s), err
	}
	return nil, failure(at, didYouMean(address, []string{"accountId", "region"}), "unknown address aws:%s", address)
}

// param looks in the command line's parameters, then in params.<stage>, then in params.default.
func (r *variables) param(name string) (*Value, error) {
	if v, ok := r.opts.Params[name]; ok {
		return str(v), nil
	}
	params := r.root.Get("params")
	if params == nil {
		return nil, nil
	}
	stage, err := r.stage()
	if err != nil {
		return nil, err
	}
	for _, group := range []string{stage, "default"} {
		p, err := r.dig(params, group)
		if err != nil || p == nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		if v := p.Get(name); v != nil {
			return r.shallow(v)
		}
	}
	return nil, nil
}

func strToBool(s string, at Pos) (*Value, error) {
	switch strings.ToLower(strings.Trim(s, `'" `)) {
	case "true", "1":
		return boolean(true), nil
	case "false", "0", "null", "":
		return boolean(false), nil
	}
	return nil, failure(at, "", "strToBool takes true, false, 1 or 0, not %s", quote(s))
}

var gitCommands = map[string][]string{
	"branch": {"rev-parse", "--abbrev-ref", "HEAD"}, "sha1": {"rev-parse", "HEAD"}, "commit": {"rev-parse", "--short", "HEAD"},
	"message": {"log", "-1", "--pretty=%B"}, "describe": {"describe", "--always"}, "describeLight": {"describe", "--always", "--tags"},
	"user": {"config", "user.name"}, "email": {"config", "user.email"}, "repository": {"rev-parse", "--show-toplevel"},
	"tags": {"tag", "--points-at", "HEAD"}, "isDirty": {"status", "--porcelain"},
}

func (r *variables) git(address string, at Pos) (*Value, error) {
	args, ok := gitCommands[address]
	if !ok {
		names := make([]string, 0, len(gitCommands))
		for n := range gitCommands {
			names = append(names, n)
		}
		return nil, failure(at, didYouMean(address, names), "unknown address git:%s", address)
	}
	ctx, cancel := context.WithTimeout(r.ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = r.dir
	out, err := cmd.Output()
	if err != nil {
		return nil, &absent{why: fmt.Sprintf("git:%s: git %s: %v", address, strings.Join(args, " "), err)}
	}
	text := strings.TrimSpace(string(out))
	switch address {
	case "isDirty":
		return boolean(text != ""), nil
	case "repository":
		return str(text[strings.LastIndexByte(text, '/')+1:]), nil
	}
	return str(text), nil
}

// remote asks the Resolver.
func (r *variables) remote(typ, params, address string, at Pos) (*Value, error) {
	res := r.opts.Resolver
	if res == nil {
		return nil, failure(at, "", "${%s:%s} needs a running platform, and there is none to ask", typ, address)
	}
	region, err := r.region()
	if err != nil {
		return nil, err
	}
	raw := false
	for _, p := range strings.Split(params, ",") {
		switch p = strings.TrimSpace(p); p {
		case "", "noDecrypt":
		case "raw":
			raw = true
		default:
			region = p
		}
	}
	text, found, err := ask(r.ctx, res, typ, region, address)
	if err != nil {
		return nil, failure(at, "", "${%s:%s}: %v", typ, address, err)
	}
	if !found {
		return nil, nil
	}
	if typ == "ssm" && !raw && strings.HasPrefix(address, "/aws/reference/secretsmanager/") {
		if v, err := fromJSON([]byte(text), at); err == nil && v.Kind == Map {
			return v, nil
		}
	}
	return str(text), nil
}

func ask(ctx context.Context, res Resolver, typ, region, address string) (string, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	switch typ {
	case "ssm":
		return res.SSM(ctx, region, address)
	case "s3":
		bucket, key, ok := strings.Cut(address, "/")
		if !ok {
			return "", false, fmt.Errorf("the address is bucket/key")
		}
		return res.S3(ctx, bucket, key)
	}
	stack, output, ok := strings.Cut(address, ".")
	if !ok {
		return "", false, fmt.Errorf("the address is stack.output")
	}
	return res.CF(ctx, region, stack, output)
}
