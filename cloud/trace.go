package cloud

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// Trace is the position of a piece of work in the tree of what caused it, in X-Ray's terms (X-Ray Developer Guide, "Tracing
// header"). Root is "1-" 8 hex "-" 24 hex; Parent is the 16 hex digits of the span under which new work hangs, or "". Lineage tells
// which functions the chain of requests went through, and how often; it is the lambda room's, all others hand it on. The zero Trace
// belongs to no tree.
type Trace struct {
	Root    string `json:"root,omitempty"`
	Parent  string `json:"parent,omitempty"`
	Sampled bool   `json:"sampled,omitempty"`
	Lineage string `json:"lineage,omitempty"`
}

// maxLineage bounds what is read of a header's lineage: the lambda room writes less.
const maxLineage = 512

// ParseTrace reads an X-Amzn-Trace-Id header. Unknown fields are passed over; a header without a valid Root gives false.
func ParseTrace(header string) (Trace, bool) {
	t := Trace{Sampled: true}
	for part := range strings.SplitSeq(header, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch k {
		case "Root":
			t.Root = v
		case "Parent":
			t.Parent = v
		case "Sampled":
			t.Sampled = v != "0"
		case "Lineage":
			t.Lineage = v
		}
	}
	if len(t.Lineage) > maxLineage {
		t.Lineage = ""
	}
	return t, validRoot(t.Root) && (t.Parent == "" || len(t.Parent) == 16 && isHex(t.Parent))
}

func validRoot(s string) bool {
	return len(s) == 35 && s[:2] == "1-" && s[10] == '-' && isHex(s[2:10]) && isHex(s[11:])
}

func isHex(s string) bool {
	if len(s)%2 != 0 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// NewTrace starts a tree at a time with 12 random bytes from ids.
func NewTrace(at time.Time, ids IDs) Trace {
	var seconds [4]byte
	binary.BigEndian.PutUint32(seconds[:], uint32(at.Unix()))
	root := append(hex.AppendEncode(append(make([]byte, 0, 35), "1-"...), seconds[:]), '-')
	return Trace{Root: string(append(root, ids.Hex(12)...)), Sampled: true}
}

// NewSpanID gives the id of a span: 16 hex digits.
func NewSpanID(ids IDs) string { return ids.Hex(8) }

// Under gives the trace for work that hangs under span.
func (t Trace) Under(span string) Trace {
	t.Parent = span
	return t
}

// IsZero tells whether t belongs to no tree.
func (t Trace) IsZero() bool { return t.Root == "" }

// String gives the header's text.
func (t Trace) String() string {
	if t.Root == "" {
		return ""
	}
	b := append(append(make([]byte, 0, 128), "Root="...), t.Root...)
	if t.Parent != "" {
		b = append(append(b, ";Parent="...), t.Parent...)
	}
	if t.Sampled {
		b = append(b, ";Sampled=1"...)
	} else {
		b = append(b, ";Sampled=0"...)
	}
	if t.Lineage != "" {
		b = append(append(b, ";Lineage="...), t.Lineage...)
	}
	return string(b)
}
