// Package policy decides whether a request is allowed (IAM User Guide, "Policy evaluation logic"): explicit denies, resource policies,
// identity policies, permissions boundaries and session policies, within an account and across accounts. It is pure: what a
// principal's policies are is the iam room's knowledge, what the request's keys are the gateway's and the rooms'.
//
// Evaluate judges one request. An Evaluator does the same and remembers compiled policies by their pointer, so hand it the same
// *cloud.Policy for the same document, and never change one.
package policy
