package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"sundog/api/lambda"
)

const (
	coldTries = 8
	settle    = 800 * time.Millisecond // in which a used pre-started runtime is replaced
)

func coldRow(name string) string { return "invoke " + name + ", cold" }

// cold measures first invocations of a changed function: with a pre-started runtime at hand, the slower of two at once, and in a process that is started
// for it. Beside them stands what an invocation takes after the same pause whose environment is up: the rest is what starting costs.
func (b *bench) cold(p *platform, l language, names []string) error {
	t, err := newColdTrial(p, names)
	if err != nil {
		return err
	}
	defer t.close()
	warm, err := t.median(1, func(int) error { return nil })
	if err != nil {
		return err
	}
	one, err := t.changed(1, nil)
	if err != nil {
		return err
	}
	if l.bare == nil {
		b.table.put(coldRow(l.name), p.mode, "%s; warm after the same pause %s", short(one), short(warm))
		return nil
	}
	two, err := t.changed(2, nil)
	if err != nil {
		return err
	}
	name, value, _ := strings.Cut(l.own, "=")
	own, err := t.changed(1, map[string]string{name: value})
	if err != nil {
		return err
	}
	bare, err := bareStart(l.bare)
	if err != nil {
		return err
	}
	b.table.put(coldRow(l.name), p.mode, "%s pre-started; slower of two at once %s; in a process of its own %s; warm after the same pause %s",
		short(one), short(two), short(own), short(warm))
	b.table.budget(coldRow(l.name), "15 ms pre-started; else %s (bare interpreter %s and 20)", short(bare+20*time.Millisecond), short(bare))
	return nil
}

// coldTrial invokes functions after a pause. What the generator needs for it is done before: requests are signed, connections are open, and its own code and
// memory are in use, so that only the platform's answer is measured.
type coldTrial struct {
	p        *platform
	names    []string
	requests [][]byte
	conns    []*conn // to the platform
	own      *conn   // to the generator itself
	l        net.Listener
}

func newColdTrial(p *platform, names []string) (*coldTrial, error) {
	t := &coldTrial{p: p, names: names}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t.l = l
	go echo(l)
	if t.own, err = dial(l.Addr().String()); err != nil {
		t.close()
		return nil, err
	}
	for _, n := range names {
		request, err := p.request(lambda.InvokeOp, &lambda.InvokeInput{FunctionName: &n, Payload: []byte(`{}`)}, nil)
		var c *conn
		if err == nil {
			c, err = dial(p.address)
		}
		if err != nil {
			t.close()
			return nil, err
		}
		t.requests, t.conns = append(t.requests, request), append(t.conns, c)
	}
	return t, nil
}

func (t *coldTrial) close() {
	_ = t.l.Close()
	for _, c := range append(t.conns, t.own) {
		if c != nil {
			_ = c.Close()
		}
	}
}

// echo answers every request on the first connection in the same way.
func echo(l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	request := make([]byte, 64<<10)
	for {
		if _, err := c.Read(request); err != nil {
			return
		}
		if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")); err != nil {
			return
		}
	}
}

// changed changes functions by their variables and invokes the first of them at once, again and again.
func (t *coldTrial) changed(together int, variables map[string]string) (time.Duration, error) {
	return t.median(together, func(i int) error {
		vars := map[string]string{"TRY": strconv.Itoa(i), "TOGETHER": strconv.Itoa(together)}
		maps.Copy(vars, variables)
		for _, n := range t.names {
			if _, err := call[lambda.UpdateFunctionConfigurationOutput](t.p, lambda.UpdateFunctionConfigurationOp, &lambda.UpdateFunctionConfigurationInput{
				FunctionName: &n, Environment: &lambda.Environment{Variables: vars}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// median invokes the first functions at once after something and a pause, again and again; it gives how long the slowest took in the middle.
func (t *coldTrial) median(together int, before func(i int) error) (time.Duration, error) {
	var all []time.Duration
	for i := range coldTries {
		if err := before(i); err != nil {
			return 0, err
		}
		time.Sleep(settle)
		for range 10 {
			if _, err := t.own.ask(t.requests[0], true); err != nil {
				return 0, err
			}
		}
		start := time.Now()
		errs := make([]error, together)
		var work sync.WaitGroup
		for j := range together {
			work.Go(func() { errs[j] = greeted(t.conns[j], t.requests[j]) })
		}
		work.Wait()
		all = append(all, time.Since(start))
		if err := errors.Join(errs...); err != nil {
			return 0, err
		}
	}
	return median(all), nil
}

// greeted asks and looks whether the function has answered.
func greeted(c *conn, request []byte) error {
	body, err := c.ask(request, true)
	if err == nil && !bytes.Contains(body, []byte("hello")) {
		err = fmt.Errorf("not the function's answer: %.200s", body)
	}
	return err
}
