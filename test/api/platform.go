package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sundog/app"
	"sundog/cloud"
	"sundog/cloud/sigv4"
)

// Platform is a platform in memory for one case, with an administrator to call it as. Close it.
type Platform struct {
	Client *Client

	app *app.Platform
}

const rootKey, rootSecret = "AKIAROOT", "secret"

// Open starts a platform.
func Open(ctx context.Context) (*Platform, error) {
	a, err := app.Open(ctx, app.Options{
		Durability: app.Memory, Listen: "127.0.0.1:0", Enforce: true, Account: Own, Roots: map[string]string{rootKey: rootSecret}, Spares: -1,
	})
	if err != nil {
		return nil, err
	}
	p := &Platform{app: a}
	if err := p.administrator(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// administrator makes a user who may do all, as the recordings' was one, and the client that calls as it.
func (p *Platform) administrator(ctx context.Context) error {
	var all []cloud.Operation
	for _, r := range p.app.House.Rooms {
		all = append(all, r.Operations...)
	}
	boss, err := NewClient(p.app.Endpoint, all, sigv4.Credentials{AccessKey: rootKey, Secret: rootSecret})
	if err != nil {
		return err
	}
	const name, document = "tester", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	var made Answer
	for _, c := range []struct {
		op     string
		params map[string]any
	}{
		{"CreateUser", map[string]any{"UserName": name}},
		{"PutUserPolicy", map[string]any{"UserName": name, "PolicyName": "all", "PolicyDocument": document}},
		{"CreateAccessKey", map[string]any{"UserName": name}},
	} {
		if made, err = boss.Do(ctx, Call{Service: "iam", Operation: c.op}, c.params); err != nil || made.Failed {
			return fmt.Errorf("%s: %v %w", c.op, made.Value, err)
		}
	}
	id, secret := member(made.Value["AccessKey"], "AccessKeyId"), member(made.Value["AccessKey"], "SecretAccessKey")
	p.Client, err = NewClient(p.app.Endpoint, all, sigv4.Credentials{AccessKey: fmt.Sprint(id), Secret: fmt.Sprint(secret)})
	return err
}

// Settle waits until deliveries are done.
func (p *Platform) Settle(ctx context.Context) error { return p.app.Clock.Settle(ctx) }

// Move moves the platform's clock, and waits until what became due is done.
func (p *Platform) Move(ctx context.Context, d time.Duration) error {
	_, err := p.app.Clock.Advance(ctx, d)
	return err
}

// Close ends the platform.
func (p *Platform) Close() error { return p.app.Close() }
