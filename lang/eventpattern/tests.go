package eventpattern

import (
	"encoding/json"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// test says whether one leaf value of an event (string, bool, nil or a number) fits.
type test interface{ fits(v any) bool }

type (
	equals       string      // a string
	numeral      json.Number // a number
	constant     string      // true, false or null
	prefix       string
	suffix       string
	foldEquals   string
	foldPrefix   string
	foldSuffix   string
	wildcard     struct{ parts []string }
	cidr         netip.Prefix
	present      struct{}
	anythingBut  []test
	numericRange struct {
		low, high                          float64
		hasLow, hasHigh, openLow, openHigh bool
	}
)

func (t equals) fits(v any) bool { return v == string(t) }

func (t constant) fits(v any) bool {
	switch v := v.(type) {
	case nil:
		return t == "null"
	case bool:
		return string(t) == strconv.FormatBool(v)
	}
	return false
}

func (t prefix) fits(v any) bool {
	s, ok := v.(string)
	return ok && strings.HasPrefix(s, string(t))
}

func (t suffix) fits(v any) bool {
	s, ok := v.(string)
	return ok && strings.HasSuffix(s, string(t))
}

func (t foldEquals) fits(v any) bool {
	s, ok := v.(string)
	return ok && strings.EqualFold(s, string(t))
}

func (t foldPrefix) fits(v any) bool {
	s, ok := v.(string)
	return ok && strings.HasPrefix(strings.ToLower(s), strings.ToLower(string(t)))
}

func (t foldSuffix) fits(v any) bool {
	s, ok := v.(string)
	return ok && strings.HasSuffix(strings.ToLower(s), strings.ToLower(string(t)))
}

// fits looks for the parts from left to right; the first is anchored at the start, the last at the end. Linear, as every part
// takes the first place where it is found.
func (t wildcard) fits(v any) bool {
	s, ok := v.(string)
	if !ok {
		return false
	}
	if len(t.parts) == 1 {
		return s == t.parts[0]
	}
	s, ok = strings.CutPrefix(s, t.parts[0])
	if !ok {
		return false
	}
	last := t.parts[len(t.parts)-1]
	for _, p := range t.parts[1 : len(t.parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, last)
}

func (t cidr) fits(v any) bool {
	s, ok := v.(string)
	if !ok {
		return false
	}
	a, err := netip.ParseAddr(s)
	return err == nil && netip.Prefix(t).Contains(a)
}

func (present) fits(any) bool { return true }

func (t anythingBut) fits(v any) bool {
	for _, not := range t {
		if not.fits(v) {
			return false
		}
	}
	return true
}

func (t numericRange) fits(v any) bool {
	f, _, ok := asNumber(v)
	if !ok {
		return false
	}
	if t.hasLow && (f < t.low || t.openLow && f == t.low) {
		return false
	}
	return !t.hasHigh || f < t.high || !t.openHigh && f == t.high
}

// fits compares by value where a float holds both exactly enough, else by text, as 9007199254740993 is not 9007199254740992.
func (t numeral) fits(v any) bool {
	f, s, ok := asNumber(v)
	if !ok {
		return false
	}
	if s == string(t) {
		return true
	}
	g, err := json.Number(t).Float64()
	return err == nil && f == g && math.Abs(f) < 1<<53
}

func asNumber(v any) (f float64, s string, ok bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		return f, v.String(), err == nil
	case float64:
		return v, strconv.FormatFloat(v, 'f', -1, 64), true
	case int:
		return float64(v), strconv.Itoa(v), true
	case int64:
		return float64(v), strconv.FormatInt(v, 10), true
	}
	return 0, "", false
}
