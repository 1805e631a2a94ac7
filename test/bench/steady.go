package main

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"time"
)

const (
	steady = 5_000 // invocations a second at which their time is looked at
	turns  = 5     // of the platform and the bare server
)

// bareServer is what the handler of nodeHandler would be without a platform.
const bareServer = `require('http').createServer(async (q, r) => { r.end('hello') }).listen(Number(process.argv[1]), '127.0.0.1')`

func paceRow(name string) string {
	return fmt.Sprintf("invoke %s, %s a second, HTTP API", name, thousands(steady))
}

// pace measures how long invocations take that come at a fixed rate, and, in turn with them, requests to Node's own HTTP server at the same rate: what is
// more is the platform's.
func (b *bench) pace(what string, p *platform, request []byte) {
	server, err := startBare()
	if err != nil {
		b.try(fmt.Errorf("%s: %w", what, err))
		return
	}
	defer server.stop()
	var ours, bare pacedTurns
	var cost spent
	count := 0
	for range turns {
		before := spentBy(p.process.Process.Pid)
		err := ours.run(p.address, request, b.duration/2)
		cost = cost.plus(spentBy(p.process.Process.Pid).since(before))
		if count += ours.last.count; err == nil {
			err = bare.run(server.address, get(server.address, "/"), b.duration/2)
		}
		if err != nil {
			b.try(fmt.Errorf("%s: %w", what, err))
			return
		}
	}
	b.table.put(what, p.mode, "p50 %s, p99 %s; bare server %s, %s; overhead %s, %s; %s", short(median(ours.p50)), short(median(ours.p99)), short(median(bare.p50)),
		short(median(bare.p99)), short(median(ours.p50)-median(bare.p50)), short(median(ours.p99)-median(bare.p99)), cost.each(count))
	b.table.note("Processors of this machine, kept busy: %s.", stalls(time.Second))
}

// pacedTurns are what the turns of one server gave.
type pacedTurns struct {
	p50, p99 []time.Duration
	last     outcome
}

func (t *pacedTurns) run(address string, request []byte, d time.Duration) (err error) {
	if t.last, err = paced(address, request, callers, steady, d); err == nil && t.last.failed > 0 {
		err = errors.New(t.last.String())
	}
	t.p50, t.p99 = append(t.p50, t.last.p50), append(t.p99, t.last.p99)
	return err
}

func startBare() (*peer, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p, err := run("", address, "node", "-e", bareServer, port)
	if err != nil {
		return nil, err
	}
	if err := firstAnswer(address, get(address, "/")); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// stalls tells for how long the machine's processors do not go on although they have work: on a virtual machine whose host gives them to others too, that
// can be longer than what is measured.
func stalls(d time.Duration) string {
	const visible = 50 * time.Microsecond // interrupts are shorter
	var (
		mu            sync.Mutex
		away, longest time.Duration
		work          sync.WaitGroup
	)
	n := runtime.NumCPU()
	for range n {
		work.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var sum, most time.Duration
			start := time.Now()
			for last := start; last.Sub(start) < d; {
				now := time.Now()
				if gap := now.Sub(last); gap > visible {
					sum, most = sum+gap, max(most, gap)
				}
				last = now
			}
			mu.Lock()
			away, longest = away+sum, max(longest, most)
			mu.Unlock()
		})
	}
	work.Wait()
	return fmt.Sprintf("each stands still for %s of a second, for up to %s at once", short(away/time.Duration(n)*time.Second/d), short(longest))
}
