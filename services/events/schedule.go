package events

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/timer"
	"sundog/lang/cron"
)

const timerKind = "events.schedule"

// alarm is the payload of a schedule's timer.
type alarm struct {
	Scope cloud.Scope `json:"scope"`
	Bus   string      `json:"bus"`
	Rule  string      `json:"rule"`
}

// setTimer sets the timer of a rule's schedule for the first due time after a moment, or takes it back.
func (s *service) setTimer(tx store.Tx, sc cloud.Scope, ru *rule, after time.Time) error {
	id := ruleARN(sc, ru.Bus, ru.Name).String()
	if ru.Schedule == "" || ru.Disabled {
		return s.d.Timers.Cancel(tx, shardOf(sc), timerKind, id)
	}
	c, err := cron.Parse(ru.Schedule, nil)
	if err != nil {
		return fmt.Errorf("events: the schedule of %s: %w", id, err)
	}
	due, ok := c.Next(after, ru.Start)
	if !ok {
		return s.d.Timers.Cancel(tx, shardOf(sc), timerKind, id)
	}
	payload, err := json.Marshal(alarm{Scope: sc, Bus: ru.Bus, Rule: ru.Name})
	if err != nil {
		return err
	}
	return s.d.Timers.Set(tx, timer.Timer{Shard: shardOf(sc), Kind: timerKind, ID: id, Due: due, Payload: payload})
}

// due delivers a scheduled event and sets the timer anew, in one commit. What became due several times while the platform was down is
// delivered once.
func (s *service) due(ctx context.Context, t timer.Timer) error {
	var a alarm
	if err := json.Unmarshal(t.Payload, &a); err != nil {
		return err
	}
	now := s.d.Clock.Now()
	if now.Before(t.Due) {
		now = t.Due
	}
	return s.d.Store.Update(ctx, func(tx store.Tx) error {
		var ru rule
		found, err := load(tx, ruleKey(a.Scope, a.Bus, a.Rule), &ru)
		if err != nil || !found || ru.Disabled || ru.Schedule == "" {
			return err
		}
		arn := ruleARN(a.Scope, ru.Bus, ru.Name).String()
		e := envelope{Version: "0", ID: s.d.IDs.UUID(), DetailType: "Scheduled Event", Source: "aws.events", Account: a.Scope.Account, Time: t.Due.UTC().Format(seconds),
			Region: a.Scope.Region, Resources: []string{arn}, Detail: json.RawMessage("{}")}
		body, err := e.encode()
		if err != nil {
			return err
		}
		// The id comes from the due time: a timer that fires again after a crash delivers nothing twice.
		ds, err := s.deliveries(a.Scope, &ru, body, arn+"@"+e.Time, cloud.NewTrace(s.d.Clock.Wall(), s.d.IDs), "")
		if err != nil {
			return err
		}
		if err := s.d.Bus.Emit(tx, shardOf(a.Scope), ds...); err != nil {
			return err
		}
		return s.setTimer(tx, a.Scope, &ru, now)
	})
}
