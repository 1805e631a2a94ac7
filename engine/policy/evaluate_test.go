package policy

import (
	"strings"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/lang/policydoc"
)

const (
	acct  = "111111111111"
	other = "222222222222"
	queue = "arn:aws:sqs:eu-west-1:111111111111:q"
	role  = "arn:aws:iam::111111111111:role/R"
	sess  = "arn:aws:sts::111111111111:assumed-role/R/S"
	user  = "arn:aws:iam::111111111111:user/dev/ann"
)

var principals = map[string]cloud.Principal{
	"user":    {Kind: cloud.User, Account: acct, ARN: user, ID: "AIDAANNANNANNANNANN"},
	"session": {Kind: cloud.AssumedRole, Account: acct, ARN: sess, ID: "AROARRRRRRRRRRRRRRR:S", Role: cloud.MustARN(role), Session: "S"},
	"root":    cloud.RootOf(acct),
	"foreign": {Kind: cloud.User, Account: other, ARN: "arn:aws:iam::222222222222:user/bob", ID: "AIDABOB"},
	"froot":   cloud.RootOf(other),
	"service": cloud.ServicePrincipal("sns.amazonaws.com", cloud.MustARN("arn:aws:sns:eu-west-1:111111111111:t")),
	"anon":    {},
}

// identityPolicy and resourcePolicy make documents of one statement from its members without the effect.
func identityPolicy(statements ...string) *cloud.Policy {
	return policydoc.MustParse(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`, policydoc.Identity)
}

func resourcePolicy(statements ...string) *cloud.Policy {
	return policydoc.MustParse(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`, policydoc.Resource)
}

const (
	allowSend = `{"Effect":"Allow","Action":"sqs:Send*","Resource":"` + queue + `"}`
	allowAll  = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	allowRecv = `{"Effect":"Allow","Action":"sqs:ReceiveMessage","Resource":"*"}`
	denySend  = `{"Effect":"Deny","Action":"SQS:sendmessage","Resource":"*"}`
)

func to(effect, principal string) string {
	return `{"Effect":"` + effect + `","Principal":` + principal + `,"Action":"sqs:SendMessage","Resource":"` + queue + `"}`
}

func aws(v string) string { return `{"AWS":"` + v + `"}` }

