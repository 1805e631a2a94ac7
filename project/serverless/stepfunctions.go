package serverless

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// stateMachine is one entry of stepFunctions.stateMachines.
type stateMachine struct {
	key  string
	at   Pos
	cfg  *Value
	id   string // logical id
	name string // the name, or the key when there is none
}

// stepFunctions compiles the section of the plugin serverless-step-functions.
func (c *compiler) stepFunctions() {
	section := c.cfg.Get("stepFunctions")
	if section.IsNull() {
		return
	}
	if !c.hasPlugin("serverless-step-functions") {
		c.add(Warning, section.Pos, "add serverless-step-functions to plugins", "the section stepFunctions has no effect without its plugin")
		return
	}
	var machines []*stateMachine
	for _, f := range section.Get("stateMachines").entries() {
		if m := c.readStateMachine(f); m != nil {
			machines = append(machines, m)
		}
	}
	for _, m := range machines {
		c.compileStateMachine(section, m)
	}
	c.activities(section.Get("activities"))
	rest := false
	for _, m := range machines {
		rest = c.machineEvents(m) || rest
	}
	if rest {
		c.finishREST()
	}
}

func (c *compiler) readStateMachine(f Field) *stateMachine {
	if !f.Value.Is(Map) || f.Value.Get("definition").IsNull() {
		c.errorf(f.Pos, "the state machine %s must be a map with a definition", quote(f.Key))
		return nil
	}
	m := &stateMachine{key: f.Key, at: f.Pos, cfg: f.Value, name: orText(f.Value.Get("name"), f.Key)}
	switch {
	case f.Value.Get("id").Truthy():
		m.id = f.Value.Get("id").Str()
	case f.Value.Get("name").Is(String):
		m.id = functionID(m.name)
	default:
		m.id = functionID(f.Key) + "StepFunctionsStateMachine"
	}
	if !alphaNumericOnly(m.id) {
		c.add(Failure, f.Pos, "set an id of letters and digits", "the state machine "+quote(f.Key)+" has no valid logical id ("+quote(m.id)+")")
		return nil
	}
	for _, key := range []string{"alarms", "notifications", "encryptionConfig"} {
		if v := f.Value.Get(key); v.Truthy() {
			c.errorf(v.Pos, "%s of a state machine is not supported", quote(key))
		}
	}
	return m
}

func (c *compiler) compileStateMachine(section *Value, m *stateMachine) {
	definition := m.cfg.Get("definition")
	if definition.Is(String) {
		if parsed, err := parseYAML(definition.Pos.File, []byte(definition.Text)); err == nil && parsed.Is(Map) {
			definition = parsed
		}
	}
	if !definition.Is(Map) || !definition.Get("States").Is(Map) {
		c.errorf(definition.Pos, "the definition of the state machine %s must be a map with StartAt and States", quote(m.key))
		return
	}
	definition = definition.Clone()
	if section.Get("validate").Truthy() {
		setQueryLanguage(definition, "JSONPath", 0)
	}
	role, depends := c.machineRole(m, definition)
	props := object("DefinitionString", c.definitionString(definition, m.cfg.Get("useExactVersion").Truthy()), "RoleArn", role)
	if t := m.cfg.Get("type"); t.Truthy() {
		if t.Str() != "STANDARD" && t.Str() != "EXPRESS" {
			c.add(Failure, t.Pos, didYouMean(t.Str(), []string{"STANDARD", "EXPRESS"}), "the type of a state machine is STANDARD or EXPRESS, not "+quote(t.Str()))
		}
		props.Set("StateMachineType", t)
	}
	machineLogging(m.cfg.Get("loggingConfig"), props)
	if t := m.cfg.Get("tracingConfig"); t.Truthy() {
		props.Set("TracingConfiguration", object("Enabled", t.Get("enabled")))
	}
	if isFalse(m.cfg.Get("inheritGlobalTags")) {
		props.Set("Tags", tagsList(m.cfg.Get("tags")))
	} else {
		props.Set("Tags", tagsList(c.provider.Get("tags"), m.cfg.Get("tags")))
	}
	if n := m.cfg.Get("name"); n.Truthy() {
		props.Set("StateMachineName", n)
	}
	deps := append(depends, texts(asList(m.cfg.Get("dependsOn")))...)
	res := resource("AWS::StepFunctions::StateMachine", props)
	if len(deps) > 0 {
		res.Set("DependsOn", strs(deps...))
	}
	if m.cfg.Get("retain").Truthy() {
		res.Set("DeletionPolicy", str("Retain"))
	}
	c.resources.Set(m.id, res)
	c.output(m.id+"Arn", "Current StateMachine Arn", ref(m.id))
}

