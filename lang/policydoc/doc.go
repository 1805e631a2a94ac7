// Package policydoc is the language of IAM policies (IAM User Guide, "IAM JSON policy elements reference" and "Grammar of the IAM JSON
// policy language"): it reads policy documents into cloud.Policy, refuses what IAM refuses in IAM's words, and matches texts
// against patterns with wildcards and policy variables. Deciding what a policy allows is engine/policy's work.
package policydoc
