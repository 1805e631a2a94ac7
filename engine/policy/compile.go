package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/lang/policydoc"
)

// document is a compiled policy.
type document struct{ statements []statement }

type statement struct {
	allow                           bool
	source                          string
	principals                      []cloud.PolicyPrincipal
	notPrincipal, notAction, notRes bool
	actions                         []policydoc.Glob
	resources                       []policydoc.Glob
	conditions                      []condition
}

type condition struct {
	op     policydoc.Operator
	known  bool   // the operator exists
	key    string // lower case
	values []value
}

// value is one value of a condition, in the form in which its operator compares.
type value struct {
	text   policydoc.Glob
	arn    policydoc.ARNGlob
	number float64
	date   time.Time
	prefix netip.Prefix
	plain  string
	bytes  []byte
	ok     bool
}

func compile(p *cloud.Policy) *document {
	variables := p.Version != "2008-10-17"
	d := &document{statements: make([]statement, 0, len(p.Statements))}
	for i := range p.Statements {
		s := &p.Statements[i]
		c := statement{
			allow: s.Allow, source: s.Source, principals: s.Principals,
			notPrincipal: s.NotPrincipal, notAction: s.NotAction, notRes: s.NotResource,
		}
		for _, a := range s.Actions {
			c.actions = append(c.actions, policydoc.CompileFold(a))
		}
		for _, r := range s.Resources {
			c.resources = append(c.resources, policydoc.Compile(r, variables))
		}
		for _, k := range s.Conditions {
			c.conditions = append(c.conditions, compileCondition(k, variables))
		}
		d.statements = append(d.statements, c)
	}
	return d
}

func compileCondition(k cloud.Condition, variables bool) condition {
	op, known := policydoc.ParseOperator(k.Operator)
	c := condition{op: op, known: known, key: strings.ToLower(k.Key)}
	for _, v := range k.Values {
		c.values = append(c.values, compileValue(op.Test, v, variables))
	}
	return c
}

func compileValue(test policydoc.Test, s string, variables bool) value {
	v := value{plain: s, ok: true}
	switch {
	case test == policydoc.StringLike:
		v.text = policydoc.Compile(s, variables)
	case test == policydoc.ARNLike:
		v.arn = policydoc.CompileARN(s, variables)
	case test >= policydoc.NumericEquals && test <= policydoc.NumericGreaterEquals:
		v.number, v.ok = policydoc.ParseNumber(s)
	case test >= policydoc.DateEquals && test <= policydoc.DateGreaterEquals:
		v.date, v.ok = policydoc.ParseDate(s)
	case test == policydoc.IPAddress:
		v.prefix, v.ok = policydoc.ParsePrefix(s)
	case test == policydoc.BinaryEquals:
		b, err := base64.StdEncoding.DecodeString(s)
		v.bytes, v.ok = b, err == nil
	default:
		v.text = policydoc.CompileText(s, variables)
	}
	return v
}

// applies tells whether a statement is about the request; principals are looked at by names.
func (s *statement) applies(r *Request, arn string) bool {
	if s.matchAction(r.Action) == s.notAction {
		return false
	}
	if len(s.resources) > 0 && s.matchResource(r, arn) == s.notRes {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(r) {
			return false
		}
	}
	return true
}

func (s *statement) matchAction(action string) bool {
	for i := range s.actions {
		if s.actions[i].Match(action, nil) {
			return true
		}
	}
	return false
}

func (s *statement) matchResource(r *Request, arn string) bool {
	for i := range s.resources {
		if s.resources[i].Match(arn, r.Keys) {
			return true
		}
	}
	return false
}

// names tells how closely the statement names a principal. NotPrincipal names everyone whom its list does not.
func (s *statement) names(p *cloud.Principal) grant {
	best := noGrant
	for _, e := range s.principals {
		best = max(best, named(e, p))
	}
	if !s.notPrincipal {
		return best
	}
	if best > noGrant {
		return noGrant
	}
	return toAnyone
}

func named(e cloud.PolicyPrincipal, p *cloud.Principal) grant {
	switch e.Type {
	case "AWS":
		return namedAWS(e.Value, p)
	case "Service":
		if p.Kind == cloud.Service && (e.Value == "*" || e.Value == p.Service || global(e.Value) == global(p.Service)) {
			return toService
		}
	}
	return noGrant
}

func namedAWS(v string, p *cloud.Principal) grant {
	if v == "*" {
		return toAnyone
	}
	if p.Kind == cloud.Service || p.Kind == cloud.Anonymous {
		return noGrant
	}
	id, _, _ := strings.Cut(p.ID, ":")
	switch {
	case v == p.Account || strings.HasPrefix(v, "arn:") && strings.HasSuffix(v, "::"+p.Account+":root"):
		if p.Kind == cloud.Root {
			return toIdentity
		}
		return toAccount
	case v == p.ARN || v == p.ID:
		return toIdentity
	case p.Kind == cloud.AssumedRole && (v == p.Role.String() || v == id):
		return toRole
	}
	return noGrant
}

// global takes the region out of a service principal's name: "sns.eu-west-1.amazonaws.com" is "sns.amazonaws.com".
func global(service string) string {
	name, rest, _ := strings.Cut(service, ".")
	region, domain, ok := strings.Cut(rest, ".")
	if ok && strings.Count(region, "-") >= 2 {
		return name + "." + domain
	}
	return service
}
