// Package sigv4 is Amazon's signature version 4 as pure functions (IAM User Guide, "AWS Signature Version 4 for API requests"; Amazon
// S3 API Reference, "Authenticating Requests"): canonical requests, strings to sign, derived keys with a bounded cache, signed
// and presigned requests, and the chain of chunk signatures of streamed uploads. It does no I/O and keeps no global state; the
// verifying side (edge/wire/sigv4) and the signing clients share it, so that they cannot disagree.
package sigv4
