package outside

import (
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// helloTime is how long a client on the port of HTTPS may take to say whom it wants; who waits for the server to speak first loses it.
const helloTime = 500 * time.Millisecond

var errHeard = errors.New("heard")

// overheard is a connection of which the beginning was read, and is read again.
type overheard struct {
	net.Conn
	seen []byte
}

// Read implements net.Conn.
func (o *overheard) Read(b []byte) (int, error) {
	if len(o.seen) > 0 {
		n := copy(b, o.seen)
		o.seen = o.seen[n:]
		return n, nil
	}
	return o.Conn.Read(b)
}

// listener remembers what is read, and writes nothing.
type listener struct {
	net.Conn
	seen []byte
}

func (l *listener) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	l.seen = append(l.seen, b[:n]...)
	return n, err
}

func (l *listener) Write(b []byte) (int, error) { return len(b), nil }

// wanted gives the name that a TLS client asks for, "" when it asks for none or is no TLS client, and the connection as it was.
func wanted(c net.Conn, now time.Time) (name string, same net.Conn) {
	l := &listener{Conn: c}
	if c.SetReadDeadline(now.Add(helloTime)) != nil {
		return "", c
	}
	_ = tls.Server(l, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		name = h.ServerName
		return nil, errHeard
	}}).Handshake() // ends in an error, always
	_ = c.SetReadDeadline(time.Time{}) // a broken connection shows at the next read
	return name, &overheard{Conn: c, seen: l.seen}
}
