package asl

import "strings"

// ResourceKind says how a Task's resource is reached.
type ResourceKind uint8

// The kinds of resources.
const (
	LambdaFunction ResourceKind = iota // a function's ARN
	Activity                           // an activity's ARN
	Service                            // arn:aws:states:::service:action
)

// Pattern is how a service integration waits for its result (Step Functions Developer Guide, "Service integration patterns").
type Pattern string

// The integration patterns.
const (
	RequestResponse  Pattern = ""
	Sync             Pattern = ".sync"
	Sync2            Pattern = ".sync:2"
	WaitForTaskToken Pattern = ".waitForTaskToken"
)

// Resource is a Task's Resource, taken apart.
type Resource struct {
	ARN     string
	Kind    ResourceKind
	Service string // "lambda", "sqs", or "aws-sdk:dynamodb" for the generic integration
	Action  string // "invoke", "sendMessage"
	Pattern Pattern
	Region  string
}

// parseResource takes a resource apart; false when the text is not the ARN of something that a Task can run.
func parseResource(arn string) (Resource, bool) {
	r := Resource{ARN: arn}
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[1] == "" {
		return r, false
	}
	r.Region = p[3]
	switch {
	case p[2] == "lambda":
		return r, strings.HasPrefix(p[5], "function:")
	case p[2] == "states" && strings.HasPrefix(p[5], "activity:"):
		r.Kind = Activity
		return r, true
	case p[2] != "states":
		return r, false
	}
	r.Kind = Service
	rest := p[5]
	for _, pattern := range []Pattern{Sync2, Sync, WaitForTaskToken} {
		if body, ok := strings.CutSuffix(rest, string(pattern)); ok {
			r.Pattern, rest = pattern, body
			break
		}
	}
	i := strings.LastIndexByte(rest, ':')
	if i <= 0 || i == len(rest)-1 {
		return r, false
	}
	r.Service, r.Action = rest[:i], rest[i+1:]
	return r, r.known()
}

// ActionText is the action with its pattern, as histories show it: "sendMessage.waitForTaskToken".
func (r Resource) ActionText() string { return r.Action + string(r.Pattern) }

// SDK gives the service of the generic integration, "dynamodb" of "aws-sdk:dynamodb"; false for optimised integrations.
func (r Resource) SDK() (string, bool) { return strings.CutPrefix(r.Service, "aws-sdk:") }

// optimised integrations: the actions of each service, and the patterns that they have besides request and response.
var optimised = map[string]map[string]string{
	"apigateway":     {"invoke": "t"},
	"athena":         {"startQueryExecution": "s", "stopQueryExecution": "", "getQueryExecution": "", "getQueryResults": ""},
	"batch":          {"submitJob": "s"},
	"bedrock":        {"invokeModel": "", "createModelCustomizationJob": "s"},
	"codebuild":      {"startBuild": "s", "stopBuild": "", "batchDeleteBuilds": "", "batchGetReports": "", "startBuildBatch": "s", "stopBuildBatch": "", "retryBuildBatch": "s", "deleteBuildBatch": ""},
	"databrew":       {"startJobRun": "s"},
	"dynamodb":       {"getItem": "", "putItem": "", "updateItem": "", "deleteItem": ""},
	"ecs":            {"runTask": "st"},
	"eks":            {"call": "", "runJob": "s", "createCluster": "s", "deleteCluster": "s", "createNodegroup": "s", "deleteNodegroup": "s"},
	"emr-serverless": {"createApplication": "s", "startApplication": "s", "stopApplication": "s", "deleteApplication": "s", "startJobRun": "s", "cancelJobRun": "s"},
	"events":         {"putEvents": "t"},
	"glue":           {"startJobRun": "s"},
	"http":           {"invoke": ""},
	"lambda":         {"invoke": "t"},
	"mediaconvert":   {"createJob": "s"},
	"sagemaker":      {"createTrainingJob": "s", "createTransformJob": "s", "createEndpoint": "", "createModel": ""},
	"sns":            {"publish": "t"},
	"sqs":            {"sendMessage": "t"},
	"states":         {"startExecution": "s2t"},
}

func (r Resource) known() bool {
	if sdk, ok := r.SDK(); ok {
		return sdk != "" && r.Pattern != Sync && r.Pattern != Sync2
	}
	patterns, ok := optimised[r.Service][r.Action]
	if !ok {
		return false
	}
	switch r.Pattern {
	case Sync:
		return strings.Contains(patterns, "s")
	case Sync2:
		return strings.Contains(patterns, "2")
	case WaitForTaskToken:
		return strings.Contains(patterns, "t")
	}
	return true
}
