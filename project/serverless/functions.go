package serverless

import (
	"path"
	"strings"
)

// function is one entry of functions, as the compiler works on it.
type function struct {
	key    string
	keyPos Pos
	cfg    *Value
	id     string // stem of its logical ids: "GetUser"
	name   string // its physical name
	alias  string // "provisioned" or "snapstart"; "" when events go to the function itself
	image  string // of a container image; "" for code
	events []event
}

// event is one entry of a function's events.
type event struct {
	typ   string
	cfg   *Value // what stands after the colon
	at    Pos
	index int // among the function's events of this type that were compiled, from 1
}

func (f *function) logicalID() string { return f.id + "LambdaFunction" }

// aliasID is the logical id of the alias that events go to, or "".
func (f *function) aliasID() string {
	switch f.alias {
	case "provisioned":
		return f.id + "ProvConcLambdaAlias"
	case "snapstart":
		return f.id + "SnapStartLambdaAlias"
	}
	return ""
}

// target is the ARN that events go to.
func (f *function) target() *Value {
	arn := getAtt(f.logicalID(), "Arn")
	if f.alias == "" {
		return arn
	}
	return join(":", arn, str(f.alias))
}

// waits is the DependsOn of what refers to the alias; nil when there is none.
func (f *function) waits() *Value {
	if f.alias == "" {
		return nil
	}
	return str(f.aliasID())
}

// readFunctions takes the functions of a map or a list of maps.
func (c *compiler) readFunctions() {
	fns := c.cfg.Get("functions")
	maps := []*Value{fns}
	if fns.Is(List) {
		maps = fns.Items
	}
	seen := map[string]bool{}
	for _, m := range maps {
		if m.IsNull() {
			continue
		}
		if m.Kind != Map {
			c.errorf(m.Pos, "functions must be a map, or a list of maps, not %s", m.Kind)
			continue
		}
		for _, f := range m.Fields {
			if seen[f.Key] {
				c.errorf(f.Pos, "the function %s is there twice", quote(f.Key))
				continue
			}
			seen[f.Key] = true
			c.readFunction(f)
		}
	}
}

func (c *compiler) readFunction(f Field) {
	if !f.Value.Is(Map) {
		c.errorf(f.Pos, "the function %s must be a map with a handler", quote(f.Key))
		return
	}
	fn := &function{key: f.Key, keyPos: f.Pos, cfg: f.Value, id: functionID(f.Key)}
	if !alphaNumericOnly(fn.id) {
		c.errorf(f.Pos, "the function name %s may hold letters, digits, - and _ only", quote(f.Key))
		return
	}
	fn.name = orText(f.Value.Get("name"), c.service+"-"+c.stage+"-"+f.Key)
	if len(fn.name) > 64 {
		c.errorf(f.Pos, "the function's full name %s is longer than 64 characters", quote(fn.name))
	}
	switch {
	case f.Value.Has("provisionedConcurrency") && f.Value.Get("provisionedConcurrency").Str() != "0":
		fn.alias = "provisioned"
	case f.Value.Get("snapStart").Truthy():
		fn.alias = "snapstart"
	}
	c.readImage(fn)
	c.readEvents(fn)
	c.functions = append(c.functions, fn)
}

func alphaNumericOnly(s string) bool { return s != "" && alphaNumeric(s) == s }

func (c *compiler) readImage(fn *function) {
	img := fn.cfg.Get("image")
	if img.IsNull() {
		if !fn.cfg.Get("handler").Is(String) {
			c.errorf(fn.keyPos, "the function %s has no handler", quote(fn.key))
		}
		return
	}
	uri := img
	if img.Is(Map) {
		uri = img.Get("uri")
	}
	if !strings.Contains(uri.Str(), ".") || !strings.Contains(uri.Str(), "/") {
		c.errorf(img.Pos, "the image of function %s must be the address of an image in a registry; images that are built from a Dockerfile are not served", quote(fn.key))
		return
	}
	fn.image = uri.Str()
}

func (c *compiler) readEvents(fn *function) {
	evs := fn.cfg.Get("events")
	if evs.IsNull() {
		return
	}
	if evs.Kind != List {
		c.errorf(evs.Pos, "events of function %s must be a list, not %s", quote(fn.key), evs.Kind)
		return
	}
	for _, e := range evs.Items {
		switch {
		case e.Is(String):
			fn.events = append(fn.events, event{typ: e.Text, at: e.Pos, cfg: null()})
		case e.Is(Map) && len(e.Fields) == 1:
			f := e.Fields[0]
			fn.events = append(fn.events, event{typ: f.Key, at: f.Pos, cfg: f.Value})
		case e.Is(Map) && len(e.Fields) > 1:
			c.add(Failure, e.Fields[1].Pos, "indent its settings deeper than the name of the event",
				"an event is a map with one key, its type; here are "+strings.Join(e.Keys(), ", "))
		default:
			c.errorf(e.Where(), "an event is a map with one key, its type")
		}
	}
}

