package events

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	api "sundog/api/events"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/services/room"
)

const (
	name       = "events"
	defaultBus = "default"
)

// busRecord is a row of table "bus".
type busRecord struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Policy      string            `json:"policy,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Created     time.Time         `json:"created"`
	Modified    time.Time         `json:"modified"`
}

// rule is a row of table "rule".
type rule struct {
	Name        string            `json:"name"`
	Bus         string            `json:"bus"`
	Pattern     string            `json:"pattern,omitempty"`
	Schedule    string            `json:"schedule,omitempty"`
	Disabled    bool              `json:"disabled,omitempty"`
	Description string            `json:"description,omitempty"`
	Role        string            `json:"role,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Targets     []api.Target      `json:"targets,omitempty"`
	Start       time.Time         `json:"start,omitzero"` // what a rate counts from
}

func shardOf(sc cloud.Scope) store.Shard { return store.ShardOf(name, sc.Account, sc.Region) }

func table(sc cloud.Scope, t string) store.Key {
	return store.K(shardOf(sc), name, t).Str(sc.Account).Str(sc.Region)
}

func busKey(sc cloud.Scope, bus string) store.Key     { return table(sc, "bus").Str(bus) }
func rules(sc cloud.Scope, bus string) store.Key      { return table(sc, "rule").Str(bus) }
func ruleKey(sc cloud.Scope, bus, n string) store.Key { return rules(sc, bus).Str(n) }

func given(sc cloud.Scope) room.Once {
	return room.Once{Rows: table(sc, "given"), Due: table(sc, "due")}
}

func busARN(sc cloud.Scope, bus string) cloud.ARN {
	return cloud.NewARN(name, sc, "event-bus/"+bus)
}

func ruleARN(sc cloud.Scope, bus, n string) cloud.ARN {
	if bus == defaultBus {
		return cloud.NewARN(name, sc, "rule/"+n)
	}
	return cloud.NewARN(name, sc, "rule/"+bus+"/"+n)
}

// busOf reads a bus's name or ARN; nil is the default bus.
func busOf(ctx context.Context, p *string) (cloud.Scope, string) {
	sc := cloud.CallFrom(ctx).Scope
	if p == nil || *p == "" {
		return sc, defaultBus
	}
	if a, err := cloud.ParseARN(*p); err == nil && a.Service == name {
		return a.Scope(), strings.TrimPrefix(a.Resource, "event-bus/")
	}
	return sc, *p
}

// ruleOf reads the resource of a rule's ARN: rule/name or rule/bus/name.
func ruleOf(a cloud.ARN) (bus, n string, ok bool) {
	rest, ok := strings.CutPrefix(a.Resource, "rule/")
	if i := strings.LastIndexByte(rest, '/'); ok && i >= 0 {
		return rest[:i], rest[i+1:], true
	}
	return defaultBus, rest, ok
}

func load(r store.Reader, key []byte, into any) (bool, error) {
	b, err := r.Get(key)
	if err != nil || b == nil {
		return false, err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return false, fmt.Errorf("events: row %q: %w", key, err)
	}
	return true, nil
}

func save(tx store.Tx, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Put(key, b)
}

// each reads the rows under a prefix, in order, until f gives false.
func each[T any](r store.Reader, prefix []byte, f func(*T) bool) error {
	it := r.Scan(store.Prefix(prefix))
	defer it.Close()
	for it.Next() {
		v := new(T)
		if err := json.Unmarshal(it.Value(), v); err != nil {
			return fmt.Errorf("events: row %q: %w", it.Key(), err)
		}
		if !f(v) {
			break
		}
	}
	return it.Err()
}

// loadBus gives a bus; the default bus is always there.
func loadBus(r store.Reader, sc cloud.Scope, bus string) (*busRecord, error) {
	b := &busRecord{Name: bus}
	found, err := load(r, busKey(sc, bus), b)
	if err == nil && !found && bus != defaultBus {
		err = errNoBus(bus)
	}
	return b, err
}

func loadRule(r store.Reader, sc cloud.Scope, bus, n string) (*rule, error) {
	ru := &rule{}
	found, err := load(r, ruleKey(sc, bus, n), ru)
	if err == nil && !found {
		if _, err = loadBus(r, sc, bus); err == nil {
			err = errNoRule(n, bus)
		}
	}
	return ru, err
}

func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
