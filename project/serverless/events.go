package serverless

import "sort"

// compileEvents compiles the events of every function, one type after the other. Types that stand on one shared API are
// compiled whole.
func (c *compiler) compileEvents() {
	compilers := c.eventCompilers()
	types := make([]string, 0, len(compilers)+3)
	for t := range compilers {
		types = append(types, t)
	}
	types = append(types, "http", "httpApi", "websocket", "s3")
	sort.Strings(types)
	c.checkEventTypes(types)
	for _, t := range types {
		switch t {
		case "http":
			c.restEvents()
		case "httpApi":
			c.httpAPIEvents()
		case "websocket":
			c.websocketEvents()
		case "s3":
			c.s3Events()
		default:
			c.eachEvent(t, compilers[t])
		}
	}
}

// eventCompilers has one entry per event type whose events stand alone.
func (c *compiler) eventCompilers() map[string]func(*function, *event) {
	return map[string]func(*function, *event){
		"alexaSkill":      c.alexaSkillEvent,
		"alexaSmartHome":  c.alexaSmartHomeEvent,
		"cloudwatchEvent": c.cloudwatchEvent,
		"cloudwatchLog":   c.cloudwatchLogEvent,
		"cognitoUserPool": c.cognitoEvent,
		"eventBridge":     c.eventBridgeEvent,
		"iot":             c.iotEvent,
		"schedule":        c.scheduleEvent,
		"sns":             c.snsEvent,
		"sqs":             c.sqsEvent,
		"stream":          c.streamEvent,
	}
}

func (c *compiler) eachEvent(typ string, compile func(*function, *event)) {
	for _, fn := range c.functions {
		n := 0
		for i := range fn.events {
			if ev := &fn.events[i]; ev.typ == typ {
				n++
				ev.index = n
				compile(fn, ev)
			}
		}
	}
}

// refusedEvents are types of the framework's that are not compiled, with the reason.
var refusedEvents = map[string]string{
	"activemq":             "there is no Amazon MQ here",
	"alb":                  "there is no load balancer here; use httpApi",
	"cloudFront":           "Lambda@Edge needs a content network",
	"iotFleetProvisioning": "there is no IoT fleet provisioning here",
	"kafka":                "there is no Kafka here",
	"msk":                  "there is no Managed Streaming for Kafka here",
	"rabbitmq":             "there is no Amazon MQ here",
}

func (c *compiler) checkEventTypes(types []string) {
	for _, fn := range c.functions {
		for _, ev := range fn.events {
			if contains(types, ev.typ) {
				continue
			}
			if why, ok := refusedEvents[ev.typ]; ok {
				c.errorf(ev.at, "the event type %s is not supported: %s", quote(ev.typ), why)
				continue
			}
			c.add(Failure, ev.at, didYouMean(ev.typ, types), "unknown event type "+quote(ev.typ)+" of function "+quote(fn.key))
		}
	}
}

// permission lets a service invoke the function (or its alias).
func (c *compiler) permission(id string, fn *function, principal any, sourceArn *Value, more ...any) {
	props := object("FunctionName", fn.target(), "Action", "lambda:InvokeFunction", "Principal", principal)
	props.Set("SourceArn", sourceArn)
	for i := 0; i+1 < len(more); i += 2 {
		props.Set(more[i].(string), toValue(more[i+1]))
	}
	c.resources.Set(id, resource("AWS::Lambda::Permission", props, "DependsOn", fn.waits()))
}

// enabledState is ENABLED unless enabled is false.
func enabledState(cfg *Value) string {
	if e := cfg.Get("enabled"); e.Is(Bool) && !e.Flag {
		return "DISABLED"
	}
	return "ENABLED"
}

func isFalse(v *Value) bool { return v.Is(Bool) && !v.Flag }

// inputOf sets what a rule's target gets instead of the event: at most one of input, inputPath and inputTransformer.
func (c *compiler) inputOf(cfg, target *Value) {
	input, path, transformer := cfg.Get("input"), cfg.Get("inputPath"), cfg.Get("inputTransformer")
	n := 0
	for _, v := range []*Value{input, path, transformer} {
		if v.Truthy() {
			n++
		}
	}
	if n > 1 {
		c.errorf(cfg.Pos, "only one of input, inputPath and inputTransformer may be set")
		return
	}
	switch {
	case input.Truthy():
		target.Set("Input", jsonText(input))
	case path.Truthy():
		target.Set("InputPath", path)
	case transformer.Truthy():
		out := object("InputTemplate", transformer.Get("inputTemplate"))
		out.Set("InputPathsMap", transformer.Get("inputPathsMap"))
		target.Set("InputTransformer", out)
	}
}

// jsonText gives a map as JSON text; a text stays as it is.
func jsonText(v *Value) *Value {
	if v.Is(String) {
		return v
	}
	return str(v.JSON())
}

// filterCriteria sets filterPatterns of an event source mapping.
func filterCriteria(cfg, props *Value) {
	patterns := cfg.Get("filterPatterns")
	if !patterns.Is(List) || len(patterns.Items) == 0 {
		return
	}
	filters := list()
	for _, p := range patterns.Items {
		filters.Items = append(filters.Items, object("Pattern", p.JSON()))
	}
	props.Set("FilterCriteria", object("Filters", filters))
}

// arnOf gives the ARN of an event that may be written as the ARN alone, and complains when there is none.
func (c *compiler) arnOf(ev *event) *Value {
	arn := ev.cfg
	if ev.cfg.Is(Map) && !isIntrinsic(ev.cfg) {
		arn = ev.cfg.Get("arn")
	}
	switch {
	case arn.IsNull():
		c.errorf(ev.at, "the %s event needs an arn", ev.typ)
	case arn.Is(Map) && isIntrinsic(arn):
		return arn
	case arn.Kind != String:
		c.errorf(arn.Pos, "the arn of the %s event must be a text or a function of CloudFormation, not %s", ev.typ, arn.Kind)
	default:
		return arn
	}
	return nil
}
