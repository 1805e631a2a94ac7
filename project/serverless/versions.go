package serverless

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
)

// pendingSuffix ends logical ids that hash what is only known at the end; finishVersions replaces them.
const pendingSuffix = "\x00pending"

func (c *compiler) compileVersions() {
	for _, fn := range c.functions {
		keep := c.versioned(fn)
		if keep || fn.alias != "" {
			c.version(fn, keep)
		}
		c.alias(fn)
		c.functionURL(fn)
		c.eventInvokeConfig(fn)
	}
}

// versioned tells whether every deployment of the function leaves a version behind.
func (c *compiler) versioned(fn *function) bool {
	for _, v := range []*Value{fn.cfg.Get("versionFunction"), fn.cfg.Get("versionFunctions"), c.provider.Get("versionFunctions")} {
		if v.Is(Bool) {
			return v.Flag
		}
	}
	return true
}

func (fn *function) versionID() string { return fn.id + "LambdaVersion" + pendingSuffix }

func (c *compiler) version(fn *function, keep bool) {
	sha := c.artifact(c.artifactKey(fn), "").SHA256
	if _, digest, ok := strings.Cut(fn.image, "@sha256:"); ok {
		sha = digest
	}
	props := object("FunctionName", ref(fn.logicalID()))
	if sha != "" || fn.image == "" {
		props.Set("CodeSha256", str(sha))
	}
	if d := fn.cfg.Get("description"); d.Truthy() {
		props.Set("Description", d)
	}
	v := object("Type", "AWS::Lambda::Version")
	if keep {
		v.Set("DeletionPolicy", str("Retain"))
	}
	v.Set("Properties", props)
	c.resources.Set(fn.versionID(), v)
	c.output(fn.logicalID()+"QualifiedArn", "Current Lambda function version", ref(fn.versionID()))
}

func (c *compiler) alias(fn *function) {
	if fn.alias == "" {
		return
	}
	props := object("FunctionName", ref(fn.logicalID()), "FunctionVersion", getAtt(fn.versionID(), "Version"), "Name", fn.alias)
	if fn.alias == "provisioned" {
		props.Set("ProvisionedConcurrencyConfig", object("ProvisionedConcurrentExecutions", fn.cfg.Get("provisionedConcurrency")))
	}
	c.resources.Set(fn.aliasID(), resource("AWS::Lambda::Alias", props, "DependsOn", fn.logicalID()))
}

func (c *compiler) functionURL(fn *function) {
	cfg := fn.cfg.Get("url")
	if !cfg.Truthy() {
		return
	}
	auth := "NONE"
	if cfg.Get("authorizer").Str() == "aws_iam" {
		auth = "AWS_IAM"
	} else if a := cfg.Get("authorizer"); a.Truthy() {
		c.errorf(a.Pos, "the authorizer of a function URL must be aws_iam")
	}
	props := object("AuthType", auth, "TargetFunctionArn", fn.target())
	props.Set("Cors", urlCors(cfg.Get("cors")))
	if m := cfg.Get("invokeMode"); m.Str() == "RESPONSE_STREAM" {
		props.Set("InvokeMode", m)
	}
	id := fn.logicalID() + "Url"
	c.resources.Set(id, resource("AWS::Lambda::Url", props, "DependsOn", fn.waits()))
	if auth == "NONE" {
		c.resources.Set(fn.id+"LambdaPermissionFnUrl", resource("AWS::Lambda::Permission", object("FunctionName", fn.target(),
			"Action", "lambda:InvokeFunctionUrl", "Principal", "*", "FunctionUrlAuthType", auth), "DependsOn", fn.waits()))
	}
	c.output(id, "Lambda Function URL", getAtt(id, "FunctionUrl"))
}

func urlCors(cfg *Value) *Value {
	if !cfg.Truthy() {
		return nil
	}
	headers := strs("Content-Type", "X-Amz-Date", "Authorization", "X-Api-Key", "X-Amz-Security-Token", "X-Amzn-Trace-Id")
	out := object()
	out.Set("AllowCredentials", cfg.Get("allowCredentials"))
	setUnlessNull(out, "AllowHeaders", cfg, "allowedHeaders", headers)
	setUnlessNull(out, "AllowMethods", cfg, "allowedMethods", strs("*"))
	setUnlessNull(out, "AllowOrigins", cfg, "allowedOrigins", strs("*"))
	out.Set("ExposeHeaders", cfg.Get("exposedResponseHeaders"))
	out.Set("MaxAge", cfg.Get("maxAge"))
	return out
}

// setUnlessNull sets a setting or its standard value; a null in the file leaves the property out.
func setUnlessNull(out *Value, property string, cfg *Value, key string, standard *Value) {
	v := cfg.Get(key)
	switch {
	case v == nil:
		out.Set(property, standard)
	case v.Kind == Null:
	case v.Kind != List:
		out.Set(property, list(v))
	default:
		out.Set(property, v)
	}
}

