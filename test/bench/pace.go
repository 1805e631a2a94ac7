package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// paced sends a request at a fixed rate, whatever becomes of those before, over some connections, and counts each one's time from the moment when it was
// due: what waits because all connections are taken, or because the platform stood still, is not left out.
func paced(address string, request []byte, connections, rate int, d time.Duration) (outcome, error) {
	p := pacer{request: request, free: make(chan *pacedConn, connections), broken: make(chan struct{})}
	p.all = make([]pacedConn, connections)
	for i := range p.all {
		k := &p.all[i]
		c, err := dial(address)
		if err != nil {
			p.end()
			return outcome{}, err
		}
		k.conn = c
		_ = k.SetDeadline(time.Now().Add(d + time.Minute))
		p.free <- k
		p.readers.Go(func() { p.read(k) })
	}
	start := time.Now()
	p.send(start, time.Second/time.Duration(rate), int(d.Seconds()*float64(rate)))
	for range p.all {
		p.take()
	}
	spent := time.Since(start)
	p.end()
	lines := make([]line, 0, len(p.all))
	for i := range p.all {
		lines = append(lines, p.all[i].line)
	}
	return sum(lines, spent), nil
}

// pacer is a load at a fixed rate.
type pacer struct {
	request []byte
	all     []pacedConn
	free    chan *pacedConn
	readers sync.WaitGroup
	over    atomic.Bool
	broken  chan struct{} // closed when the platform takes no connections any more
	once    sync.Once
}

// pacedConn is a connection. Who takes it from the free ones sends on it, its reader puts it back.
type pacedConn struct {
	*conn
	line
	due atomic.Pointer[time.Time] // of the request that is on its way
}

// send sends n requests, one each interval.
func (p *pacer) send(start time.Time, interval time.Duration, n int) {
	runtime.LockOSThread() // its sleep is the system's: the scheduler's is up to a millisecond longer
	defer runtime.UnlockOSThread()
	for i := range n {
		due := start.Add(time.Duration(i) * interval)
		if wait := time.Until(due); wait > 0 {
			sleep(wait)
		}
		k := p.take()
		if k == nil {
			return
		}
		k.due.Store(&due)
		_, _ = k.Write(p.request) // a failure shows where the answer is read
	}
}

// take waits for a free connection; nil when there will be none.
func (p *pacer) take() *pacedConn {
	select {
	case k := <-p.free:
		return k
	case <-p.broken:
		return nil
	}
}

// read reads the answers on a connection and times them.
func (p *pacer) read(k *pacedConn) {
	for {
		a, err := answer(k.r, false)
		switch {
		case p.over.Load():
			return
		case err != nil:
			k.fail(err)
		case a.status/100 != 2:
			k.fail(refusal{a.status, a.body})
		default:
			k.took = append(k.took, time.Since(*k.due.Load()))
		}
		if err != nil || a.last {
			if err := k.redial(); err != nil {
				k.fail(err)
				p.once.Do(func() { close(p.broken) })
				return
			}
		}
		p.free <- k
	}
}

// end closes the connections and waits for those who read them.
func (p *pacer) end() {
	p.over.Store(true)
	for i := range p.all {
		if c := p.all[i].conn; c != nil && c.Conn != nil {
			_ = c.Close()
		}
	}
	p.readers.Wait()
}
