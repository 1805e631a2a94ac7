package wire

import (
	"testing"

	"sundog/api/apigatewayv2"
	"sundog/api/cloudformation"
	"sundog/api/cloudwatch"
	"sundog/api/dynamodb"
	"sundog/api/dynamodbstreams"
	"sundog/api/events"
	"sundog/api/iam"
	"sundog/api/lambda"
	"sundog/api/logs"
	"sundog/api/s3"
	"sundog/api/scheduler"
	"sundog/api/sfn"
	"sundog/api/sns"
	"sundog/api/sqs"
	"sundog/api/sts"
	"sundog/api/xray"
	"sundog/cloud/schema"
)

func services() []*schema.Service {
	return []*schema.Service{
		apigatewayv2.Service, cloudformation.Service, cloudwatch.Service, dynamodb.Service, dynamodbstreams.Service, events.Service, iam.Service, lambda.Service, logs.Service, s3.Service, scheduler.Service, sfn.Service, sns.Service, sqs.Service, sts.Service, xray.Service,
	}
}

// Every table reads, and every pattern of a served shape compiles.
func TestTables(t *testing.T) {
	for _, s := range services() {
		if err := s.Check(); err != nil {
			t.Fatalf("%s: %v", s.ID, err)
		}
		seen := map[*schema.Shape]bool{}
		for _, name := range s.Operations() {
			m := s.Operation(name).Model()
			walk(m.Input, seen)
			if m.Output != nil {
				walk(m.Output, seen)
			}
		}
		for sh := range seen {
			if sh.Pattern == "" {
				continue
			}
			if _, err := compilePattern(sh.Pattern); err != nil {
				t.Errorf("%s.%s: %v", s.ID, sh.Name, err)
			}
		}
	}
}

func walk(s *schema.Shape, seen map[*schema.Shape]bool) {
	if seen[s] {
		return
	}
	seen[s] = true
	for i := range s.Members {
		walk(s.Members[i].Shape, seen)
	}
	if s.Elem != nil {
		walk(s.Elem.Shape, seen)
	}
	if s.Key != nil {
		walk(s.Key.Shape, seen)
	}
}
