package sigv4

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/cloud/sigv4"
)

// skew is how far a request's date may be from the present.
const skew = 15 * time.Minute

// Secret looks an access key up: cloud.Identity's method of that name.
type Secret func(ctx context.Context, accessKey, sessionToken string) (secret string, p cloud.Principal, parent *cloud.Trace, err error)

// Verifier checks signatures. Safe for concurrent use.
type Verifier struct {
	clock  cloud.Clock
	secret Secret
	signer *sigv4.Signer
}

// NewVerifier makes a verifier. Dates are held against clock.Wall. keys may be shared with signers.
func NewVerifier(clock cloud.Clock, keys *sigv4.Keys, secret Secret) *Verifier {
	return &Verifier{clock: clock, secret: secret, signer: sigv4.NewSigner(keys)}
}

// Identity is who signed a request. Parent is the span of the invocation that runs in the execution environment which holds the
// key; nil outside functions.
type Identity struct {
	Principal cloud.Principal
	Parent    *cloud.Trace
}

// Verify checks the signature of a request whose body has been read whole; r.Body is not touched. A Chunked body is refused: it is
// VerifyStream's. Errors are *Fault, or what the secret's lookup gave.
func (v *Verifier) Verify(r *http.Request, c *Credential, body []byte) (Identity, error) {
	hash, err := wholeHash(c, body)
	if err != nil {
		return Identity{}, err
	}
	id, _, err := v.check(r, c, hash)
	return id, err
}

// wholeHash gives what stands for the body in the canonical request.
func wholeHash(c *Credential, body []byte) (string, error) {
	if c.Payload == sigv4.UnsignedPayload || c.Presigned && sigv4.SingleEncoding(c.Scope.Service) && c.Payload == "" {
		return sigv4.UnsignedPayload, nil
	}
	if c.Chunked() {
		return "", fault(Unsupported, "x-amz-content-sha256: %s is not served for this operation.", clip(c.Payload)).of(c.Scope.Service)
	}
	hash := sigv4.EmptyHash
	if len(body) > 0 {
		hash = sigv4.HashHex(body)
	}
	if !sigv4.SingleEncoding(c.Scope.Service) {
		return hash, nil
	}
	switch c.Payload {
	case "":
		return "", fault(MissingHash, "").of(c.Scope.Service)
	case hash:
		return hash, nil
	}
	return "", hashMismatch(c, hash)
}

func hashMismatch(c *Credential, computed string) *Fault {
	f := fault(HashMismatch, "").of(c.Scope.Service)
	f.Fields = map[string]any{"ClientComputedContentSHA256": c.Payload, "S3ComputedContentSHA256": computed}
	return f
}

// Expect verifies what can be verified before the body has come: the time, what is signed, and that the key exists. Who has no key is not listened to.
func (v *Verifier) Expect(r *http.Request, c *Credential) error {
	_, _, err := v.known(r, c)
	return err
}

// known gives whose key it is, and its secret.
func (v *Verifier) known(r *http.Request, c *Credential) (id Identity, secret string, err error) {
	if err := v.checkTime(c); err != nil {
		return Identity{}, "", err
	}
	if err := checkSigned(r, c); err != nil {
		return Identity{}, "", err
	}
	secret, p, parent, err := v.secret(r.Context(), c.AccessKey, c.Token)
	if err != nil {
		return Identity{}, "", ofIdentity(err, c.Scope.Service)
	}
	p.AccessKey = c.AccessKey
	return Identity{Principal: p, Parent: parent}, secret, nil
}

// check verifies everything but the body.
func (v *Verifier) check(r *http.Request, c *Credential, hash string) (Identity, string, error) {
	id, secret, err := v.known(r, c)
	if err != nil {
		return Identity{}, "", err
	}
	canonical := sigv4.Canonical{Service: c.Scope.Service, Signed: c.Signed, BodyHash: hash}
	want := v.signer.Signature(r, canonical, secret, c.Stamp, c.Scope)
	if subtle.ConstantTimeCompare([]byte(want), []byte(c.Signature)) != 1 {
		return Identity{}, "", mismatch(r, c, canonical)
	}
	return id, secret, nil
}

// mismatch says, for S3, what was signed here, as S3 does: it is how a client's author finds his error. It gives nothing away, since
// all of it comes from the request.
func mismatch(r *http.Request, c *Credential, canonical sigv4.Canonical) *Fault {
	f := fault(Mismatch, "").of(c.Scope.Service)
	creq := canonical.Append(nil, r)
	sts := sigv4.AppendStringToSign(nil, c.Stamp, c.Scope, creq)
	f.Fields = map[string]any{
		"AWSAccessKeyId": c.AccessKey, "SignatureProvided": c.Signature,
		"StringToSign": string(sts), "StringToSignBytes": spacedHex(sts),
		"CanonicalRequest": string(creq), "CanonicalRequestBytes": spacedHex(creq),
	}
	return f
}

func spacedHex(b []byte) string {
	const limit = 4096
	b = b[:min(len(b), limit)]
	out := make([]byte, 0, 3*len(b))
	for i, c := range b {
		if i > 0 {
			out = append(out, ' ')
		}
		out = hex.AppendEncode(out, []byte{c})
	}
	return string(out)
}

