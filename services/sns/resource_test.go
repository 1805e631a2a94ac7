package sns

import (
	"maps"
	"slices"
	"strings"
	"testing"

	api "sundog/api/sns"
	"sundog/services/room"
	"sundog/services/servicetest"
)

// stack is a room whose own calls reach it, as through the gateway.
func stack(t *testing.T) (*bench, map[string]room.ResourceType) {
	b := open(t)
	b.Serve(b.ctx, b.r.operations())
	return b, servicetest.ByType(b.r.resources())
}

func (b *bench) endpoints(topic string) (out []string) {
	b.t.Helper()
	got, err := b.r.listSubscriptionsByTopic(b.ctx, &api.ListSubscriptionsByTopicInput{TopicArn: &topic})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, s := range got.Subscriptions {
		out = append(out, *s.Endpoint)
	}
	slices.Sort(out)
	return out
}

func TestTopicResource(t *testing.T) {
	b, types := stack(t)
	typ := types["AWS::SNS::Topic"]
	req := room.Request{StackName: "app", LogicalID: "Topic", Token: "t-0123456789AB", Tags: map[string]string{"stack": "app"}}
	req.New = servicetest.Props(t, `{"TopicName":"t","DisplayName":"shown","TracingConfig":"Active","DeliveryStatusLogging":[{"Protocol":"http/s","SuccessFeedbackRoleArn":"`+loggingRole+`","SuccessFeedbackSampleRate":"10"}],"Tags":[{"Key":"a","Value":"1"}],"Subscription":[{"Protocol":"sqs","Endpoint":"`+queue+`"}]}`)
	made, err := typ.Create(b.ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := typ.Create(b.ctx, req); err != nil || again.Physical != made.Physical {
		t.Fatal(again, err)
	}
	if a := b.topicAttributes(&made.Physical); a["HTTPSuccessFeedbackRoleArn"] != loggingRole || a["HTTPSuccessFeedbackSampleRate"] != "10" {
		t.Errorf("%v", a)
	}
	req.Physical, req.Old = made.Physical, req.New
	req.New = servicetest.Props(t, `{"TopicName":"t","SignatureVersion":"2","Tags":[{"Key":"b","Value":"2"}],"Subscription":[{"Protocol":"lambda","Endpoint":"`+function+`"}]}`)
	if _, err := typ.Update(b.ctx, req); err != nil {
		t.Fatal(err)
	}
	a := b.topicAttributes(&made.Physical)
	if a["DisplayName"] != "" || a["TracingConfig"] != "PassThrough" || a["SignatureVersion"] != "2" || a["HTTPSuccessFeedbackRoleArn"] != "" {
		t.Errorf("%v", a)
	}
	tags, err := b.r.listTags(b.ctx, &api.ListTagsForResourceInput{ResourceArn: &made.Physical})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, tag := range tags.Tags {
		got[*tag.Key] = *tag.Value
	}
	if !maps.Equal(got, map[string]string{"b": "2", "stack": "app"}) {
		t.Errorf("%v", got)
	}
	if e := b.endpoints(made.Physical); !slices.Equal(e, []string{function}) {
		t.Errorf("%v", e)
	}
	req.Old, req.New = req.New, nil
	for range 2 {
		if err := typ.Delete(b.ctx, req); err != nil {
			t.Error(err)
		}
	}
}

func TestSubscriptionResource(t *testing.T) {
	b, types := stack(t)
	topic := *b.topic("t", nil)
	typ := types["AWS::SNS::Subscription"]
	req := room.Request{New: servicetest.Props(t, `{"TopicArn":"`+topic+`","Protocol":"sqs","Endpoint":"`+queue+`","RawMessageDelivery":true,"FilterPolicyScope":"MessageBody","FilterPolicy":{"a":{"b":["c"]}}}`)}
	made, err := typ.Create(b.ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	if a := b.attributes(made.Physical); a["RawMessageDelivery"] != "true" || a["FilterPolicyScope"] != "MessageBody" || a["FilterPolicy"] != `{"a":{"b":["c"]}}` {
		t.Errorf("%v", a)
	}
	req.Physical, req.Old = made.Physical, req.New
	req.New = servicetest.Props(t, `{"TopicArn":"`+topic+`","Protocol":"sqs","Endpoint":"`+queue+`","RedrivePolicy":{"deadLetterTargetArn":"`+queue+`"}}`)
	if _, err := typ.Update(b.ctx, req); err != nil {
		t.Fatal(err)
	}
	if a := b.attributes(made.Physical); a["RawMessageDelivery"] != "false" || a["FilterPolicy"] != "" || !strings.Contains(a["RedrivePolicy"], queue) {
		t.Errorf("%v", a)
	}
	for range 2 {
		if err := typ.Delete(b.ctx, req); err != nil {
			t.Error(err)
		}
	}
}

func TestPolicyResources(t *testing.T) {
	b, types := stack(t)
	one, two := *b.topic("one", nil), *b.topic("two", nil)
	own := func(topic string) bool { return strings.Contains(b.topicAttributes(&topic)["Policy"], "mine") }
	document := `"PolicyDocument":{"Version":"2012-10-17","Statement":[{"Sid":"mine","Effect":"Allow","Principal":"*","Action":"sns:Publish","Resource":"*"}]}`
	typ := types["AWS::SNS::TopicPolicy"]
	req := room.Request{StackName: "app", LogicalID: "P", Token: "t-0123456789AB", New: servicetest.Props(t, `{`+document+`,"Topics":["`+one+`"]}`)}
	made, err := typ.Create(b.ctx, req)
	if err != nil || !own(one) || own(two) {
		t.Fatal(err, own(one), own(two))
	}
	req.Physical, req.Old, req.New = made.Physical, req.New, servicetest.Props(t, `{`+document+`,"Topics":["`+two+`"]}`)
	if _, err := typ.Update(b.ctx, req); err != nil || own(one) || !own(two) {
		t.Fatal(err, own(one), own(two))
	}
	if err := typ.Delete(b.ctx, room.Request{Physical: made.Physical, Old: req.New}); err != nil || own(two) {
		t.Fatal(err, own(two))
	}
	typ = types["AWS::SNS::TopicInlinePolicy"]
	req = room.Request{New: servicetest.Props(t, `{`+document+`,"TopicArn":"`+one+`"}`)}
	made, err = typ.Create(b.ctx, req)
	if err != nil || made.Physical != one || !own(one) {
		t.Fatal(err, made)
	}
	for range 2 {
		if err := typ.Delete(b.ctx, room.Request{Physical: one, Old: req.New}); err != nil || own(one) {
			t.Fatal(err)
		}
		if _, err := b.r.deleteTopic(b.ctx, &api.DeleteTopicInput{TopicArn: &two}); err != nil {
			t.Fatal(err)
		}
	}
}
