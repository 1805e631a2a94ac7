package policy

import (
	"strings"

	"sundog/cloud"
	"sundog/internal/recent"
)

// Request is what is to be judged.
type Request struct {
	Principal cloud.Principal
	Action    string    // "sqs:SendMessage"
	Resource  cloud.ARN // the zero ARN stands for "*"
	// ResourceAccount owns the resource. "" takes the ARN's account, and if that is empty too the principal's.
	ResourceAccount string
	// Keys gives the condition keys, asked for in lower case; nil: there are none. It may be called from one goroutine at a time.
	Keys func(key string) ([]string, bool)
	// ResourceRequired says that the resource's policy must allow even within an account, as a role's trust policy must.
	ResourceRequired bool
}

// Decision is the judgement. Explicit: a statement decided it; else it is the default that denies, or the root's right. By is that
// statement's JSON; Where says whose it is, such as "identity-based policy", or which kind of policy failed to allow.
type Decision struct {
	Allow, Explicit bool
	By              string
	Where           string
}

// The values of Decision.Where.
const (
	ByIdentity = "identity-based policy"
	ByResource = "resource-based policy"
	ByBoundary = "permissions boundary"
	BySession  = "session policy"
	ByTrust    = "role trust policy"
	ByRoot     = "account root"
)

// Evaluate judges a request by the policies that bear on it. It compiles them each time; see Evaluator.
func Evaluate(r Request, s cloud.PolicySet) Decision {
	return judge(&r, s, compile)
}

// Evaluator judges requests and remembers compiled policies. Safe for concurrent use.
type Evaluator struct {
	known *recent.Map[*cloud.Policy, *document]
}

// NewEvaluator makes an Evaluator that remembers at most limit policies (at least 2).
func NewEvaluator(limit int) *Evaluator {
	return &Evaluator{known: recent.New[*cloud.Policy, *document](limit)}
}

// Evaluate judges a request by the policies that bear on it.
func (e *Evaluator) Evaluate(r Request, s cloud.PolicySet) Decision {
	return judge(&r, s, e.compiled)
}

func (e *Evaluator) compiled(p *cloud.Policy) *document {
	if d, ok := e.known.Get(p); ok {
		return d
	}
	d := compile(p)
	e.known.Put(p, d)
	return d
}

// grant is how closely a statement of a resource policy names the principal; it decides which other policies still have a say.
type grant uint8

const (
	noGrant      grant = iota
	toAccount          // the account as a whole: its own policies must allow as well
	toAnyone           // "*"
	toRole             // the role of the session: boundary and session policies still bound it
	toIdentity         // the user or the very session
	toService          // a service
	bestOfGrants = toService
)

// judge goes through the order of the IAM User Guide: an explicit deny anywhere, then who has to allow.
func judge(r *Request, s cloud.PolicySet, compiled func(*cloud.Policy) *document) Decision {
	r.fill()
	arn := r.Resource.String()
	if arn == "" {
		arn = "*"
	}
	j := judgement{r: r, arn: arn, compiled: compiled}
	own := r.Principal.Kind == cloud.User || r.Principal.Kind == cloud.AssumedRole
	if d, denied := j.denied(s, own); denied {
		return d
	}
	given, by := j.granted(s.Resource)
	switch r.Principal.Kind {
	case cloud.Service:
		return resourceOnly(given >= toAnyone, by)
	case cloud.Anonymous:
		return resourceOnly(given == toAnyone, by)
	}
	if same := r.ResourceAccount == r.Principal.Account; !same || r.ResourceRequired {
		return j.bothSides(s, given, by, same)
	}
	if given >= toIdentity || given == toAnyone && r.Principal.Kind == cloud.User {
		return Decision{Allow: true, Explicit: true, By: by, Where: ByResource}
	}
	if given == toRole || given == toAnyone {
		if d := j.bounded(s); !d.Allow {
			return d
		}
		return Decision{Allow: true, Explicit: true, By: by, Where: ByResource}
	}
	return j.identity(s)
}

func (r *Request) fill() {
	if r.ResourceAccount == "" {
		r.ResourceAccount = r.Resource.Account
	}
	if r.ResourceAccount == "" {
		r.ResourceAccount = r.Principal.Account
	}
	if r.Keys == nil {
		r.Keys = func(string) ([]string, bool) { return nil, false }
	}
}

func resourceOnly(allow bool, by string) Decision {
	if !allow {
		return Decision{Where: ByResource}
	}
	return Decision{Allow: true, Explicit: true, By: by, Where: ByResource}
}

type judgement struct {
	r        *Request
	arn      string
	compiled func(*cloud.Policy) *document
}

