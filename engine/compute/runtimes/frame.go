package runtimes

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"

	"sundog/engine/compute"
)

// The kinds of frames. The first three go to the runtime, the others come from it.
const (
	KindInit   = 'I' // InitConfig as JSON
	KindInvoke = 'V' // see AppendInvoke
	KindPing   = 'P' // before KindInit: a function comes soon; the runtime goes through an invocation of its own and answers KindPong

	KindHello     = 'H' // the runtime is up and waits for KindInit
	KindReady     = 'R' // the handler is loaded
	KindInitError = 'X' // the error's JSON; the process ends
	KindLog       = 'L' // one byte of level, then one text of one or more lines
	KindOutput    = 'O' // bytes written to a standard stream
	KindResult    = 'S' // the response's JSON
	KindError     = 'E' // the error's JSON
	KindFatal     = 'F' // the error's JSON; the process ends
	KindStream    = 'B' // a streamed response begins; its content type
	KindChunk     = 'C' // a part of it
	KindEnd       = 'D' // its end: empty, or the error's JSON
	KindPong      = 'Q'
	KindSDK       = 'N' // SDKRequest as JSON
)

const headerLen = 5

const (
	// MaxFrame bounds one frame's body, so that a runtime cannot make the platform keep more. Lambda's limits (6 MB) are the invoker's.
	MaxFrame = 8 << 20
	// maxPart is how much of a longer text, output or chunk is handed over at once.
	maxPart = 1 << 20
)

// ErrTooLong says that a frame's body was over the limit. It was skipped: the next frame can be read.
var ErrTooLong = errors.New("runtimes: a frame is too long")

// InitConfig tells a runtime which function it is.
type InitConfig struct {
	Runtime string            `json:"runtime"`
	Root    string            `json:"root"`
	Cwd     string            `json:"cwd"`
	Handler string            `json:"handler"`
	Env     map[string]string `json:"env,omitempty"`   // absent: the process has had the function's variables from the start, but for those in Hide
	Hide    []string          `json:"hide,omitempty"`  // variables that the function does not see
	Late    map[string]string `json:"late,omitempty"`  // further variables, which the process is better off without as it starts
	Paths   []string          `json:"paths,omitempty"` // further folders to import from (Python)
	SDKDir  string            `json:"sdkDir,omitempty"`
	SDKKind SDK               `json:"sdkKind,omitempty"`
}

// SDKRequest asks the platform to install an SDK. The runtime polls for the SDK's folder to be complete, or for a file Failed that says why not.
type SDKRequest struct {
	Kind   SDK    `json:"kind"`
	Failed string `json:"failed"`
}

// AppendFrame appends a frame to b.
func AppendFrame(b []byte, kind byte, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(append(b, kind), body...)
}

// AppendInvoke appends a KindInvoke frame to b: the deadline in milliseconds since the epoch (uint64), the texts request id, ARN, trace header,
// client context, identity and tenant (each a uint32 length and UTF-8), then the payload.
func AppendInvoke(b []byte, i compute.Invocation, arn, trace string, deadlineMs int64) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0, KindInvoke)
	b = binary.BigEndian.AppendUint64(b, uint64(deadlineMs))
	b = appendText(b, i.RequestID)
	b = appendText(b, arn)
	b = appendText(b, trace)
	b = appendText(b, i.ClientContext)
	b = appendText(b, i.Identity)
	b = appendText(b, i.Tenant)
	b = append(b, i.Payload...)
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-headerLen))
	return b
}

func appendText[T string | []byte](b []byte, s T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// Reader reads frames. It is for one goroutine.
type Reader struct {
	br   *bufio.Reader
	max  int
	kind byte // of the frame that is handed over in parts
	mark []byte
	rest int // bytes of it that are yet to come
}

// NewReader reads frames of at most limit bytes of body from r.
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{br: bufio.NewReaderSize(r, 32<<10), max: limit}
}

// Next reads a frame, or a part of one: long bodies of KindOutput and KindChunk come as several, and so do those of KindLog, each with its byte of level and
// whole characters. The body is the caller's to keep. io.EOF at the end of the stream between frames; ErrTooLong, with the kind, for a body over the limit.
func (r *Reader) Next() (kind byte, body []byte, err error) {
	if r.rest > 0 {
		return r.part()
	}
	head, err := r.br.Peek(headerLen)
	if err != nil {
		if len(head) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	n, kind := int(binary.BigEndian.Uint32(head)), head[4]
	if _, err := r.br.Discard(headerLen); err != nil {
		return 0, nil, err
	}
	switch {
	case n == 0:
		return kind, nil, nil
	case n > maxPart && (kind == KindLog || kind == KindOutput || kind == KindChunk):
		return r.first(kind, n)
	case n > r.max:
		if _, err := r.br.Discard(n); err != nil {
			return 0, nil, err
		}
		return kind, nil, ErrTooLong
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r.br, body)
	return kind, body, err
}

// first begins a frame that is handed over in parts.
func (r *Reader) first(kind byte, n int) (byte, []byte, error) {
	r.kind, r.mark, r.rest = kind, nil, n
	if kind == KindLog {
		level, err := r.br.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		r.mark, r.rest = []byte{level}, n-1
	}
	return r.part()
}

func (r *Reader) part() (byte, []byte, error) {
	n := min(r.rest, maxPart)
	body := make([]byte, len(r.mark)+n, len(r.mark)+n+utf8.UTFMax)
	copy(body, r.mark)
	if _, err := io.ReadFull(r.br, body[len(r.mark):]); err != nil {
		return 0, nil, err
	}
	r.rest -= n
	for more := 0; r.kind == KindLog && r.rest > 0 && more < utf8.UTFMax; more++ { // the rest of a character
		next, err := r.br.Peek(1)
		if err != nil {
			return 0, nil, err
		}
		if utf8.RuneStart(next[0]) {
			break
		}
		body = append(body, next[0])
		r.rest--
		if _, err := r.br.Discard(1); err != nil {
			return 0, nil, err
		}
	}
	return r.kind, body, nil
}

// Level gives the name of a KindLog frame's level byte; "" for plain text.
func Level(b byte) string {
	names := [...]string{"", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}
	if int(b) < len(names) {
		return names[b]
	}
	return ""
}
