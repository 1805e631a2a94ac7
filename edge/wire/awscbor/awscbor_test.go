package awscbor_test

import (
	"io"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"sundog/api/kinesis"
	"sundog/cloud"
	"sundog/edge/wire/awscbor"
	"sundog/edge/wire/cborbody"
)

func TestRoundTrip(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	in := &kinesis.GetShardIteratorInput{StreamName: new("s"), ShardId: new("shardId-000000000000"), ShardIteratorType: new("AT_TIMESTAMP"), Timestamp: &at}
	r, err := awscbor.Protocol{}.EncodeRequest(kinesis.GetShardIteratorOp, in)
	if err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("Content-Type") != "application/x-amz-cbor-1.1" || r.Header.Get("X-Amz-Target") != "Kinesis_20131202.GetShardIterator" {
		t.Fatal(r.Header)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := &kinesis.GetShardIteratorInput{}
	if err := (awscbor.Protocol{}).Decode(kinesis.GetShardIteratorOp, r, body, got); err != nil || !reflect.DeepEqual(in, got) {
		t.Fatalf("%v %+v", err, got)
	}
}

// Times are milliseconds under the tag of epoch times, and blobs are bytes.
func TestAnswer(t *testing.T) {
	at := time.UnixMilli(1767323045678)
	out := &kinesis.GetRecordsOutput{Records: []kinesis.Record{{SequenceNumber: new("1"), ApproximateArrivalTimestamp: &at, Data: []byte{0, 1, 2}}}, MillisBehindLatest: new(int64(7))}
	w := httptest.NewRecorder()
	if err := (awscbor.Protocol{}).Encode(w, httptest.NewRequest("POST", "/", nil), kinesis.GetRecordsOp, out, "id"); err != nil {
		t.Fatal(err)
	}
	got := &kinesis.GetRecordsOutput{}
	b := w.Body.Bytes()
	resp := w.Result()
	if err := (awscbor.Protocol{}).DecodeResponse(kinesis.GetRecordsOp, resp, got); err != nil || !got.Records[0].ApproximateArrivalTimestamp.Equal(at) || string(got.Records[0].Data) != "\x00\x01\x02" {
		t.Fatalf("%v %+v", err, got)
	}
	var raw map[string]any
	if err := cborbody.Decode(b, &raw); err != nil {
		t.Fatal(err)
	}
	rec := raw["Records"].([]any)[0].(map[string]any)
	if sec := rec["ApproximateArrivalTimestamp"].(time.Time).Unix(); sec != 1767323045678 || resp.Header.Get("Content-Type") != "application/x-amz-cbor-1.1" {
		t.Fatal(sec, resp.Header)
	}
}

func TestError(t *testing.T) {
	w := httptest.NewRecorder()
	awscbor.Protocol{}.EncodeError(w, kinesis.Service, kinesis.GetRecordsOp, cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "gone"), "id")
	e := awscbor.Protocol{}.DecodeError(nil, w.Result(), w.Body.Bytes())
	if e.Message != "gone" || e.Code != "ResourceNotFoundException" || w.Code != 400 || w.Header().Get("x-amzn-ErrorType") != "ResourceNotFoundException" {
		t.Fatalf("got %+v %d %v", e, w.Code, w.Header())
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"\xa0", "\xbf\xff", "\xa1\x64Data\x41n", "\x9f\x9f\x9f", "\xa1\x69Timestamp\xc1\x1b\x00\x00\x01\x9b\x00\x00\x00\x00", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		_ = awscbor.Protocol{}.Decode(kinesis.GetShardIteratorOp, httptest.NewRequest("POST", "/", nil), b, &kinesis.GetShardIteratorInput{})
	})
}
