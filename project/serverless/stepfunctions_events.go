package serverless

import (
	"fmt"
	"strings"
)

// machineEvents compiles what starts a state machine; it tells whether the REST API got methods.
func (c *compiler) machineEvents(m *stateMachine) (rest bool) {
	schedules, rules := 0, 0
	for _, e := range m.cfg.Get("events").items() {
		if !e.Is(Map) || len(e.Fields) != 1 {
			c.errorf(e.Where(), "an event of a state machine is a map with one key, its type")
			continue
		}
		ev := &event{typ: e.Fields[0].Key, at: e.Fields[0].Pos, cfg: e.Fields[0].Value}
		switch ev.typ {
		case "schedule":
			schedules++
			c.machineSchedule(m, ev, schedules)
		case "eventBridge", "cloudwatchEvent":
			rules++
			c.machineRule(m, ev, rules)
		case "http":
			c.machineHTTP(m, ev)
			rest = true
		case "httpApi":
			c.add(Failure, ev.at, "use http, or a function with httpApi that calls StartExecution", "a state machine takes no httpApi event: the plugin would ignore it")
		default:
			known := []string{"schedule", "eventBridge", "cloudwatchEvent", "http"}
			c.add(Failure, ev.at, didYouMean(ev.typ, known), "unknown event type "+quote(ev.typ)+" of the state machine "+quote(m.key))
		}
	}
	return rest
}

// starterRole makes (once) the role by which a service starts the state machine.
func (c *compiler) starterRole(m *stateMachine, id, service, policy string) *Value {
	statements := list(object("Effect", "Allow", "Action", strs("states:StartExecution"), "Resource", ref(m.id)))
	role := resource("AWS::IAM::Role", rolePolicy(service, policy, statements))
	if service == "scheduler.amazonaws.com" || c.resources.Get(id) == nil {
		c.resources.Set(id, role)
	}
	return getAtt(id, "Arn")
}

func (c *compiler) machineSchedule(m *stateMachine, ev *event, n int) {
	cfg := ev.cfg
	rate := cfg
	if cfg.Is(Map) && !isIntrinsic(cfg) {
		rate = cfg.Get("rate")
	}
	if rate.IsNull() || rate.Is(List) {
		c.errorf(ev.at, "the schedule of a state machine needs one rate, such as rate(10 minutes)")
		return
	}
	scheduler := cfg.Get("method").Str() == "scheduler"
	service := "events.amazonaws.com"
	if scheduler {
		service = "scheduler.amazonaws.com"
	}
	stem := functionID(m.key)
	role := cfg.Get("role")
	if !role.Truthy() {
		role = c.starterRole(m, stem+"ScheduleToStepFunctionsRole", service, c.stage+"-"+c.region+"-"+c.service+"-"+m.key+"-schedule")
	}
	props := object("ScheduleExpression", rate, "State", enabledState(cfg))
	target := object()
	if scheduler {
		for _, p := range [][2]string{{"ScheduleExpressionTimezone", "timezone"}, {"Name", "name"}, {"Description", "description"}} {
			if v := cfg.Get(p[1]); v.Truthy() {
				props.Set(p[0], v)
			}
		}
		c.inputOf(cfg, target)
		target.Set("Arn", ref(m.id))
		target.Set("RoleArn", role)
		props.Set("Target", target)
		props.Set("FlexibleTimeWindow", object("Mode", "OFF"))
		c.resources.Set(fmt.Sprintf("%sStepFunctionsSchedulerSchedule%d", stem, n), resource("AWS::Scheduler::Schedule", props))
		return
	}
	for _, p := range [][2]string{{"Name", "name"}, {"Description", "description"}} {
		if v := cfg.Get(p[1]); v.Truthy() {
			props.Set(p[0], v)
		}
	}
	c.inputOf(cfg, target)
	target.Set("Arn", ref(m.id))
	target.Set("Id", str(m.key+"StepFunctionsSchedule"))
	target.Set("RoleArn", role)
	props.Set("Targets", list(target))
	c.resources.Set(fmt.Sprintf("%sStepFunctionsEventsRuleSchedule%d", stem, n), resource("AWS::Events::Rule", props))
}