// setting gives a function's own setting, or the provider's.
func (c *compiler) setting(fn *function, key string) *Value {
	if v := fn.cfg.Get(key); v != nil {
		return v
	}
	return c.provider.Get(key)
}

func (c *compiler) logsDisabled(fn *function) bool { return fn.cfg.Get("disableLogs").Truthy() }

func (c *compiler) logGroups() {
	for _, fn := range c.functions {
		if c.logsDisabled(fn) {
			continue
		}
		props := object("LogGroupName", "/aws/lambda/"+fn.name)
		if days := c.setting(fn, "logRetentionInDays"); days.Truthy() {
			props.Set("RetentionInDays", days)
		}
		if p := c.setting(fn, "logDataProtectionPolicy"); p.Truthy() {
			props.Set("DataProtectionPolicy", p)
		}
		c.resources.Set(fn.id+"LogGroup", resource("AWS::Logs::LogGroup", props))
	}
}

func (c *compiler) compileFunctions() {
	for _, fn := range c.functions {
		props := object("Code", c.code(fn))
		c.runtimeManagement(fn, props)
		if fn.image == "" {
			props.Set("Handler", fn.cfg.Get("handler"))
			props.Set("Runtime", str(c.runtime(fn)))
		} else {
			props.Set("PackageType", str("Image"))
			c.imageConfig(fn, props)
		}
		props.Set("FunctionName", str(fn.name))
		props.Set("MemorySize", orValue(c.setting(fn, "memorySize"), number(1024)))
		props.Set("Timeout", orValue(c.setting(fn, "timeout"), number(6)))
		c.optional(fn, props)
		role, depends := c.roleOf(fn)
		props.Set("Role", role)
		c.network(fn, props)
		c.lateProperties(fn, props)
		res := resource("AWS::Lambda::Function", props)
		if cond := fn.cfg.Get("condition"); cond.Truthy() {
			res.Set("Condition", cond)
		}
		c.functionDepends(fn, res, depends)
		c.resources.Set(fn.logicalID(), res)
	}
}

func orValue(v, standard *Value) *Value {
	if v.IsNull() {
		return standard
	}
	return v
}

// runtime is a function's runtime. The framework's own default is nodejs14.x, which Lambda takes no more.
func (c *compiler) runtime(fn *function) string {
	return orText(c.setting(fn, "runtime"), "nodejs20.x")
}

// artifactKey names the package of a function: its own, or the service's.
func (c *compiler) artifactKey(fn *function) string {
	if c.cfg.Get("package", "individually").Truthy() || fn.cfg.Get("package", "individually").Truthy() || fn.cfg.Get("package", "artifact").Truthy() {
		return fn.key
	}
	return c.service
}

func (c *compiler) code(fn *function) *Value {
	if fn.image != "" {
		return object("ImageUri", fn.image)
	}
	key := c.artifactKey(fn)
	file := key + ".zip"
	for _, ready := range []*Value{c.cfg.Get("package", "artifact"), fn.cfg.Get("package", "artifact")} {
		if ready.Truthy() {
			file = path.Base(ready.Str())
		}
	}
	return object("S3Bucket", c.codeBucket(), "S3Key", c.artifact(key, file).S3Key)
}

func (c *compiler) imageConfig(fn *function, props *Value) {
	img := fn.cfg.Get("image")
	cfg := object("Command", img.Get("command"), "EntryPoint", img.Get("entryPoint"), "WorkingDirectory", img.Get("workingDirectory"))
	if len(cfg.Fields) > 0 {
		props.Set("ImageConfig", cfg)
	}
}

func (c *compiler) runtimeManagement(fn *function, props *Value) {
	rm := c.setting(fn, "runtimeManagement")
	mode := rm.Str()
	if rm.Is(Map) {
		mode = rm.Get("mode").Str()
	}
	name := map[string]string{"onFunctionUpdate": "FunctionUpdate", "manual": "Manual"}[mode]
	if name == "" {
		return
	}
	cfg := object("UpdateRuntimeOn", name, "RuntimeVersionArn", rm.Get("arn"))
	props.Set("RuntimeManagementConfig", cfg)
}

// optional sets what a function has only when it, or the provider, says so.
func (c *compiler) optional(fn *function, props *Value) {
	if a := c.setting(fn, "architecture"); a.Truthy() {
		props.Set("Architectures", list(a))
	}
	if d := fn.cfg.Get("description"); d.Truthy() {
		props.Set("Description", d)
	}
	props.Set("Tags", tagsList(c.provider.Get("tags"), fn.cfg.Get("tags")))
	if s := fn.cfg.Get("ephemeralStorageSize"); s.Truthy() {
		props.Set("EphemeralStorage", object("Size", s))
	}
	c.deadLetter(fn, props)
	c.encryption(fn, props)
	if mode := c.tracingMode(fn); mode != "" {
		props.Set("TracingConfig", object("Mode", mode))
		c.allow(strs("*"), "xray:PutTraceSegments", "xray:PutTelemetryRecords")
	}
	if env := c.environment(fn); len(env.Fields) > 0 {
		props.Set("Environment", object("Variables", env))
	}
}

