package client

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sundog/api/dynamodb"
	"sundog/api/iam"
	"sundog/api/lambda"
	"sundog/api/s3"
	"sundog/cloud"
	"sundog/cloud/sigv4"
	"sundog/edge/wire/all"
)

type clock struct{ cloud.Clock }

func (clock) Wall() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func newClient(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := New(Options{
		Endpoint: srv.URL, Region: "us-east-1", Clock: clock{},
		Credentials: func(context.Context) (sigv4.Credentials, error) {
			return sigv4.Credentials{AccessKey: "AKID", Secret: "secret", Token: "token"}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ptr[T any](v T) *T { return &v }

// Typed calls over each protocol reach a server that answers with the same codecs.
func TestCall(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/") || r.Header.Get("X-Amz-Security-Token") != "token" {
			t.Errorf("not signed: %v", r.Header)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		switch {
		case r.Header.Get("X-Amz-Target") == "DynamoDB_20120810.GetItem":
			in := &dynamodb.GetItemInput{}
			if err := all.Protocol("json").Decode(dynamodb.GetItemOp, r, body, in); err != nil || *in.TableName != "t" {
				t.Error(err, in)
			}
			all.Protocol("json").Encode(w, r, dynamodb.GetItemOp, &dynamodb.GetItemOutput{Item: in.Key}, "id")
		case strings.Contains(string(body), "Action=GetUser"):
			all.Protocol("query").EncodeError(w, iam.Service, iam.GetUserOp, cloud.Errorf(cloud.NotFound, "NoSuchEntity", "no %s", "user"), "id")
		case r.URL.Path == "/2015-03-31/functions/f/invocations":
			all.Protocol("rest-json").Encode(w, r, lambda.InvokeOp, &lambda.InvokeOutput{StatusCode: ptr(int32(200)), Payload: body}, "id")
		case r.Method == http.MethodPut:
			if string(body) != "data" || r.URL.EscapedPath() != "/b/k/%C3%A4%20b" {
				t.Errorf("%s %q", r.URL.EscapedPath(), body)
			}
			all.Protocol("rest-xml").Encode(w, r, s3.PutObjectOp, &s3.PutObjectOutput{ETag: ptr(`"e"`)}, "id")
		}
	})
	ctx := context.Background()
	out := &dynamodb.GetItemOutput{}
	key := map[string]dynamodb.AttributeValue{"id": {S: ptr("x")}, "n": {L: []dynamodb.AttributeValue{{N: ptr("1")}}}}
	if err := c.Call(ctx, dynamodb.GetItemOp, &dynamodb.GetItemInput{TableName: ptr("t"), Key: key}, out); err != nil || *out.Item["n"].L[0].N != "1" {
		t.Error(err, out)
	}
	err := c.Call(ctx, iam.GetUserOp, &iam.GetUserInput{UserName: ptr("u")}, &iam.GetUserOutput{})
	if e := cloud.AsError(err); e.Code != "NoSuchEntity" || e.Message != "no user" || e.Status != 404 || e.Kind != cloud.NotFound {
		t.Errorf("got %#v", e)
	}
	inv := &lambda.InvokeOutput{}
	if err := c.Call(ctx, lambda.InvokeOp, &lambda.InvokeInput{FunctionName: ptr("f"), Payload: []byte(`{"a":1}`)}, inv); err != nil || string(inv.Payload) != `{"a":1}` || *inv.StatusCode != 200 {
		t.Error(err, inv)
	}
	put := &s3.PutObjectOutput{}
	if err := c.Call(ctx, s3.PutObjectOp, &s3.PutObjectInput{Bucket: ptr("b"), Key: ptr("k/ä b"), Body: strings.NewReader("data")}, put); err != nil || *put.ETag != `"e"` {
		t.Error(err, put)
	}
}

// Throttled calls are tried again with the whole body; wrong ones are not.
func TestRetry(t *testing.T) {
	calls := 0
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "data" {
			t.Errorf("attempt %d: %q %v", calls, body, err)
		}
		if calls < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("ETag", "e")
	})
	out := &s3.PutObjectOutput{}
	if err := c.Call(context.Background(), s3.PutObjectOp, &s3.PutObjectInput{Bucket: ptr("b"), Key: ptr("k"), Body: strings.NewReader("data")}, out); err != nil || calls != 3 {
		t.Fatal(err, calls)
	}
	calls = 0
	c = newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(http.StatusBadRequest)
	})
	if err := c.Call(context.Background(), s3.ListBucketsOp, &s3.ListBucketsInput{}, nil); err == nil || calls != 1 {
		t.Fatal(err, calls)
	}
}
