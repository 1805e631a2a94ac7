package eventstream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// MaxMessage bounds a message, as the specification does.
const MaxMessage = 16 << 20

const overhead = 16 // prelude (total, headers, checksum) and message checksum

// Header is one header. Value is a bool, int8, int16, int32, int64, []byte, string, time.Time or [16]byte (a UUID).
type Header struct {
	Name  string
	Value any
}

// Message is one frame.
type Message struct {
	Headers []Header
	Payload []byte
}

// Text gives the value of a string header, or "".
func (m Message) Text(name string) string {
	for _, h := range m.Headers {
		if h.Name == name {
			s, _ := h.Value.(string)
			return s
		}
	}
	return ""
}

// Append appends the frame of m. Headers of other types than Header names are an error, as are names and values that are too long.
func Append(b []byte, m Message) ([]byte, error) {
	var headers []byte
	for _, h := range m.Headers {
		if len(h.Name) == 0 || len(h.Name) > 255 {
			return b, fmt.Errorf("eventstream: header name of %d bytes", len(h.Name))
		}
		headers = append(append(headers, byte(len(h.Name))), h.Name...)
		var err error
		if headers, err = appendValue(headers, h.Value); err != nil {
			return b, err
		}
	}
	total := overhead + len(headers) + len(m.Payload)
	if total > MaxMessage {
		return b, errors.New("eventstream: message too large")
	}
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(total))
	b = binary.BigEndian.AppendUint32(b, uint32(len(headers)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:]))
	b = append(append(b, headers...), m.Payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:])), nil
}

func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, 0), nil
		}
		return append(b, 1), nil
	case int8:
		return append(b, 2, byte(v)), nil
	case int16:
		return binary.BigEndian.AppendUint16(append(b, 3), uint16(v)), nil
	case int32:
		return binary.BigEndian.AppendUint32(append(b, 4), uint32(v)), nil
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 5), uint64(v)), nil
	case []byte:
		return appendLong(b, 6, v)
	case string:
		return appendLong(b, 7, []byte(v))
	case time.Time:
		return binary.BigEndian.AppendUint64(append(b, 8), uint64(v.UnixMilli())), nil
	case [16]byte:
		return append(append(b, 9), v[:]...), nil
	}
	return b, fmt.Errorf("eventstream: header of type %T", v)
}

func appendLong(b []byte, kind byte, v []byte) ([]byte, error) {
	if len(v) > 1<<15-1 {
		return b, errors.New("eventstream: header too long")
	}
	return append(binary.BigEndian.AppendUint16(append(b, kind), uint16(len(v))), v...), nil
}

// Read reads one message. io.EOF: the stream ended between messages.
func Read(r io.Reader) (Message, error) {
	var prelude [12]byte
	if _, err := io.ReadFull(r, prelude[:]); err != nil {
		return Message{}, err
	}
	total, headers := binary.BigEndian.Uint32(prelude[:]), binary.BigEndian.Uint32(prelude[4:])
	if crc32.ChecksumIEEE(prelude[:8]) != binary.BigEndian.Uint32(prelude[8:]) {
		return Message{}, errors.New("eventstream: prelude checksum mismatch")
	}
	if total < overhead || total > MaxMessage || headers > total-overhead {
		return Message{}, errors.New("eventstream: bad length")
	}
	rest := make([]byte, total-12)
	if _, err := io.ReadFull(r, rest); err != nil {
		return Message{}, io.ErrUnexpectedEOF
	}
	sum := crc32.Update(crc32.ChecksumIEEE(prelude[:]), crc32.IEEETable, rest[:len(rest)-4])
	if sum != binary.BigEndian.Uint32(rest[len(rest)-4:]) {
		return Message{}, errors.New("eventstream: message checksum mismatch")
	}
	m := Message{Payload: rest[headers : len(rest)-4]}
	var err error
	m.Headers, err = parseHeaders(rest[:headers])
	return m, err
}

var errHeader = errors.New("eventstream: bad header")

func parseHeaders(b []byte) ([]Header, error) {
	var out []Header
	for len(b) > 0 {
		n := int(b[0])
		if n == 0 || len(b) < n+2 {
			return nil, errHeader
		}
		h := Header{Name: string(b[1 : n+1])}
		size := 0
		if h.Value, size = parseValue(b[n+1], b[n+2:]); size < 0 {
			return nil, errHeader
		}
		out = append(out, h)
		b = b[n+2+size:]
	}
	return out, nil
}

// parseValue gives a value and its size; -1 when it is broken.
func parseValue(kind byte, b []byte) (any, int) {
	sizes := [...]int{0, 0, 1, 2, 4, 8, 2, 2, 8, 16}
	if int(kind) >= len(sizes) || len(b) < sizes[kind] {
		return nil, -1
	}
	switch kind {
	case 0, 1:
		return kind == 0, 0
	case 2:
		return int8(b[0]), 1
	case 3:
		return int16(binary.BigEndian.Uint16(b)), 2
	case 4:
		return int32(binary.BigEndian.Uint32(b)), 4
	case 5:
		return int64(binary.BigEndian.Uint64(b)), 8
	case 6, 7:
		n := int(binary.BigEndian.Uint16(b))
		if len(b) < 2+n {
			return nil, -1
		}
		if kind == 7 {
			return string(b[2 : 2+n]), 2 + n
		}
		return b[2 : 2+n], 2 + n
	case 8:
		return time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC(), 8
	}
	return [16]byte(b[:16]), 16
}