// eventInvokeConfig is for destinations and the retries of asynchronous invokes.
func (c *compiler) eventInvokeConfig(fn *function) {
	dest, age, retries := fn.cfg.Get("destinations"), fn.cfg.Get("maximumEventAge"), fn.cfg.Get("maximumRetryAttempts")
	if !dest.Truthy() && age.IsNull() && retries.IsNull() {
		return
	}
	props := object("FunctionName", ref(fn.logicalID()))
	targets := object()
	if d := dest.Get("onSuccess"); d.Truthy() {
		targets.Set("OnSuccess", object("Destination", c.destination(fn, d)))
	}
	if d := dest.Get("onFailure"); d.Truthy() {
		targets.Set("OnFailure", object("Destination", c.destination(fn, d)))
	}
	if len(targets.Fields) > 0 {
		props.Set("DestinationConfig", targets)
	}
	props.Set("Qualifier", str("$LATEST"))
	if fn.alias != "" {
		props.Set("Qualifier", str(fn.alias))
	}
	if !age.IsNull() {
		props.Set("MaximumEventAgeInSeconds", age)
	}
	if !retries.IsNull() {
		props.Set("MaximumRetryAttempts", retries)
	}
	c.resources.Set(fn.id+"LambdaEvConf", resource("AWS::Lambda::EventInvokeConfig", props, "DependsOn", fn.waits()))
}

var destinationActions = map[string]string{"sns": "sns:Publish", "sqs": "sqs:SendMessage", "lambda": "lambda:InvokeFunction",
	"function": "lambda:InvokeFunction", "events": "events:PutEvents", "eventBus": "events:PutEvents"}

// destination gives the ARN of a destination, written as a function's key, an ARN, or a type with an ARN.
func (c *compiler) destination(fn *function, d *Value) *Value {
	if d.Is(String) && !strings.HasPrefix(d.Text, "arn:") {
		for _, other := range c.functions {
			if other.key == d.Text {
				c.allowOne("lambda:InvokeFunction", sub("arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"+other.name))
				return getAtt(other.logicalID(), "Arn")
			}
		}
		c.add(Failure, d.Pos, didYouMean(d.Text, c.functionKeys()), "the destination "+quote(d.Text)+" is neither a function of this application nor an ARN")
		return d
	}
	kind, arn := "", d
	if d.Is(Map) && !isIntrinsic(d) {
		kind, arn = d.Get("type").Str(), d.Get("arn")
	} else if parts := strings.Split(d.Str(), ":"); len(parts) > 2 {
		kind = parts[2]
	}
	action, ok := destinationActions[kind]
	if !ok || arn.IsNull() {
		c.errorf(d.Pos, "a destination of function %s needs an arn, and a type of sns, sqs, eventBus or function", quote(fn.key))
		return d
	}
	c.allowOne(action, arn)
	return arn
}

func (c *compiler) functionKeys() []string {
	keys := make([]string, 0, len(c.functions))
	for _, fn := range c.functions {
		keys = append(keys, fn.key)
	}
	return keys
}

// finishVersions gives the pending logical ids their hashes: of a function's code and configuration, of an API's definition. They
// change when what they hash changes, and only then.
func (c *compiler) finishVersions() {
	names := map[string]string{}
	for _, fn := range c.functions {
		if c.resources.Get(fn.versionID()) != nil {
			names[fn.versionID()] = fn.id + "LambdaVersion" + c.functionHash(fn)
		}
	}
	for _, f := range c.resources.Fields {
		id, pending := strings.CutSuffix(f.Key, pendingSuffix)
		if !pending || names[f.Key] != "" {
			continue
		}
		switch id {
		case restDeployment:
			names[f.Key] = id + c.millis(c.restDefinition())
		default:
			names[f.Key] = id + hash43(c.websocketDefinition())
		}
	}
	if len(names) > 0 {
		rename(c.template, names, 0)
	}
}

func (c *compiler) functionHash(fn *function) string {
	props := object()
	for _, f := range c.resources.Get(fn.logicalID(), "Properties").entries() {
		if f.Key != "Code" && f.Key != "ReservedConcurrentExecutions" && f.Key != "Tags" {
			props.Set(f.Key, f.Value)
		}
	}
	text := c.artifact(c.artifactKey(fn), "").SHA256 + fn.image + props.JSON()
	for _, l := range props.Get("Layers").items() {
		text += c.layerHash(l.Get("Ref").Str())
	}
	return hash43(text)
}

// hash43 is 43 letters and digits.
func hash43(text string) string {
	sum := sha256.Sum256([]byte(text))
	return strings.NewReplacer("+", "A", "/", "B").Replace(base64.RawStdEncoding.EncodeToString(sum[:]))
}

// millis is a hash in the form of a time in milliseconds: 13 digits.
func (c *compiler) millis(text string) string {
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%d", 1_000_000_000_000+binary.BigEndian.Uint64(sum[:8])%9_000_000_000_000)
}

// rename replaces texts and keys everywhere in v.
func rename(v *Value, names map[string]string, depth int) {
	if v == nil || depth > maxDepth {
		return
	}
	if v.Kind == String && strings.HasSuffix(v.Text, pendingSuffix) {
		if n, ok := names[v.Text]; ok {
			v.Text = n
		}
	}
	for _, it := range v.Items {
		rename(it, names, depth+1)
	}
	for i := range v.Fields {
		if n, ok := names[v.Fields[i].Key]; ok {
			v.Fields[i].Key = n
		}
		rename(v.Fields[i].Value, names, depth+1)
	}
}
