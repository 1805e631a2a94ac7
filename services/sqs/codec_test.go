package sqs

import (
	"reflect"
	"testing"

	"sundog/engine/bus"
)

// What was read writes itself again, and nothing that is malformed is read.
func FuzzMessage(f *testing.F) {
	for _, m := range []message{
		{},
		{ID: "1", Body: "hello", Sent: 1_700_000_000_000, Sender: "AIDA", Group: "g", Dedup: "d", Trace: "Root=1-0-0", Cause: "c", Source: "arn", Count: 3, First: 9},
		{Body: "grüße\n", Attrs: map[string]bus.Attribute{"s": {Type: "String", Value: "v"}, "b": {Type: "Binary", Binary: []byte{0, 255}}, "n": {Type: "Number.int", Value: "-1"}}},
	} {
		f.Add(m.encode())
	}
	f.Add([]byte{codecVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMessage(b)
		group, groupErr := groupIn(b)
		if err != nil {
			return
		}
		if groupErr != nil || group != m.Group {
			t.Fatalf("group %q %v, want %q", group, groupErr, m.Group)
		}
		again, err := decodeMessage(m.encode())
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Fatalf("%+v is %+v after another time: %v", m, again, err)
		}
	})
}

func FuzzFlight(f *testing.F) {
	f.Add(flight{}.encode())
	f.Add(flight{Due: 1_700_000_000_000, Count: 7, First: 3, Nonce: 1 << 31, Taken: 5}.encode())
	f.Add([]byte{codecVersion, 2, 2, 2, 2}) // of an earlier version
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decodeFlight(b)
		if err != nil {
			return
		}
		if again, err := decodeFlight(v.encode()); err != nil || again != v {
			t.Fatalf("%+v is %+v after another time: %v", v, again, err)
		}
	})
}

func FuzzHandle(f *testing.F) {
	q := &queue{rec: record{Gen: "0123456789abcdef"}}
	f.Add(q.handle(1, 2))
	f.Add("AQEB")
	f.Add("nonsense")
	f.Fuzz(func(t *testing.T, h string) {
		seq, nonce, ok := q.openHandle(h)
		if !ok {
			return
		}
		if s, n, ok := q.openHandle(q.handle(seq, nonce)); !ok || s != seq || n != nonce {
			t.Fatalf("%d %d, want %d %d", s, n, seq, nonce)
		}
	})
}
