package asl

import (
	"strings"

	"sundog/lang/jsonpath"
)

var commonFields = []string{"Type", "Comment", "QueryLanguage"}

// stateFields are the members of each kind of state in the JSONPath language.
var stateFields = map[StateType][]string{
	Task: fields("Next End InputPath OutputPath ResultPath Parameters ResultSelector Assign Retry Catch Resource TimeoutSeconds " +
		"TimeoutSecondsPath HeartbeatSeconds HeartbeatSecondsPath Credentials"),
	Pass:     fields("Next End InputPath OutputPath ResultPath Parameters Result Assign"),
	Choice:   fields("Choices Default InputPath OutputPath Assign"),
	Wait:     fields("Next End InputPath OutputPath Assign Seconds SecondsPath Timestamp TimestampPath"),
	Succeed:  fields("InputPath OutputPath"),
	Fail:     fields("Error ErrorPath Cause CausePath"),
	Parallel: fields("Next End InputPath OutputPath ResultPath Parameters ResultSelector Assign Retry Catch Branches"),
	Map: fields("Next End InputPath OutputPath ResultPath Parameters ResultSelector Assign Retry Catch ItemsPath ItemSelector ItemProcessor " +
		"Iterator MaxConcurrency MaxConcurrencyPath ItemReader ItemBatcher ResultWriter ToleratedFailureCount ToleratedFailureCountPath " +
		"ToleratedFailurePercentage ToleratedFailurePercentagePath Label"),
}

// nataFields are the members that only the JSONata language has.
var nataFields = fields("Arguments Output Items")

func fields(s string) []string { return strings.Fields(s) }

// state compiles one state; depth nil: on its own, for TestState.
func (c *compiler) state(name string, o *jsonpath.Object, at string, depth *int) *State {
	s := &State{Name: name}
	typ, ok := c.str(o, at, "Type")
	if !ok {
		c.schema(at, "The field 'Type' is required but was missing")
		return s
	}
	s.Type = StateType(typ)
	allowed, ok := stateFields[s.Type]
	if !ok {
		c.schema(at+"/Type", "Value is not one of the allowed values [Task, Pass, Choice, Wait, Succeed, Fail, Parallel, Map]")
		return s
	}
	language := c.queryLanguage(o, at, c.language)
	if language == langNata {
		c.refuse("QueryLanguage JSONata")
		c.nata(s, o, at, depth)
		return s
	}
	c.known(o, at, commonFields, allowed)
	c.flow(s, o, at, depth)
	c.data(s, o, at)
	c.body(s, o, at, depth)
	s.Retry, s.Catch = c.retriers(o, at), c.catchers(o, at)
	return s
}

// nata checks what can be checked of a JSONata state.
func (c *compiler) nata(s *State, o *jsonpath.Object, at string, depth *int) {
	for _, f := range fields("InputPath OutputPath ResultPath Parameters ResultSelector ItemsPath") {
		if _, ok := o.Get(f); ok {
			c.schema(at, "'%s' is not supported in JSONata states, use Arguments and Output", f)
		}
	}
	c.known(o, at, commonFields, stateFields[s.Type], nataFields)
	c.flow(s, o, at, depth)
	if creds := c.object(o, at, "Credentials"); creds != nil {
		if _, ok := creds.Get("RoleArn"); !ok {
			c.schema(at+"/Credentials", "The field 'RoleArn' is required but was missing")
		}
	}
	if s.Type == Task {
		c.resource(s, o, at)
	}
	if s.Type == Choice {
		s.Default, _ = c.str(o, at, "Default")
		for _, r := range c.objects(o, at, "Choices") {
			next, _ := c.str(r, at, "Next")
			s.Choices = append(s.Choices, rule{Next: next})
		}
	}
	if s.Type == Parallel || s.Type == Map {
		c.nataState = true
		c.inner(s, o, at, depth)
		c.nataState = false
	}
	for _, k := range c.objects(o, at, "Catch") {
		next, _ := c.str(k, at, "Next")
		s.Catch = append(s.Catch, Catcher{Next: next})
	}
}

func (c *compiler) flow(s *State, o *jsonpath.Object, at string, depth *int) {
	switch s.Type {
	case Choice, Succeed, Fail:
		return
	}
	next, hasNext := c.str(o, at, "Next")
	s.Next, s.End = next, c.boolean(o, at, "End")
	switch {
	case depth == nil:
	case hasNext && s.End:
		c.schema(at, "'Next' and 'End' are mutually exclusive")
	case !hasNext && !s.End:
		c.schema(at, "These fields are required: [Next, End]")
	}
}

// data compiles the members that pick and shape data.
func (c *compiler) data(s *State, o *jsonpath.Object, at string) {
	s.input, s.output = c.dataPath(o, at, "InputPath"), c.dataPath(o, at, "OutputPath")
	s.result = c.resultPath(o, at)
	s.Parameters = c.template(o, at, "Parameters")
	s.ResultSelector = c.template(o, at, "ResultSelector")
	s.Assign = c.assign(o, at)
	if s.Type == Pass {
		s.Result, s.hasResult = o.Get("Result")
	}
}

func (c *compiler) assign(o *jsonpath.Object, at string) *template {
	obj := c.object(o, at, "Assign")
	if obj == nil {
		return nil
	}
	for name := range obj.All() {
		name = strings.TrimSuffix(name, ".$")
		if name == "" || len(name) > 80 || !isLetter(name[0]) && name[0] != '_' || name == "states" {
			c.schema(at+"/Assign", "Invalid variable name: '%s'", name)
		}
	}
	return c.template(o, at, "Assign")
}

