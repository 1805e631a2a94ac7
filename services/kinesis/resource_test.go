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
		got := fmt.Sprintf("%s %d %d %s", *d.StreamModeDetails.StreamMode, *d.OpenShardCount, *d.RetentionPeriodHours/24, strings.Join(all, ","))
		if got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	summary("PROVISIONED 2 1 a1")
	for _, x := range []struct{ props, want string }{
		{`{"ShardCount":4,"Name":"clicks","RetentionPeriodHours":48,"Tags":[{"Key":"b","Value":"2"}]}`, "PROVISIONED 4 2 b2"},
		{`{"ShardCount":2,"Name":"clicks"}`, "PROVISIONED 2 1 "},
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
