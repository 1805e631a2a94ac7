package ddbexpr

import (
	"cmp"
	"math/big"
	"strconv"
	"strings"
)

// Numbers (Developer Guide, "Supported data types", Number): up to 38 significant digits, magnitude 1E-130 to 9.99E+125.
const (
	maxDigits   = 38
	maxExponent = 125
	minExponent = -130
)

// decimal is a number taken apart: 0.d1d2...dn * 10^exp, without leading or trailing zero digits. Zero has n == 0.
type decimal struct {
	neg bool
	n   uint8
	exp int
	d   [maxDigits]byte // 0 to 9
}

func errNotANumber(s string) error {
	if s == "" {
		return Invalidf("The parameter cannot be converted to a numeric value")
	}
	return Invalidf("The parameter cannot be converted to a numeric value: %s", s)
}

// Number makes an N of a decimal text and brings it into the form that DynamoDB returns: plain notation, no needless zeros. Errors:
// not a number, more than 38 significant digits, magnitude out of range.
func Number(s string) (Value, error) {
	if plainInteger(s) {
		return Value{Kind: N, Text: s}, nil
	}
	d, err := parseDecimal(s)
	if err != nil {
		return Value{}, err
	}
	return Value{Kind: N, Text: d.String()}, nil
}

// Int makes an N of an integer.
func Int(i int64) Value {
	v, _ := Number(strconv.FormatInt(i, 10))
	return v
}

// plainInteger tells whether s is already in normal form: the common case, without allocation.
func plainInteger(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if len(digits) == 0 || len(digits) > maxDigits || digits[0] == '0' && len(s) > 1 {
		return false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return true
}

// parseDecimal reads [+-]digits[.digits][e[+-]digits].
func parseDecimal(s string) (decimal, error) {
	var d decimal
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, ok := parseExponent(s[i+1:])
		if !ok {
			return d, errNotANumber(s)
		}
		mantissa, exponent = s[:i], e
	}
	if mantissa != "" && (mantissa[0] == '-' || mantissa[0] == '+') {
		d.neg, mantissa = mantissa[0] == '-', mantissa[1:]
	}
	significant, ok := d.readDigits(mantissa)
	if !ok {
		return d, errNotANumber(s)
	}
	d.exp += exponent
	return d.checked(significant)
}

// parseExponent reads a signed integer; beyond a million it stays there, which is out of range in any case.
func parseExponent(s string) (int, bool) {
	neg := strings.HasPrefix(s, "-")
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	if s == "" {
		return 0, false
	}
	e := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		e = min(e*10+int(s[i]-'0'), 1_000_000)
	}
	if neg {
		return -e, true
	}
	return e, true
}

// readDigits reads digits with at most one point into d and gives the count of significant digits, which may exceed maxDigits.
func (d *decimal) readDigits(s string) (significant int, ok bool) {
	point, seen, zeros, any := -1, 0, 0, false
	for i := range len(s) {
		c := s[i]
		if c == '.' {
			if point >= 0 {
				return 0, false
			}
			point = seen
			continue
		}
		if c < '0' || c > '9' {
			return 0, false
		}
		any = true
		if seen == 0 && c == '0' { // a leading zero
			if point >= 0 {
				d.exp--
			}
			continue
		}
		seen++
		if c == '0' {
			zeros++
			continue
		}
		significant += zeros
		zeros = 0
		if significant < maxDigits {
			d.d[significant] = c - '0'
		}
		significant++
	}
	if point < 0 {
		point = seen
	}
	d.exp += point
	d.n = uint8(min(significant, maxDigits))
	return significant, any
}

func (d decimal) checked(significant int) (decimal, error) {
	switch {
	case significant == 0:
		return decimal{}, nil
	case d.exp-1 > maxExponent:
		return d, Invalidf("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case d.exp-1 < minExponent:
		return d, Invalidf("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	case significant > maxDigits:
		return d, Invalidf("Attempting to store more than 38 significant digits in a Number")
	}
	return d, nil
}

// String gives plain decimal notation.
func (d decimal) String() string {
	if d.n == 0 {
		return "0"
	}
	n := int(d.n)
	b := make([]byte, 0, n+max(d.exp, -d.exp)+3)
	if d.neg {
		b = append(b, '-')
	}
	if d.exp <= 0 {
		b = append(b, "0."...)
		for range -d.exp {
			b = append(b, '0')
		}
	}
	for i := range max(n, d.exp) {
		if i == d.exp && d.exp > 0 {
			b = append(b, '.')
		}
		if i < n {
			b = append(b, '0'+d.d[i])
		} else {
			b = append(b, '0')
		}
	}
	return string(b)
}

// sign gives -1, 0 or 1.
func (d *decimal) sign() int {
	switch {
	case d.n == 0:
		return 0
	case d.neg:
		return -1
	}
	return 1
}

func (d *decimal) compare(o *decimal) int {
	if c := cmp.Compare(d.sign(), o.sign()); c != 0 || d.n == 0 {
		return c
	}
	c := cmp.Compare(d.exp, o.exp)
	if c == 0 {
		c = strings.Compare(string(d.d[:d.n]), string(o.d[:o.n]))
	}
	return c * d.sign()
}

// compareNumbers compares two normalised texts.
func compareNumbers(a, b string) int {
	if a == b {
		return 0
	}
	x, _ := parseDecimal(a)
	y, _ := parseDecimal(b)
	return x.compare(&y)
}

// sum adds or subtracts two N, exactly.
func sum(a, b Value, minus bool) (Value, error) {
	x, err := parseDecimal(a.Text)
	if err != nil {
		return Value{}, err
	}
	y, err := parseDecimal(b.Text)
	if err != nil {
		return Value{}, err
	}
	y.neg = y.neg != minus
	unit := min(x.exp-int(x.n), y.exp-int(y.n)) // the exponent of the last digit of either
	r := x.inUnits(unit)
	r.Add(r, y.inUnits(unit))
	return Number(r.String() + "e" + strconv.Itoa(unit))
}

// inUnits gives the number as a multiple of 10^unit, which its last digit must be.
func (d *decimal) inUnits(unit int) *big.Int {
	var digits []byte
	for _, c := range d.d[:d.n] {
		digits = append(digits, '0'+c)
	}
	for range d.exp - int(d.n) - unit {
		digits = append(digits, '0')
	}
	if len(digits) == 0 {
		return new(big.Int)
	}
	r, _ := new(big.Int).SetString(string(digits), 10) // digits alone
	if d.neg {
		r.Neg(r)
	}
	return r
}
