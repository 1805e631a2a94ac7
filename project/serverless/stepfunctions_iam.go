package serverless

import "strings"

// grant is one thing that a state machine's role must be allowed.
type grant struct {
	actions   []string
	resources *Value // a list, or the text "*"
}

// machineRole gives the role of a state machine: the user's, or one made of what its tasks call.
func (c *compiler) machineRole(m *stateMachine, definition *Value) (role *Value, depends []string) {
	if r := m.cfg.Get("role"); r.Truthy() {
		return r, nil
	}
	var grants []grant
	c.machineGrants(m, definition, &grants, 0)
	if m.cfg.Get("loggingConfig").Truthy() {
		grants = append(grants, grant{[]string{"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
			"logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"}, str("*")})
	}
	if m.cfg.Get("tracingConfig", "enabled").Truthy() {
		grants = append(grants, grant{[]string{"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"}, str("*")})
	}
	statements := list()
	for _, g := range consolidate(grants) {
		statements.Items = append(statements.Items, object("Effect", "Allow", "Action", strs(g.actions...), "Resource", g.resources))
	}
	statements.Items = append(statements.Items, m.cfg.Get("iamRoleStatements").items()...)
	if len(statements.Items) == 0 {
		statements.Items = append(statements.Items, object("Effect", "Deny", "Action", "*", "Resource", "*"))
	}
	id := m.id + "Role"
	c.resources.Set(id, resource("AWS::IAM::Role", rolePolicy(sub("states.${AWS::Region}.amazonaws.com"), c.stage+"-"+c.service+"-statemachine", statements)))
	return getAtt(id, "Arn"), []string{id}
}

// rolePolicy gives the properties of a role that a service assumes, with one policy.
func rolePolicy(service any, name string, statements *Value) *Value {
	return object("AssumeRolePolicyDocument", object("Version", "2012-10-17", "Statement",
		list(object("Effect", "Allow", "Principal", object("Service", service), "Action", "sts:AssumeRole"))),
		"Policies", list(object("PolicyName", name, "PolicyDocument", object("Version", "2012-10-17", "Statement", statements))))
}

// consolidate joins grants of the same actions, then those of the same resources.
func consolidate(grants []grant) []grant {
	var byAction []grant
	for _, g := range grants {
		found := false
		for i := range byAction {
			b := &byAction[i]
			if strings.Join(b.actions, ",") == strings.Join(g.actions, ",") && b.resources.Kind == g.resources.Kind {
				found = true
				if b.resources.Is(List) {
					b.resources = list(distinct(append(append([]*Value(nil), b.resources.Items...), g.resources.Items...))...)
				}
				break
			}
		}
		if !found {
			byAction = append(byAction, g)
		}
	}
	var out []grant
	for _, g := range byAction {
		found := false
		for i := range out {
			if out[i].resources.JSON() == g.resources.JSON() {
				found = true
				out[i].actions = union(out[i].actions, g.actions)
				break
			}
		}
		if !found {
			out = append(out, g)
		}
	}
	return out
}

func distinct(l []*Value) []*Value {
	var out []*Value
	seen := map[string]bool{}
	for _, v := range l {
		if k := v.JSON(); !seen[k] {
			seen[k] = true
			out = append(out, v)
		}
	}
	return out
}

func (c *compiler) machineGrants(m *stateMachine, machine *Value, out *[]grant, depth int) {
	if depth > maxDepth {
		return
	}
	for _, f := range machine.Get("States").entries() {
		state := f.Value
		switch state.Get("Type").Str() {
		case "Task":
			c.taskGrants(m, f, out)
		case "Map":
			c.mapGrants(m, state, out)
		}
		for _, inner := range innerMachines(state) {
			c.machineGrants(m, inner, out, depth+1)
		}
	}
}

