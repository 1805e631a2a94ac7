package sigv4

import (
	"errors"
	"fmt"
	"net/http"

	"sundog/cloud"
)

// Wording is how a family of protocols names authentication failures.
type Wording uint8

// The wordings.
const (
	Exceptions Wording = iota // the JSON, REST-JSON and CBOR protocols: "InvalidSignatureException"
	Query                     // the query protocols: "SignatureDoesNotMatch"
	S3                        // S3's own codes and statuses
)

// Reason says what is wrong with a request's authentication.
type Reason uint8

// The reasons.
const (
	Missing        Reason = iota // the request is not signed
	Incomplete                   // a part of the signature is missing or cannot be read
	Mismatch                     // the signature or the body's hash does not match
	Skewed                       // the date is too far from the present
	Expired                      // a presigned URL has expired
	WrongScope                   // the credential scope is for something else
	UnknownKey                   // there is no such access key, or the session token is not of it
	ExpiredToken                 // the session token has expired
	HashMismatch                 // x-amz-content-sha256 is not the hash of the body
	NotSigned                    // a header that must be signed is not
	BadExpires                   // X-Amz-Expires is out of range
	Unsupported                  // a way to sign that the platform does not serve
	OldSignature                 // signature version 2
	BadDigest                    // a trailing checksum does not match
	BadTrailer                   // the trailing headers are malformed
	IncompleteBody               // the body ends early or has another length than announced
	MissingHash                  // S3 without x-amz-content-sha256
)

// Fault is a failure to authenticate. Its Unwrap is the *cloud.Error in the wording of the request's service, so cloud.AsError works
// on it; Word words it for a protocol that the gateway knows better.
type Fault struct {
	Reason  Reason
	Detail  string // the part of the message that depends on the request
	Service string // of the credential scope, "" when there is none
	Fields  map[string]any
	cause   error
}

func fault(reason Reason, detail string, args ...any) *Fault {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	return &Fault{Reason: reason, Detail: detail}
}

func (f *Fault) of(service string) *Fault {
	f.Service = service
	return f
}

// Error gives the message for logs.
func (f *Fault) Error() string { return f.Word(f.wording()).Error() }

// Unwrap gives the error in the wording of the service that the credential scope names.
func (f *Fault) Unwrap() error { return f.Word(f.wording()) }

func (f *Fault) wording() Wording {
	switch f.Service {
	case "s3", "s3express", "s3-object-lambda":
		return S3
	case "sns", "iam", "sts", "cloudformation", "ec2", "autoscaling", "elasticloadbalancing", "rds", "ses":
		return Query
	}
	return Exceptions
}

// Messages that several wordings share.
const (
	mismatchText = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	invalidToken = "The security token included in the request is invalid."
	expiredToken = "The security token included in the request is expired"
)

// Word gives the fault as an error in a wording. The error's HTTP status is set: authentication failures do not follow the protocols' usual rules.
func (f *Fault) Word(w Wording) *cloud.Error {
	var e *cloud.Error
	switch {
	case f.Reason == Unsupported:
		e = cloud.NotImplementedf("%s", f.Detail)
	case w == S3:
		e = f.forS3()
	default:
		e = f.forOthers(w)
	}
	e.Cause = f.cause
	return e
}

func (f *Fault) forOthers(w Wording) *cloud.Error {
	pick := func(status int, exception, query, text string) *cloud.Error {
		code := exception
		if w == Query {
			code = query
		}
		return &cloud.Error{Kind: cloud.Denied, Code: code, Message: text, Status: status}
	}
	text := func(otherwise string) string {
		if f.Detail != "" {
			return f.Detail
		}
		return otherwise
	}
	signature := func(s string) *cloud.Error {
		return pick(http.StatusForbidden, "InvalidSignatureException", "SignatureDoesNotMatch", s)
	}
	switch f.Reason {
	case Missing:
		return pick(http.StatusForbidden, "MissingAuthenticationTokenException", "MissingAuthenticationToken", text("Missing Authentication Token"))
	case Incomplete, BadExpires:
		return pick(http.StatusForbidden, "IncompleteSignatureException", "IncompleteSignature", f.Detail)
	case UnknownKey:
		return pick(http.StatusForbidden, "UnrecognizedClientException", "InvalidClientTokenId", text(invalidToken))
	case ExpiredToken:
		return pick(http.StatusForbidden, "ExpiredTokenException", "ExpiredToken", text(expiredToken))
	case Expired:
		return pick(http.StatusForbidden, "InvalidSignatureException", "RequestExpired", text("Signature expired"))
	case Skewed, WrongScope, NotSigned:
		return signature(f.Detail)
	case BadDigest, BadTrailer, IncompleteBody:
		return pick(http.StatusBadRequest, "ValidationException", "ValidationError", f.Detail)
	case OldSignature:
		return pick(http.StatusBadRequest, "IncompleteSignatureException", "IncompleteSignature", "AWS Signature Version 2 is not supported. Please use AWS4-HMAC-SHA256.")
	default:
		return signature(mismatchText)
	}
}

// s3Faults are S3's codes, statuses and messages (Amazon S3 API Reference, "Error Responses"). An empty message is the fault's detail.
var s3Faults = map[Reason]struct {
	code, text string
	status     int
}{
	Missing:        {"AccessDenied", "Access Denied", http.StatusForbidden},
	Incomplete:     {"AuthorizationHeaderMalformed", "", http.StatusBadRequest},
	Mismatch:       {"SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.", http.StatusForbidden},
	Skewed:         {"RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", http.StatusForbidden},
	Expired:        {"AccessDenied", "Request has expired", http.StatusForbidden},
	WrongScope:     {"AuthorizationHeaderMalformed", "", http.StatusBadRequest},
	UnknownKey:     {"InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", http.StatusForbidden},
	ExpiredToken:   {"ExpiredToken", "The provided token has expired.", http.StatusBadRequest},
	HashMismatch:   {"XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.", http.StatusBadRequest},
	NotSigned:      {"AccessDenied", "There were headers present in the request which were not signed", http.StatusForbidden},
	BadExpires:     {"AuthorizationQueryParametersError", "", http.StatusBadRequest},
	OldSignature:   {"InvalidRequest", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.", http.StatusBadRequest},
	BadDigest:      {"BadDigest", "", http.StatusBadRequest},
	BadTrailer:     {"MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.", http.StatusBadRequest},
	IncompleteBody: {"IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header", http.StatusBadRequest},
	MissingHash:    {"InvalidRequest", "Missing required header for this request: x-amz-content-sha256", http.StatusBadRequest},
}

func (f *Fault) forS3() *cloud.Error {
	row := s3Faults[f.Reason]
	if row.text == "" {
		row.text = f.Detail
	}
	kind := cloud.Denied
	if row.status == http.StatusBadRequest {
		kind = cloud.Invalid
	}
	return &cloud.Error{Kind: kind, Code: row.code, Message: row.text, Status: row.status, Fields: f.Fields}
}

// ofIdentity turns what the identity room says of an access key into a fault; other errors (the store's, say) pass unchanged.
func ofIdentity(err error, service string) error {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return err
	}
	reason := UnknownKey
	switch e.Code {
	case "ExpiredToken", "ExpiredTokenException":
		reason = ExpiredToken
	case "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken":
	default:
		return err
	}
	return &Fault{Reason: reason, Service: service, cause: err}
}
