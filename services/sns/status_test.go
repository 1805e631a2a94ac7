package sns

import (
	"context"
	"maps"
	"testing"
	"time"

	"sundog/engine/bus"
	"sundog/engine/egress"
)

const loggingRole = "arn:aws:iam::000000000000:role/logs"

// failing is a target that gives nothing away but an error for good.
type failing struct{ sink }

func (failing) Deliver(context.Context, bus.Delivery) (bus.Outcome, error) {
	return bus.Outcome{Kind: bus.Permanent, Code: "ResourceNotFoundException", Reason: "Function not found"}, nil
}

func TestDeliveryStatus(t *testing.T) {
	b := open(t)
	b.Targets["lambda"] = failing{b.sink}
	attrs := map[string]string{}
	for _, protocol := range []string{"SQS", "Lambda", "HTTP"} {
		attrs[protocol+successRole], attrs[protocol+failureRole] = loggingRole, loggingRole
	}
	attrs["SQSSuccessFeedbackSampleRate"] = "100"
	topic := b.topic("t", attrs)
	if a := b.topicAttributes(topic); a["HTTPSuccessFeedbackRoleArn"] != loggingRole || a["SQSSuccessFeedbackSampleRate"] != "100" {
		t.Errorf("%v", a)
	}
	b.subscribe(topic, "sqs", queue, nil)
	b.subscribe(topic, "lambda", function, nil)
	statuses := []int{500, 204}
	b.Egress.Answer = func(_ context.Context, r egress.Request) (egress.Response, error) {
		if r.Header["x-amz-sns-message-type"][0] != notificationType {
			return egress.Response{Status: 200}, nil
		}
		status := statuses[0]
		statuses = statuses[1:]
		return egress.Response{Status: status}, nil
	}
	b.confirmed(topic, "https", hook, nil)
	b.publish(topic, "hello", nil)
	b.Settle()
	b.Advance(time.Minute)
	const group = "sns/eu-west-1/000000000000/t"
	got := map[string]int{}
	for _, l := range logged[delivered](b, group) {
		got[l.Delivery.Destination] = l.Delivery.StatusCode
		if l.Status != "SUCCESS" || l.Notification.MD5 != "5d41402abc4b2a76b9719d911017c592" || l.Notification.TopicArn != *topic {
			t.Errorf("%+v", l)
		}
		if l.Delivery.Destination == hook && (l.Delivery.Attempts != 2 || l.Delivery.Dwell < 20_000) {
			t.Errorf("%+v", l)
		}
	}
	if !maps.Equal(got, map[string]int{queue: 200, hook: 204}) {
		t.Errorf("%v", got)
	}
	failures := logged[delivered](b, group+"/Failure")
	if len(failures) != 1 || failures[0].Status != "FAILURE" || failures[0].Delivery.Destination != function || failures[0].Delivery.StatusCode != 400 ||
		failures[0].Delivery.Response != `{"ErrorCode":"ResourceNotFoundException","ErrorMessage":"Function not found"}` {
		t.Errorf("%+v", failures)
	}
}

// A part of the successes is logged, and nothing where nothing is asked for.
func TestDeliveryStatusSample(t *testing.T) {
	b := open(t)
	topic := b.topic("t", map[string]string{"SQSSuccessFeedbackRoleArn": loggingRole, "SQSSuccessFeedbackSampleRate": "50"})
	b.subscribe(topic, "sqs", queue, map[string]string{"RawMessageDelivery": "true"})
	b.subscribe(topic, "lambda", function, nil)
	for range 200 {
		b.publish(topic, "m", nil)
		b.Settle()
		b.texts()
	}
	if n := len(logged[delivered](b, "sns/eu-west-1/000000000000/t")); n < 50 || n > 150 {
		t.Errorf("%d of 200", n)
	}
	if n := len(logged[delivered](b, "sns/eu-west-1/000000000000/t/Failure")); n != 0 {
		t.Errorf("%d failures", n)
	}
	for attribute, value := range map[string]string{
		"SQSSuccessFeedbackSampleRate": "101", "SQSSuccessFeedbackRoleArn": "role", "ApplicationSuccessFeedbackRoleArn": loggingRole, "SQSFeedback": "x",
	} {
		if err := b.setTopic(topic, attribute, value); err == nil {
			t.Errorf("%s was taken", attribute)
		}
	}
}
