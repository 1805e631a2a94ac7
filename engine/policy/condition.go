package policy

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strings"

	"sundog/lang/policydoc"
)

// holds evaluates one operator on one key (IAM User Guide, "Conditions with multiple context keys or values" and "Multivalued context
// keys"): a policy's values are alternatives; a negated operator holds when none of them matches.
func (c *condition) holds(r *Request) bool {
	if !c.known {
		return false
	}
	have, ok := r.Keys(c.key)
	if c.op.Test == policydoc.NullTest {
		return c.absent(!ok)
	}
	if !ok || len(have) == 0 {
		return c.withoutKey(ok)
	}
	switch c.op.Quantifier {
	case policydoc.ForAll:
		for _, v := range have {
			if c.matches(v, r) == c.op.Negated {
				return false
			}
		}
		return true
	case policydoc.ForAny:
		for _, v := range have {
			if c.matches(v, r) != c.op.Negated {
				return true
			}
		}
		return false
	}
	for _, v := range have {
		if c.matches(v, r) {
			return !c.op.Negated
		}
	}
	return c.op.Negated
}

// withoutKey is the outcome when the request has no value: nothing can match.
func (c *condition) withoutKey(empty bool) bool {
	switch {
	case c.op.IfExists && !empty:
		return true
	case c.op.Quantifier == policydoc.ForAll:
		return true
	case c.op.Quantifier == policydoc.ForAny:
		return false
	}
	return c.op.Negated
}

// absent is the Null operator: "true" wants the key to be absent.
func (c *condition) absent(isAbsent bool) bool {
	for i := range c.values {
		if strings.EqualFold(c.values[i].plain, "true") == isAbsent {
			return true
		}
	}
	return false
}

// matches tells whether a request's value matches any of the policy's.
func (c *condition) matches(s string, r *Request) bool {
	for i := range c.values {
		if c.values[i].ok && c.values[i].match(c.op.Test, s, r) {
			return true
		}
	}
	return false
}

func (v *value) match(test policydoc.Test, s string, r *Request) bool {
	switch {
	case test == policydoc.StringLike:
		return v.text.Match(s, r.Keys)
	case test == policydoc.StringEquals:
		return v.text.Match(s, r.Keys)
	case test == policydoc.StringEqualsFold:
		text, ok := v.text.Text(r.Keys)
		return ok && strings.EqualFold(text, s)
	case test == policydoc.BoolEquals:
		text, ok := v.text.Text(r.Keys)
		return ok && strings.EqualFold(text, s)
	case test == policydoc.ARNLike:
		return v.arn.Match(s, r.Keys)
	case test == policydoc.BinaryEquals:
		b, err := base64.StdEncoding.DecodeString(s)
		return err == nil && bytes.Equal(b, v.bytes)
	case test == policydoc.IPAddress:
		a, err := netip.ParseAddr(s)
		return err == nil && v.prefix.Contains(a.Unmap().WithZone(""))
	case test <= policydoc.NumericGreaterEquals:
		n, ok := policydoc.ParseNumber(s)
		return ok && compares(test-policydoc.NumericEquals, compareFloat(n, v.number))
	default:
		d, ok := policydoc.ParseDate(s)
		return ok && compares(test-policydoc.DateEquals, d.Compare(v.date))
	}
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// compares maps an order to equals, less, less or equal, greater, greater or equal: the order of the tests' constants.
func compares(which policydoc.Test, order int) bool {
	switch which {
	case 0:
		return order == 0
	case 1:
		return order < 0
	case 2:
		return order <= 0
	case 3:
		return order > 0
	}
	return order >= 0
}
