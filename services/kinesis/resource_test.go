package kinesis

import (
	"fmt"
	"strings"
	"testing"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/services/room"
	"sundog/services/servicetest"
)

// A stream of a template comes to be, follows changes, is not made twice by the same step, and goes; so does a consumer.
func TestResources(t *testing.T) {
	k := servicetest.New(t)
	b := over(t, k)
	s := b.s
	k.Serve(b.ctx, s.operations())
	types := servicetest.ByType(s.resources())
	req := room.Request{StackName: "shop", StackID: "arn:stack/1", LogicalID: "Clicks", Token: "token-1", New: servicetest.Props(t, `{"ShardCount":2,"Name":"clicks","Tags":[{"Key":"a","Value":"1"}]}`)}
	st := types["AWS::Kinesis::Stream"]
	for range 2 { // the second is the step run again
		out, err := st.Create(b.ctx, req)
		if err != nil || out.Physical != "clicks" || out.Attributes["Arn"] != "arn:aws:kinesis:eu-west-1:000000000000:stream/clicks" {
			t.Fatal(out, err)
		}
	}
	other := req
	other.StackID = "arn:stack/2"
	if _, err := st.Create(b.ctx, other); err == nil {
		t.Fatal("another stack takes the stream")
	}
	summary := func(want string) {
		t.Helper()
		d := must[api.DescribeStreamSummaryOutput](b, "DescribeStreamSummary", &api.DescribeStreamSummaryInput{StreamName: new("clicks")}).StreamDescriptionSummary
		tags := must[api.ListTagsForStreamOutput](b, "ListTagsForStream", &api.ListTagsForStreamInput{StreamName: new("clicks")}).Tags
		var all []string
		for _, x := range tags {
			if !strings.HasPrefix(*x.Key, "aws:") {
				all = append(all, *x.Key+*x.Value)
			}
		}
		got := fmt.Sprintf("%s %d %d %s", *d.StreamModeDetails.StreamMode, *d.OpenShardCount, *d.RetentionPeriodHours/24, strings.Join(append(all, d.EnhancedMonitoring[0].ShardLevelMetrics...), ","))
		if got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	summary("PROVISIONED 2 1 a1")
	for _, x := range []struct{ props, want string }{
		{`{"ShardCount":4,"Name":"clicks","RetentionPeriodHours":48,"Tags":[{"Key":"b","Value":"2"}]}`, "PROVISIONED 4 2 b2"},
		{`{"ShardCount":2,"Name":"clicks","DesiredShardLevelMetrics":["OutgoingBytes","IncomingBytes"]}`, "PROVISIONED 2 1 IncomingBytes,OutgoingBytes"},
		{`{"ShardCount":2,"Name":"clicks","DesiredShardLevelMetrics":["OutgoingBytes","OutgoingRecords"]}`, "PROVISIONED 2 1 OutgoingBytes,OutgoingRecords"},
		{`{"Name":"clicks","StreamModeDetails":{"StreamMode":"ON_DEMAND"}}`, "ON_DEMAND 2 1 "},
	} {
		req.Physical, req.Old, req.New = "clicks", req.New, servicetest.Props(t, x.props)
		if out, err := st.Update(b.ctx, req); err != nil || out.Physical != "clicks" {
			t.Fatal(out, err)
		}
		summary(x.want)
	}
	c := types["AWS::Kinesis::StreamConsumer"]
	reader := room.Request{StackName: "shop", StackID: "arn:stack/1", LogicalID: "Reader", Token: "token-2",
		New: servicetest.Props(t, `{"StreamARN":"arn:aws:kinesis:eu-west-1:000000000000:stream/clicks","ConsumerName":"reader"}`)}
	out, err := c.Create(b.ctx, reader)
	if err != nil || out.Attributes["ConsumerARN"] != out.Physical || !strings.Contains(out.Physical, "/consumer/reader:") {
		t.Fatal(out, err)
	}
	if again, err := c.Create(b.ctx, reader); err != nil || again.Physical != out.Physical {
		t.Fatal(again, err)
	}
	for range 2 {
		if err := c.Delete(b.ctx, room.Request{Physical: out.Physical}); err != nil {
			t.Fatal(err)
		}
		if err := st.Delete(b.ctx, room.Request{Physical: "clicks"}); err != nil {
			t.Fatal(err)
		}
	}
	bare := room.Request{StackName: "shop", LogicalID: "Bare", Token: "token-4", New: servicetest.Props(t, `{"StreamModeDetails":{"StreamMode":"PROVISIONED"}}`)}
	if _, err := st.Create(b.ctx, bare); !cloud.IsCode(err, "ValidationException") {
		t.Fatal(err)
	}
	if out, err := st.Create(b.ctx, room.Request{StackName: "shop", LogicalID: "Free", Token: "token-3", New: room.Props{}}); err != nil || !strings.HasPrefix(out.Physical, "shop-Free-") {
		t.Fatal(out, err)
	}
}

// A policy holds for the stream or the consumer that it was put to, and goes with it.
func TestPolicies(t *testing.T) {
	k := servicetest.New(t)
	b := over(t, k)
	k.Serve(b.ctx, b.s.operations())
	lookup := b.s.policies.Lookup(b.s.readPolicy)
	sid := func(arn string) string {
		t.Helper()
		a, err := cloud.ParseARN(arn)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := lookup(b.ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		if doc == nil {
			return ""
		}
		return doc.Statements[0].Sid
	}
	policy := func(sid, arn string) *string {
		return new(`{"Version":"2012-10-17","Statement":[{"Sid":"` + sid + `","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"kinesis:PutRecord","Resource":"` + arn + `"}]}`)
	}
	b.create("s", 1)
	stream := ref{servicetest.Scope, "s"}.arn().String()
	reader := *must[api.RegisterStreamConsumerOutput](b, "RegisterStreamConsumer", &api.RegisterStreamConsumerInput{StreamARN: &stream, ConsumerName: new("reader")}).Consumer.ConsumerARN
	for _, arn := range []string{stream, reader} {
		if err := b.try("GetResourcePolicy", &api.GetResourcePolicyInput{ResourceARN: &arn}); !cloud.IsCode(err, "ResourceNotFoundException") || sid(arn) != "" {
			t.Fatal(err)
		}
		for _, name := range []string{"one", "two"} {
			must[api.PutResourcePolicyOutput](b, "PutResourcePolicy", &api.PutResourcePolicyInput{ResourceARN: &arn, Policy: policy(name, arn)})
			got := must[api.GetResourcePolicyOutput](b, "GetResourcePolicy", &api.GetResourcePolicyInput{ResourceARN: &arn}).Policy
			if *got != *policy(name, arn) || sid(arn) != name {
				t.Fatal(*got, sid(arn))
			}
		}
	}
	must[api.DeleteResourcePolicyOutput](b, "DeleteResourcePolicy", &api.DeleteResourcePolicyInput{ResourceARN: &reader})
	if sid(reader) != "" || sid(stream) != "two" {
		t.Fatal(sid(reader), sid(stream))
	}
	for want, in := range map[string]*api.PutResourcePolicyInput{
		"InvalidArgumentException":  {ResourceARN: &stream, Policy: new("{")},
		"ResourceNotFoundException": {ResourceARN: new(stream + "x"), Policy: policy("one", stream)},
		"NotImplemented":            {ResourceARN: &stream, Policy: policy("one", stream), StreamId: new("abcdefghij0123456789-abc")},
	} {
		if err := b.try("PutResourcePolicy", in); !cloud.IsCode(err, want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := b.try("PutResourcePolicy", &api.PutResourcePolicyInput{ResourceARN: &stream, Policy: new(strings.Repeat(" ", maxPolicy) + "{}")}); !cloud.IsCode(err, "InvalidArgumentException") {
		t.Fatal(err)
	}

	typ := servicetest.ByType(b.s.resources())["AWS::Kinesis::ResourcePolicy"]
	props := func(name, arn string) room.Props {
		return servicetest.Props(t, `{"ResourceArn":"`+arn+`","ResourcePolicy":`+*policy(name, arn)+`}`)
	}
	made, err := typ.Create(b.ctx, room.Request{New: props("made", reader)})
	if err != nil || made.Physical != reader || sid(reader) != "made" {
		t.Fatal(made, err)
	}
	moved, err := typ.Update(b.ctx, room.Request{Physical: reader, Old: props("made", reader), New: props("moved", stream)})
	if err != nil || moved.Physical != stream || sid(stream) != "moved" {
		t.Fatal(moved, err)
	}
	for range 2 {
		if err := typ.Delete(b.ctx, room.Request{Physical: reader}); err != nil || sid(reader) != "" {
			t.Fatal(err)
		}
	}
	must[api.PutResourcePolicyOutput](b, "PutResourcePolicy", &api.PutResourcePolicyInput{ResourceARN: &reader, Policy: policy("left", reader)})
	must[api.DeleteStreamOutput](b, "DeleteStream", &api.DeleteStreamInput{StreamName: new("s"), EnforceConsumerDeletion: new(true)})
	b.create("s", 1)
	again := *must[api.RegisterStreamConsumerOutput](b, "RegisterStreamConsumer", &api.RegisterStreamConsumerInput{StreamARN: &stream, ConsumerName: new("reader")}).Consumer.ConsumerARN
	if sid(stream) != "" || sid(again) != "" {
		t.Fatal("what was made again has the policy of what was there before")
	}
}