func machineLogging(cfg, props *Value) {
	if !cfg.Truthy() {
		return
	}
	destinations := list()
	for _, d := range cfg.Get("destinations").items() {
		destinations.Items = append(destinations.Items, object("CloudWatchLogsLogGroup", object("LogGroupArn", d)))
	}
	out := object("Level", orText(cfg.Get("level"), "OFF"), "IncludeExecutionData", boolean(cfg.Get("includeExecutionData").Truthy()))
	if len(destinations.Items) > 0 {
		out.Set("Destinations", destinations)
	}
	props.Set("LoggingConfiguration", out)
}

// setQueryLanguage writes the query language at every state, as the plugin does when it validates.
func setQueryLanguage(machine *Value, inherited string, depth int) {
	if depth > maxDepth {
		return
	}
	inherited = orText(machine.Get("QueryLanguage"), inherited)
	for _, f := range machine.Get("States").entries() {
		if f.Value.Get("QueryLanguage") == nil && f.Value.Is(Map) {
			f.Value.Set("QueryLanguage", str(inherited))
		}
		language := orText(f.Value.Get("QueryLanguage"), inherited)
		for _, inner := range innerMachines(f.Value) {
			setQueryLanguage(inner, language, depth+1)
		}
	}
}

// innerMachines gives the machines inside a Map or Parallel state.
func innerMachines(state *Value) []*Value {
	var out []*Value
	for _, key := range []string{"ItemProcessor", "Iterator"} {
		if v := state.Get(key); v.Is(Map) {
			out = append(out, v)
		}
	}
	return append(out, state.Get("Branches").items()...)
}

// definitionString gives the definition as text; functions of CloudFormation in it become variables of one Fn::Sub.
func (c *compiler) definitionString(definition *Value, exact bool) *Value {
	variables := object()
	replaced := c.replaceIntrinsics(definition, variables, exact, 0)
	if len(variables.Fields) == 0 {
		return str(definition.Indent())
	}
	return object("Fn::Sub", list(str(replaced.Indent()), variables))
}

func (c *compiler) replaceIntrinsics(v, variables *Value, exact bool, depth int) *Value {
	if depth > maxDepth {
		return v
	}
	if isIntrinsic(v) && v.Fields[0].Key != "Condition" {
		target := c.functionReference(v)
		if exact {
			target = c.exactVersion(target)
		}
		sum := sha256.Sum256([]byte(target.JSON()))
		name := hex.EncodeToString(sum[:16])
		variables.Set(name, target)
		return str("${" + name + "}")
	}
	switch v.Kind {
	case String:
		return str(strings.ReplaceAll(v.Text, "${", "${!"))
	case List:
		out := list()
		for _, it := range v.Items {
			out.Items = append(out.Items, c.replaceIntrinsics(it, variables, exact, depth+1))
		}
		return out
	case Map:
		out := object()
		for _, f := range v.Fields {
			out.Set(f.Key, c.replaceIntrinsics(f.Value, variables, exact, depth+1))
		}
		return out
	}
	return v
}

// functionReference lets Ref and GetAtt name a function by its key: hello stands for HelloLambdaFunction.
func (c *compiler) functionReference(v *Value) *Value {
	switch v.Fields[0].Key {
	case "Ref":
		if fn := c.functionByKey(v.Fields[0].Value.Str()); fn != nil {
			return ref(fn.logicalID())
		}
	case "Fn::GetAtt":
		if a := v.Fields[0].Value; a.Is(List) && len(a.Items) == 2 {
			if fn := c.functionByKey(a.Items[0].Str()); fn != nil {
				return getAtt(fn.logicalID(), a.Items[1].Str())
			}
		}
	}
	return v
}

// exactVersion makes a reference to a function one to the version of this deployment.
func (c *compiler) exactVersion(v *Value) *Value {
	name := v.Get("Ref").Str()
	if a := v.Get("Fn::GetAtt"); a.Is(List) && len(a.Items) == 2 && a.Items[1].Str() == "Arn" {
		name = a.Items[0].Str()
	}
	for _, fn := range c.functions {
		if fn.logicalID() == name && c.resources.Get(fn.versionID()) != nil {
			return ref(fn.versionID())
		}
	}
	return v
}

func (c *compiler) activities(names *Value) {
	for _, n := range names.items() {
		id := functionID(n.Str()) + "StepFunctionsActivity"
		c.resources.Set(id, resource("AWS::StepFunctions::Activity", object("Name", n)))
		c.output(id+"Arn", "Current StateMachine Arn", ref(id))
	}
}
