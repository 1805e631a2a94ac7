package awsjson_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"net/http/httptest"
	"testing"

	"sundog/api/dynamodb"
	"sundog/api/sqs"
	"sundog/cloud"
	"sundog/edge/wire/awsjson"
)

func ptr[T any](v T) *T { return &v }

func TestEncode(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/", nil)
	if err := (awsjson.Protocol{}).Encode(w, r, dynamodb.PutItemOp, &dynamodb.PutItemOutput{}, "id"); err != nil {
		t.Fatal(err)
	}
	h := w.Header()
	if w.Body.String() != "{}" || h.Get("Content-Type") != "application/x-amz-json-1.0" || h.Get("x-amzn-RequestId") != "id" || h.Get("X-Amz-Crc32") != fmt.Sprint(crc32.ChecksumIEEE([]byte("{}"))) {
		t.Fatal(w.Body, h)
	}
	w = httptest.NewRecorder()
	if err := (awsjson.Protocol{}).Encode(w, r, sqs.DeleteQueueOp, &sqs.DeleteQueueOutput{}, "id"); err != nil || w.Body.Len() != 0 || w.Code != 200 {
		t.Fatal(err, w.Body)
	}
}

func TestErrorOfOldQueryService(t *testing.T) {
	for _, code := range []string{"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"} {
		w := httptest.NewRecorder()
		awsjson.Protocol{}.EncodeError(w, sqs.Service, sqs.SendMessageOp, cloud.Errorf(cloud.NotFound, code, "The specified queue does not exist."), "id")
		if w.Code != 400 || w.Header().Get("x-amzn-query-error") != "AWS.SimpleQueueService.NonExistentQueue;Sender" ||
			w.Body.String() != `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}` {
			t.Fatal(w.Code, w.Header(), w.Body)
		}
	}
}

// An error's further members are written as the model says.
func TestErrorMembers(t *testing.T) {
	e := cloud.Errorf(cloud.Conflict, "TransactionCanceledException", "cancelled").
		With("CancellationReasons", []dynamodb.CancellationReason{{Code: ptr("None")}, {Code: ptr("ConditionalCheckFailed"), Item: map[string]dynamodb.AttributeValue{"a": {S: ptr("x")}}}})
	w := httptest.NewRecorder()
	awsjson.Protocol{}.EncodeError(w, dynamodb.Service, dynamodb.TransactWriteItemsOp, e, "id")
	want := `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled","CancellationReasons":[{"Code":"None"},{"Item":{"a":{"S":"x"}},"Code":"ConditionalCheckFailed"}]}`
	if got := w.Body.String(); w.Code != 400 || got != want {
		t.Fatal(w.Code, got)
	}
}

func TestGzip(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(`{"TableName":"t"}`)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Content-Encoding", "gzip")
	in := &dynamodb.DescribeTableInput{}
	if err := (awsjson.Protocol{}).Decode(dynamodb.DescribeTableOp, r, b.Bytes(), in); err != nil || *in.TableName != "t" {
		t.Fatal(err, in)
	}
	if err := (awsjson.Protocol{}).Decode(dynamodb.DescribeTableOp, r, b.Bytes()[:12], in); !cloud.IsCode(err, "SerializationException") {
		t.Fatal(err)
	}
}
