package sfn

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"unicode"

	"sundog/cloud"
	"sundog/lang/asl"
	"sundog/lang/jsonpath"
)

// integration is an optimised integration: how its parameters are adapted and how AWS's SDK for Java names the service in errors.
type integration struct {
	service string   // the id under api/
	prefix  string   // of error names: "SNS.NotFoundException"
	client  string   // in causes: "(Service: AmazonSNS; ..."
	texts   []string // members that may be JSON in the definition and are text in the API
}

var integrations = map[string]integration{
	"dynamodb": {service: "dynamodb", prefix: "DynamoDB", client: "AmazonDynamoDBv2"},
	"events":   {service: "events", prefix: "EventBridge", client: "AmazonCloudWatchEvents"},
	"lambda":   {service: "lambda", prefix: "Lambda", client: "AWSLambda"},
	"sns":      {service: "sns", prefix: "SNS", client: "AmazonSNS", texts: []string{"Message"}},
	"sqs":      {service: "sqs", prefix: "SQS", client: "AmazonSQS", texts: []string{"MessageBody"}},
	"states":   {service: "sfn", prefix: "StepFunctions", client: "AWSStepFunctions", texts: []string{"Input"}},
}

// sdkNames are the services of the generic integration: the id under api/ and the name in errors.
var sdkNames = map[string][2]string{
	"apigatewayv2": {"apigatewayv2", "ApiGatewayV2"}, "cloudformation": {"cloudformation", "CloudFormation"}, "cloudwatch": {"cloudwatch", "CloudWatch"},
	"cloudwatchlogs": {"logs", "CloudWatchLogs"}, "dynamodb": {"dynamodb", "DynamoDb"}, "dynamodbstreams": {"dynamodbstreams", "DynamoDbStreams"},
	"eventbridge": {"events", "EventBridge"}, "iam": {"iam", "Iam"}, "lambda": {"lambda", "Lambda"}, "s3": {"s3", "S3"}, "scheduler": {"scheduler", "Scheduler"},
	"sfn": {"sfn", "Sfn"}, "sns": {"sns", "Sns"}, "sqs": {"sqs", "Sqs"}, "sts": {"sts", "Sts"}, "xray": {"xray", "XRay"},
}

// lowerCase are the services whose models name members with a small first letter, where the language's have a large one.
var lowerCase = map[string]bool{"sfn": true, "logs": true}

// integrate calls a service of the platform.
func (p *performer) integrate(ctx context.Context, as cloud.Principal, c asl.TaskCall) asl.Event {
	v, err := jsonpath.Parse(c.Parameters)
	in, ok := v.(*jsonpath.Object)
	if err != nil || !ok {
		return failed(c, asl.ErrRuntime, "The Parameters of the task are not an object")
	}
	service, sdk, err := serviceOf(c.Resource)
	if err != nil {
		return failed(c, "States.TaskFailed", err.Error())
	}
	if !sdk {
		in = p.adapt(c, in)
	}
	op := strings.ToUpper(c.Resource.Action[:1]) + c.Resource.Action[1:]
	body := []byte(jsonpath.Text(toModel(in, service)))
	reply, err := persist(ctx, func() (cloud.Reply, error) { return p.e.d.Caller.Call(ctx, as, service, op, body, nil) })
	if err != nil {
		return p.fault(ctx, c, err)
	}
	out, err := output(reply, service)
	if err != nil {
		return failed(c, asl.ErrRuntime, err.Error())
	}
	if !sdk {
		if ev, bad := refusedEntries(c, out); bad {
			return ev
		}
		decorate(out, cloud.CallFrom(ctx).RequestID)
	}
	return asl.Event{Kind: asl.TaskSucceeded, Task: c.ID, Output: jsonpath.Text(out)}
}

func serviceOf(r asl.Resource) (id string, sdk bool, err error) {
	if name, is := r.SDK(); is {
		known, ok := sdkNames[name]
		if !ok {
			return "", true, cloud.NotImplementedf("the service integration arn:aws:states:::%s:%s is not implemented", r.Service, r.Action)
		}
		return known[0], true, nil
	}
	known, ok := integrations[r.Service]
	if !ok {
		return "", false, cloud.NotImplementedf("the service integration arn:aws:states:::%s:%s is not implemented", r.Service, r.Action)
	}
	return known.service, false, nil
}

// unserved gives the resource of a task that this room cannot run, so that a definition with it is refused at once.
func unserved(m *asl.Machine) error {
	var bad error
	m.Walk(func(s *asl.State) {
		if bad != nil || s.Type != asl.Task || s.Resource.Kind != asl.Service {
			return
		}
		if _, _, err := serviceOf(s.Resource); err != nil {
			bad = err
		}
		if (s.Resource.Pattern == asl.Sync || s.Resource.Pattern == asl.Sync2) && s.Resource.Service != "states" {
			bad = cloud.NotImplementedf("the service integration %s is not implemented", s.Resource.ARN)
		}
	})
	return bad
}

// adapt makes the API's parameters of those of an optimised integration.
func (p *performer) adapt(c asl.TaskCall, in *jsonpath.Object) *jsonpath.Object {
	out := in.Clone()
	for _, k := range integrations[c.Resource.Service].texts {
		if v, ok := out.Get(k); ok {
			out.Set(k, asText(v))
		}
	}
	entries, _ := out.Get("Entries")
	list, ok := entries.([]any)
	if c.Resource.Service != "events" || !ok {
		return out
	}
	copies := make([]any, len(list))
	for i, e := range list {
		o, ok := e.(*jsonpath.Object)
		if !ok {
			copies[i] = e
			continue
		}
		entry := o.Clone()
		if d, ok := entry.Get("Detail"); ok {
			entry.Set("Detail", asText(d))
		}
		resources, _ := entry.Get("Resources")
		given, _ := resources.([]any)
		entry.Set("Resources", append(append([]any{}, given...), p.arn, machineOfExecution(p.arn)))
		copies[i] = entry
	}
	out.Set("Entries", copies)
	return out
}

