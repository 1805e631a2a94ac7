package telemetry

import (
	"cmp"
	"math"
	"math/bits"
	"time"

	"sundog/engine/store"
)

// place is where a line stands in its group: by its time in milliseconds, then by the order of arrival.
type place struct{ ms, seq uint64 }

// everything is the bound after all lines.
var everything = place{math.MaxUint64, math.MaxUint64}

func placeOf(at time.Time, seq uint64) place { return place{uint64(max(at.UnixMilli(), 0)), seq} }

func (p place) compare(o place) int {
	if c := cmp.Compare(p.ms, o.ms); c != 0 {
		return c
	}
	return cmp.Compare(p.seq, o.seq)
}

// next gives the first place after p.
func (p place) next() place {
	seq, carry := bits.Add64(p.seq, 1, 0)
	ms, over := bits.Add64(p.ms, 0, carry)
	if over != 0 {
		return everything
	}
	return place{ms, seq}
}

// The digits of an event's id: those of the milliseconds, then those of the arrival.
const (
	idDigits = 56
	msDigits = 16
)

// id makes an event's id, whose digits sort as places do.
func (p place) id() string {
	var b [idDigits]byte
	digits(b[:msDigits], p.ms)
	digits(b[msDigits:], p.seq)
	return string(b[:])
}

// digits fills b with a number's decimal digits, zeros before them.
func digits(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

// parsePlace reads an id; false when it is none. An id beside those of events (a page may begin there) is one, too; an arrival that is too large is the largest.
func parsePlace(id string) (place, bool) {
	if len(id) != idDigits {
		return place{}, false
	}
	ms, ok1 := number(id[:msDigits])
	seq, ok2 := number(id[msDigits:])
	return place{ms, seq}, ok1 && ok2
}

func number(s string) (n uint64, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		hi, lo := bits.Mul64(n, 10)
		sum, carry := bits.Add64(lo, uint64(s[i]-'0'), 0)
		if n = sum; hi != 0 || carry != 0 {
			n = math.MaxUint64
		}
	}
	return n, true
}

func (p place) appendTo(k store.Key) store.Key { return k.U64(p.ms).U64(p.seq) }

func cutPlace(b []byte) (p place, rest []byte, err error) {
	if p.ms, b, err = store.CutU64(b); err != nil {
		return p, nil, err
	}
	p.seq, rest, err = store.CutU64(b)
	return p, rest, err
}
