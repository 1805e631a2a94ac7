package apigateway

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/lang/httpevent"
	"sundog/lang/policydoc"
)

// verdict is what a Lambda authoriser said.
type verdict struct {
	allow   bool
	context any
	until   time.Time
	size    int // bytes of what the function said
}

// verdicts caches them by authoriser, identity and route. The zero value is ready; safe for concurrent use.
type verdicts struct {
	mu    sync.Mutex
	known map[string]verdict
	size  int // bytes of keys and of what functions said
}

// The bounds of what is cached: clients choose the keys, functions the verdicts.
const (
	maxVerdicts     = 10_000
	maxVerdictBytes = 16 << 20
	maxVerdict      = 64 << 10 // bytes of one; longer ones are asked for each time
)

func (v *verdicts) get(k string, now time.Time) (verdict, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	d, ok := v.known[k]
	return d, ok && now.Before(d.until)
}

func (v *verdicts) put(k string, d verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := len(k) + d.size
	if n > maxVerdict {
		return
	}
	if v.known == nil || len(v.known) >= maxVerdicts || v.size+n > maxVerdictBytes {
		v.known, v.size = map[string]verdict{}, 0
	}
	v.known[k] = d
	v.size += n
}

// maxReason is how much of an authoriser's error is logged.
const maxReason = 1024

// identitySources reads what the authoriser looks at; false when one is missing, which is a 401 without asking.
func (x *exchange) identitySources() ([]string, bool) {
	var out []string
	for _, s := range x.route.authorizer.IdentitySource {
		v := ""
		switch kind, name, _ := strings.Cut(strings.TrimPrefix(s, "$"), "."); {
		case strings.HasPrefix(name, "header."):
			v = x.headerFold(strings.TrimPrefix(name, "header."))
		case strings.HasPrefix(name, "querystring."):
			v = httpevent.Query(x.rawQuery).Get(strings.TrimPrefix(name, "querystring."))
		case kind == "context":
			v = map[string]string{"routeKey": x.route.key.Text, "stage": x.stage, "httpMethod": x.method, "path": x.path, "identity.sourceIp": x.ip}[name]
		case kind == "stageVariables":
			v = x.api.stages[x.stage].StageVariables[name]
		}
		if v == "" {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}

func (x *exchange) headerFold(name string) string {
	for n, v := range x.header {
		if strings.EqualFold(n, name) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// judge asks the route's authoriser. The answer is only of use when ok is false.
func (r *gatewayRoom) judge(ctx context.Context, x *exchange) (a answer, ok bool) {
	auth := x.route.authorizer
	if auth == nil {
		return a, true
	}
	sources, have := x.identitySources()
	if !have {
		return message(401, "Unauthorized"), false
	}
	now := r.d.Clock.Now()
	k := text(auth.AuthorizerId) + "\x00" + x.stage + "\x00" + strings.Join(sources, "\x00")
	if contains(auth.IdentitySource, "$context.routeKey") || text(auth.AuthorizerPayloadFormatVersion) == "2.0" {
		k += "\x00" + x.route.key.Text
	}
	v, cached := x.api.cache.get(k, now)
	if !cached {
		var err error
		if v, err = r.ask(ctx, x, sources); err != nil {
			r.d.Log.Warn("authorizer failed", "api", x.api.API, "authorizer", text(auth.Name), "error", err)
			return message(500, "Internal Server Error"), false
		}
		if ttl := auth.AuthorizerResultTtlInSeconds; ttl != nil && *ttl > 0 && len(sources) > 0 {
			v.until = now.Add(time.Duration(*ttl) * time.Second)
			x.api.cache.put(k, v)
		}
	}
	if !v.allow {
		return message(403, "Forbidden"), false
	}
	if v.context != nil {
		x.identity = map[string]any{"lambda": v.context}
		if x.route.payload == "1.0" {
			x.identity = v.context
		}
	}
	return a, true
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// ask invokes the authoriser's function and reads what it says: a simple response or a policy.
func (r *gatewayRoom) ask(ctx context.Context, x *exchange, sources []string) (verdict, error) {
	auth := x.route.authorizer
	var payload []byte
	var err error
	if text(auth.AuthorizerPayloadFormatVersion) == "1.0" {
		e := x.v1()
		e.Type, e.MethodArn, e.IdentitySource = "REQUEST", x.arn(), strings.Join(sources, ",")
		payload, err = json.Marshal(e)
	} else {
		e := x.request().Event()
		e.Type, e.RouteArn, e.IdentitySource = "REQUEST", x.arn(), sources
		payload, err = json.Marshal(e)
	}
	if err != nil {
		return verdict{}, err
	}
	res, err := r.d.Invoker.Invoke(ctx, principal(x, "authorizers/"+text(auth.AuthorizerId)), x.route.judge, payload, cloud.Mode{})
	if err != nil {
		return verdict{}, err
	}
	if res.FunctionError != "" {
		return verdict{}, cloud.Errorf(cloud.Internal, "AuthorizerFailure", "%s", res.Payload[:min(len(res.Payload), maxReason)])
	}
	v, err := readVerdict(res.Payload, auth.EnableSimpleResponses != nil && *auth.EnableSimpleResponses, x.arn())
	v.size = len(res.Payload)
	return v, err
}

func readVerdict(payload []byte, simple bool, arn string) (verdict, error) {
	var doc struct {
		IsAuthorized   *bool           `json:"isAuthorized"`
		Context        any             `json:"context"`
		PolicyDocument json.RawMessage `json:"policyDocument"`
	}
	if err := json.Unmarshal(payload, &doc); err != nil {
		return verdict{}, err
	}
	if simple {
		if doc.IsAuthorized == nil {
			return verdict{}, cloud.Errorf(cloud.Internal, "AuthorizerFailure", "the response has no isAuthorized")
		}
		return verdict{allow: *doc.IsAuthorized, context: doc.Context}, nil
	}
	p, err := policydoc.Parse(string(doc.PolicyDocument), policydoc.Identity)
	if err != nil {
		return verdict{}, err
	}
	v := verdict{context: doc.Context}
	for _, s := range p.Statements {
		if !matches(s.Actions, "execute-api:Invoke", s.NotAction) || !matches(s.Resources, arn, s.NotResource) {
			continue
		}
		if !s.Allow {
			return verdict{context: doc.Context}, nil
		}
		v.allow = true
	}
	return v, nil
}

func matches(patterns []string, s string, not bool) bool {
	for _, p := range patterns {
		g := policydoc.CompileFold(p)
		if g.Match(s, nil) {
			return !not
		}
	}
	return not
}