func TestEvaluate(t *testing.T) {
	one := func(s string) []*cloud.Policy { return []*cloud.Policy{identityPolicy(s)} }
	for _, c := range []struct {
		name, who string
		set       cloud.PolicySet
		trust     bool
		want      string // "allow" or "deny", and where
	}{
		{"nothing", "user", cloud.PolicySet{}, false, "deny " + ByIdentity},
		{"identity", "user", cloud.PolicySet{Identity: one(allowSend)}, false, "allow! " + ByIdentity},
		{"other action", "user", cloud.PolicySet{Identity: one(allowRecv)}, false, "deny " + ByIdentity},
		{"explicit deny", "session", cloud.PolicySet{Identity: []*cloud.Policy{identityPolicy(allowAll), identityPolicy(denySend)}}, false, "deny! " + ByIdentity},
		{"root", "root", cloud.PolicySet{}, false, "allow " + ByRoot},
		{"root and denying resource", "root", cloud.PolicySet{Resource: resourcePolicy(to("Deny", `"*"`))}, false, "deny! " + ByResource},
		{"boundary", "user", cloud.PolicySet{Identity: one(allowSend), Boundary: identityPolicy(allowRecv)}, false, "deny " + ByBoundary},
		{"boundary alone", "user", cloud.PolicySet{Boundary: identityPolicy(allowAll)}, false, "deny " + ByIdentity},
		{"boundary denies", "user", cloud.PolicySet{Identity: one(allowSend), Boundary: identityPolicy(allowAll, denySend)}, false, "deny! " + ByBoundary},
		{"session policy", "session", cloud.PolicySet{Identity: one(allowSend), Session: one(allowRecv)}, false, "deny " + BySession},
		{"two session policies", "session", cloud.PolicySet{Identity: one(allowSend), Session: []*cloud.Policy{identityPolicy(allowRecv), identityPolicy(allowAll)}}, false, "allow! " + ByIdentity},
		{"resource names user", "user", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(user)))}, false, "allow! " + ByResource},
		{"resource names user, boundary silent", "user", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(user))), Boundary: identityPolicy(allowRecv)}, false, "allow! " + ByResource},
		{"resource names role", "session", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(role)))}, false, "allow! " + ByResource},
		{"resource names role, session policy silent", "session", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(role))), Session: one(allowRecv)}, false, "deny " + BySession},
		{"resource names session, session policy silent", "session", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(sess))), Session: one(allowRecv)}, false, "allow! " + ByResource},
		{"resource names role id", "session", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws("AROARRRRRRRRRRRRRRR")))}, false, "allow! " + ByResource},
		{"resource names account", "user", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(acct)))}, false, "deny " + ByIdentity},
		{"resource names account, identity too", "user", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(acct))), Identity: one(allowSend)}, false, "allow! " + ByIdentity},
		{"resource names anyone", "session", cloud.PolicySet{Resource: resourcePolicy(to("Allow", `"*"`))}, false, "allow! " + ByResource},
		{"foreign, resource only", "foreign", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(other)))}, false, "deny " + ByIdentity},
		{"foreign, identity only", "foreign", cloud.PolicySet{Identity: one(allowAll)}, false, "deny " + ByResource},
		{"foreign, both", "foreign", cloud.PolicySet{Identity: one(allowAll), Resource: resourcePolicy(to("Allow", aws("arn:aws:iam::222222222222:root")))}, false, "allow! " + ByResource},
		{"foreign root", "froot", cloud.PolicySet{}, false, "deny " + ByResource},
		{"foreign root, both", "froot", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(other)))}, false, "allow! " + ByResource},
		{"service without policy", "service", cloud.PolicySet{Identity: one(allowAll)}, false, "deny " + ByResource},
		{"service", "service", cloud.PolicySet{Resource: resourcePolicy(to("Allow", `{"Service":["x.amazonaws.com","sns.eu-west-1.amazonaws.com"]}`))}, false, "allow! " + ByResource},
		{"service by anyone", "service", cloud.PolicySet{Resource: resourcePolicy(to("Allow", `"*"`))}, false, "allow! " + ByResource},
		{"service by account", "service", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(acct)))}, false, "deny " + ByResource},
		{"anonymous", "anon", cloud.PolicySet{Identity: one(allowAll)}, false, "deny " + ByResource},
		{"anonymous by anyone", "anon", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws("*")))}, false, "allow! " + ByResource},
		{"not principal denies others", "user", cloud.PolicySet{Identity: one(allowAll), Resource: resourcePolicy(`{"Effect":"Deny","NotPrincipal":{"AWS":"` + role + `"},"Action":"*","Resource":"*"}`)}, false, "deny! " + ByResource},
		{"not principal spares the named", "session", cloud.PolicySet{Identity: one(allowAll), Resource: resourcePolicy(`{"Effect":"Deny","NotPrincipal":{"AWS":"` + role + `"},"Action":"*","Resource":"*"}`)}, false, "allow! " + ByIdentity},
		{"not action", "user", cloud.PolicySet{Identity: one(`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`)}, false, "allow! " + ByIdentity},
		{"not action hit", "user", cloud.PolicySet{Identity: one(`{"Effect":"Allow","NotAction":"sqs:*","Resource":"*"}`)}, false, "deny " + ByIdentity},
		{"not resource", "user", cloud.PolicySet{Identity: one(`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::*"}`)}, false, "allow! " + ByIdentity},
		{"not resource hit", "user", cloud.PolicySet{Identity: one(`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:sqs:*"}`)}, false, "deny " + ByIdentity},
		{"trust required", "user", cloud.PolicySet{Identity: one(allowAll)}, true, "deny " + ByTrust},
		{"trust names user", "user", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(user)))}, true, "allow! " + ByTrust},
		{"trust names account", "user", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(acct)))}, true, "deny " + ByIdentity},
		{"trust names account, identity too", "user", cloud.PolicySet{Resource: resourcePolicy(to("Allow", aws(acct))), Identity: one(allowSend)}, true, "allow! " + ByTrust},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Request{Principal: principals[c.who], Action: "sqs:SendMessage", Resource: cloud.MustARN(queue), ResourceRequired: c.trust}
			d := Evaluate(r, c.set)
			got := "deny"
			if d.Allow {
				got = "allow"
			}
			if d.Explicit {
				got += "!"
			}
			if got += " " + d.Where; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if d.Explicit != (d.By != "") {
				t.Errorf("by %q", d.By)
			}
		})
	}
}

