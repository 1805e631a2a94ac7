// Package ids makes identifiers: random ones for the platform, repeatable ones for tests.
package ids

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync"

	"sundog/cloud"
)

// IDs implements cloud.IDs over a source of random bytes. All methods are safe for concurrent use.
type IDs struct {
	mu  sync.Mutex
	src *bufio.Reader
}

var _ cloud.IDs = (*IDs)(nil)

// New makes ids from the operating system's random bytes, read 1 KiB at a time.
func New() *IDs { return &IDs{src: bufio.NewReaderSize(rand.Reader, 1024)} }

// NewFixed makes the same sequence of ids for the same seed, for tests.
func NewFixed(seed uint64) *IDs { return &IDs{src: bufio.NewReaderSize(&fixed{seed: seed}, 1024)} }

// fill reads random bytes. The sources never fail: crypto/rand ends the process when the kernel has none.
func (g *IDs) fill(b []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(b) > 0 {
		if _, err := g.src.Peek(1); err != nil {
			panic(fmt.Sprintf("ids: no random bytes: %v", err))
		}
		next, _ := g.src.Peek(min(len(b), g.src.Buffered())) // copied, so that the caller's bytes can stay on its stack
		n := copy(b, next)
		_, _ = g.src.Discard(n)
		b = b[n:]
	}
}

// UUID gives a version 4 UUID in lower case.
func (g *IDs) UUID() string {
	var b [16]byte
	g.fill(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[:8], b[:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:], b[10:])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// Hex gives n random bytes as 2n hex digits; "" when n < 1.
func (g *IDs) Hex(n int) string {
	if n < 1 {
		return ""
	}
	var short [32]byte
	b := short[:]
	if n > len(short) {
		b = make([]byte, n)
	}
	g.fill(b[:n])
	return string(hex.AppendEncode(make([]byte, 0, 2*len(short)), b[:n]))
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// Alnum gives n characters of A-Z and 0-9, each as likely as any other; "" when n < 1.
func (g *IDs) Alnum(n int) string {
	const fair = 256 / len(letters) * len(letters) // bytes from here on would favour the first letters
	out := make([]byte, 0, max(n, 0))
	var buf [32]byte
	for len(out) < n {
		g.fill(buf[:])
		for _, b := range buf {
			if int(b) < fair && len(out) < n {
				out = append(out, letters[int(b)%len(letters)])
			}
		}
	}
	return string(out)
}

// fixed is an endless repeatable stream: the hashes of a seed and a counter.
type fixed struct{ seed, n uint64 }

func (f *fixed) Read(p []byte) (int, error) {
	var in [16]byte
	binary.BigEndian.PutUint64(in[:], f.seed)
	total := 0
	for total < len(p) {
		binary.BigEndian.PutUint64(in[8:], f.n)
		f.n++
		sum := sha256.Sum256(in[:])
		total += copy(p[total:], sum[:])
	}
	return total, nil
}
