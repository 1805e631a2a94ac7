package cloud

import (
	"fmt"
	"strings"
)

// ARN is an Amazon Resource Name taken apart (IAM User Guide, "Amazon Resource Names"). It is comparable; the zero ARN is "no
// resource". Region and Account are empty for services that leave them out (S3, IAM).
type ARN struct {
	Partition, Service, Region, Account, Resource string
}

// ParseARN takes "arn:partition:service:region:account:resource" apart. The resource keeps its own colons and slashes.
func ParseARN(s string) (ARN, error) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[2] == "" || parts[5] == "" {
		return ARN{}, fmt.Errorf("not an ARN: %q", s)
	}
	return ARN{Partition: parts[1], Service: parts[2], Region: parts[3], Account: parts[4], Resource: parts[5]}, nil
}

// MustARN is ParseARN for constants; it panics on a text that is not an ARN.
func MustARN(s string) ARN {
	a, err := ParseARN(s)
	if err != nil {
		panic(err)
	}
	return a
}

// NewARN makes the ARN of a resource in a scope, in the partition "aws".
func NewARN(service string, sc Scope, resource string) ARN {
	return ARN{Partition: "aws", Service: service, Region: sc.Region, Account: sc.Account, Resource: resource}
}

// String gives the ARN's text; the zero ARN's is "".
func (a ARN) String() string {
	if a == (ARN{}) {
		return ""
	}
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// IsZero tells whether a names no resource.
func (a ARN) IsZero() bool { return a == ARN{} }

// Scope gives the account and region of the ARN.
func (a ARN) Scope() Scope { return Scope{Account: a.Account, Region: a.Region} }

// ResourceType splits a resource of the form "type/id" or "type:id"; typ is "" when there is no such prefix.
func (a ARN) ResourceType() (typ, id string) {
	if i := strings.IndexAny(a.Resource, ":/"); i >= 0 {
		return a.Resource[:i], a.Resource[i+1:]
	}
	return "", a.Resource
}

// MarshalText writes the ARN's text.
func (a ARN) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the ARN's text; an empty text is the zero ARN.
func (a *ARN) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*a = ARN{}
		return nil
	}
	v, err := ParseARN(string(b))
	*a = v
	return err
}

// Scope is where a regional resource lives: one account in one region.
type Scope struct {
	Account string `json:"account"`
	Region  string `json:"region"`
}

// String gives "account/region".
func (s Scope) String() string { return s.Account + "/" + s.Region }
