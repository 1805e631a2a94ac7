package serverless

import (
	"sort"
	"strings"

	"sundog/cloud"
)

// Reference is an ARN in the application of something that its template does not define.
type Reference struct {
	ARN     cloud.ARN
	Kind    string // "sns topic", "sqs queue", "dynamodb table", "dynamodb stream", "s3 bucket", ...: service and sort
	Name    string // the thing's own name, such as the topic's
	Use     Use    // the strongest use: an event source before a permission before the environment
	Pos     Pos    // of the first such use
	Nearest string // the nearest name among the things of this kind that the template defines; "" when there are none alike
}

// Use says where an ARN stands.
type Use string

// The uses, strongest first.
const (
	EventSource Use = "event source"
	Permission  Use = "permission"
	Environment Use = "environment"
)

// definedTypes are the resource types that define what an ARN names, with the property that is the name.
var definedTypes = map[string][2]string{
	"AWS::SNS::Topic":                  {"sns topic", "TopicName"},
	"AWS::SQS::Queue":                  {"sqs queue", "QueueName"},
	"AWS::DynamoDB::Table":             {"dynamodb table", "TableName"},
	"AWS::S3::Bucket":                  {"s3 bucket", "BucketName"},
	"AWS::Lambda::Function":            {"lambda function", "FunctionName"},
	"AWS::Kinesis::Stream":             {"kinesis stream", "Name"},
	"AWS::Events::EventBus":            {"events event-bus", "Name"},
	"AWS::StepFunctions::StateMachine": {"states stateMachine", "StateMachineName"},
	"AWS::IAM::Role":                   {"iam role", "RoleName"},
	"AWS::Logs::LogGroup":              {"logs log-group", "LogGroupName"},
	"AWS::SecretsManager::Secret":      {"secretsmanager secret", "Name"},
	"AWS::SSM::Parameter":              {"ssm parameter", "Name"},
	"AWS::KMS::Key":                    {"kms key", "KeyId"},
	"AWS::Cognito::UserPool":           {"cognito-idp userpool", "UserPoolName"},
	"AWS::StepFunctions::Activity":     {"states activity", "Name"},
	"AWS::CloudWatch::Alarm":           {"cloudwatch alarm", "AlarmName"},
	"AWS::ApiGateway::RestApi":         {"execute-api api", "Name"},
}

// ReferencedARNs gives the ARNs, without wildcards, in event sources, environment and role statements that no resource of the
// template defines, in order of position. Names are compared within a kind; region and account are not, as the file often
// writes those of another place.
func (a *App) ReferencedARNs() []Reference {
	s := &arnSearch{defined: map[string][]string{}, found: map[string]*Reference{}, region: a.Region, account: a.opts.AccountID}
	s.defines(a.compiled.Get("Resources"))
	for _, f := range a.compiled.Get("Resources").entries() {
		props := f.Value.Get("Properties")
		switch f.Value.Get("Type").Str() {
		case "AWS::Lambda::EventSourceMapping":
			s.walk(props.Get("EventSourceArn"), EventSource, 0)
		case "AWS::SNS::Subscription":
			s.walk(props.Get("TopicArn"), EventSource, 0)
		case "AWS::Lambda::Function":
			s.walk(props.Get("Environment"), Environment, 0)
			s.walk(props.Get("DeadLetterConfig"), Permission, 0)
		case "AWS::Lambda::EventInvokeConfig":
			s.walk(props.Get("DestinationConfig"), Permission, 0)
		case "AWS::IAM::Role":
			s.statements(props.Get("Policies"))
		case "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy":
			s.statements(list(props))
		}
	}
	return s.sorted()
}

type arnSearch struct {
	defined         map[string][]string // kind -> names
	found           map[string]*Reference
	region, account string
}

func (s *arnSearch) defines(resources *Value) {
	for _, f := range resources.entries() {
		def, ok := definedTypes[f.Value.Get("Type").Str()]
		if !ok {
			continue
		}
		if name := f.Value.Get("Properties", def[1]).Str(); name != "" {
			s.defined[def[0]] = append(s.defined[def[0]], name)
		}
	}
}

