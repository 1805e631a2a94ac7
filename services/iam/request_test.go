package iam

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sundog/cloud"
	sign "sundog/cloud/sigv4"
	"sundog/edge/wire/sigv4"
	"sundog/engine/policy"
)

// signed makes a request as a function sends it, and the parts that answer it.
func signed(t testing.TB) (h *house, r *http.Request, v *sigv4.Verifier) {
	t.Helper()
	h = newHouse(t)
	h.do(t, "CreateRole", input{"RoleName": "fn", "AssumeRolePolicyDocument": lambdaTrust})
	h.do(t, "AttachRolePolicy", input{"RoleName": "fn", "PolicyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"})
	h.do(t, "PutRolePolicy", input{"RoleName": "fn", "PolicyName": "p", "PolicyDocument": `{"Statement":{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:*:111111111111:orders"}}`})
	c, err := h.id.Issue(context.Background(), cloud.MustARN("arn:aws:iam::111111111111:role/fn"), "f", "fn", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	out, err := http.NewRequest("POST", "https://sqs.eu-west-1.amazonaws.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	out.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	out.Header.Set("Content-Type", "application/x-amz-json-1.0")
	creds := sign.Credentials{AccessKey: c.AccessKeyID, Secret: c.SecretAccessKey, Token: c.SessionToken}
	sign.NewSigner(sign.NewKeys(2)).Sign(out, sign.HashHex([]byte(body)), creds, "sqs", "eu-west-1", h.clock.Wall())
	r = httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Host, r.Header = out.URL.Host, out.Header
	return h, r, sigv4.NewVerifier(h.clock, sign.NewKeys(100), h.id.Secret)
}

var body = `{"MessageBody":"` + strings.Repeat("x", 1000) + `"}`

// answer does what a gateway does with every request: who is it, and may he?
func (h *house) answer(r *http.Request, v *sigv4.Verifier, e *policy.Evaluator, queue cloud.ARN) (policy.Decision, error) {
	c, err := sigv4.Parse(r)
	if err != nil {
		return policy.Decision{}, err
	}
	who, err := v.Verify(r, c, []byte(body))
	if err != nil {
		return policy.Decision{}, err
	}
	set, err := h.id.Policies(r.Context(), who.Principal)
	call := cloud.Call{Principal: who.Principal, Scope: cloud.Scope{Account: who.Principal.Account, Region: c.Scope.Region}, Secure: true}
	return e.Evaluate(policy.Request{Principal: who.Principal, Action: "sqs:SendMessage", Resource: queue, Keys: policy.GlobalKeys(call, h.clock.Now())}, set), err
}

func TestSignedRequestIsJudged(t *testing.T) {
	h, r, v := signed(t)
	e := policy.NewEvaluator(10)
	for queue, want := range map[string]bool{"orders": true, "others": false} {
		d, err := h.answer(r, v, e, cloud.MustARN("arn:aws:sqs:eu-west-1:111111111111:"+queue))
		if err != nil || d.Allow != want {
			t.Errorf("%s: %+v %v", queue, d, err)
		}
	}
	h.clock.AdvanceWall(16 * time.Minute)
	if _, err := h.answer(r, v, e, cloud.ARN{}); cloud.AsError(err).Code != "InvalidSignatureException" {
		t.Error(err)
	}
}

func BenchmarkSignedRequest(b *testing.B) {
	h, r, v := signed(b)
	e := policy.NewEvaluator(10)
	queue := cloud.MustARN("arn:aws:sqs:eu-west-1:111111111111:orders")
	b.ReportAllocs()
	for b.Loop() {
		if d, err := h.answer(r, v, e, queue); err != nil || !d.Allow {
			b.Fatal(d, err)
		}
	}
}
