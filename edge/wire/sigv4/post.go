package sigv4

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"sundog/cloud/sigv4"
)

// Form is what a browser's upload says of its signature (Amazon S3 API Reference, "Authenticating Requests in Browser-Based Uploads
// Using POST"): the form's fields of those names. Policy is the policy as sent, in base64.
type Form struct{ Policy, Algorithm, Credential, Date, Signature, Token string }

// VerifyForm checks the signature of a form's policy. Whether the policy allows the upload, and whether it has expired, is the
// caller's to see: it signs nothing else, so the date may be old. Errors are *Fault in S3's wording.
func (v *Verifier) VerifyForm(ctx context.Context, f Form) (Identity, error) {
	if strings.HasPrefix(f.Algorithm, "AWS4-ECDSA-P256-SHA256") {
		return Identity{}, fault(Unsupported, "Signature Version 4A (AWS4-ECDSA-P256-SHA256) is not served; sign with AWS4-HMAC-SHA256.").of("s3")
	}
	if f.Algorithm != sigv4.Algorithm || f.Policy == "" || f.Signature == "" {
		return Identity{}, fault(OldSignature, "").of("s3")
	}
	at, err := time.Parse(sigv4.TimeFormat, f.Date)
	if err != nil {
		return Identity{}, fault(BadExpires, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"").of("s3")
	}
	c := &Credential{At: at, Stamp: f.Date}
	if err := c.readCredential(f.Credential); err != nil {
		var fl *Fault
		if errors.As(err, &fl) {
			return Identity{}, fl.of("s3")
		}
		return Identity{}, err
	}
	if err := c.For("s3"); err != nil {
		return Identity{}, err
	}
	secret, p, parent, err := v.secret(ctx, c.AccessKey, f.Token)
	if err != nil {
		return Identity{}, ofIdentity(err, "s3")
	}
	want := v.signer.Text(f.Policy, secret, c.Scope)
	if subtle.ConstantTimeCompare([]byte(want), []byte(f.Signature)) != 1 {
		fl := fault(Mismatch, "").of("s3")
		fl.Fields = map[string]any{"AWSAccessKeyId": c.AccessKey, "StringToSign": f.Policy, "SignatureProvided": f.Signature}
		return Identity{}, fl
	}
	p.AccessKey = c.AccessKey
	return Identity{Principal: p, Parent: parent}, nil
}