func (s *arnSearch) statements(policies *Value) {
	for _, p := range policies.items() {
		for _, st := range asList(p.Get("PolicyDocument", "Statement")).items() {
			if st.Get("Effect").Str() == "Allow" {
				s.walk(st.Get("Resource"), Permission, 0)
			}
		}
	}
}

// walk looks at every text below v; the argument of a Sub counts when nothing but the usual pseudo parameters stand in it.
func (s *arnSearch) walk(v *Value, use Use, depth int) {
	if v == nil || depth > maxDepth {
		return
	}
	if v.Is(String) {
		s.text(v.Text, v.Pos, use)
		return
	}
	for _, it := range v.Items {
		s.walk(it, use, depth+1)
	}
	for _, f := range v.Fields {
		if f.Key != "Fn::Join" && f.Key != "Ref" && f.Key != "Fn::GetAtt" {
			s.walk(f.Value, use, depth+1)
		}
	}
}

func (s *arnSearch) text(text string, at Pos, use Use) {
	if !strings.HasPrefix(text, "arn:") {
		return
	}
	text = strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::Region}", s.region, "${AWS::AccountId}", s.account).Replace(text)
	if strings.ContainsAny(text, "*?$") {
		return
	}
	arn, err := cloud.ParseARN(text)
	if err != nil {
		return
	}
	kind, name := kindOf(arn)
	if kind == "" || contains(s.defined[kind], name) || kind == "dynamodb stream" && contains(s.defined["dynamodb table"], name) {
		return
	}
	if r, ok := s.found[arn.String()]; ok {
		if rank(use) < rank(r.Use) {
			r.Use, r.Pos = use, at
		}
		return
	}
	s.found[arn.String()] = &Reference{ARN: arn, Kind: kind, Name: name, Use: use, Pos: at, Nearest: nearest(name, s.defined[kind])}
}

func rank(u Use) int {
	for i, x := range []Use{EventSource, Permission, Environment} {
		if x == u {
			return i
		}
	}
	return 3
}

// kindOf gives the sort of thing that an ARN names, and its name; "" for what nobody would define, such as a service's own.
func kindOf(arn cloud.ARN) (kind, name string) {
	typ, id := arn.ResourceType()
	switch arn.Service {
	case "sns":
		topic, _, _ := strings.Cut(arn.Resource, ":")
		return "sns topic", topic
	case "sqs":
		return "sqs queue", arn.Resource
	case "s3":
		bucket, _, _ := strings.Cut(arn.Resource, "/")
		return "s3 bucket", bucket
	case "dynamodb":
		table, rest, _ := strings.Cut(id, "/")
		if strings.HasPrefix(rest, "stream/") {
			return "dynamodb stream", table
		}
		return "dynamodb table", table
	case "kinesis":
		stream, _, _ := strings.Cut(id, "/")
		return "kinesis stream", stream
	case "lambda":
		fn, _, _ := strings.Cut(id, ":")
		if typ == "function" {
			return "lambda function", fn
		}
		return "lambda " + typ, fn
	case "logs":
		group, _, _ := strings.Cut(id, ":")
		return "logs log-group", group
	case "execute-api", "xray", "ses", "ec2":
		return "", ""
	case "iam":
		if arn.Account == "aws" {
			return "", ""
		}
	}
	if arn.Account == "" || typ == "" {
		return "", ""
	}
	return arn.Service + " " + typ, id
}

func (s *arnSearch) sorted() []Reference {
	out := make([]Reference, 0, len(s.found))
	for _, r := range s.found {
		out = append(out, *r)
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Pos.File != b.Pos.File {
			return a.Pos.File < b.Pos.File
		}
		if a.Pos.Line != b.Pos.Line {
			return a.Pos.Line < b.Pos.Line
		}
		return a.ARN.String() < b.ARN.String()
	})
	return out
}
