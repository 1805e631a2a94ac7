package cloud

import "strings"

// PrincipalKind says what sort of identity a Principal is.
type PrincipalKind uint8

// The kinds of principals.
const (
	Anonymous   PrincipalKind = iota // an unsigned request
	Root                             // the account itself: every action is allowed
	User                             // an IAM user
	AssumedRole                      // a session of a role
	Service                          // a service of the platform that acts for a resource ("sns.amazonaws.com" for a topic)
)

// Principal is who makes a call (IAM User Guide, "AWS JSON policy elements: Principal"). The zero value is anonymous.
type Principal struct {
	Kind    PrincipalKind `json:"kind"`
	Account string        `json:"account,omitempty"`
	// ARN as GetCallerIdentity gives it: arn:aws:iam::A:root, arn:aws:iam::A:user/N, arn:aws:sts::A:assumed-role/R/S.
	ARN string `json:"arn,omitempty"`
	// ID is the unique id: the account of a root, AIDA... of a user, AROA...:session of a role session.
	ID string `json:"id,omitempty"`
	// Role is the role whose session this is; zero for other kinds.
	Role ARN `json:"role,omitzero"`
	// Session is the role session's name.
	Session string `json:"session,omitempty"`
	// Service is the service principal's name, such as "events.amazonaws.com".
	Service string `json:"service,omitempty"`
	// Source is the resource that a Service principal acts for: aws:SourceArn, and by its account aws:SourceAccount.
	Source ARN `json:"source,omitzero"`
	// Environment is the function execution environment that holds these credentials; "" outside functions.
	Environment string `json:"environment,omitempty"`
	// AccessKey is the access key id that signed the request.
	AccessKey string `json:"accessKey,omitempty"`
}

// RootOf gives the root principal of an account.
func RootOf(account string) Principal {
	return Principal{Kind: Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", ID: account}
}

// RoleSession gives the principal of a session of a role. Its ARN leaves out the role's path (IAM User Guide, "IAM identifiers").
func RoleSession(role ARN, session string) Principal {
	return Principal{Kind: AssumedRole, Account: role.Account, Role: role, Session: session,
		ARN: "arn:" + role.Partition + ":sts::" + role.Account + ":assumed-role/" + role.Resource[strings.LastIndexByte(role.Resource, '/')+1:] + "/" + session}
}

// ServicePrincipal gives the principal of a service ("sns.amazonaws.com") that acts for source.
func ServicePrincipal(service string, source ARN) Principal {
	return Principal{Kind: Service, Service: service, Source: source, Account: source.Account}
}
