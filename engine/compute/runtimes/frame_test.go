package runtimes

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// read takes all frames of a stream: bodies by kind, how many there were, and the error that ended it.
func read(b []byte, limit int) (bodies map[byte][]byte, parts map[byte]int, err error) {
	r := NewReader(iotest.HalfReader(bytes.NewReader(b)), limit)
	bodies, parts = map[byte][]byte{}, map[byte]int{}
	for {
		kind, body, err := r.Next()
		if errors.Is(err, ErrTooLong) {
			parts[kind]--
			continue
		}
		if err != nil {
			return bodies, parts, err
		}
		parts[kind]++
		bodies[kind] = append(bodies[kind], body...)
	}
}

func TestLongBodies(t *testing.T) {
	long := strings.Repeat("0123456789", 300<<10) // 3 MB
	for name, c := range map[string]struct {
		kind  byte
		body  string
		parts int // -1: too long
	}{
		"a short output":         {KindOutput, "hello", 1},
		"an output":              {KindOutput, long, 3},
		"a chunk":                {KindChunk, long, 3},
		"a chunk over the limit": {KindChunk, long + long + long, 9},
		"a result":               {KindResult, long, 1},
		"a result over it":       {KindResult, long + long + long, -1},
		"an error over it":       {KindError, long + long + long, -1},
	} {
		stream := AppendFrame(AppendFrame(nil, c.kind, []byte(c.body)), KindReady, []byte("next"))
		bodies, parts, err := read(stream, MaxFrame)
		if !errors.Is(err, io.EOF) || parts[c.kind] != c.parts || string(bodies[KindReady]) != "next" || c.parts > 0 && string(bodies[c.kind]) != c.body {
			t.Errorf("%s: %d parts, %d bytes, then %q, %v", name, parts[c.kind], len(bodies[c.kind]), bodies[KindReady], err)
		}
	}
}

// Each part of a long text has the level, and begins and ends with a character.
func TestLongTexts(t *testing.T) {
	text := "a" + strings.Repeat("€", 1<<20)
	r := NewReader(bytes.NewReader(AppendFrame(nil, KindLog, append([]byte{3}, text...))), MaxFrame)
	var got strings.Builder
	n := 0
	for {
		kind, body, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || kind != KindLog || body[0] != 3 || !utf8.Valid(body[1:]) {
			t.Fatalf("part %d: kind %q, %v", n, kind, err)
		}
		n++
		got.Write(body[1:])
	}
	if got.String() != text || n != 3 {
		t.Errorf("%d parts, %d bytes of %d", n, got.Len(), len(text))
	}
}

func FuzzReader(f *testing.F) {
	f.Add(AppendFrame(AppendFrame(nil, KindLog, []byte("\x03hello")), KindResult, []byte("{}")))
	f.Add([]byte{0, 0x30, 0, 0, KindLog, 1, 2, 3})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, KindResult})
	f.Fuzz(func(t *testing.T, b []byte) {
		bodies, _, err := read(b, 1<<10)
		if err == nil {
			t.Fatal("a stream without end")
		}
		sum := 0
		for kind, body := range bodies {
			if kind != KindLog { // its level is repeated
				sum += len(body)
			}
		}
		if sum > len(b) {
			t.Fatalf("%d bytes out of %d", sum, len(b))
		}
	})
}