// mapGrants are for a distributed Map, which starts executions of its own, and for its reader and writer.
func (c *compiler) mapGrants(m *stateMachine, state *Value, out *[]grant) {
	if state.Get("ItemProcessor", "ProcessorConfig", "Mode").Str() != "DISTRIBUTED" {
		return
	}
	name := func(kind, tail string) *Value {
		return list(object("Fn::Sub", list(str("arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:"+kind+":"+m.name+tail), object())))
	}
	*out = append(*out, grant{[]string{"states:StartExecution"}, name("stateMachine", "")},
		grant{[]string{"states:DescribeExecution", "states:StopExecution"}, name("execution", ":*")}, executionRuleGrant())
	if r := state.Get("ItemReader"); r.Is(Map) {
		*out = append(*out, s3Grant(orText(r.Get("Resource"), "s3:getObject"), argumentsOf(r)))
	}
	if w := state.Get("ResultWriter"); w.Is(Map) {
		*out = append(*out, s3Grant("s3:putObject", object("Bucket", argumentsOf(w).Get("Bucket"))))
	}
}

// argumentsOf gives a task's Parameters, or its Arguments when it is written in JSONata.
func argumentsOf(state *Value) *Value {
	if a := state.Get("Arguments"); a != nil {
		return a
	}
	return state.Get("Parameters")
}

func executionRuleGrant() grant {
	return grant{[]string{"events:PutTargets", "events:PutRule", "events:DescribeRule"}, list(object("Fn::Sub",
		list(str("arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"), object())))}
}

// taskGrants gives what one task needs. A task whose needs are not known is named in a warning.
func (c *compiler) taskGrants(m *stateMachine, f Field, out *[]grant) {
	task := f.Value
	res, args := task.Get("Resource"), argumentsOf(task)
	text := res.Str()
	service, ok := strings.CutPrefix(text, "arn:aws:states:::")
	if !ok {
		*out = append(*out, lambdaGrant(c.functionOrText(res)))
		return
	}
	service = strings.TrimPrefix(service, "aws-sdk:")
	base, _, _ := strings.Cut(service, ".")
	switch {
	case base == "lambda:invoke":
		*out = append(*out, c.invokeGrant(args.Get("FunctionName")))
	case strings.HasPrefix(base, "dynamodb:"):
		*out = append(*out, grant{[]string{"dynamodb:" + upperFirst(strings.TrimPrefix(base, "dynamodb:"))}, list(tableARN(args.Get("TableName")))})
	case base == "sns:publish":
		*out = append(*out, grant{[]string{"sns:Publish"}, list(orValue(args.Get("TopicArn"), str("*")))})
	case base == "sqs:sendMessage":
		*out = append(*out, grant{[]string{"sqs:SendMessage"}, list(queueARN(args.Get("QueueUrl")))})
	case base == "s3:getObject", base == "s3:putObject", base == "s3:listObjectsV2":
		*out = append(*out, s3Grant(base, args))
	case base == "events:putEvents":
		*out = append(*out, eventsGrant(args))
	case base == "states:startExecution", base == "sfn:startExecution":
		*out = append(*out, grant{[]string{"states:StartExecution"}, list(orValue(args.Get("StateMachineArn"), str("*")))})
		if strings.Contains(service, ".sync") {
			*out = append(*out, grant{[]string{"states:DescribeExecution", "states:StopExecution"}, str("*")}, executionRuleGrant())
		}
	default:
		c.add(Warning, res.Where(), "add it to iamRoleStatements of the state machine, or set its role",
			"no permission can be made for the task "+quote(f.Key)+" of the state machine "+quote(m.key)+" ("+text+")")
	}
}

func (c *compiler) functionOrText(v *Value) *Value {
	if isIntrinsic(v) {
		v = c.functionReference(v)
		if s := v.Get("Fn::Sub"); s.Is(String) {
			return sub(strings.ReplaceAll(s.Text, "${AWS::Partition}", "aws"))
		}
	}
	return v
}

// lambdaGrant allows a function by ARN, and its versions and aliases.
func lambdaGrant(arn *Value) grant {
	return grant{[]string{"lambda:InvokeFunction"}, list(arn, object("Fn::Sub", list(str("${functionArn}:*"), object("functionArn", arn))))}
}

