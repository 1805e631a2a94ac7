package serverless

import (
	"strings"
)

// compiler turns a resolved configuration into a template. It is used once, by one goroutine.
type compiler struct {
	diagnostics
	cfg, provider          *Value
	service, stage, region string
	artifacts              map[string]Artifact
	functions              []*function
	layers                 []*layer
	template               *Value // the whole template
	resources, outputs     *Value
	statements             []*Value // of the default role
	assumers               []*Value // services that may assume the default role
	managed                []*Value // managed policies that the default role needs
	rest                   *restAPI
}

// noTime stands where the framework writes the time of packaging, as long as there is no package.
const noTime = "0000000000000-1970-01-01T00:00:00.000Z"

const templateDescription = "The AWS CloudFormation template for this Serverless application"

// newCompiler reads what everything else needs: service, stage, region, functions.
func newCompiler(cfg *Value, opts Options, artifacts map[string]Artifact) *compiler {
	c := &compiler{cfg: cfg, provider: cfg.Get("provider"), artifacts: artifacts, stage: opts.Stage, region: opts.Region}
	c.service = serviceName(cfg)
	if c.stage == "" {
		c.stage = orText(c.provider.Get("stage"), "dev")
	}
	if c.region == "" {
		c.region = orText(c.provider.Get("region"), "us-east-1")
	}
	c.resources, c.outputs = object(), object()
	c.template = object("AWSTemplateFormatVersion", "2010-09-09", "Description", templateDescription,
		"Resources", c.resources, "Outputs", c.outputs)
	c.statements, c.assumers = nil, strs("lambda.amazonaws.com").Items
	return c
}

// serviceName gives the service's name, which may be written as service.name.
func serviceName(cfg *Value) string {
	s := cfg.Get("service")
	if s.Is(Map) {
		s = s.Get("name")
	}
	return s.Str()
}

func orText(v *Value, standard string) string {
	if s := v.Str(); s != "" {
		return s
	}
	return standard
}

// run compiles everything; what is wrong is in c.diagnostics. The order of the steps is the order of the resources.
func (c *compiler) run() {
	c.checkHead()
	if c.err() != nil {
		return
	}
	c.readFunctions()
	c.readLayers()
	c.deploymentBucket()
	c.logGroups()
	c.reserveRole()
	c.compileFunctions()
	c.compileLayers()
	c.compileVersions()
	c.compileEvents()
	c.stepFunctions()
	c.tracingPlugin()
	c.fillRole()
	c.mergeResources()
	c.finishVersions()
}

func (c *compiler) checkHead() {
	if !c.cfg.Is(Map) {
		c.errorf(c.cfg.Where(), "the configuration must be a map with the keys service, provider and functions")
		return
	}
	top := c.cfg.Pos
	switch {
	case c.service == "":
		c.errorf(top, "the key \"service\" is missing: the name of the application")
	case !validServiceName(c.service):
		c.errorf(c.cfg.Get("service").Where(), "the service name %s may hold letters, digits and - only, and begins with a letter", quote(c.service))
	}
	if c.provider.Is(String) {
		c.provider = object("name", c.provider)
	}
	if !c.provider.Is(Map) {
		c.errorf(top, "the key \"provider\" is missing or no map: it holds at least \"name: aws\"")
		return
	}
	if name := c.provider.Get("name"); name.Str() != "aws" {
		at := name.Where()
		if name == nil {
			at = c.provider.Pos
		}
		c.errorf(at, "provider.name must be aws, not %s", quote(name.Str()))
	}
	if v := c.cfg.Get("frameworkVersion"); v.Is(String) && strings.ContainsAny(v.Text, "0123456789") && !strings.Contains(v.Text, "3") {
		c.warnf(v.Pos, "frameworkVersion %s: the file is read as version 3 does", quote(v.Text))
	}
}

func validServiceName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '-' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != ""
}

