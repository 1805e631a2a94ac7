package wire

import (
	"io"
	"strings"
	"testing"

	"sundog/api/s3"
	"sundog/api/sfn"
	"sundog/cloud"
)

// Rooms and workflows call by the model's JSON; the case of a name's first letter does not matter.
func TestDecodeModel(t *testing.T) {
	in := &sfn.StartExecutionInput{}
	if err := DecodeModel(sfn.StartExecutionOp, []byte(`{"StateMachineArn":"a","input":"{}","Nothing":1}`), nil, in); err != nil || *in.StateMachineArn != "a" || *in.Input != "{}" {
		t.Fatal(err, in)
	}
	if err := DecodeModel(sfn.StartExecutionOp, []byte(`{"input":1}`), nil, in); !cloud.IsCode(err, "SerializationException") {
		t.Fatal(err)
	}
	if err := DecodeModel(sfn.StartExecutionOp, nil, strings.NewReader("x"), in); err == nil {
		t.Fatal("a stream was taken")
	}
}

func TestModelStreams(t *testing.T) {
	in := &s3.PutObjectInput{}
	if err := DecodeModel(s3.PutObjectOp, []byte(`{"Bucket":"b","Metadata":{"a":"b"}}`), strings.NewReader("data"), in); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(in.Body); string(b) != "data" || *in.Bucket != "b" || in.Metadata["a"] != "b" || err != nil {
		t.Fatalf("got %+v %q %v", in, b, err)
	}
	r := EncodeModel(s3.GetObjectOp, &s3.GetObjectOutput{ETag: ptr("e"), Body: io.NopCloser(strings.NewReader("data"))})
	if b, err := io.ReadAll(r.Body); string(b) != "data" || string(r.Out) != `{"ETag":"e"}` || err != nil {
		t.Fatalf("got %s %q %v", r.Out, b, err)
	}
	if r := EncodeModel(s3.DeleteBucketOp, nil); string(r.Out) != "{}" || r.Body != nil {
		t.Fatalf("got %+v", r)
	}
}
