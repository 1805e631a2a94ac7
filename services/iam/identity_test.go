package iam

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/internal/ids"
)

const lambdaTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// do calls an operation as the root and fails the test on an error.
func (h *house) do(t testing.TB, op string, in any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := h.Call(context.Background(), cloud.RootOf(owner), "iam", op, raw, nil)
	if err != nil {
		t.Fatalf("%s: %v", op, err)
	}
	return reply.Out
}

func TestIssueAndRunning(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	role := cloud.MustARN("arn:aws:iam::111111111111:role/app/fn")
	if _, err := h.id.Issue(ctx, role, "f", "env", time.Hour); !cloud.IsCode(err, "NoSuchEntity") {
		t.Fatal(err)
	}
	h.do(t, "CreateRole", input{"RoleName": "fn", "Path": "/app/", "AssumeRolePolicyDocument": lambdaTrust})
	c, err := h.id.Issue(ctx, role, "f one", "fn/env 1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	secret, p, parent, err := h.id.Secret(ctx, c.AccessKeyID, c.SessionToken)
	if err != nil || secret != c.SecretAccessKey || parent != nil {
		t.Fatal(secret, parent, err)
	}
	if p.ARN != "arn:aws:sts::111111111111:assumed-role/fn/f-one" || p.Environment != "fn/env 1" || p.Role != role || p.AccessKey != c.AccessKeyID {
		t.Errorf("%+v", p)
	}
	trace := &cloud.Trace{Root: "1-00000000-000000000000000000000000", Parent: "0000000000000001"}
	h.id.Running("fn/env 1", trace)
	if _, _, parent, _ = h.id.Secret(ctx, c.AccessKeyID, c.SessionToken); parent != trace {
		t.Error("no parent while running")
	}
	h.id.Running("fn/env 1", nil)
	if _, _, parent, _ = h.id.Secret(ctx, c.AccessKeyID, c.SessionToken); parent != nil {
		t.Error("a parent after the end")
	}
	h.clock.AdvanceWall(time.Hour)
	if _, _, _, err = h.id.Secret(ctx, c.AccessKeyID, c.SessionToken); !cloud.IsCode(err, "ExpiredToken") {
		t.Error(err)
	}
}

func TestTokensCannotBeBent(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.do(t, "CreateRole", input{"RoleName": "fn", "AssumeRolePolicyDocument": lambdaTrust})
	c, err := h.id.Issue(ctx, cloud.MustARN("arn:aws:iam::111111111111:role/fn"), "f", "e", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	other := c.AccessKeyID[:19] + "A"
	if other == c.AccessKeyID {
		other = c.AccessKeyID[:19] + "B"
	}
	for name, k := range map[string][2]string{
		"other key": {other, c.SessionToken}, "no token": {c.AccessKeyID, ""}, "cut": {c.AccessKeyID, c.SessionToken[:40]},
		"changed": {c.AccessKeyID, c.SessionToken[:60] + "x" + c.SessionToken[61:]}, "not base64": {c.AccessKeyID, "+++"}, "token of nobody": {"AKIDEXAMPLE", "x"},
	} {
		if _, _, _, err := h.id.Secret(ctx, k[0], k[1]); !cloud.IsCode(err, "InvalidClientTokenId") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestChangesCountAtOnce: what a caller was told is what the next request sees, also with many readers.
func TestChangesCountAtOnce(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.do(t, "CreateRole", input{"RoleName": "fn", "AssumeRolePolicyDocument": lambdaTrust})
	c, err := h.id.Issue(ctx, cloud.MustARN("arn:aws:iam::111111111111:role/fn"), "f", "e", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, p, _, err := h.id.Secret(ctx, c.AccessKeyID, c.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := h.id.Policies(ctx, p); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for i := range 100 {
		if i%2 == 0 {
			h.do(t, "PutRolePolicy", input{"RoleName": "fn", "PolicyName": "p", "PolicyDocument": `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`})
		} else {
			h.do(t, "DeleteRolePolicy", input{"RoleName": "fn", "PolicyName": "p"})
		}
		set, err := h.id.Policies(ctx, p)
		if err != nil || len(set.Identity) != (i+1)%2 {
			t.Fatalf("step %d: %d policies, %v", i, len(set.Identity), err)
		}
	}
	close(stop)
	wg.Wait()
}

func TestKeyIDsCarryTheirAccount(t *testing.T) {
	g := ids.NewFixed(7)
	for _, account := range []string{"000000000000", "111111111111", "999999999999", "000000000001"} {
		for flags := range byte(2) {
			id, err := newKeyID(prefixSession, account, flags, g)
			if err != nil || len(id) != 20 || !strings.HasPrefix(id, "ASIA") {
				t.Fatal(id, err)
			}
			if a, f, ok := keyAccount(id); !ok || a != account || f != flags {
				t.Errorf("%s: %s %d %v", id, a, f, ok)
			}
		}
	}
	if _, err := newKeyID(prefixSession, "me", 0, g); err == nil {
		t.Error("an account that is none")
	}
	if _, _, ok := keyAccount("AKIA0189AAAAAAAAAAAA"); ok {
		t.Error("0, 1, 8 and 9 are not base32")
	}
}

func TestBuiltinPoliciesAreValid(t *testing.T) {
	h := newHouse(t)
	all := builtinPolicies()
	for arn := range all {
		h.do(t, "GetPolicy", input{"PolicyArn": arn})
	}
	i := newIdentity(&iamRoom{builtin: all})
	for arn := range all {
		if p, err := i.managed(nil, arn); err != nil || len(p.Statements) == 0 {
			t.Errorf("%s: %v", arn, err)
		}
	}
	for _, name := range []string{"AdministratorAccess", "service-role/AWSLambdaBasicExecutionRole", "service-role/AWSLambdaSQSQueueExecutionRole", "AWSXRayDaemonWriteAccess"} {
		if all["arn:aws:iam::aws:policy/"+name] == nil {
			t.Error(name)
		}
	}
}

func TestDescribeAndTrust(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.do(t, "CreateRole", input{"RoleName": "fn", "AssumeRolePolicyDocument": lambdaTrust, "Tags": []input{{"Key": "a", "Value": "b"}}})
	arn := cloud.MustARN("arn:aws:iam::111111111111:role/fn")
	d, err := h.room.Describe(ctx, arn)
	if err != nil || d.Type != "AWS::IAM::Role" || d.Tags["a"] != "b" || d.Attributes["Arn"] != arn.String() {
		t.Error(d, err)
	}
	p, err := h.room.ResourcePolicy(ctx, arn)
	if err != nil || len(p.Statements) != 1 {
		t.Error(p, err)
	}
	arn.Resource = "role/none"
	if _, err := h.room.Describe(ctx, arn); cloud.AsError(err).Kind != cloud.NotFound {
		t.Error(err)
	}
	arn.Resource = "role/other/fn"
	if _, err := h.room.Describe(ctx, arn); cloud.AsError(err).Kind != cloud.NotFound {
		t.Error(err)
	}
	if _, err := h.id.Issue(ctx, arn, "f", "e", time.Hour); !cloud.IsCode(err, "NoSuchEntity") {
		t.Error(err)
	}
	if p, err := h.room.ResourcePolicy(ctx, arn); p != nil || err != nil {
		t.Error(p, err)
	}
}

func BenchmarkSecretAndPolicies(b *testing.B) {
	h, ctx := newHouse(b), context.Background()
	h.do(b, "CreateRole", input{"RoleName": "fn", "AssumeRolePolicyDocument": lambdaTrust})
	c, err := h.id.Issue(ctx, cloud.MustARN("arn:aws:iam::111111111111:role/fn"), "f", "e", time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, p, _, err := h.id.Secret(ctx, c.AccessKeyID, c.SessionToken)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := h.id.Policies(ctx, p); err != nil {
			b.Fatal(err)
		}
	}
}