func (v *Verifier) checkTime(c *Credential) error {
	now := v.clock.Wall().UTC()
	if c.Presigned {
		if end := c.At.Add(c.Expires); now.After(end) {
			f := fault(Expired, "Signature expired: %s is now earlier than %s (%s - %d min.)", c.Stamp, now.Add(-c.Expires).Format(sigv4.TimeFormat), now.Format(sigv4.TimeFormat), int(c.Expires/time.Minute)).of(c.Scope.Service)
			f.Fields = map[string]any{"X-Amz-Expires": strconv.Itoa(int(c.Expires / time.Second)), "Expires": end.UTC().Format(time.RFC3339), "ServerTime": now.Format(time.RFC3339)}
			return f
		}
	}
	early, late := now.Add(-skew), now.Add(skew)
	var f *Fault
	switch {
	case c.At.Before(early) && !c.Presigned:
		f = fault(Skewed, "Signature expired: %s is now earlier than %s (%s - 15 min.)", c.Stamp, early.Format(sigv4.TimeFormat), now.Format(sigv4.TimeFormat))
	case c.At.After(late):
		f = fault(Skewed, "Signature not yet current: %s is still later than %s (%s + 15 min.)", c.Stamp, late.Format(sigv4.TimeFormat), now.Format(sigv4.TimeFormat))
	default:
		return nil
	}
	f.Fields = map[string]any{"RequestTime": c.Stamp, "ServerTime": now.Format(time.RFC3339), "MaxAllowedSkewMilliseconds": strconv.FormatInt(skew.Milliseconds(), 10)}
	return f.of(c.Scope.Service)
}

// checkSigned tells whether the headers that decide what a request means are signed: the host everywhere, and for S3 every
// x-amz- header. The session token and the body's hash are bound to the signature in other ways.
func checkSigned(r *http.Request, c *Credential) error {
	if !slices.Contains(c.Signed, "host") && !slices.Contains(c.Signed, ":authority") {
		f := fault(NotSigned, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.").of(c.Scope.Service)
		f.Fields = map[string]any{"HeadersNotSigned": "host"}
		return f
	}
	if !sigv4.SingleEncoding(c.Scope.Service) {
		return nil
	}
	var missing []string
	for name := range r.Header {
		if len(name) > 6 && name[:6] == "X-Amz-" && name != "X-Amz-Security-Token" && name != "X-Amz-Content-Sha256" {
			if lower := strings.ToLower(name); !slices.Contains(c.Signed, lower) {
				missing = append(missing, lower)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	f := fault(NotSigned, "").of(c.Scope.Service)
	f.Fields = map[string]any{"HeadersNotSigned": strings.Join(missing, ", ")}
	return f
}

// VerifyStream checks the signature of a request whose body is to be read as it comes, and gives the reader of the body's data. What
// the signature says of the data is checked while it is read: a reader that ends in io.EOF has delivered what was signed, any other
// end is a *Fault or the connection's error, and what was read must be thrown away. r.Body is read through; closing the reader
// closes it. For an aws-chunked body r.ContentLength becomes the decoded length and "aws-chunked" leaves Content-Encoding.
func (v *Verifier) VerifyStream(r *http.Request, c *Credential) (Identity, *Body, error) {
	hash := c.Payload
	switch {
	case hash == "" && c.Presigned && sigv4.SingleEncoding(c.Scope.Service):
		hash = sigv4.UnsignedPayload
	case hash == "":
		return Identity{}, nil, fault(MissingHash, "Missing required header for this request: x-amz-content-sha256").of(c.Scope.Service)
	case strings.HasPrefix(hash, "STREAMING-AWS4-ECDSA-P256-SHA256"):
		return Identity{}, nil, fault(Unsupported, "Signature Version 4A (%s) is not served; sign with AWS4-HMAC-SHA256.", clip(hash)).of(c.Scope.Service)
	}
	id, secret, err := v.check(r, c, hash)
	if err != nil {
		return Identity{}, nil, err
	}
	body, err := v.body(r, c, hash, secret)
	if err != nil {
		return Identity{}, nil, err
	}
	return id, body, nil
}

func (v *Verifier) body(r *http.Request, c *Credential, hash, secret string) (*Body, error) {
	switch hash {
	case sigv4.UnsignedPayload:
		return &Body{src: r.Body, in: r.Body}, nil
	case sigv4.StreamingPayload, sigv4.StreamingPayloadTrailer:
		chain := v.signer.Chunks(secret, c.Stamp, c.Scope, c.Signature)
		return chunked(r, c.Scope.Service, chain, hash == sigv4.StreamingPayloadTrailer)
	case sigv4.StreamingUnsignedTrailer:
		return chunked(r, c.Scope.Service, nil, true)
	}
	if _, err := hex.DecodeString(hash); err != nil || len(hash) != len(sigv4.EmptyHash) {
		return nil, fault(HashMismatch, "").of(c.Scope.Service)
	}
	h := newHashed(r.Body, c)
	return &Body{src: r.Body, in: h}, nil
}

// Anonymous gives the body reader of a request that is not signed: STREAMING-UNSIGNED-PAYLOAD-TRAILER is decoded, anything else
// passes as it is. Signed chunks without a signed head are refused.
func Anonymous(r *http.Request) (*Body, error) {
	switch hash := r.Header.Get("X-Amz-Content-Sha256"); {
	case hash == sigv4.StreamingUnsignedTrailer:
		return chunked(r, "s3", nil, true)
	case strings.HasPrefix(hash, "STREAMING-"):
		return nil, fault(Missing, "").of("s3")
	}
	return &Body{src: r.Body, in: r.Body}, nil
}

// Body is a request's data. Not for concurrent use.
type Body struct {
	src io.Closer
	in  io.Reader
}

// Read gives the data; see VerifyStream for what the end means.
func (b *Body) Read(p []byte) (int, error) { return b.in.Read(p) }

// Close closes the request's body.
func (b *Body) Close() error { return b.src.Close() }

// Trailer gives the trailing headers by lower-case name, without the signature's own. It is nil before the end of the data.
func (b *Body) Trailer() map[string]string {
	if c, ok := b.in.(*chunks); ok {
		return c.trailer
	}
	return nil
}
