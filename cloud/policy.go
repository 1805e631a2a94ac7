package cloud

// Policy is a parsed IAM policy document (IAM User Guide, "IAM JSON policy elements reference"). lang/policydoc reads and checks it.
type Policy struct {
	Version    string // "2012-10-17" or "2008-10-17"
	ID         string
	Statements []Statement
}

// Statement is one statement of a policy, normalised: every one-or-many element is a list.
type Statement struct {
	Sid          string
	Allow        bool // Effect
	Principals   []PolicyPrincipal
	NotPrincipal bool // Principals came from NotPrincipal
	Actions      []string
	NotAction    bool
	Resources    []string
	NotResource  bool
	Conditions   []Condition
	Source       string // the statement's own JSON, for explanations
}

// PolicyPrincipal is one entry of a Principal element. {"AWS": "*"} and "*" are both {Type: "AWS", Value: "*"}.
type PolicyPrincipal struct{ Type, Value string } // Type: AWS, Service, Federated, CanonicalUser

// Condition is one operator with one key of a Condition element.
type Condition struct {
	Operator string // as written, such as "ForAnyValue:StringLikeIfExists"
	Key      string // as written
	Values   []string
}

// PolicySet is all the policies that bear on a request.
type PolicySet struct {
	Identity []*Policy
	Resource *Policy // nil: the resource has none
	Session  []*Policy
	Boundary *Policy // nil: none
}