func (c *compiler) machineRule(m *stateMachine, ev *event, n int) {
	cfg := ev.cfg
	pattern := orValue(cfg.Get("event"), cfg.Get("pattern"))
	if !pattern.Truthy() {
		c.errorf(ev.at, "the %s event needs an event: the pattern", ev.typ)
		return
	}
	stem := functionID(m.key)
	role := cfg.Get("iamRole")
	if !role.Truthy() {
		role = c.starterRole(m, stem+"EventToStepFunctionsRole", "events.amazonaws.com", c.stage+"-"+c.region+"-"+c.service+"-"+m.key+"-event")
	}
	props := object()
	if b := orValue(cfg.Get("eventBusName"), cfg.Get("eventBus")); !b.IsNull() {
		props.Set("EventBusName", b)
	}
	props.Set("EventPattern", pattern)
	props.Set("State", str(enabledState(cfg)))
	for _, p := range [][2]string{{"Description", "description"}, {"Name", "name"}} {
		if v := cfg.Get(p[1]); v.Truthy() {
			props.Set(p[0], v)
		}
	}
	target := object()
	c.inputOf(cfg, target)
	target.Set("Arn", ref(m.id))
	target.Set("Id", str(m.key+"CloudWatchEvent"))
	target.Set("RoleArn", role)
	c.retryOf(cfg, target)
	props.Set("Targets", list(target))
	c.resources.Set(fmt.Sprintf("%sEventsRuleCloudWatchEvent%d", stem, n), resource("AWS::Events::Rule", props))
}

// machineHTTP makes a method of the REST API that starts an execution with the request's body as its input.
func (c *compiler) machineHTTP(m *stateMachine, ev *event) {
	e := c.restEventOf(&function{key: m.key}, ev)
	if e == nil {
		return
	}
	for _, key := range []string{"authorizer", "request", "response", "iamRole"} {
		if v := e.cfg.Get(key); v.Truthy() {
			c.errorf(v.Pos, "%s of a state machine's http event is not supported", quote(key))
		}
	}
	action := orText(e.cfg.Get("action"), "StartExecution")
	if action != "StartExecution" && action != "StartSyncExecution" {
		c.errorf(e.cfg.Get("action").Pos, "the action of a state machine's http event is StartExecution or StartSyncExecution, not %s", quote(action))
		return
	}
	api := c.restAPIOf()
	c.collectCors(api, e)
	roleID := "ApigatewayToStepFunctionsRole"
	c.resources.Set(roleID, resource("AWS::IAM::Role", rolePolicy("apigateway.amazonaws.com", "apigatewaytostepfunctions",
		list(object("Effect", "Allow", "Action", strs("states:StartExecution", "states:StartSyncExecution"), "Resource", "*")))))
	body := `{"input": "$util.escapeJavaScript($input.json('$')).replaceAll("\\'", "'")", "name": "$context.requestId", "stateMachineArn": "${StateMachineArn}"}`
	template := object("Fn::Sub", list(str(body), object("StateMachineArn", ref(m.id))))
	headers := object()
	if e.cfg.Get("cors").Truthy() {
		headers.Set("method.response.header.Access-Control-Allow-Origin", str("'"+orText(e.cfg.Get("cors", "origin"), "*")+"'"))
	}
	responses, declared := list(), list()
	for _, code := range []string{"200", "400"} {
		pattern := strings.TrimPrefix(code, "200")
		responses.Items = append(responses.Items, object("StatusCode", code, "SelectionPattern", pattern, "ResponseParameters", headers, "ResponseTemplates", object()))
		names := object()
		for _, f := range headers.Fields {
			names.Set(f.Key, boolean(true))
		}
		declared.Items = append(declared.Items, object("ResponseParameters", names, "ResponseModels", object(), "StatusCode", code))
	}
	integration := object("IntegrationHttpMethod", "POST", "Type", "AWS", "Credentials", getAtt(roleID, "Arn"),
		"Uri", joinText("arn:", ref("AWS::Partition"), ":apigateway:", ref("AWS::Region"), ":states:action/"+action), "PassthroughBehavior", "NEVER",
		"RequestTemplates", object("application/json", template, "application/x-www-form-urlencoded", template), "IntegrationResponses", responses)
	id := e.methodID()
	c.resources.Set(id, resource("AWS::ApiGateway::Method", object("HttpMethod", e.method, "RequestParameters", object(), "AuthorizationType", "NONE",
		"ApiKeyRequired", boolean(e.cfg.Get("private").Truthy()), "ResourceId", c.restPath(api, e.path), "RestApiId", api.id,
		"Integration", integration, "MethodResponses", declared)))
	api.methods = append(api.methods, id)
	c.corsOf(api, e.path)
}

// corsOf makes the OPTIONS method of one path.
func (c *compiler) corsOf(api *restAPI, path string) {
	all := api.cors
	defer func() { api.cors = all }()
	api.cors = nil
	for _, x := range all {
		if x.path == path && c.resources.Get((&restEvent{method: "OPTIONS", path: path}).methodID()) == nil {
			api.cors = append(api.cors, x)
		}
	}
	c.corsMethods(api)
}
