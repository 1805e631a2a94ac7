package main

import (
	"runtime"
	"sync"
	"time"
)

// paced sends a request at a fixed rate, whatever becomes of those before, over some connections, and counts each one's time from the moment when it was
// due: what waits because all connections are taken, or because the platform stood still, is not left out.
func paced(address string, request []byte, connections, rate int, d time.Duration) (outcome, error) {
	p := pacer{request: request, free: make(chan *pacedConn, connections)}
	for range connections {
		c, err := dial(address)
		if err != nil {
			return outcome{}, err
		}
		k := &pacedConn{conn: c, due: make(chan time.Time, 1)}
		p.all = append(p.all, k)
		p.free <- k
	}
	defer func() {
		for _, k := range p.all {
			_ = k.Close()
		}
	}()
	start := time.Now()
	p.run(start, time.Second/time.Duration(rate), int(d.Seconds()*float64(rate)))
	lines := make([]line, 0, len(p.all))
	for _, k := range p.all {
		lines = append(lines, k.line)
	}
	return sum(lines, time.Since(start)), nil
}

type pacer struct {
	request []byte
	all     []*pacedConn
	free    chan *pacedConn
}

// pacedConn is a connection; line is what came of it.
type pacedConn struct {
	*conn
	line
	due chan time.Time // of the request that is on its way
}

// run sends n requests, one each interval, and waits for the last answer.
func (p *pacer) run(start time.Time, interval time.Duration, n int) {
	var work sync.WaitGroup
	for _, k := range p.all {
		work.Go(func() { p.answers(k) })
	}
	runtime.LockOSThread() // its sleep is the system's: the scheduler's is up to a millisecond longer
	for i := range n {
		due := start.Add(time.Duration(i) * interval)
		if wait := time.Until(due); wait > 0 {
			sleep(wait)
		}
		k := <-p.free
		k.due <- due
		_, _ = k.Write(p.request) // a failure shows where the answer is read
	}
	runtime.UnlockOSThread()
	for _, k := range p.all {
		close(k.due)
	}
	work.Wait()
}

// answers reads the answers on a connection and times them.
func (p *pacer) answers(k *pacedConn) {
	for due := range k.due {
		_ = k.SetReadDeadline(time.Now().Add(60 * time.Second))
		a, err := answer(k.r, false)
		if err != nil || a.last {
			k.again()
		}
		switch {
		case err != nil:
			k.fail(err)
		case a.status/100 != 2:
			k.fail(refusal{a.status, a.body})
		default:
			k.took = append(k.took, time.Since(due))
		}
		p.free <- k
	}
}

// again replaces the connection. Where that fails the next request does too.
func (k *pacedConn) again() {
	_ = k.Close()
	c, err := dial(k.address)
	if err != nil {
		k.fail(err)
		return
	}
	k.conn = c
}
