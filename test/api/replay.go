package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Mover is the platform's clock: it moves, and it waits until deliveries are done.
type Mover interface {
	Settle(ctx context.Context) error
	Move(ctx context.Context, d time.Duration) error
}

// Player replays one case.
type Player struct {
	client *Client
	mover  Mover
	match  *Matcher
	stand  *Stand
	c      *Case
	hints  map[int]*Hint
	urls   []string // the ids of the recording's function URLs, in the order of their use
}

// NewPlayer makes a player.
func NewPlayer(c *Case, m Manifest, client *Client, mover Mover, hints map[int]*Hint) (*Player, error) {
	match, err := NewMatcher(c, m)
	for _, h := range hints {
		if h.Ignore != "" {
			match.ignore = append(match.ignore, splitPath(h.Ignore))
		}
	}
	return &Player{client: client, mover: mover, match: match, stand: NewStand(client.endpoint.String()), c: c, hints: hints}, err
}

var roleARN = regexp.MustCompile(`arn:aws:iam::` + Own + `:role/([A-Za-z0-9_+=,.@-]+)`)

// roles makes the roles that the case names but does not create: those of fixtures that many tests share.
func (p *Player) roles(ctx context.Context) error {
	made := map[string]bool{}
	for _, c := range p.c.Calls {
		if c.Service == "iam" && c.Operation == "CreateRole" {
			var in struct{ RoleName string }
			if err := json.Unmarshal(c.Params, &in); err != nil {
				return err
			}
			made[in.RoleName] = true
		}
	}
	for _, c := range p.c.Calls {
		for _, found := range roleARN.FindAllSubmatch(c.Params, -1) {
			name := string(found[1])
			if made[name] || c.Service == "iam" {
				continue
			}
			made[name] = true
			if err := p.role(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Player) role(ctx context.Context, name string) error {
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","events.amazonaws.com"]},"Action":"sts:AssumeRole"}]}`
	const all = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	a, err := p.client.Do(ctx, Call{Service: "iam", Operation: "CreateRole"}, map[string]any{"RoleName": name, "AssumeRolePolicyDocument": trust})
	if err != nil || a.Failed {
		return fmt.Errorf("role %s: %v %w", name, a.Value, err)
	}
	a, err = p.client.Do(ctx, Call{Service: "iam", Operation: "PutRolePolicy"}, map[string]any{"RoleName": name, "PolicyName": "all", "PolicyDocument": all})
	if err != nil || a.Failed {
		return fmt.Errorf("role %s: %v %w", name, a.Value, err)
	}
	return nil
}

// Play sends every call and gives what differs, or "".
func (p *Player) Play(ctx context.Context) (string, error) {
	if p.c.Service == "lambda" || p.c.Service == "events" || p.c.Service == "sns" {
		if err := p.roles(ctx); err != nil {
			return "", err
		}
	}
	for i := range p.c.Calls {
		diff, err := p.step(ctx, i)
		if err != nil || diff != "" {
			return fmt.Sprintf("call %d %s %s", i, p.c.Calls[i].Operation, diff), err
		}
	}
	return "", nil
}

func (p *Player) pairs(call int) []*Pair {
	var out []*Pair
	for i := range p.c.Pairs {
		if p.c.Pairs[i].Call == call {
			out = append(out, &p.c.Pairs[i])
		}
	}
	return out
}

// step sends one call as often as the test did, and a receive until its messages are there.
func (p *Player) step(ctx context.Context, i int) (string, error) {
	call := p.c.Calls[i]
	if call.NotSent != nil {
		return "", nil // the client itself refused it
	}
	if call.Caller != "" {
		return "needs " + call.Caller, nil
	}
	hint := p.hints[i]
	if hint == nil {
		hint = &Hint{}
	}
	if call.Region == "" {
		call.Region = hint.Region
	}
	if call.Service == "http" {
		if err := p.mover.Settle(ctx); err != nil {
			return "", err
		}
		return p.web(ctx, call, p.pairs(i))
	}
	params, err := p.params(call, hint)
	if err != nil {
		return "", err
	}
	if hint.Wait > 0 {
		if err := p.mover.Move(ctx, hint.Wait); err != nil {
			return "", err
		}
	}
	pairs := p.pairs(i)
	if len(pairs) == 0 && strings.HasPrefix(call.Operation, "Create") {
		call.Times = 1 // the test repeated it until it worked
	}
	receive := call.Operation == "ReceiveMessage"
	tries := max(call.Times, 1)
	if receive && len(pairs) > 0 || tries > 1 {
		tries += 15
	}
	logs := call.Operation == "FilterLogEvents" || call.Operation == "DescribeLogStreams" // what a function logs is there when it has run
	if logs {
		tries += 250
	}
	var diff string
	var heap []any
	for n := range tries {
		if err := p.pause(ctx, receive, n >= max(call.Times, 1)); err != nil {
			return "", err
		}
		answer, err := p.client.Do(ctx, call, copied(params).(map[string]any), hint.Header)
		if err != nil {
			return err.Error(), nil
		}
		p.stand.Learn(params, answer.Value)
		if receive {
			heap = gather(heap, answer.Value)
		}
		d := p.judge(call, &pairs, answer)
		if d == "" && n+1 >= call.Times {
			return "", nil
		}
		diff = cmp.Or(diff, d)
		if !receive && !logs && n+1 >= max(call.Times, 1) {
			break
		}
	}
	return diff, nil
}

// copied is a copy of parameters: sending makes the model's form of them in place.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = copied(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = copied(e)
		}
		return out
	}
	return v
}