// encryption sets the key of the environment. Each key is one statement of the role.
func (c *compiler) encryption(fn *function, props *Value) {
	k := orValue(c.setting(fn, "kmsKeyArn"), orValue(c.setting(fn, "awsKmsKeyArn"), c.cfg.Get("service", "awsKmsKeyArn")))
	if !k.Truthy() {
		return
	}
	props.Set("KmsKeyArn", k)
	s := object("Effect", "Allow", "Action", strs("kms:Decrypt"), "Resource", list(k))
	for _, t := range c.statements {
		if t.JSON() == s.JSON() {
			return
		}
	}
	c.statements = append(c.statements, s)
}

// tracingMode gives Active, PassThrough or "".
func (c *compiler) tracingMode(fn *function) string {
	v := fn.cfg.Get("tracing")
	if v.IsNull() {
		v = c.provider.Get("tracing", "lambda")
	}
	switch {
	case v.Is(Bool) && v.Flag:
		return "Active"
	case v.Is(String):
		if v.Text != "Active" && v.Text != "PassThrough" {
			c.add(Failure, v.Pos, didYouMean(v.Text, []string{"Active", "PassThrough"}), "tracing must be true, false, Active or PassThrough, not "+quote(v.Text))
		}
		return v.Text
	}
	return ""
}

func (c *compiler) environment(fn *function) *Value {
	out := object()
	for _, f := range mergedMap(c.provider.Get("environment"), fn.cfg.Get("environment")).Fields {
		switch {
		case f.Value.IsNull():
		case f.Value.Kind == List || f.Value.Kind == Map && !isIntrinsic(f.Value):
			c.errorf(f.Pos, "the environment variable %s must be a text, not %s", quote(f.Key), f.Value.Kind)
		default:
			out.Set(f.Key, textual(f.Value))
		}
	}
	return out
}

func (c *compiler) deadLetter(fn *function, props *Value) {
	target := fn.cfg.Get("onError")
	if target.IsNull() {
		return
	}
	if target.Kind != String && !isIntrinsic(target) {
		c.errorf(target.Pos, "onError of function %s must be an ARN", quote(fn.key))
		return
	}
	props.Set("DeadLetterConfig", object("TargetArn", target))
	if target.Kind != String {
		return
	}
	switch {
	case strings.HasPrefix(target.Text, "arn:") && strings.Contains(target.Text, ":sns:"):
		c.allow(list(target), "sns:Publish")
	case strings.HasPrefix(target.Text, "arn:") && strings.Contains(target.Text, ":sqs:"):
		c.allow(list(target), "sqs:SendMessage")
	default:
		c.errorf(target.Pos, "onError of function %s must be the ARN of an SNS topic or an SQS queue, not %s", quote(fn.key), quote(target.Text))
	}
}

func (c *compiler) network(fn *function, props *Value) {
	vpc := c.setting(fn, "vpc")
	if isIntrinsic(vpc) {
		props.Set("VpcConfig", vpc)
		c.needManaged("service-role/AWSLambdaVPCAccessExecutionRole")
		return
	}
	sg, sn := vpc.Get("securityGroupIds"), vpc.Get("subnetIds")
	if sg.IsNull() || sn.IsNull() {
		return
	}
	cfg := object("SecurityGroupIds", sg, "SubnetIds", sn)
	if six := vpc.Get("ipv6AllowedForDualStack"); six.Truthy() {
		cfg.Set("Ipv6AllowedForDualStack", six)
	}
	props.Set("VpcConfig", cfg)
	c.needManaged("service-role/AWSLambdaVPCAccessExecutionRole")
}

func (c *compiler) lateProperties(fn *function, props *Value) {
	if fs := fn.cfg.Get("fileSystemConfig"); fs.Is(Map) {
		props.Set("FileSystemConfigs", list(object("Arn", fs.Get("arn"), "LocalMountPath", fs.Get("localMountPath"))))
		c.allow(list(fs.Get("arn")), "elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite")
	}
	if n := fn.cfg.Get("reservedConcurrency"); !n.IsNull() {
		props.Set("ReservedConcurrentExecutions", n)
	}
	if l := c.setting(fn, "layers"); l.Is(List) && len(l.Items) > 0 {
		props.Set("Layers", l)
	}
	if fn.alias == "snapstart" {
		props.Set("SnapStart", object("ApplyOn", "PublishedVersions"))
	}
}

func (c *compiler) functionDepends(fn *function, res *Value, roleDepends string) {
	var deps []string
	if !c.logsDisabled(fn) {
		deps = append(deps, fn.id+"LogGroup")
	}
	if roleDepends != "" {
		deps = append(deps, roleDepends)
	}
	own := fn.cfg.Get("dependsOn")
	if own.Is(String) {
		deps = append(deps, own.Text)
	}
	for _, d := range own.items() {
		deps = append(deps, d.Str())
	}
	if len(deps) > 0 {
		res.Set("DependsOn", strs(deps...))
	}
}
