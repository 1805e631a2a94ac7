package main

import (
	"testing"

	"sundog/app"
)

// A request to an API is named with what it is about; other spans have names of their own.
func TestLabel(t *testing.T) {
	for resource, want := range map[string]string{
		"": "x:Do", "arn:aws:lambda:us-east-1:000000000000:function:pay:live": "x:Do pay:live", "arn:aws:dynamodb:us-east-1:000000000000:table/users": "x:Do users",
		"arn:aws:sqs:us-east-1:000000000000:mail": "x:Do mail", "arn:aws:s3:::bucket/a/key": "x:Do bucket/a/key",
	} {
		if got := label(app.Span{Kind: "api", Name: "x:Do", Resource: resource}); got != want {
			t.Errorf("%q is %q, want %q", resource, got, want)
		}
	}
	if got := label(app.Span{Kind: "invoke", Name: "pay", Resource: "arn:aws:lambda:us-east-1:000000000000:function:pay"}); got != "pay" {
		t.Error(got)
	}
}