// denied looks for an explicit deny. Identity policies, boundary and session policies bear on users and role sessions only.
func (j *judgement) denied(s cloud.PolicySet, own bool) (Decision, bool) {
	deny := func(by, where string) (Decision, bool) { return Decision{Explicit: true, By: by, Where: where}, true }
	if own {
		if by, ok := j.find(s.Identity, false); ok {
			return deny(by, ByIdentity)
		}
		if by, ok := j.find(s.Session, false); ok {
			return deny(by, BySession)
		}
		if by, ok := j.findIn(s.Boundary, false); ok {
			return deny(by, ByBoundary)
		}
	}
	if s.Resource == nil {
		return Decision{}, false
	}
	d := j.compiled(s.Resource)
	for i := range d.statements {
		st := &d.statements[i]
		if !st.allow && st.names(&j.r.Principal) > noGrant && st.applies(j.r, j.arn) {
			return deny(st.source, j.resourceKind())
		}
	}
	return Decision{}, false
}

func (j *judgement) resourceKind() string {
	if j.r.ResourceRequired {
		return ByTrust
	}
	return ByResource
}

// find gives the first statement of that effect that applies.
func (j *judgement) find(policies []*cloud.Policy, allow bool) (by string, ok bool) {
	for _, p := range policies {
		if by, ok := j.findIn(p, allow); ok {
			return by, true
		}
	}
	return "", false
}

func (j *judgement) findIn(p *cloud.Policy, allow bool) (by string, ok bool) {
	if p == nil {
		return "", false
	}
	d := j.compiled(p)
	for i := range d.statements {
		if st := &d.statements[i]; st.allow == allow && st.applies(j.r, j.arn) {
			return st.source, true
		}
	}
	return "", false
}

// granted gives the closest grant of a resource policy.
func (j *judgement) granted(p *cloud.Policy) (best grant, by string) {
	if p == nil {
		return noGrant, ""
	}
	d := j.compiled(p)
	for i := range d.statements {
		st := &d.statements[i]
		if !st.allow {
			continue
		}
		if g := st.names(&j.r.Principal); g > best && st.applies(j.r, j.arn) {
			best, by = g, st.source
			if best == bestOfGrants {
				break
			}
		}
	}
	return best, by
}

// bothSides is for another account's resource: its policy must allow, and the principal's own policies too. Within an account
// (a role's trust policy) a close grant is enough.
func (j *judgement) bothSides(s cloud.PolicySet, given grant, by string, same bool) Decision {
	if given == noGrant {
		return Decision{Where: j.resourceKind()}
	}
	d := Decision{Allow: true, Explicit: true, By: by, Where: j.resourceKind()}
	if same && given >= toIdentity {
		return d
	}
	if same && given >= toAnyone {
		if b := j.bounded(s); !b.Allow {
			return b
		}
		return d
	}
	if own := j.identity(s); !own.Allow {
		return own
	}
	return d
}

// identity asks the principal's own policies.
func (j *judgement) identity(s cloud.PolicySet) Decision {
	if j.r.Principal.Kind == cloud.Root {
		return Decision{Allow: true, Where: ByRoot}
	}
	by, ok := j.find(s.Identity, true)
	if !ok {
		return Decision{Where: ByIdentity}
	}
	if d := j.bounded(s); !d.Allow {
		return d
	}
	return Decision{Allow: true, Explicit: true, By: by, Where: ByIdentity}
}

// bounded tells whether boundary and session policies allow. Several session policies allow together what any of them allows.
func (j *judgement) bounded(s cloud.PolicySet) Decision {
	if j.r.Principal.Kind == cloud.Root {
		return Decision{Allow: true, Where: ByRoot}
	}
	if s.Boundary != nil {
		if _, ok := j.findIn(s.Boundary, true); !ok {
			return Decision{Where: ByBoundary}
		}
	}
	if len(s.Session) > 0 {
		if _, ok := j.find(s.Session, true); !ok {
			return Decision{Where: BySession}
		}
	}
	return Decision{Allow: true}
}

// Message words a refusal as AWS does (IAM User Guide, "Troubleshoot access denied error messages").
func Message(r Request, d Decision) string {
	var b strings.Builder
	who := r.Principal.ARN
	switch r.Principal.Kind {
	case cloud.Service:
		who = r.Principal.Service
	case cloud.Anonymous:
		who = "anonymous"
	}
	b.WriteString("User: " + who + " is not authorized to perform: " + r.Action)
	if !r.Resource.IsZero() {
		b.WriteString(" on resource: " + r.Resource.String())
	} else if strings.HasPrefix(r.Action, "lambda:") { // other services name none
		b.WriteString(" on resource: *")
	}
	where := d.Where
	article := "a "
	if where == ByIdentity {
		article = "an "
	}
	switch {
	case where == "":
	case d.Explicit:
		b.WriteString(" with an explicit deny in " + article + where)
	default:
		b.WriteString(" because no " + where + " allows the " + r.Action + " action")
	}
	return b.String()
}
