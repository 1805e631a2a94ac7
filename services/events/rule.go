package events

import (
	"context"
	"slices"
	"strings"

	api "sundog/api/events"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/internal/pattern"
	"sundog/lang/cron"
	"sundog/lang/eventpattern"
)

const (
	maxRules   = 2000 // of one bus
	maxTargets = 5    // of one rule
)

var ruleName = pattern.New(`^[.\-_A-Za-z0-9]{1,64}$`)

func (ru *rule) state() string {
	if ru.Disabled {
		return "DISABLED"
	}
	return "ENABLED"
}

func (s *service) putRule(ctx context.Context, in *api.PutRuleInput) (*api.PutRuleOutput, error) {
	sc, bus := busOf(ctx, in.EventBusName)
	n := str(in.Name)
	if err := checkRule(in, bus); err != nil {
		return nil, err
	}
	a := ruleARN(sc, bus, n).String()
	next := rule{Name: n, Bus: bus, Pattern: str(in.EventPattern), Schedule: str(in.ScheduleExpression), Disabled: str(in.State) == "DISABLED", Description: str(in.Description),
		Role: str(in.RoleArn), Tags: tagsOf(in.Tags), Start: s.d.Clock.Now()}
	return &api.PutRuleOutput{RuleArn: &a}, s.d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := loadBus(tx, sc, bus); err != nil {
			return err
		}
		ru := next
		var old rule
		found, err := load(tx, ruleKey(sc, bus, n), &old)
		if err != nil {
			return err
		}
		if found {
			ru.Targets = old.Targets
			if ru.Tags == nil {
				ru.Tags = old.Tags
			}
			if ru.Schedule == old.Schedule && ru.Disabled == old.Disabled {
				ru.Start = old.Start
			}
		} else if err := roomForRule(tx, sc, bus); err != nil {
			return err
		}
		return s.saveRule(tx, sc, &ru)
	})
}

