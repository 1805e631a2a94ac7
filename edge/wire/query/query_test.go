package query_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sundog/api/iam"
	"sundog/api/sqs"
	"sundog/cloud"
	"sundog/edge/wire/query"
)

func ptr[T any](v T) *T { return &v }

// The older SQS clients' form: flattened lists and maps by the names of the older model.
func TestDecodeSQS(t *testing.T) {
	body := "Action=SendMessage&Version=2012-11-05&QueueUrl=u&MessageBody=a%20b" +
		"&MessageAttribute.2.Name=n2&MessageAttribute.2.Value.DataType=Binary&MessageAttribute.2.Value.BinaryValue=AQI%3D" +
		"&MessageAttribute.1.Name=n1&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=v"
	in := &sqs.SendMessageInput{}
	r := httptest.NewRequest("POST", "/", nil)
	if err := (query.Protocol{}).Decode(sqs.SendMessageOp, r, []byte(body), in); err != nil {
		t.Fatal(err)
	}
	if *in.MessageBody != "a b" || *in.MessageAttributes["n1"].StringValue != "v" || string(in.MessageAttributes["n2"].BinaryValue) != "\x01\x02" {
		t.Fatalf("got %+v", in)
	}
	create := &sqs.CreateQueueInput{}
	body = "QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&Tag.1.Key=k&Tag.1.Value=v"
	if err := (query.Protocol{}).Decode(sqs.CreateQueueOp, r, []byte(body), create); err != nil || create.Attributes["DelaySeconds"] != "5" || create.Tags["k"] != "v" {
		t.Fatal(err, create)
	}
	recv := &sqs.ReceiveMessageInput{}
	if err := (query.Protocol{}).Decode(sqs.ReceiveMessageOp, r, []byte("AttributeName.1=All&MessageAttributeName.1=a&MessageAttributeName.2=b"), recv); err != nil || recv.AttributeNames[0] != "All" || len(recv.MessageAttributeNames) != 2 {
		t.Fatal(err, recv)
	}
	batch := &sqs.SendMessageBatchInput{}
	if err := (query.Protocol{}).Decode(sqs.SendMessageBatchOp, r, []byte("SendMessageBatchRequestEntry.1.Id=x&SendMessageBatchRequestEntry.1.MessageBody=y"), batch); err != nil || *batch.Entries[0].Id != "x" {
		t.Fatal(err, batch)
	}
}

// A request to a queue's own URL means that queue, unless it names another.
func TestDecodeQueuePath(t *testing.T) {
	for _, c := range []struct{ body, want string }{{"MessageBody=x", "/000000000000/q"}, {"MessageBody=x&QueueUrl=u", "u"}} {
		in := &sqs.SendMessageInput{}
		if err := (query.Protocol{}).Decode(sqs.SendMessageOp, httptest.NewRequest("POST", "/000000000000/q", nil), []byte(c.body), in); err != nil || *in.QueueUrl != c.want {
			t.Errorf("%s: %v %v, want %s", c.body, in.QueueUrl, err, c.want)
		}
	}
}

func TestEncodeSQS(t *testing.T) {
	w := httptest.NewRecorder()
	out := &sqs.ReceiveMessageOutput{Messages: []sqs.Message{{MessageId: ptr("m"), Body: ptr("<b>"), Attributes: map[string]string{"SenderId": "s"}}}}
	if err := (query.Protocol{}).Encode(w, httptest.NewRequest("POST", "/", nil), sqs.ReceiveMessageOp, out, "id"); err != nil {
		t.Fatal(err)
	}
	want := `<ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><ReceiveMessageResult><Message><MessageId>m</MessageId>` +
		`<Body>&lt;b&gt;</Body><Attribute><Name>SenderId</Name><Value>s</Value></Attribute></Message></ReceiveMessageResult>` +
		`<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></ReceiveMessageResponse>`
	if got := w.Body.String(); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestErrors(t *testing.T) {
	w := httptest.NewRecorder()
	query.Protocol{}.EncodeError(w, sqs.Service, sqs.GetQueueUrlOp, cloud.Errorf(cloud.NotFound, "QueueDoesNotExist", "The specified queue does not exist."), "id")
	if got := w.Body.String(); w.Code != 400 || !strings.Contains(got, "<Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code>") {
		t.Fatal(w.Code, got)
	}
	w = httptest.NewRecorder()
	query.Protocol{}.EncodeError(w, sqs.Service, sqs.GetQueueUrlOp, cloud.Errorf(cloud.Invalid, "InvalidParameterValueException", "a").InQuery("InvalidParameterValue", "b"), "id")
	if got := w.Body.String(); w.Code != 400 || !strings.Contains(got, "<Code>InvalidParameterValue</Code><Message>b</Message>") {
		t.Fatal(w.Code, got)
	}
	w = httptest.NewRecorder()
	query.Protocol{}.EncodeError(w, iam.Service, iam.GetRoleOp, cloud.Errorf(cloud.NotFound, "NoSuchEntity", "x"), "id")
	if w.Code != 404 || !strings.Contains(w.Body.String(), `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>`) {
		t.Fatal(w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	query.Protocol{}.EncodeError(w, iam.Service, nil, cloud.NotImplementedf("iam:Foo"), "id")
	if w.Code != 501 || !strings.Contains(w.Body.String(), "<Type>Receiver</Type><Code>NotImplemented</Code>") {
		t.Fatal(w.Code, w.Body)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"A=1", "Attribute.1.Name=a&Attribute.1.Value=b", "Attribute.-1.Name=a", "Attribute", "Tag.99999999999999999999.Key=x", "%zz", strings.Repeat("a.", 100), "MessageAttribute.1.Value.StringListValue.1=x&MessageAttribute.1.Name=n"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		for _, op := range []any{&sqs.SendMessageInput{}, &sqs.CreateQueueInput{}} {
			r := httptest.NewRequest("POST", "/", nil)
			r.URL = &url.URL{Path: "/"}
			schema := sqs.SendMessageOp
			if _, ok := op.(*sqs.CreateQueueInput); ok {
				schema = sqs.CreateQueueOp
			}
			_ = query.Protocol{}.Decode(schema, r, []byte(s), op)
		}
	})
}
