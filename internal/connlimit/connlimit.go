// Package connlimit bounds how many TCP connections are open at once: those of a listener, of several listeners together, and of groups of those together.
package connlimit

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// pause is how long a listener waits when the process or the system has no files or memory left for a connection.
const pause = 50 * time.Millisecond

// Limit counts what is open. All methods are safe for concurrent use; New makes one.
type Limit struct {
	most   int64
	within *Limit
	over   func()
	told   sync.Once
	open   atomic.Int64
}

// New makes a limit of so many connections, which count against another limit too (nil: none). over is told the first time that there is one too many
// (nil: nobody is).
func New(most int, within *Limit, over func()) *Limit {
	return &Limit{most: int64(most), within: within, over: over}
}

// Files gives how many files this process may have open, connections among them.
func Files() int {
	const usual = 1024 // Linux's, where nobody has set another
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return usual
	}
	return int(min(r.Cur, 1<<30))
}

// Enter counts a connection in; false, counting nothing, when it is one too many. Who got true calls Leave once.
func (l *Limit) Enter() bool {
	if l.open.Add(1) > l.most {
		l.open.Add(-1)
		if l.over != nil {
			l.told.Do(l.over)
		}
		return false
	}
	if l.within != nil && !l.within.Enter() {
		l.open.Add(-1)
		return false
	}
	return true
}

// Leave is Enter's opposite.
func (l *Limit) Leave() {
	l.open.Add(-1)
	if l.within != nil {
		l.within.Leave()
	}
}

// Listener gives a listener whose connections count until they are closed; one too many is reset at once. It goes on when the process has no files left for
// a while, and ends when ln is closed. Its connections have all methods of *net.TCPConn.
func (l *Limit) Listener(ln net.Listener) net.Listener { return &listener{ln, l} }

type listener struct {
	net.Listener
	limit *Limit
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		var passing interface{ Temporary() bool } // package net says by it what net/http's server waits for, too
		switch {
		case errors.As(err, &passing) && passing.Temporary():
			<-time.NewTimer(pause).C
			continue
		case err != nil:
			return nil, err
		}
		t, ok := c.(*net.TCPConn)
		if !ok {
			_ = c.Close()
			return nil, errors.New("connlimit: not a TCP connection")
		}
		if l.limit.Enter() {
			return &conn{TCPConn: t, limit: l.limit}, nil
		}
		_ = t.SetLinger(0) // so that the other side sees an error, not an end
		_ = t.Close()
	}
}

// conn is a connection that counts.
type conn struct {
	*net.TCPConn
	limit *Limit
	left  sync.Once
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.left.Do(c.limit.Leave)
	return c.TCPConn.Close()
}