// output adds an output with the export name that the framework gives it.
func (c *compiler) output(id, description string, value *Value) {
	o := object()
	if description != "" {
		o.Set("Description", str(description))
	}
	o.Set("Value", value)
	if c.provider.Get("exportOutputs").Is(Bool) && !c.provider.Get("exportOutputs").Flag {
		c.outputs.Set(id, o)
		return
	}
	o.Set("Export", object("Name", "sls-"+c.service+"-"+c.stage+"-"+id))
	c.outputs.Set(id, o)
}

// tagsList gives tags as CloudFormation's list of Key and Value; nil when there are none.
func tagsList(maps ...*Value) *Value {
	all := mergedMap(maps...)
	if len(all.Fields) == 0 {
		return nil
	}
	l := list()
	for _, f := range all.Fields {
		l.Items = append(l.Items, object("Key", f.Key, "Value", textual(f.Value)))
	}
	return l
}

// mergedMap merges maps, later ones winning, at the place where a key stood first.
func mergedMap(maps ...*Value) *Value {
	all := object()
	for _, m := range maps {
		for _, f := range m.entries() {
			all.Set(f.Key, f.Value)
		}
	}
	return all
}

// textual gives numbers and booleans as texts, and leaves the rest.
func textual(v *Value) *Value {
	if v.Is(Number) || v.Is(Bool) {
		return &Value{Kind: String, Text: v.Str(), Pos: v.Pos}
	}
	return v
}

// deploymentBucket makes the bucket that the packages are uploaded to, unless the file names one.
func (c *compiler) deploymentBucket() {
	cfg := c.provider.Get("deploymentBucket")
	if name := c.bucketName(); name != nil {
		c.output("ServerlessDeploymentBucketName", "", name)
		return
	}
	props := object("BucketEncryption", object("ServerSideEncryptionConfiguration",
		list(object("ServerSideEncryptionByDefault", object("SSEAlgorithm", "AES256")))))
	props.Set("Tags", tagsList(cfg.Get("tags")))
	if cfg.Get("blockPublicAccess").Truthy() {
		props.Set("PublicAccessBlockConfiguration", object("BlockPublicAcls", true, "BlockPublicPolicy", true,
			"IgnorePublicAcls", true, "RestrictPublicBuckets", true))
	}
	if cfg.Get("versioning").Truthy() {
		props.Set("VersioningConfiguration", object("Status", "Enabled"))
	}
	c.resources.Set("ServerlessDeploymentBucket", resource("AWS::S3::Bucket", props))
	if !cfg.Get("skipPolicySetup").Truthy() {
		c.resources.Set("ServerlessDeploymentBucketPolicy", bucketPolicy())
	}
	c.output("ServerlessDeploymentBucketName", "", ref("ServerlessDeploymentBucket"))
}

// bucketName gives the name of a deployment bucket of the user's, or nil when the stack makes its own.
func (c *compiler) bucketName() *Value {
	cfg := c.provider.Get("deploymentBucket")
	if cfg.Is(Map) && !isIntrinsic(cfg) {
		cfg = cfg.Get("name")
	}
	if cfg.IsNull() {
		return nil
	}
	return cfg
}

func (c *compiler) codeBucket() *Value {
	if b := c.bucketName(); b != nil {
		return b
	}
	return ref("ServerlessDeploymentBucket")
}

func bucketPolicy() *Value {
	bucket := func(tail ...any) *Value {
		return joinText(append([]any{"arn:", ref("AWS::Partition"), ":s3:::", ref("ServerlessDeploymentBucket")}, tail...)...)
	}
	statement := object("Action", "s3:*", "Effect", "Deny", "Principal", "*",
		"Resource", list(bucket("/*"), bucket()),
		"Condition", object("Bool", object("aws:SecureTransport", false)))
	return resource("AWS::S3::BucketPolicy", object("Bucket", ref("ServerlessDeploymentBucket"),
		"PolicyDocument", object("Statement", list(statement))))
}

// artifact gives the package of a key; before packaging it has a place that ends in the archive's file name.
func (c *compiler) artifact(key, file string) Artifact {
	if a, ok := c.artifacts[key]; ok {
		return a
	}
	prefix := orText(c.provider.Get("deploymentPrefix"), "serverless")
	return Artifact{S3Key: prefix + "/" + c.service + "/" + c.stage + "/" + noTime + "/" + file}
}
