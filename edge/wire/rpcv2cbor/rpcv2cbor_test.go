package rpcv2cbor_test

import (
	"io"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"sundog/api/cloudwatch"
	"sundog/cloud"
	"sundog/edge/wire/rpcv2cbor"
)

func ptr[T any](v T) *T { return &v }

func TestRoundTrip(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 500e6, time.UTC)
	in := &cloudwatch.PutMetricDataInput{Namespace: ptr("n"), MetricData: []cloudwatch.MetricDatum{{MetricName: ptr("m"), Value: ptr(1.5), Timestamp: &at, Values: []float64{1, 2}}}}
	r, err := rpcv2cbor.Protocol{}.EncodeRequest(cloudwatch.PutMetricDataOp, in)
	if err != nil {
		t.Fatal(err)
	}
	if s, op, ok := rpcv2cbor.Target(r.URL.Path); s != "GraniteServiceVersion20100801" || op != "PutMetricData" || !ok {
		t.Fatal(r.URL)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := &cloudwatch.PutMetricDataInput{}
	if err := (rpcv2cbor.Protocol{}).Decode(cloudwatch.PutMetricDataOp, r, body, got); err != nil || !reflect.DeepEqual(in, got) {
		t.Fatalf("%v %+v", err, got)
	}
}

func TestError(t *testing.T) {
	w := httptest.NewRecorder()
	rpcv2cbor.Protocol{}.EncodeError(w, cloudwatch.Service, cloudwatch.GetDashboardOp, cloud.Errorf(cloud.NotFound, "ResourceNotFound", "gone"), "id")
	e := rpcv2cbor.Protocol{}.DecodeError(nil, w.Result(), w.Body.Bytes())
	if e.Message != "gone" || w.Header().Get("smithy-protocol") != "rpc-v2-cbor" {
		t.Fatalf("got %+v %v", e, w.Header())
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"\xa0", "\xbf\xff", "\xa1\x69Namespace\x61n", "\x9f\x9f\x9f", "\xa1\x6aMetricData\x81\xa1\x69Timestamp\xc1\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		_ = rpcv2cbor.Protocol{}.Decode(cloudwatch.PutMetricDataOp, httptest.NewRequest("POST", "/", nil), b, &cloudwatch.PutMetricDataInput{})
	})
}
