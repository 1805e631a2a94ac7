// Package iam is the room of AWS Identity and Access Management and of the Security Token Service: roles, users, groups, access keys,
// managed and inline policies, instance profiles, and the sessions of roles. It is also the platform's cloud.Identity: whose
// access key signed a request, and which policies bear on him.
//
// Sessions are stateless: a session token is sealed with a key of the platform and says whose session it is and until when; the
// secret key is derived from it. Only a session with session policies leaves a row.
//
// Served: see operations. Not served, and refused by name: OpenID Connect and SAML providers and the sessions made from them,
// service-linked roles, MFA, login profiles, and reports. Principal tags and session tags are not condition keys here.
//
// Keys, all in the shard of (iam, account) but for the last two:
//
//	iam, role | user | group | policy | profile, account, lower-case name -> the record as JSON
//	iam, accesskey, account, access key id                                -> the record as JSON
//	iam, session, account, access key id                                  -> session policies as JSON
//	iam, sessiondue, account, expiry, access key id                       -> nothing
//	iam, alias, account                                                   -> the account's alias
//	iam, aliases (shard of iam), alias                                    -> the account that has it
//	iam, sealing (shard of iam)                                           -> 32 bytes
package iam