func TestMessageAndSuggestion(t *testing.T) {
	r := Request{Principal: principals["session"], Action: "sqs:SendMessage", Resource: cloud.MustARN(queue)}
	got := Message(r, Evaluate(r, cloud.PolicySet{}))
	if want := "User: " + sess + " is not authorized to perform: sqs:SendMessage on resource: " + queue + " because no identity-based policy allows the sqs:SendMessage action"; got != want {
		t.Error(got)
	}
	for action, want := range map[string]string{"lambda:ListFunctions": " on resource: * because", "xray:PutTraceSegments": "PutTraceSegments because"} {
		all := r
		all.Action, all.Resource = action, cloud.ARN{}
		if got := Message(all, Evaluate(all, cloud.PolicySet{})); !strings.Contains(got, want) {
			t.Error(got)
		}
	}
	got = Message(r, Evaluate(r, cloud.PolicySet{Resource: resourcePolicy(to("Deny", `"*"`))}))
	if !strings.HasSuffix(got, " with an explicit deny in a resource-based policy") {
		t.Error(got)
	}
	if p := identityPolicy(Suggest(r)); !Evaluate(r, cloud.PolicySet{Identity: []*cloud.Policy{p}}).Allow {
		t.Error(Suggest(r))
	}
	r.Principal = principals["service"]
	r.Keys = GlobalKeys(cloud.Call{Principal: r.Principal}, time.Time{})
	if p := resourcePolicy(Suggest(r)); !Evaluate(r, cloud.PolicySet{Resource: p}).Allow {
		t.Error(Suggest(r))
	}
	r.Principal, r.Resource = principals["anon"], cloud.ARN{}
	if got := Suggest(r); got != `{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}` {
		t.Error(got)
	}
}

func TestGlobalKeys(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	call := cloud.Call{Principal: principals["user"], Scope: cloud.Scope{Account: acct, Region: "eu-west-1"}, SourceIP: "10.1.2.3", UserAgent: "curl", Secure: true}
	for _, c := range []struct{ who, key, want string }{
		{"user", "aws:sourceip", "10.1.2.3"}, {"user", "aws:securetransport", "true"}, {"user", "aws:currenttime", "2026-01-02T03:04:05Z"},
		{"user", "aws:epochtime", "1767323045"}, {"user", "aws:requestedregion", "eu-west-1"}, {"user", "aws:useragent", "curl"},
		{"user", "aws:username", "ann"}, {"user", "aws:principalarn", user}, {"user", "aws:principaltype", "User"}, {"user", "aws:principalaccount", acct},
		{"session", "aws:principalarn", role}, {"session", "aws:userid", "AROARRRRRRRRRRRRRRR:S"}, {"session", "aws:username", ""},
		{"session", "aws:principaltype", "AssumedRole"}, {"root", "aws:principaltype", "Account"}, {"anon", "aws:principaltype", "Anonymous"}, {"anon", "aws:principalarn", ""},
		{"service", "aws:sourcearn", "arn:aws:sns:eu-west-1:111111111111:t"}, {"service", "aws:sourceaccount", acct}, {"service", "aws:principalisawsservice", "true"},
		{"service", "aws:principalservicename", "sns.amazonaws.com"}, {"user", "aws:sourcearn", ""}, {"user", "aws:multifactorauthpresent", ""}, {"user", "s3:prefix", ""},
	} {
		call.Principal = principals[c.who]
		v, ok := GlobalKeys(call, now)(c.key)
		if ok != (c.want != "") || ok && (len(v) != 1 || v[0] != c.want) {
			t.Errorf("%s %s: %q %v", c.who, c.key, v, ok)
		}
	}
	own := WithKeys(map[string][]string{"s3:prefix": {"a", "b"}}, GlobalKeys(call, now))
	if v, _ := own("s3:prefix"); len(v) != 2 {
		t.Error(v)
	}
	if v, _ := own("aws:sourceip"); len(v) != 1 {
		t.Error(v)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	e := NewEvaluator(100)
	set := cloud.PolicySet{Identity: []*cloud.Policy{identityPolicy(allowRecv,
		`{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:PutItem"],"Resource":["arn:aws:dynamodb:*:111111111111:table/*"]}`,
		`{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:*:*:q","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}`)}}
	call := cloud.Call{Principal: principals["session"], Scope: cloud.Scope{Account: acct, Region: "eu-west-1"}}
	arn := cloud.MustARN(queue)
	b.ReportAllocs()
	for b.Loop() {
		r := Request{Principal: call.Principal, Action: "sqs:SendMessage", Resource: arn, Keys: GlobalKeys(call, time.Time{})}
		if !e.Evaluate(r, set).Allow {
			b.Fatal("denied")
		}
	}
}