// invokeGrant allows what lambda:invoke names: an ARN, a name, a reference, or (a path) anything.
func (c *compiler) invokeGrant(name *Value) grant {
	const prefix = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"
	invoke := []string{"lambda:InvokeFunction"}
	switch {
	case name == nil:
		return grant{invoke, list(str("*"))}
	case name.Is(String) && strings.HasPrefix(name.Text, "arn:"):
		return lambdaGrant(name)
	case name.Is(String):
		if strings.HasPrefix(name.Text, "{%") {
			return grant{invoke, list(str("*"))}
		}
		return grant{invoke, list(sub(prefix+name.Text), sub(prefix+name.Text+":*"))}
	}
	target := c.functionReference(name)
	if target.Get("Ref") == nil {
		return lambdaGrant(target)
	}
	arg := object("functionArn", target)
	return grant{invoke, list(object("Fn::Sub", list(str(prefix+"${functionArn}"), arg)), object("Fn::Sub", list(str(prefix+"${functionArn}:*"), arg)))}
}

func tableARN(name *Value) *Value {
	switch {
	case name == nil, strings.HasPrefix(name.Str(), "{%"):
		return str("*")
	case name.Get("Ref") != nil:
		return getAtt(name.Get("Ref").Str(), "Arn")
	case name.Is(String) && strings.HasPrefix(name.Text, "arn:"):
		return name
	case name.Is(String):
		return join(":", str("arn"), ref("AWS::Partition"), str("dynamodb"), ref("AWS::Region"), ref("AWS::AccountId"), str("table/"+name.Text))
	}
	return join(":", str("arn"), ref("AWS::Partition"), str("dynamodb"), ref("AWS::Region"), ref("AWS::AccountId"), join("/", str("table"), name))
}

func queueARN(url *Value) *Value {
	if r := url.Get("Ref"); r != nil {
		return getAtt(r.Str(), "Arn")
	}
	if parts := strings.Split(url.Str(), "/"); len(parts) == 5 {
		if host := strings.Split(parts[2], "."); len(host) > 1 {
			return str("arn:aws:sqs:" + host[1] + ":" + parts[3] + ":" + parts[4])
		}
	}
	return str("*")
}

func s3Grant(service string, args *Value) grant {
	action := "s3:GetObject"
	switch {
	case strings.Contains(service, "putObject"):
		action = "s3:PutObject"
	case strings.Contains(service, "listObjectsV2"):
		action = "s3:ListBucket"
	}
	bucket, key := args.Get("Bucket"), args.Get("Key")
	object1 := orText(key, "*")
	switch {
	case bucket == nil:
		return grant{[]string{action}, list(str("*"))}
	case bucket.Is(String) && action == "s3:ListBucket":
		return grant{[]string{action}, list(sub("arn:${AWS::Partition}:s3:::" + bucket.Text))}
	case bucket.Is(String):
		return grant{[]string{action}, list(sub("arn:${AWS::Partition}:s3:::" + bucket.Text + "/" + object1))}
	case action == "s3:ListBucket":
		return grant{[]string{action}, list(object("Fn::Sub", list(str("arn:${AWS::Partition}:s3:::${bucket}"), object("bucket", bucket))))}
	}
	return grant{[]string{action}, list(object("Fn::Sub", list(str("arn:${AWS::Partition}:s3:::${bucket}/"+object1), object("bucket", bucket))))}
}

func eventsGrant(args *Value) grant {
	var buses []*Value
	for _, e := range args.Get("Entries").items() {
		bus := orValue(e.Get("EventBusName"), str("default"))
		buses = append(buses, object("Fn::Sub", list(str("arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${eventBus}"), object("eventBus", bus))))
	}
	if len(buses) == 0 {
		return grant{[]string{"events:PutEvents"}, list(str("*"))}
	}
	return grant{[]string{"events:PutEvents"}, list(distinct(buses)...)}
}
