package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The load generator sends requests that were written and signed beforehand over connections that stay open, one at a time on each, and reads
// no more of an answer than it must: it shares the machine with what it measures.

// outcome is what a load gave.
type outcome struct {
	count    int
	rate     float64 // good answers a second
	p50, p99 time.Duration
	failed   int
	first    string // the first failure
}

func (o outcome) String() string {
	if o.rate == 0 {
		return "failed: " + o.first
	}
	s := fmt.Sprintf("%s /s, %s, %s", thousands(o.rate), short(o.p50), short(o.p99))
	if o.failed > 0 {
		s += fmt.Sprintf(" (%d failed: %s)", o.failed, o.first)
	}
	return s
}

// load sends requests to an address over some connections for a time. Each connection begins elsewhere in the list.
func load(address string, requests [][]byte, connections int, d time.Duration) outcome {
	var next atomic.Int64
	return drive(address, connections, d, func(c *conn) error {
		_, err := c.ask(requests[int(next.Add(1)-1)%len(requests)], false)
		return err
	})
}

// errEnough ends a connection's work: all is done.
var errEnough = errors.New("enough")

// drive does a thing again and again on some connections at once, for a time, and times it.
func drive(address string, connections int, d time.Duration, thing func(*conn) error) outcome {
	stop := time.Now().Add(d)
	lines := make([]line, connections)
	var work sync.WaitGroup
	start := time.Now()
	for i := range lines {
		work.Go(func() { lines[i].run(address, thing, stop) })
	}
	work.Wait()
	return sum(lines, time.Since(start))
}

func sum(lines []line, spent time.Duration) outcome {
	var o outcome
	var all []time.Duration
	for _, l := range lines {
		all = append(all, l.took...)
		o.failed += l.failed
		if l.err != nil && o.first == "" {
			o.first = l.err.Error()
		}
	}
	if len(all) == 0 {
		return o
	}
	slices.Sort(all)
	o.count, o.rate, o.p50, o.p99 = len(all), float64(len(all))/spent.Seconds(), all[len(all)/2], all[len(all)*99/100]
	return o
}

// line is one connection and what came of it.
type line struct {
	took   []time.Duration
	failed int
	err    error // the first
}

const maxFailures = 100 // of one connection, then it gives up

func (l *line) run(address string, thing func(*conn) error, stop time.Time) {
	for time.Now().Before(stop) && l.failed < maxFailures {
		c, err := dial(address)
		if err != nil {
			l.fail(err)
			continue
		}
		err = l.repeat(c, thing, stop)
		_ = c.Close()
		if errors.Is(err, errEnough) {
			return
		}
		l.fail(err)
	}
}

func (l *line) fail(err error) {
	if err == nil {
		return
	}
	l.failed++
	if l.err == nil {
		l.err = err
	}
}

// repeat does the thing on a connection until the time is over, or the connection breaks.
func (l *line) repeat(c *conn, thing func(*conn) error, stop time.Time) error {
	for l.failed < maxFailures {
		start := time.Now()
		if start.After(stop) {
			return nil
		}
		err := thing(c)
		if r := (refusal{}); errors.As(err, &r) {
			l.fail(err)
			continue
		}
		if err != nil {
			return err
		}
		l.took = append(l.took, time.Since(start))
	}
	return nil
}

// conn is a connection on which one request after another is answered; a server that closes it after an answer gets another one.
type conn struct {
	net.Conn
	address string
	r       *bufio.Reader
	last    bool // the server takes no further request on it
}

func dial(address string) (*conn, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, address: address, r: bufio.NewReaderSize(c, 4<<10)}, nil
}

func (c *conn) redial() (err error) {
	_ = c.Close()
	if c.Conn, err = net.Dial("tcp", c.address); err != nil {
		return err
	}
	c.r.Reset(c.Conn)
	c.last = false
	return nil
}

// refusal is an answer that is an error; the connection goes on.
type refusal struct {
	status int
	body   []byte
}

func (r refusal) Error() string { return fmt.Sprintf("%d %.100q", r.status, r.body) }

// ask sends a request and reads its answer; the body only if it is wanted.
func (c *conn) ask(request []byte, want bool) (body []byte, err error) {
	if c.last {
		if err := c.redial(); err != nil {
			return nil, err
		}
	}
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	a, err := answer(c.r, want)
	if err == nil && a.status/100 != 2 {
		err = refusal{a.status, a.body}
	}
	c.last = a.last
	return a.body, err
}

var errAnswer = errors.New("not an HTTP answer")

// reply is one HTTP answer.
type reply struct {
	status int
	length int
	body   []byte // nil unless it was wanted, or the status is an error's
	last   bool   // the server closes the connection
}

// answer reads one HTTP answer.
func answer(r *bufio.Reader, want bool) (a reply, err error) {
	first, err := r.ReadSlice('\n')
	if err != nil {
		return a, err
	}
	if len(first) < 12 {
		return a, errAnswer
	}
	if a.status, err = strconv.Atoi(string(first[9:12])); err != nil {
		return a, errAnswer
	}
	chunked, err := a.headers(r)
	switch {
	case err != nil:
	case chunked:
		a.body, err = chunks(r)
	case a.status/100 == 2 && !want || a.length > 4<<20:
		_, err = r.Discard(a.length)
	default:
		a.body = make([]byte, a.length)
		_, err = io.ReadFull(r, a.body)
	}
	return a, err
}

func (a *reply) headers(r *bufio.Reader) (chunked bool, err error) {
	for {
		h, err := r.ReadSlice('\n')
		if err != nil {
			return false, err
		}
		if h = bytes.TrimSpace(h); len(h) == 0 {
			return chunked, nil
		}
		name, value, _ := bytes.Cut(h, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if a.length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return false, errAnswer
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.Contains(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			a.last = bytes.Contains(value, []byte("close"))
		}
	}
}

func chunks(r *bufio.Reader) (body []byte, err error) {
	for {
		size, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		text, _, _ := bytes.Cut(bytes.TrimSpace(size), []byte(";"))
		n, err := strconv.ParseInt(string(text), 16, 32)
		if err != nil {
			return nil, errAnswer
		}
		at := len(body)
		body = append(body, make([]byte, n+2)...)
		if _, err := io.ReadFull(r, body[at:]); err != nil || n == 0 {
			return body[:at], err
		}
		body = body[:at+int(n)]
	}
}

func short(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 2, 64) + " ms"
}

// thousands writes a number as people read it.
func thousands(f float64) string {
	s := strconv.FormatInt(int64(f+0.5), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// median gives the middle of some durations; 0 of none.
func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
