package serverless

import (
	"fmt"
	"strings"
)

// eventBridgeEvent makes a rule on an event bus; a bus that is named plainly is made by the stack.
func (c *compiler) eventBridgeEvent(fn *function, ev *event) {
	cfg := ev.cfg
	schedule, pattern := cfg.Get("schedule"), cfg.Get("pattern")
	if !schedule.Truthy() && !pattern.Truthy() {
		c.errorf(ev.at, "the eventBridge event needs a pattern or a schedule")
		return
	}
	if v := c.provider.Get("eventBridge", "useCloudFormation"); isFalse(v) {
		c.errorf(v.Pos, "eventBridge.useCloudFormation: false is not supported: it needs the framework's custom resource")
		return
	}
	standard := shortRuleName(fmt.Sprintf("%s-rule-%d", fn.name, ev.index))
	name := orText(cfg.Get("name"), standard)
	bus, made := c.eventBus(cfg.Get("eventBus"))
	props := object()
	props.Set("Description", cfg.Get("description"))
	props.Set("EventBusName", bus)
	props.Set("EventPattern", pattern)
	props.Set("Name", str(name))
	props.Set("ScheduleExpression", schedule)
	props.Set("State", str(enabledState(cfg)))
	target := object("Arn", fn.target(), "Id", name+"-target")
	c.retryOf(cfg, target)
	c.inputOf(cfg, target)
	props.Set("Targets", list(target))
	id := idPart(standard) + "EventBridgeRule"
	res := object("Type", "AWS::Events::Rule")
	switch {
	case made != "" && fn.alias != "":
		res.Set("DependsOn", strs(made, fn.aliasID()))
	case made != "":
		res.Set("DependsOn", str(made))
	default:
		res.Set("DependsOn", fn.waits())
	}
	res.Set("Properties", props)
	c.resources.Set(id, res)
	c.eventBridgePermission(fn, ev, bus, name)
}

// shortRuleName keeps a rule's name within 64 characters, told apart by a hash.
func shortRuleName(name string) string {
	if len(name) <= 64 {
		return name
	}
	return name[:31] + "-" + strings.ToLower(hash43(name))[:32]
}

// eventBus gives the EventBusName of a rule (nil: the default bus) and the logical id of the bus when the stack makes it.
func (c *compiler) eventBus(bus *Value) (name *Value, made string) {
	switch {
	case bus.IsNull() || bus.Str() == "default":
		return nil, ""
	case bus.Kind != String:
		return bus, ""
	case strings.HasPrefix(bus.Text, "arn:"):
		return str(bus.Text[strings.LastIndexByte(bus.Text, '/')+1:]), ""
	}
	if strings.HasPrefix(bus.Text, "aws.partner/") {
		return bus, ""
	}
	id := functionID(bus.Text) + "EventBridgeEventBus"
	if !alphaNumericOnly(functionID(bus.Text)) {
		id = idPart(functionID(bus.Text)) + "EventBridgeEventBus"
	}
	c.resources.Set(id, resource("AWS::Events::EventBus", object("Name", bus)))
	return bus, id
}

func (c *compiler) retryOf(cfg, target *Value) {
	if r := cfg.Get("retryPolicy"); r.Truthy() {
		out := object()
		out.Set("MaximumEventAgeInSeconds", r.Get("maximumEventAge"))
		out.Set("MaximumRetryAttempts", r.Get("maximumRetryAttempts"))
		target.Set("RetryPolicy", out)
	}
	if d := cfg.Get("deadLetterQueueArn"); d.Truthy() {
		target.Set("DeadLetterConfig", object("Arn", d))
	}
}

func (c *compiler) eventBridgePermission(fn *function, ev *event, bus *Value, rule string) {
	parts := []*Value{str("rule")}
	switch {
	case bus != nil:
		parts = append(parts, bus)
	case ev.cfg.Get("eventBus").Str() == "default":
		parts = append(parts, str("default"))
	}
	parts = append(parts, str(rule))
	arn := join(":", str("arn"), ref("AWS::Partition"), str("events"), ref("AWS::Region"), ref("AWS::AccountId"), join("/", parts...))
	c.permission(fmt.Sprintf("%sEventBridgeLambdaPermission%d", fn.id, ev.index), fn, "events.amazonaws.com", arn)
}
