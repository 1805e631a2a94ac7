package policydoc

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Test is what a condition operator compares.
type Test uint8

// The tests. Negated operators are the same tests with Operator.Negated.
const (
	StringEquals Test = iota
	StringEqualsFold
	StringLike
	NumericEquals
	NumericLess
	NumericLessEquals
	NumericGreater
	NumericGreaterEquals
	DateEquals
	DateLess
	DateLessEquals
	DateGreater
	DateGreaterEquals
	BoolEquals
	BinaryEquals
	IPAddress
	ARNLike
	NullTest
)

// Quantifier says how the several values of a request's key are taken.
type Quantifier uint8

// The quantifiers.
const (
	Single Quantifier = iota
	ForAny
	ForAll
)

// Operator is a condition operator taken apart, such as "ForAnyValue:StringNotLikeIfExists".
type Operator struct {
	Test       Test
	Negated    bool
	IfExists   bool
	Quantifier Quantifier
}

// operators are the plain names, in lower case (IAM User Guide, "IAM JSON policy elements: Condition operators").
var operators = map[string]Operator{
	"stringequals": {Test: StringEquals}, "stringnotequals": {Test: StringEquals, Negated: true},
	"stringequalsignorecase": {Test: StringEqualsFold}, "stringnotequalsignorecase": {Test: StringEqualsFold, Negated: true},
	"stringlike": {Test: StringLike}, "stringnotlike": {Test: StringLike, Negated: true},
	"numericequals": {Test: NumericEquals}, "numericnotequals": {Test: NumericEquals, Negated: true},
	"numericlessthan": {Test: NumericLess}, "numericlessthanequals": {Test: NumericLessEquals},
	"numericgreaterthan": {Test: NumericGreater}, "numericgreaterthanequals": {Test: NumericGreaterEquals},
	"dateequals": {Test: DateEquals}, "datenotequals": {Test: DateEquals, Negated: true},
	"datelessthan": {Test: DateLess}, "datelessthanequals": {Test: DateLessEquals},
	"dategreaterthan": {Test: DateGreater}, "dategreaterthanequals": {Test: DateGreaterEquals},
	"bool": {Test: BoolEquals}, "binaryequals": {Test: BinaryEquals},
	"ipaddress": {Test: IPAddress}, "notipaddress": {Test: IPAddress, Negated: true},
	"arnequals": {Test: ARNLike}, "arnlike": {Test: ARNLike},
	"arnnotequals": {Test: ARNLike, Negated: true}, "arnnotlike": {Test: ARNLike, Negated: true},
	"null": {Test: NullTest},
}

// ParseOperator reads an operator's name, in any case. false: there is no such operator.
func ParseOperator(name string) (Operator, bool) {
	name = strings.ToLower(name)
	quantifier := Single
	if rest, ok := strings.CutPrefix(name, "foranyvalue:"); ok {
		name, quantifier = rest, ForAny
	} else if rest, ok := strings.CutPrefix(name, "forallvalues:"); ok {
		name, quantifier = rest, ForAll
	}
	name, ifExists := strings.CutSuffix(name, "ifexists")
	op, ok := operators[name]
	if op.Test == NullTest && (ifExists || quantifier != Single) {
		return Operator{}, false
	}
	op.IfExists, op.Quantifier = ifExists, quantifier
	return op, ok
}

// valid tells whether a policy's value can be what the operator compares with.
func (o Operator) valid(v string) bool {
	ok := true
	switch {
	case o.Test >= NumericEquals && o.Test <= NumericGreaterEquals:
		_, ok = ParseNumber(v)
	case o.Test >= DateEquals && o.Test <= DateGreaterEquals:
		_, ok = ParseDate(v)
	case o.Test == BoolEquals || o.Test == NullTest:
		ok = strings.EqualFold(v, "true") || strings.EqualFold(v, "false") || strings.HasPrefix(v, "${")
	case o.Test == BinaryEquals:
		_, err := base64.StdEncoding.DecodeString(v)
		ok = err == nil
	case o.Test == IPAddress:
		_, ok = ParsePrefix(v)
	}
	return ok
}

// ParseNumber reads a number of a numeric condition.
func ParseNumber(s string) (float64, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return f, err == nil && f == f
}

// ParseDate reads a date of a date condition: ISO 8601 in its W3C profile, or seconds since 1970.
func ParseDate(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0), err == nil
}

// ParsePrefix reads an address or a CIDR block.
func ParsePrefix(s string) (netip.Prefix, bool) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err == nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}
