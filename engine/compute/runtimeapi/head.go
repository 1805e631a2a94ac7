package runtimeapi

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"strconv"
)

// hot is which of the requests a head is that are served without net/http.
type hot uint8

const (
	hotNone hot = iota // any other: net/http's
	hotNext
	hotResponse
	hotError
)

// head is what is needed of a request's head. Its texts are the connection's buffer, valid until it is read further.
type head struct {
	kind        hot
	size        int    // of the head itself
	id          []byte // the invocation that is answered
	length      int    // of the body; -1: chunked
	contentType []byte
	errorType   []byte
}

const invocationPath = "/2018-06-01/runtime/invocation/"

var (
	nextLine     = []byte("GET " + invocationPath + "next HTTP/1.1")
	postPrefix   = []byte("POST " + invocationPath)
	responseTail = []byte("/response HTTP/1.1")
	errorTail    = []byte("/error HTTP/1.1")
	crlf         = []byte("\r\n")
)

// readHead reads a head of size bytes, whose lines all end in CR LF. Whatever is unusual makes it hotNone.
func readHead(b []byte, size int) head {
	first, rest, _ := bytes.Cut(b, crlf)
	h := head{size: size}
	if bytes.Equal(first, nextLine) {
		h.kind = hotNext
	} else if id, ok := bytes.CutPrefix(first, postPrefix); ok {
		if x, ok := bytes.CutSuffix(id, responseTail); ok {
			h.kind, h.id = hotResponse, x
		} else if x, ok := bytes.CutSuffix(id, errorTail); ok {
			h.kind, h.id = hotError, x
		}
	}
	sized := false
	for len(rest) > 0 && h.kind != hotNone {
		var line []byte
		line, rest, _ = bytes.Cut(rest, crlf)
		name, value, ok := bytes.Cut(line, []byte(":"))
		if value = bytes.TrimSpace(value); !ok || !h.field(name, value, &sized) {
			return head{}
		}
	}
	if !sized && h.kind != hotNext || sized && h.kind == hotNext || bytes.ContainsAny(h.id, "/%?") {
		return head{}
	}
	return h
}

// maxLongHead bounds the head of a posted error: the cause for X-Ray is a header of up to 1 MiB.
const maxLongHead = 2 << 20

// longHead reads a head that the buffer, which begins with b, does not hold: that of a posted error, line by line, without what nobody asks for. Another one is
// left to net/http.
func (k *conn) longHead(b []byte) (head, error) {
	first, _, _ := bytes.Cut(b, crlf)
	if !bytes.HasPrefix(first, postPrefix) || !bytes.HasSuffix(first, errorTail) {
		return head{}, nil
	}
	var kept []byte
	for left := maxLongHead; ; {
		line, err := k.r.ReadSlice('\n')
		n := len(line)
		for err != nil { // a line that is longer than the buffer
			if !errors.Is(err, bufio.ErrBufferFull) || n > left {
				return head{}, errChunk
			}
			line, err = k.r.ReadSlice('\n')
			n, line = n+len(line), nil
		}
		if left -= n; left < 0 || len(kept)+len(line) > maxHead {
			return head{}, errChunk
		}
		if kept = append(kept, line...); len(line) == len(crlf) {
			h := readHead(kept[:len(kept)-len(crlf)], 0)
			if h.kind != hotError {
				return head{}, errChunk
			}
			return h, nil
		}
	}
}

// field takes one header; false when the request is not for us.
func (h *head) field(name, value []byte, sized *bool) bool {
	is := func(s string) bool { return len(name) == len(s) && bytes.EqualFold(name, []byte(s)) }
	switch {
	case is("Content-Length"):
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 0 || n > MaxResponse || *sized {
			return false
		}
		h.length = n
		*sized = n > 0 || h.kind != hotNext
	case is("Transfer-Encoding"):
		if *sized || !bytes.EqualFold(value, []byte("chunked")) {
			return false
		}
		h.length, *sized = -1, true
	case is("Content-Type"):
		h.contentType = value
	case is("Lambda-Runtime-Function-Error-Type"):
		h.errorType = value
	case is("Lambda-Runtime-Function-Response-Mode"), is("Expect"), is("Upgrade"):
		return false
	case is("Connection"):
		return bytes.EqualFold(value, []byte("keep-alive"))
	}
	return len(name) > 0 && name[0] != ' ' && name[0] != '\t'
}

// resumed is a connection with what was read of it already.
type resumed struct {
	net.Conn
	r *bufio.Reader
}

// Read implements net.Conn.
func (c *resumed) Read(p []byte) (int, error) {
	if c.r.Buffered() > 0 {
		return c.r.Read(p)
	}
	return c.Conn.Read(p)
}
