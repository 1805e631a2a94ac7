package serverless

import (
	"fmt"
	"strings"
)

// cloudwatchEvent makes a rule on the default event bus.
func (c *compiler) cloudwatchEvent(fn *function, ev *event) {
	cfg := ev.cfg
	pattern := cfg.Get("event")
	if !pattern.Truthy() {
		c.errorf(ev.at, "the cloudwatchEvent event needs an event: the pattern")
		return
	}
	props := object("EventPattern", pattern, "State", enabledState(cfg))
	for _, p := range [][2]string{{"Description", "description"}, {"Name", "name"}} {
		if v := cfg.Get(p[1]); v.Truthy() {
			props.Set(p[0], v)
		}
	}
	target := object()
	c.inputOf(cfg, target)
	target.Set("Arn", fn.target())
	target.Set("Id", str(fn.key+"CloudWatchEvent"))
	props.Set("Targets", list(target))
	id := fmt.Sprintf("%sEventsRuleCloudWatchEvent%d", fn.id, ev.index)
	c.resources.Set(id, resource("AWS::Events::Rule", props, "DependsOn", fn.waits()))
	c.permission(fmt.Sprintf("%sLambdaPermissionEventsRuleCloudWatchEvent%d", fn.id, ev.index), fn, "events.amazonaws.com", getAtt(id, "Arn"))
}

// cloudwatchLogEvent subscribes the function to a log group. One permission covers all groups of the function: it is for what
// their names begin with alike.
func (c *compiler) cloudwatchLogEvent(fn *function, ev *event) {
	group, filter := ev.cfg, str("")
	if ev.cfg.Is(Map) {
		group = ev.cfg.Get("logGroup")
		if f := ev.cfg.Get("filter"); f.Truthy() {
			filter = f
		}
	}
	if group.Str() == "" {
		c.errorf(ev.at, "the cloudwatchLog event needs a logGroup: a name")
		return
	}
	permission := fn.id + "LambdaPermissionLogsSubscriptionFilterCloudWatchLog"
	deps := strs(permission)
	if w := fn.waits(); w != nil {
		deps.Items = append(deps.Items, w)
	}
	c.resources.Set(fmt.Sprintf("%sLogsSubscriptionFilterCloudWatchLog%d", fn.id, ev.index), object("Type", "AWS::Logs::SubscriptionFilter",
		"DependsOn", deps, "Properties", object("LogGroupName", group, "FilterPattern", filter, "DestinationArn", fn.target())))
	common := commonGroup(fn)
	c.permission(permission, fn, joinText("logs.", ref("AWS::Region"), ".amazonaws.com"),
		joinText("arn:", ref("AWS::Partition"), ":logs:", ref("AWS::Region"), ":", ref("AWS::AccountId"), ":log-group:", common, ":*"))
}

// commonGroup is the pattern that covers the names of all log groups that the function subscribes to.
func commonGroup(fn *function) string {
	var names []string
	for _, ev := range fn.events {
		if ev.typ != "cloudwatchLog" {
			continue
		}
		name := ev.cfg.Str()
		if ev.cfg.Is(Map) {
			name = ev.cfg.Get("logGroup").Str()
		}
		names = append(names, name)
	}
	prefix := names[0]
	same := true
	for _, n := range names[1:] {
		same = same && n == prefix
		for !strings.HasPrefix(n, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	if same && len(prefix) == len(names[0]) {
		return prefix
	}
	return prefix + "*"
}

// iotEvent makes a topic rule.
func (c *compiler) iotEvent(fn *function, ev *event) {
	cfg := ev.cfg
	sql := cfg.Get("sql")
	if !sql.Truthy() {
		c.errorf(ev.at, "the iot event needs an sql: the topic rule's statement")
		return
	}
	payload := object("RuleDisabled", isFalse(cfg.Get("enabled")), "Sql", sql,
		"Actions", list(object("Lambda", object("FunctionArn", fn.target()))))
	if d := cfg.Get("description"); d.Truthy() {
		payload.Set("Description", d)
	}
	if v := cfg.Get("sqlVersion"); v.Truthy() {
		payload.Set("AwsIotSqlVersion", v)
	}
	props := object("TopicRulePayload", payload)
	if n := cfg.Get("name"); n.Truthy() {
		props.Set("RuleName", n)
	}
	id := fmt.Sprintf("%sIotTopicRule%d", fn.id, ev.index)
	c.resources.Set(id, resource("AWS::IoT::TopicRule", props, "DependsOn", fn.waits()))
	c.permission(fmt.Sprintf("%sLambdaPermissionIotTopicRule%d", fn.id, ev.index), fn, "iot.amazonaws.com",
		joinText("arn:", ref("AWS::Partition"), ":iot:", ref("AWS::Region"), ":", ref("AWS::AccountId"), ":rule/", ref(id)))
}

// alexaSkillEvent lets a skill invoke the function; without an appId there is nothing to allow.
func (c *compiler) alexaSkillEvent(fn *function, ev *event) {
	c.alexa(fn, ev, "AlexaSkill", "alexa-appkit.amazon.com")
}

func (c *compiler) alexaSmartHomeEvent(fn *function, ev *event) {
	c.alexa(fn, ev, "AlexaSmartHome", "alexa-connectedhome.amazon.com")
}

func (c *compiler) alexa(fn *function, ev *event, name, principal string) {
	app := ev.cfg
	if ev.cfg.Is(Map) && !isIntrinsic(ev.cfg) {
		app = ev.cfg.Get("appId")
	}
	if !app.Truthy() {
		c.warnf(ev.at, "the %s event has no appId: no skill may invoke the function", ev.typ)
		return
	}
	id := fmt.Sprintf("%sLambdaPermission%s%d", fn.id, name, ev.index)
	c.permission(id, fn, principal, nil, "EventSourceToken", app)
	if isFalse(ev.cfg.Get("enabled")) {
		c.resources.Get(id, "Properties").Set("Action", str("lambda:DisableInvokeFunction"))
	}
}