// params gives the parameters to send. A receive does not wait itself: pause does.
func (p *Player) params(call Call, hint *Hint) (map[string]any, error) {
	var raw map[string]any
	if err := json.Unmarshal(call.Params, &raw); err != nil {
		return nil, err
	}
	v, err := plain(raw)
	if err != nil {
		return nil, err
	}
	params := p.stand.Params(v.(map[string]any), hint.Handle)
	if list, ok := params[hint.Double].([]any); ok {
		params[hint.Double] = append(list, list...)
	}
	if w, ok := params["WaitTimeSeconds"].(float64); ok && w > 0 && w <= 20 && call.Operation == "ReceiveMessage" {
		params["WaitTimeSeconds"] = 0
	}
	return params, nil
}

// pause waits until deliveries are done; a receive that found too little waits a second of the platform's time as well. What reads streams
// wakes in real time.
func (p *Player) pause(ctx context.Context, receive, again bool) error {
	if again {
		time.Sleep(20 * time.Millisecond)
	}
	if again && receive {
		return p.mover.Move(ctx, time.Second)
	}
	return p.mover.Settle(ctx)
}

// gather collects the messages of several answers to a receive into each, as tests do.
func gather(heap []any, answer map[string]any) []any {
	messages, _ := answer["Messages"].([]any)
	for _, m := range messages {
		id := member(m, "MessageId")
		i := slices.IndexFunc(heap, func(o any) bool { return member(o, "MessageId") == id })
		if i < 0 {
			heap = append(heap, m)
		} else {
			heap[i] = m
		}
	}
	if len(heap) > 0 {
		answer["Messages"] = slices.Clone(heap)
	}
	return heap
}

func member(v any, name string) any {
	m, _ := v.(map[string]any)
	return m[name]
}

// judge compares an answer with the pairs that are open, and takes those that match out.
func (p *Player) judge(call Call, open *[]*Pair, a Answer) string {
	if call.ExpectsError != a.Failed {
		e, _ := json.Marshal(a.Value["Error"])
		return fmt.Sprintf("should fail: %v; fails: %v %s", call.ExpectsError, a.Failed, e)
	}
	var first string
	*open = slices.DeleteFunc(*open, func(pair *Pair) bool {
		diff := p.compare(pair, a)
		if diff != "" && first == "" {
			first = diff
		}
		return diff == ""
	})
	return first
}

