package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"sundog/cloud/sigv4"
)

var (
	functionURL = regexp.MustCompile(`^https://([0-9a-z]+)\.lambda-url\.[a-z0-9-]+\.on\.aws/?(.*)$`)
	codeURL     = regexp.MustCompile(`^https://awslambda-[a-z0-9-]+-tasks\.s3\.`)
)

// Web sends a raw request, signed when keys are given.
func (c *Client) Web(ctx context.Context, method, url string, headers map[string]string, body []byte, signed bool) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for n, v := range headers {
		r.Header.Set(n, v)
	}
	if signed {
		r.Header.Del("Authorization")
		c.signer.Sign(r, sigv4.HashHex(body), c.keys, "lambda", "us-east-1", time.Now())
	}
	return c.http.Do(r)
}

// nth gives the n-th of the values that our answers brought under a name, from 0; "" when there are fewer.
func (s *Stand) nth(key string, n int) string {
	var all []string
	for _, g := range s.seen {
		if g.key == key && !slices.Contains(all, g.value) {
			all = append(all, g.value)
		}
	}
	if n >= len(all) {
		return ""
	}
	return all[n]
}

// address puts our address in the place of a recorded one: a function's URL, in the order in which they were made, or the newest location of a package.
func (p *Player) address(recorded string) (string, error) {
	switch m := functionURL.FindStringSubmatch(recorded); {
	case m != nil:
		i := slices.Index(p.urls, m[1])
		if i < 0 {
			i, p.urls = len(p.urls), append(p.urls, m[1])
		}
		if ours := p.stand.nth("FunctionUrl", i); ours != "" {
			return ours + m[2], nil
		}
		return "", fmt.Errorf("there are fewer than %d function URLs", i+1)
	case codeURL.MatchString(recorded):
		for _, g := range slices.Backward(p.stand.seen) {
			if g.key == "Location" {
				return g.value, nil
			}
		}
		return "", fmt.Errorf("no answer had the location of a package")
	}
	return "", fmt.Errorf("a raw request to %s, which the runner does not send", recorded)
}

// web sends a raw request of a case and compares what its pairs tell.
func (p *Player) web(ctx context.Context, call Call, pairs []*Pair) (string, error) {
	var in struct {
		URL     string
		Headers map[string]string
		Body    any
	}
	if err := json.Unmarshal(call.Params, &in); err != nil {
		return "", err
	}
	to, err := p.address(in.URL)
	if err != nil {
		return err.Error(), nil
	}
	v, err := plain(in.Body)
	if err != nil {
		return "", err
	}
	var body []byte
	switch v := v.(type) {
	case data:
		body = v
	case string:
		body = []byte(v)
	}
	resp, err := p.client.Web(ctx, call.Operation, to, in.Headers, body, in.Headers["Authorization"] != "")
	if err != nil {
		return err.Error(), nil
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error(), nil
	}
	for _, pair := range pairs {
		if diff := p.webAnswer(pair, resp, string(got)); diff != "" {
			return diff, nil
		}
	}
	return "", nil
}

// webAnswer compares the status, the body and the named headers of a raw answer with a label.
func (p *Player) webAnswer(pair *Pair, resp *http.Response, body string) string {
	var want map[string]any
	if err := json.Unmarshal(p.c.Snapshot[pair.Label], &want); err != nil {
		return err.Error()
	}
	got := map[string]any{}
	for k, v := range want {
		switch strings.ReplaceAll(k, "_", "") {
		case "statuscode":
			got[k] = float64(resp.StatusCode)
		case "content":
			got[k] = body
		case "headers":
			named := map[string]any{}
			if wanted, ok := v.(map[string]any); ok {
				for n := range wanted {
					named[n] = resp.Header.Get(n)
				}
			}
			got[k] = named
		}
	}
	return p.match.Match([]string{pair.Label}, want, got)
}