func checkRule(in *api.PutRuleInput, bus string) error {
	switch {
	case !ruleName.MatchString(str(in.Name)):
		return errValidation(`1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`, str(in.Name))
	case str(in.EventPattern) == "" && str(in.ScheduleExpression) == "":
		return errValidation("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	case str(in.ScheduleExpression) != "" && bus != defaultBus:
		return errValidation("ScheduleExpression is supported only on the default event bus.")
	case in.State != nil && *in.State != "ENABLED" && *in.State != "DISABLED":
		return cloud.NotImplementedf("The rule state %s is not implemented.", *in.State)
	}
	if e := str(in.ScheduleExpression); e != "" {
		if c, err := cron.Parse(e, nil); err != nil || c.Kind() == "at" {
			return errValidation("Parameter ScheduleExpression is not valid.")
		}
	}
	if p := str(in.EventPattern); p != "" {
		if _, err := eventpattern.Compile([]byte(p), eventpattern.EventBridge); err != nil {
			return errPattern(err)
		}
	}
	return nil
}

func roomForRule(r store.Reader, sc cloud.Scope, bus string) error {
	n := 0
	err := each(r, rules(sc, bus), func(*rule) bool { n++; return n < maxRules })
	if err == nil && n >= maxRules {
		err = errLimit()
	}
	return err
}

// saveRule writes a rule and sets its timer as it now must be.
func (s *service) saveRule(tx store.Tx, sc cloud.Scope, ru *rule) error {
	if err := s.setTimer(tx, sc, ru, s.d.Clock.Now()); err != nil {
		return err
	}
	return save(tx, ruleKey(sc, ru.Bus, ru.Name), ru)
}

func (s *service) deleteRule(ctx context.Context, in *api.DeleteRuleInput) (*api.DeleteRuleOutput, error) {
	sc, bus := busOf(ctx, in.EventBusName)
	return &api.DeleteRuleOutput{}, s.d.Store.Update(ctx, func(tx store.Tx) error {
		var ru rule
		found, err := load(tx, ruleKey(sc, bus, str(in.Name)), &ru)
		if err != nil || !found {
			return err
		}
		if len(ru.Targets) > 0 {
			return errValidation("Rule can't be deleted since it has targets.")
		}
		ru.Disabled = true
		if err := s.setTimer(tx, sc, &ru, s.d.Clock.Now()); err != nil {
			return err
		}
		return tx.Delete(ruleKey(sc, bus, ru.Name))
	})
}

func (s *service) describeRule(ctx context.Context, in *api.DescribeRuleInput) (*api.DescribeRuleOutput, error) {
	sc, bus := busOf(ctx, in.EventBusName)
	out := &api.DescribeRuleOutput{}
	return out, s.d.Store.View(ctx, func(r store.Reader) error {
		ru, err := loadRule(r, sc, bus, str(in.Name))
		if err != nil {
			return err
		}
		a, state := ruleARN(sc, bus, ru.Name).String(), ru.state()
		*out = api.DescribeRuleOutput{Name: &ru.Name, Arn: &a, EventPattern: text(ru.Pattern), ScheduleExpression: text(ru.Schedule), State: &state, Description: text(ru.Description),
			RoleArn: text(ru.Role), EventBusName: &bus, CreatedBy: &sc.Account}
		return nil
	})
}

// changeRule rewrites a rule's row.
func (s *service) changeRule(ctx context.Context, bus *string, n string, change func(*rule) error) error {
	sc, b := busOf(ctx, bus)
	return s.d.Store.Update(ctx, func(tx store.Tx) error {
		ru, err := loadRule(tx, sc, b, n)
		if err != nil {
			return err
		}
		if err := change(ru); err != nil {
			return err
		}
		return s.saveRule(tx, sc, ru)
	})
}

func (s *service) enableRule(ctx context.Context, in *api.EnableRuleInput) (*api.EnableRuleOutput, error) {
	now := s.d.Clock.Now()
	return &api.EnableRuleOutput{}, s.changeRule(ctx, in.EventBusName, str(in.Name), func(ru *rule) error {
		if ru.Disabled {
			ru.Start = now
		}
		ru.Disabled = false
		return nil
	})
}

func (s *service) disableRule(ctx context.Context, in *api.DisableRuleInput) (*api.DisableRuleOutput, error) {
	return &api.DisableRuleOutput{}, s.changeRule(ctx, in.EventBusName, str(in.Name), func(ru *rule) error {
		ru.Disabled = true
		return nil
	})
}

// someRules gives the rules of a bus that fit, up to a limit, after a name; next is the token of the next page.
func (s *service) someRules(ctx context.Context, bus *string, limit *int32, after *string, fits func(*rule) bool) (out []*rule, next *string, err error) {
	sc, b := busOf(ctx, bus)
	max, from, err := window(limit, after)
	if err != nil {
		return nil, nil, err
	}
	err = s.d.Store.View(ctx, func(r store.Reader) error {
		out, next = nil, nil
		if _, err := loadBus(r, sc, b); err != nil {
			return err
		}
		return each(r, rules(sc, b), func(ru *rule) bool {
			if ru.Name <= from || !fits(ru) {
				return true
			}
			if len(out) == max {
				next = token(out[max-1].Name)
				return false
			}
			out = append(out, ru)
			return true
		})
	})
	return out, next, err
}

func (s *service) listRules(ctx context.Context, in *api.ListRulesInput) (*api.ListRulesOutput, error) {
	found, next, err := s.someRules(ctx, in.EventBusName, in.Limit, in.NextToken, func(ru *rule) bool { return strings.HasPrefix(ru.Name, str(in.NamePrefix)) })
	sc, bus := busOf(ctx, in.EventBusName)
	out := &api.ListRulesOutput{Rules: []api.Rule{}, NextToken: next}
	for _, ru := range found {
		a, state := ruleARN(sc, bus, ru.Name).String(), ru.state()
		out.Rules = append(out.Rules, api.Rule{Name: &ru.Name, Arn: &a, EventPattern: text(ru.Pattern), ScheduleExpression: text(ru.Schedule), State: &state, Description: text(ru.Description),
			RoleArn: text(ru.Role), EventBusName: &bus})
	}
	return out, err
}

func (s *service) listRulesOf(ctx context.Context, in *api.ListRuleNamesByTargetInput) (*api.ListRuleNamesByTargetOutput, error) {
	found, next, err := s.someRules(ctx, in.EventBusName, in.Limit, in.NextToken, func(ru *rule) bool {
		return slices.ContainsFunc(ru.Targets, func(t api.Target) bool { return str(t.Arn) == str(in.TargetArn) })
	})
	out := &api.ListRuleNamesByTargetOutput{RuleNames: []string{}, NextToken: next}
	for _, ru := range found {
		out.RuleNames = append(out.RuleNames, ru.Name)
	}
	return out, err
}

func (s *service) listTargets(ctx context.Context, in *api.ListTargetsByRuleInput) (*api.ListTargetsByRuleOutput, error) {
	sc, bus := busOf(ctx, in.EventBusName)
	limit, after, err := window(in.Limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &api.ListTargetsByRuleOutput{}
	return out, s.d.Store.View(ctx, func(r store.Reader) error {
		*out = api.ListTargetsByRuleOutput{Targets: []api.Target{}}
		ru, err := loadRule(r, sc, bus, str(in.Rule))
		if err != nil {
			return err
		}
		for _, t := range ru.Targets { // sorted by id
			if str(t.Id) <= after {
				continue
			}
			if n := len(out.Targets); n == limit {
				out.NextToken = token(*out.Targets[n-1].Id)
				break
			}
			out.Targets = append(out.Targets, t)
		}
		return nil
	})
}

func (s *service) putTargets(ctx context.Context, in *api.PutTargetsInput) (*api.PutTargetsOutput, error) {
	sc, bus := busOf(ctx, in.EventBusName)
	for _, t := range in.Targets {
		if err := checkTarget(busARN(sc, bus), t); err != nil {
			return nil, err
		}
	}
	none := int32(0)
	return &api.PutTargetsOutput{FailedEntryCount: &none, FailedEntries: []api.PutTargetsResultEntry{}}, s.changeRule(ctx, in.EventBusName, str(in.Rule), func(ru *rule) error {
		for _, t := range in.Targets {
			ru.Targets = append(without(ru.Targets, []string{str(t.Id)}), t)
		}
		if len(ru.Targets) > maxTargets {
			return errLimit()
		}
		slices.SortFunc(ru.Targets, func(a, b api.Target) int { return strings.Compare(str(a.Id), str(b.Id)) })
		return nil
	})
}

func without(in []api.Target, ids []string) []api.Target {
	return slices.DeleteFunc(in, func(t api.Target) bool { return slices.Contains(ids, str(t.Id)) })
}

func (s *service) removeTargets(ctx context.Context, in *api.RemoveTargetsInput) (*api.RemoveTargetsOutput, error) {
	none := int32(0)
	return &api.RemoveTargetsOutput{FailedEntryCount: &none, FailedEntries: []api.RemoveTargetsResultEntry{}}, s.changeRule(ctx, in.EventBusName, str(in.Rule), func(ru *rule) error {
		ru.Targets = without(ru.Targets, in.Ids)
		return nil
	})
}
