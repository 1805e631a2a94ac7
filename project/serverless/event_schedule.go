package serverless

import (
	"fmt"

	"sundog/internal/pattern"
)

var scheduleSyntax = pattern.New(`^(rate|cron|at)\(.+\)$`)

// scheduleEvent makes one rule (or, with method: scheduler, one schedule) for each rate.
func (c *compiler) scheduleEvent(fn *function, ev *event) {
	cfg := ev.cfg
	rates := []*Value{cfg}
	if cfg.Is(Map) && !isIntrinsic(cfg) {
		rates = []*Value{cfg.Get("rate")}
		if r := cfg.Get("rate"); r.Is(List) {
			rates = r.Items
		}
	}
	if len(rates) == 0 || rates[0].IsNull() {
		c.errorf(ev.at, "the schedule event needs a rate, such as rate(10 minutes) or cron(0 12 * * ? *)")
		return
	}
	if len(rates) > 1 && cfg.Has("name") {
		c.errorf(cfg.Get("name").Pos, "a schedule with several rates cannot have a name")
		return
	}
	for _, r := range rates {
		if r.Is(String) && !scheduleSyntax.MatchString(r.Text) {
			c.errorf(r.Pos, "%s is no schedule; it is rate(...) or cron(...)", quote(r.Text))
			continue
		}
		n := c.nextSchedule(fn)
		switch m := cfg.Get("method").Str(); m {
		case "", "eventBus":
			c.scheduleRule(fn, ev, r, n)
		case "scheduler":
			c.schedulerSchedule(fn, ev, r, n)
		default:
			c.add(Failure, cfg.Get("method").Pos, didYouMean(m, []string{"eventBus", "scheduler"}), "the method of a schedule must be eventBus or scheduler, not "+quote(m))
		}
	}
}

// nextSchedule numbers the schedules of a function from 1.
func (c *compiler) nextSchedule(fn *function) int {
	n := 1
	for c.resources.Get(fmt.Sprintf("%sEventsRuleSchedule%d", fn.id, n)) != nil || c.resources.Get(fmt.Sprintf("%sSchedulerSchedule%d", fn.id, n)) != nil {
		n++
	}
	return n
}

func (c *compiler) scheduleRule(fn *function, ev *event, rate *Value, n int) {
	cfg := ev.cfg
	if tz := cfg.Get("timezone"); tz.Truthy() {
		c.add(Failure, tz.Pos, "add method: scheduler", "a timezone needs the method scheduler")
	}
	props := object("ScheduleExpression", rate, "State", enabledState(cfg))
	if cfg.Has("name") {
		props.Set("Name", cfg.Get("name"))
	}
	if cfg.Has("description") {
		props.Set("Description", cfg.Get("description"))
	}
	target := object()
	c.inputOf(cfg, target)
	target.Set("Arn", fn.target())
	target.Set("Id", str(fn.key+"Schedule"))
	props.Set("Targets", list(target))
	id := fmt.Sprintf("%sEventsRuleSchedule%d", fn.id, n)
	c.resources.Set(id, resource("AWS::Events::Rule", props, "DependsOn", fn.waits()))
	c.permission(fmt.Sprintf("%sLambdaPermissionEventsRuleSchedule%d", fn.id, n), fn, "events.amazonaws.com", getAtt(id, "Arn"))
}

func (c *compiler) schedulerSchedule(fn *function, ev *event, rate *Value, n int) {
	cfg := ev.cfg
	for _, key := range []string{"inputPath", "inputTransformer"} {
		if v := cfg.Get(key); v.Truthy() {
			c.errorf(v.Pos, "%s cannot be set with the method scheduler", key)
		}
	}
	role, _ := c.roleOf(fn)
	target := object("Arn", fn.target(), "RoleArn", role)
	if in := cfg.Get("input"); in.Truthy() {
		target.Set("Input", jsonText(in))
	}
	props := object("ScheduleExpression", rate, "State", enabledState(cfg), "Target", target, "FlexibleTimeWindow", object("Mode", "OFF"))
	for _, p := range [][2]string{{"Name", "name"}, {"Description", "description"}, {"ScheduleExpressionTimezone", "timezone"}} {
		if cfg.Has(p[1]) {
			props.Set(p[0], cfg.Get(p[1]))
		}
	}
	c.resources.Set(fmt.Sprintf("%sSchedulerSchedule%d", fn.id, n), resource("AWS::Scheduler::Schedule", props, "DependsOn", fn.waits()))
	c.assumedBy("scheduler.amazonaws.com")
	arn := "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:" + fn.name
	for _, s := range c.statements { // once per function, however many schedules
		if s.Get("Resource").Is(List) && len(s.Get("Resource").Items) > 0 && s.Get("Resource").Items[0].Get("Fn::Sub").Str() == arn {
			return
		}
	}
	c.statements = append(c.statements, object("Effect", "Allow", "Action", strs("lambda:InvokeFunction"), "Resource", list(sub(arn), sub(arn+":*"))))
}
