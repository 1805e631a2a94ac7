package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	api "sundog/api/events"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/lang/eventpattern"
)

const (
	maxEntries    = 256 << 10 // bytes of all entries of a call
	maxKnown      = 10_000    // compiled patterns that are kept
	defaultAge    = 24 * time.Hour
	defaultTries  = 185
	maxRetryDelay = 8 * time.Minute
)

// patterns keeps compiled patterns by their text. The zero value is ready.
type patterns struct {
	mu    sync.RWMutex
	known map[string]*eventpattern.Pattern
}

func (p *patterns) get(text string) (*eventpattern.Pattern, error) {
	p.mu.RLock()
	c := p.known[text]
	p.mu.RUnlock()
	if c != nil {
		return c, nil
	}
	c, err := eventpattern.Compile([]byte(text), eventpattern.EventBridge)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= maxKnown {
		p.known = map[string]*eventpattern.Pattern{}
	}
	p.known[text] = c
	return c, nil
}

// envelope is an event as targets see it.
type envelope struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

const seconds = "2006-01-02T15:04:05Z"

// encode writes an event without escaping what HTML would mind.
func (e envelope) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (s *service) putEvents(ctx context.Context, in *api.PutEventsInput) (*api.PutEventsOutput, error) {
	if err := refuse(map[string]bool{"EndpointId": in.EndpointId != nil}); err != nil {
		return nil, err
	}
	size := 0
	for _, e := range in.Entries {
		size += entrySize(e)
	}
	if size > maxEntries {
		return nil, errValidation("Total size of the entries in the request is over the limit.")
	}
	call := cloud.CallFrom(ctx)
	failed := int32(0)
	out := &api.PutEventsOutput{FailedEntryCount: &failed, Entries: []api.PutEventsResultEntry{}}
	sends := map[cloud.Scope][]bus.Delivery{}
	for _, e := range in.Entries {
		if code, message := checkEntry(e, call.Principal); code != "" {
			failed++
			out.Entries = append(out.Entries, api.PutEventsResultEntry{ErrorCode: &code, ErrorMessage: &message})
			continue
		}
		id, err := s.accept(ctx, e, sends)
		if err != nil {
			return nil, err
		}
		out.Entries = append(out.Entries, api.PutEventsResultEntry{EventId: &id})
	}
	for sc, ds := range sends {
		if err := s.d.Store.Update(ctx, func(tx store.Tx) error { return s.d.Bus.Emit(tx, shardOf(sc), ds...) }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func entrySize(e api.PutEventsRequestEntry) int {
	n := len(str(e.Source)) + len(str(e.DetailType)) + len(str(e.Detail))
	if e.Time != nil {
		n += 14
	}
	for _, r := range e.Resources {
		n += len(r)
	}
	return n
}

func checkEntry(e api.PutEventsRequestEntry, by cloud.Principal) (code, message string) {
	for _, m := range []struct {
		name  string
		value *string
	}{{"Source", e.Source}, {"DetailType", e.DetailType}, {"Detail", e.Detail}} {
		if str(m.value) == "" {
			return "InvalidArgument", "Parameter " + m.name + " is not valid. Reason: " + m.name + " is a required argument."
		}
	}
	if strings.HasPrefix(*e.Source, "aws.") && by.Kind != cloud.Service {
		return "NotAuthorizedForSourceException", "Not authorized for the source."
	}
	if d := strings.TrimSpace(*e.Detail); !strings.HasPrefix(d, "{") || !json.Valid([]byte(d)) {
		return "MalformedDetail", "Detail is malformed."
	}
	return "", ""
}

// accept makes an event of an entry, and adds what is to be delivered of it to sends.
func (s *service) accept(ctx context.Context, e api.PutEventsRequestEntry, sends map[cloud.Scope][]bus.Delivery) (string, error) {
	call := cloud.CallFrom(ctx)
	sc, b := busOf(ctx, e.EventBusName)
	at := s.d.Clock.Now()
	if e.Time != nil {
		at = *e.Time
	}
	var detail bytes.Buffer
	if err := json.Compact(&detail, []byte(*e.Detail)); err != nil {
		return "", err
	}
	ev := envelope{Version: "0", ID: s.d.IDs.UUID(), DetailType: *e.DetailType, Source: *e.Source, Account: call.Principal.Account, Time: at.UTC().Format(seconds), Region: call.Scope.Region,
		Resources: append([]string{}, e.Resources...), Detail: detail.Bytes()}
	if ev.Account == "" {
		ev.Account = sc.Account
	}
	body, err := ev.encode()
	if err != nil {
		return "", err
	}
	trace := call.Trace
	if t, ok := cloud.ParseTrace(str(e.TraceHeader)); ok {
		trace = t
	}
	ds, err := s.match(ctx, sc, b, body, trace, "")
	if len(ds) > 0 {
		sends[sc] = append(sends[sc], ds...)
	}
	return ev.ID, err
}

// match gives the deliveries of an event to the targets of the rules that it matches. An event on a bus that is not there goes nowhere, as
// on AWS.
func (s *service) match(ctx context.Context, sc cloud.Scope, b string, body []byte, trace cloud.Trace, hops string) ([]bus.Delivery, error) {
	v, err := decode(body)
	if err != nil {
		return nil, err
	}
	var hit []*rule
	err = s.d.Store.View(ctx, func(r store.Reader) error {
		hit = nil
		var failed error
		err := each(r, rules(sc, b), func(ru *rule) bool {
			if ru.Disabled || ru.Pattern == "" || len(ru.Targets) == 0 {
				return true
			}
			var p *eventpattern.Pattern
			if p, failed = s.patterns.get(ru.Pattern); failed != nil {
				return false
			}
			if p.Match(v) {
				hit = append(hit, ru)
			}
			return true
		})
		return errors.Join(err, failed)
	})
	if err != nil {
		return nil, err
	}
	var out []bus.Delivery
	for _, ru := range hit {
		more, err := s.deliveries(sc, ru, body, s.d.IDs.UUID(), trace, hops)
		if err != nil {
			return nil, err
		}
		for i := range more {
			more[i].Fresh = true
		}
		out = append(out, more...)
	}
	return out, nil
}

func decode(body []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// deliveries makes one delivery for each target of a rule; id tells apart what else the rule delivers.
func (s *service) deliveries(sc cloud.Scope, ru *rule, body []byte, id string, trace cloud.Trace, hops string) ([]bus.Delivery, error) {
	a := ruleARN(sc, ru.Bus, ru.Name)
	now := s.d.Clock.Now()
	src := source{json: body, ruleName: ru.Name, ruleARN: a.String(), ingested: now}
	var out []bus.Delivery
	for _, t := range ru.Targets {
		payload, err := src.input(t)
		if err != nil {
			return nil, err
		}
		to, err := cloud.ParseARN(str(t.Arn))
		if err != nil {
			return nil, err
		}
		d := bus.Delivery{ID: id + "/" + str(t.Id), Scope: sc, Source: a, Target: to, Payload: payload, As: actor(ru, t, a), Trace: trace, Parameters: map[string]string{},
			Expires: now.Add(defaultAge), Retry: bus.Retry{Max: defaultTries, Cap: maxRetryDelay, Jitter: true}}
		if p := t.RetryPolicy; p != nil && p.MaximumRetryAttempts != nil {
			d.Retry.Max = int(*p.MaximumRetryAttempts)
		}
		if p := t.RetryPolicy; p != nil && p.MaximumEventAgeInSeconds != nil {
			d.Expires = now.Add(time.Duration(*p.MaximumEventAgeInSeconds) * time.Second)
		}
		if q := t.DeadLetterConfig; q != nil && q.Arn != nil {
			if d.DeadLetter, err = cloud.ParseARN(*q.Arn); err != nil {
				return nil, err
			}
		}
		if q := t.SqsParameters; q != nil && q.MessageGroupId != nil {
			d.Parameters["MessageGroupId"] = *q.MessageGroupId
		}
		if p := t.KinesisParameters; p != nil {
			key, ok, err := src.get(str(p.PartitionKeyPath))
			if err != nil {
				return nil, err
			}
			d.Parameters["PartitionKey"] = asText(key, ok, false)
		}
		if to.Service == name {
			d.Parameters["hops"] = hops + "+"
		}
		out = append(out, d)
	}
	return out, nil
}

// actor is who delivers: the target's role, the rule's, or EventBridge for the rule.
func actor(ru *rule, t api.Target, ruleARN cloud.ARN) cloud.Principal {
	role := str(t.RoleArn)
	if role == "" {
		role = ru.Role
	}
	r, err := cloud.ParseARN(role)
	if err != nil || r.Service != "iam" {
		return cloud.ServicePrincipal("events.amazonaws.com", ruleARN)
	}
	return cloud.RoleSession(r, ru.Name)
}

func (s *service) testPattern(_ context.Context, in *api.TestEventPatternInput) (*api.TestEventPatternOutput, error) {
	p, err := eventpattern.Compile([]byte(str(in.EventPattern)), eventpattern.EventBridge)
	if err != nil {
		return nil, errPattern(err)
	}
	if !strings.HasPrefix(strings.TrimSpace(str(in.Event)), "{") || !json.Valid([]byte(str(in.Event))) {
		return nil, errValidation("Parameter Event is not valid.")
	}
	ok, err := p.MatchJSON([]byte(str(in.Event)))
	if err != nil {
		return nil, errValidation("Parameter Event is not valid.")
	}
	return &api.TestEventPatternOutput{Result: &ok}, nil
}
