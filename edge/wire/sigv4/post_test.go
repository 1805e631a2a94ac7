package sigv4

import (
	"context"
	"testing"

	"sundog/cloud/sigv4"
)

func TestVerifyForm(t *testing.T) {
	scope := sigv4.ScopeOf("s3", "eu-west-1", present)
	good := Form{Policy: "eyJleHBpcmF0aW9uIjoiIn0=", Algorithm: sigv4.Algorithm, Credential: creds.AccessKey + "/" + scope.String(), Date: present.Format(sigv4.TimeFormat)}
	good.Signature = signer.Text(good.Policy, creds.Secret, scope)
	for _, c := range []struct {
		name   string
		change func(*Form)
		want   string
	}{
		{"good", func(*Form) {}, ""},
		{"other policy", func(f *Form) { f.Policy += "x" }, "SignatureDoesNotMatch"},
		{"4A", func(f *Form) { f.Algorithm = "AWS4-ECDSA-P256-SHA256" }, "NotImplemented"},
		{"version 2", func(f *Form) { f.Algorithm = "" }, "InvalidRequest"},
		{"no date", func(f *Form) { f.Date = "" }, "AuthorizationQueryParametersError"},
		{"other service", func(f *Form) { f.Credential = "a/20260304/e/sqs/aws4_request" }, "AuthorizationHeaderMalformed"},
		{"short credential", func(f *Form) { f.Credential = "a/b" }, "AuthorizationHeaderMalformed"},
		{"old token", func(f *Form) { f.Token = "old" }, "ExpiredToken"},
		{"other key", func(f *Form) { f.Credential = "a/20260304/eu-west-1/s3/aws4_request" }, "InvalidAccessKeyId"},
	} {
		f := good
		c.change(&f)
		id, err := verifierAt(present).VerifyForm(context.Background(), f)
		if code(err) != c.want || err == nil && id.Principal.Account == "" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
