package connlimit

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// served counts what a listener accepts, and gives the connections.
func served(l net.Listener) <-chan net.Conn {
	ch := make(chan net.Conn, 100)
	go func() {
		defer close(ch)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			ch <- c
		}
	}()
	return ch
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// refused waits for the end that a connection over the limit has.
func refused(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("one too many ends in %v, not in a reset", err)
	}
}

func TestListenersShareALimit(t *testing.T) {
	var told atomic.Int64
	all := New(3, nil, nil)
	one, other := New(2, all, func() { told.Add(1) }), New(2, all, nil)
	a, b := listen(t), listen(t)
	first, second := served(one.Listener(a)), served(other.Listener(b))
	dial(t, a)
	k := <-first
	dial(t, a)
	<-first
	for range 3 {
		refused(t, dial(t, a)) // over its own limit
	}
	if told.Load() != 1 {
		t.Errorf("told %d times", told.Load())
	}
	dial(t, b)
	<-second
	refused(t, dial(t, b)) // over the limit of all
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	_ = k.Close() // counts once
	dial(t, b)
	<-second
	refused(t, dial(t, b))
	if one.open.Load() != 1 || other.open.Load() != 2 || all.open.Load() != 3 {
		t.Errorf("open: %d, %d, of all %d", one.open.Load(), other.open.Load(), all.open.Load())
	}
}

// fails is a listener whose first answers are errors.
type fails struct {
	net.Listener
	errs []error
}

func (f *fails) Accept() (net.Conn, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, err
	}
	return f.Listener.Accept()
}

func TestListenerOutlivesALackOfFiles(t *testing.T) {
	l := listen(t)
	lack := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	ch := served(New(1, nil, nil).Listener(&fails{l, []error{lack, lack}}))
	c := dial(t, l)
	k, ok := <-ch
	if !ok {
		t.Fatal("the listener has ended")
	}
	if _, ok := k.(io.ReaderFrom); !ok {
		t.Error("the connection has lost what TCP connections can do")
	}
	_ = k.SetDeadline(time.Time{})
	_ = c.Close()
	l.Close()
	if _, ok := <-ch; ok {
		t.Error("a closed listener accepts")
	}
}