// compare compares an answer with one pair.
func (p *Player) compare(pair *Pair, a Answer) string {
	fault, err := pair.fault()
	if err != nil {
		return err.Error()
	}
	if fault != nil {
		return p.fault(pair, fault, a)
	}
	expected := pair.Expected
	if expected == nil {
		expected = p.c.Snapshot[pair.Label]
	}
	var want any
	if err := json.Unmarshal(expected, &want); err != nil {
		return err.Error()
	}
	path := []string{pair.Label}
	for _, e := range pair.LabelPath {
		if s, ok := e.(string); ok {
			path = append(path, s)
		}
	}
	if len(pair.AnswerPath) == 2 && pair.AnswerPath[0] == "Messages" {
		return p.anyMessage(path, want, a)
	}
	got, ok := at(a.Value, pair.AnswerPath)
	if !ok {
		return fmt.Sprintf("%s: the answer has no %v", pair.Label, pair.AnswerPath)
	}
	if m, ok := want.(map[string]any); ok && len(pair.AnswerPath) == 0 && m["ResponseMetadata"] == nil {
		g, _ := got.(map[string]any)
		delete(g, "ResponseMetadata")
	}
	return p.match.Match(path, want, got)
}

// anyMessage compares with each message, since a standard queue has no order.
func (p *Player) anyMessage(path []string, want any, a Answer) string {
	messages, _ := a.Value["Messages"].([]any)
	diff := strings.Join(path, ".") + ": no message"
	for _, m := range messages {
		if diff = p.match.Match(path, want, m); diff == "" {
			return ""
		}
	}
	return diff
}

func at(v any, path []any) (any, bool) {
	for _, e := range path {
		switch k := e.(type) {
		case string:
			m, _ := v.(map[string]any)
			next, ok := m[k]
			if !ok {
				return nil, false
			}
			v = next
		case float64:
			l, _ := v.([]any)
			if int(k) >= len(l) {
				return nil, false
			}
			v = l[int(k)]
		}
	}
	return v, true
}

// fault compares an error: code, message, status and the members that the recording has.
func (p *Player) fault(pair *Pair, f *Fault, a Answer) string {
	got, _ := a.Value["Error"].(map[string]any)
	path := []string{pair.Label, "Error"}
	if diff := p.match.Match(append(path, "Code"), f.Code, got["Code"]); diff != "" {
		m, _ := json.Marshal(got)
		return diff + " of " + string(m)
	}
	if f.Status != 0 {
		meta := map[string]any{"HTTPStatusCode": float64(f.Status)}
		if diff := p.match.Match([]string{pair.Label, "ResponseMetadata"}, meta, a.Value["ResponseMetadata"]); diff != "" {
			return diff
		}
	}
	if _, cut := f.Members["MessageRaw"]; cut { // the test kept the first line only
		text, _ := got["Message"].(string)
		got["MessageRaw"] = text
		got["Message"], _, _ = strings.Cut(text, "\n")
	}
	if f.Message != nil {
		if diff := p.match.Match(append(path, "Message"), *f.Message, got["Message"]); diff != "" {
			return diff
		}
	}
	if len(f.Constraints) > 0 {
		if diff := p.match.Match(append(path, "Message"), constraints(f.Constraints), constraints(split(got["Message"]))); diff != "" {
			return diff
		}
	}
	for k, v := range f.Members {
		if strings.HasPrefix(k, "_") {
			continue
		}
		if diff := p.match.Match(append(slices.Clip(path), k), v, got[k]); diff != "" {
			return diff
		}
	}
	return ""
}

// split takes a validation error's message apart.
func split(message any) []string {
	s, _ := message.(string)
	if _, after, ok := strings.Cut(s, "detected: "); ok {
		s = after
	}
	return strings.Split(s, "; ")
}

func constraints(list []string) any {
	var out []any
	for _, s := range slices.Sorted(slices.Values(list)) {
		out = append(out, s)
	}
	return out
}
