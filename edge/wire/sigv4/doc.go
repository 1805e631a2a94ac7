// Package sigv4 verifies signed requests (IAM User Guide, "AWS Signature Version 4 for API requests"; Amazon S3 API Reference,
// "Authenticating Requests"): signatures in the Authorization header and in the query, bodies that are hashed whole, unsigned, or
// sent in signed chunks with trailing checksums.
//
// A gateway calls Parse first, which finds out who claims to sign what (and so which service is meant), then Verifier.Verify with
// the body's hash or Verifier.VerifyStream for a body that is to be read as it comes. Every failure is a *Fault, which each
// family of protocols words in its own way.
package sigv4