func (c *compiler) dataPath(o *jsonpath.Object, at, key string) dataPath {
	v, ok := o.Get(key)
	if !ok {
		return dataPath{}
	}
	if v == nil {
		return dataPath{null: true}
	}
	return dataPath{expr: c.path(o, at, key)}
}

func (c *compiler) resultPath(o *jsonpath.Object, at string) resultPath {
	v, ok := o.Get("ResultPath")
	if !ok {
		return resultPath{}
	}
	if v == nil {
		return resultPath{null: true}
	}
	s, _ := v.(string)
	ref, err := jsonpath.CompileReference(s)
	if err != nil {
		c.schema(at+"/ResultPath", "Value is not a Reference Path: %s", err)
		return resultPath{}
	}
	return resultPath{ref: ref}
}

// path compiles a member that holds a path; nil when it is absent or wrong.
func (c *compiler) path(o *jsonpath.Object, at, key string) *expr {
	s, ok := c.str(o, at, key)
	if !ok {
		return nil
	}
	x, err := compilePath(s)
	if err != nil {
		c.schema(at+"/"+key, "Value is not a valid JSONPath: %s", err)
		return nil
	}
	return x
}

func (c *compiler) template(o *jsonpath.Object, at, key string) *template {
	v, ok := o.Get(key)
	if !ok {
		return nil
	}
	return compileTemplate(v, at+"/"+key, func(at, field string) {
		c.schema(at, "The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", field)
	})
}

// duration compiles a number and its ...Path twin.
func (c *compiler) duration(o *jsonpath.Object, at, key string, lo, hi int64) duration {
	d := duration{path: c.path(o, at, key+"Path")}
	if n := c.integer(o, at, key, lo, hi); n != nil {
		d.set, d.fixed = true, *n
	}
	if d.path != nil {
		if d.set {
			c.schema(at, "'%s' and '%sPath' are mutually exclusive", key, key)
		}
		d.set = true
	}
	return d
}

func (c *compiler) body(s *State, o *jsonpath.Object, at string, depth *int) {
	switch s.Type {
	case Task:
		c.task(s, o, at)
	case Wait:
		c.wait(s, o, at)
	case Choice:
		c.choices(s, o, at, depth != nil)
	case Fail:
		s.failError, s.failCause = c.text(o, at, "Error"), c.text(o, at, "Cause")
	case Parallel, Map:
		c.inner(s, o, at, depth)
	}
}

func (c *compiler) task(s *State, o *jsonpath.Object, at string) {
	c.resource(s, o, at)
	s.timeout = c.duration(o, at, "TimeoutSeconds", 1, 99999999)
	s.heartbeat = c.duration(o, at, "HeartbeatSeconds", 1, 99999999)
	if s.timeout.path == nil && s.heartbeat.path == nil && s.timeout.set && s.heartbeat.set && s.heartbeat.fixed >= s.timeout.fixed {
		c.schema(at, "'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'")
	}
	if creds := c.object(o, at, "Credentials"); creds != nil {
		_, ok1 := creds.Get("RoleArn")
		_, ok2 := creds.Get("RoleArn.$")
		if !ok1 && !ok2 {
			c.schema(at+"/Credentials", "The field 'RoleArn' is required but was missing")
		}
		s.Credentials = c.template(o, at, "Credentials")
	}
}

func (c *compiler) resource(s *State, o *jsonpath.Object, at string) {
	arn, ok := c.str(o, at, "Resource")
	if !ok {
		c.schema(at, "These fields are required: [Resource]")
		return
	}
	r, known := parseResource(arn)
	s.Resource = r
	at += "/Resource"
	switch {
	case !known:
		c.schema(at, "The resource provided %s is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.", arn)
	case !c.options.Express:
	case r.Kind == Activity:
		c.schema(at, "Express state machine does not support Activity ARN")
	case r.Pattern == Sync || r.Pattern == Sync2:
		c.schema(at, "Express state machine does not support '%s' service integration", r.Pattern)
	case r.Pattern == WaitForTaskToken:
		c.schema(at, "Express state machine does not support '.waitForTaskToken' service integration")
	}
}

func (c *compiler) wait(s *State, o *jsonpath.Object, at string) {
	s.seconds = c.duration(o, at, "Seconds", 0, 99999999)
	s.timestamp.path = c.path(o, at, "TimestampPath")
	var has bool
	if s.timestamp.fixed, has = c.str(o, at, "Timestamp"); has {
		if _, err := parseTimestamp(s.timestamp.fixed); err != nil {
			c.schema(at+"/Timestamp", "%s", err)
		}
	}
	n := 0
	for _, f := range fields("Seconds SecondsPath Timestamp TimestampPath") {
		if _, ok := o.Get(f); ok {
			n++
		}
	}
	if n != 1 {
		c.schema(at, "Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath]")
	}
}

func (c *compiler) text(o *jsonpath.Object, at, key string) text {
	var t text
	t.fixed, t.set = c.str(o, at, key)
	if s, ok := c.str(o, at, key+"Path"); ok {
		if t.set {
			c.schema(at, "'%s' and '%sPath' are mutually exclusive", key, key)
		}
		x, err := compileExpr(s)
		if err != nil {
			c.schema(at+"/"+key+"Path", "The value for the field '%sPath' must be a valid JSONPath or a valid intrinsic function call", key)
		}
		t.expr, t.set = x, true
	}
	return t
}
