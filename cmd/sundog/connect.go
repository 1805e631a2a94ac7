package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/cloud/sigv4"
	"sundog/edge/wire/client"
	"sundog/internal/clock"
	"sundog/internal/ids"
)

// ready is the ready file: everything that another program needs to use a running application.
type ready struct {
	Endpoint    string                   `json:"endpoint"`
	HTTP        string                   `json:"http,omitempty"`
	Service     string                   `json:"service,omitempty"`
	Stage       string                   `json:"stage,omitempty"`
	Region      string                   `json:"region"`
	Account     string                   `json:"account"`
	PID         int                      `json:"pid"`
	Credentials credentials              `json:"credentials"`
	Functions   map[string]readyFunction `json:"functions,omitempty"`
	APIs        map[string]string        `json:"apis,omitempty"`
	Outputs     map[string]string        `json:"outputs,omitempty"`
	Resources   map[string]string        `json:"resources,omitempty"`
}

type credentials struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
}

// devKeys are those of every dev.
var devKeys = credentials{"test", "test"}

type readyFunction struct {
	Name   string   `json:"name"`
	ARN    string   `json:"arn"`
	Routes []string `json:"routes,omitempty"` // their keys in the HTTP API
}

// readyPath is where dev writes the ready file of a folder.
func readyPath(dir string) string { return filepath.Join(dir, ".sundog", "ready.json") }

// platform are the flags by which commands find a platform.
type platform struct {
	Endpoint string `help:"The platform's AWS endpoint; without it, that of the application running in this folder." env:"SUNDOG_ENDPOINT"`
	Region   string `help:"The region." default:"us-east-1" env:"AWS_REGION"`
}

// connection is a platform that a command talks to.
type connection struct {
	ready
	keyless bool // no keys were given: Credentials are devKeys
	client  *client.Client
	signer  *sigv4.Signer
}

// ownAgent is the user agent of commands that only look or deploy: the platform leaves their calls out of traces.
const ownAgent = "sundog"

func (p platform) connect() (*connection, error) { return p.connectAs(ownAgent) }

func (p platform) connectAs(agent string) (*connection, error) {
	c := &connection{ready: ready{Endpoint: p.Endpoint, Region: p.Region, Account: "000000000000"}}
	text, err := os.ReadFile(readyPath("."))
	if err == nil {
		var r ready
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", readyPath("."), err)
		}
		if p.Endpoint == "" || p.Endpoint == r.Endpoint {
			c.ready = r
		}
	}
	if c.Endpoint == "" {
		return nil, errNowhere
	}
	if c.Credentials.AccessKeyID == "" {
		c.Credentials = credentials{os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")}
	}
	if c.Credentials.AccessKeyID == "" {
		c.Credentials, c.keyless = devKeys, true
	}
	return c, c.open(agent)
}

// open makes the clients of a connection.
func (c *connection) open(agent string) (err error) {
	creds := sigv4.Credentials{AccessKey: c.Credentials.AccessKeyID, Secret: c.Credentials.SecretAccessKey, Token: os.Getenv("AWS_SESSION_TOKEN")}
	if c.Credentials.AccessKeyID != os.Getenv("AWS_ACCESS_KEY_ID") {
		creds.Token = ""
	}
	c.client, err = client.New(client.Options{
		Endpoint: c.Endpoint, Region: c.Region, Clock: clock.New(time.Now, 0), IDs: ids.New(), UserAgent: agent,
		Credentials: func(context.Context) (sigv4.Credentials, error) { return creds, nil },
	})
	c.signer = sigv4.NewSigner(sigv4.NewKeys(4))
	return err
}

// admin calls /_sundog/*; out may be nil. The caller of stream closes its body.
func (c *connection) admin(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.stream(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(body, out)
}

func (c *connection) stream(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Endpoint+"/_sundog/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	creds := sigv4.Credentials{AccessKey: c.Credentials.AccessKeyID, Secret: c.Credentials.SecretAccessKey}
	c.signer.Sign(req, sigv4.HashHex(body), creds, "sundog", c.Region, time.Now())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w (%s does not answer: %w)", errNowhere, c.Endpoint, errors.Unwrap(err))
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		var e struct{ Code, Message string }
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if json.Unmarshal(text, &e) != nil || e.Code == "" {
			var coded bool // an answer from before the request was anybody's
			if e.Code, e.Message, coded = strings.Cut(strings.TrimSpace(string(text)), ": "); !coded {
				e.Code, e.Message = resp.Status, strings.TrimSpace(string(text))
			}
		}
		return nil, &cloud.Error{Code: e.Code, Message: e.Message, Status: resp.StatusCode}
	}
	return resp, nil
}

// routes gives the keys of a function's routes in the HTTP API, by its key in the file or its name.
func (c *connection) routes(key string) []string {
	for k, f := range c.Functions {
		if k == key || f.Name == key {
			return f.Routes
		}
	}
	return nil
}

// functionName gives the physical name of a function by its key in the file or its name.
func (c *connection) functionName(key string) string {
	if f, ok := c.Functions[key]; ok {
		return f.Name
	}
	return key
}