// machineOfExecution gives the ARN of the state machine of an execution.
func machineOfExecution(arn string) string {
	a, err := cloud.ParseARN(arn)
	if err != nil {
		return arn
	}
	_, rest := a.ResourceType()
	machine, _, _ := strings.Cut(rest, ":")
	return cloud.NewARN("states", a.Scope(), "stateMachine:"+machine).String()
}

func asText(v any) any {
	if s, ok := v.(string); ok {
		return s
	}
	return jsonpath.Text(v)
}

// refusedEntries fails an events:putEvents of which an entry was refused.
func refusedEntries(c asl.TaskCall, out *jsonpath.Object) (asl.Event, bool) {
	n, ok := out.Get("FailedEntryCount")
	if c.Resource.Service != "events" || !ok || n == nil || n == jsonpath.Number("0") {
		return asl.Event{}, false
	}
	return failed(c, "EventBridge.FailedEntry", jsonpath.Text(out)), true
}

func toModel(v any, service string) any {
	if !lowerCase[service] {
		return v
	}
	return recase(v, unicode.ToLower)
}

// recase changes the first letter of every member's name.
func recase(v any, letter func(rune) rune) any {
	switch x := v.(type) {
	case *jsonpath.Object:
		o := jsonpath.NewObject(x.Len())
		for k, e := range x.All() {
			if k != "" {
				r := []rune(k)
				r[0] = letter(r[0])
				k = string(r)
			}
			o.Set(k, recase(e, letter))
		}
		return o
	case []any:
		l := make([]any, len(x))
		for i, e := range x {
			l[i] = recase(e, letter)
		}
		return l
	}
	return v
}

// output reads a reply; a streamed body becomes the text member Body.
func output(reply cloud.Reply, service string) (*jsonpath.Object, error) {
	if reply.Body != nil {
		defer func() { _ = reply.Body.Close() }()
	}
	v := any(jsonpath.NewObject(0))
	if len(reply.Out) > 0 {
		var err error
		if v, err = jsonpath.Parse(string(reply.Out)); err != nil {
			return nil, err
		}
	}
	if lowerCase[service] {
		v = recase(v, unicode.ToUpper)
	}
	o, ok := v.(*jsonpath.Object)
	if !ok {
		o = jsonpath.NewObject(1)
	}
	if reply.Body != nil {
		body, err := io.ReadAll(io.LimitReader(reply.Body, asl.MaxData+1))
		if err != nil {
			return nil, err
		}
		o = o.Clone()
		o.Set("Body", strings.ToValidUTF8(string(body), "\uFFFD"))
	}
	return o, nil
}

// decorate adds what the optimised integrations tell of the HTTP exchange.
func decorate(o *jsonpath.Object, requestID string) {
	headers, all := jsonpath.NewObject(1), jsonpath.NewObject(1)
	headers.Set("x-amzn-RequestId", requestID)
	all.Set("x-amzn-RequestId", []any{requestID})
	meta, response := jsonpath.NewObject(3), jsonpath.NewObject(1)
	meta.Set("AllHttpHeaders", all)
	meta.Set("HttpHeaders", headers)
	meta.Set("HttpStatusCode", jsonpath.Number("200"))
	response.Set("RequestId", requestID)
	o.Set("SdkHttpMetadata", meta)
	o.Set("SdkResponseMetadata", response)
}

// fault names the error of a call as Step Functions does.
func (p *performer) fault(ctx context.Context, c asl.TaskCall, err error) asl.Event {
	e := cloud.AsError(err)
	id := cloud.CallFrom(ctx).RequestID
	status := strconv.Itoa(statusOf(e, c.Resource))
	code := e.Code
	if !strings.HasSuffix(code, "Exception") {
		code += "Exception"
	}
	if name, sdk := c.Resource.SDK(); sdk {
		client := sdkNames[name][1]
		if e.Code == "ValidationException" {
			code = client + "Exception"
		}
		return failed(c, client+"."+code, e.Message+" (Service: "+client+", Status Code: "+status+", Request ID: "+id+")")
	}
	service := c.Resource.Service
	if c.Resource.Kind == asl.LambdaFunction {
		service = "lambda"
	}
	i := integrations[service]
	if e.Code == "ValidationException" && service == "dynamodb" {
		code = "AmazonDynamoDBException"
	}
	return failed(c, i.prefix+"."+code, e.Message+" (Service: "+i.client+"; Status Code: "+status+"; Error Code: "+e.Code+"; Request ID: "+id+"; Proxy: null)")
}

// statusOf gives the HTTP status that AWS answers with: services that speak JSON or query say 400 to most things.
func statusOf(e *cloud.Error, r asl.Resource) int {
	if e.Status != 0 {
		return e.Status
	}
	rest := r.Kind == asl.LambdaFunction
	for _, s := range []string{"lambda", "s3", "sns", "iam", "sts", "scheduler", "apigatewayv2"} {
		rest = rest || strings.TrimPrefix(r.Service, "aws-sdk:") == s
	}
	switch {
	case e.Kind == cloud.Internal:
		return 500
	case e.Kind == cloud.Unavailable:
		return 503
	case !rest:
		return 400
	}
	if s, ok := map[cloud.ErrorKind]int{cloud.NotFound: 404, cloud.Conflict: 409, cloud.Denied: 403, cloud.Throttled: 429, cloud.TooLarge: 413}[e.Kind]; ok {
		return s
	}
	return 400
}

// rawJSON is an input of Caller.
func rawJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}
