package process

import (
	"context"
	"errors"
	"syscall"
	"testing"
)

// A port inside that takes no connections: its queue is full. The second invocation waits until somebody tries to connect to it.
const deaf = `
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(0)
port = s.getsockname()[1]
held = []
for _ in range(4):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(s.getsockname())
    held.append(c)
def trying():
    return sum(1 for l in open("/proc/net/tcp") if l.split()[2].endswith(":%04X" % port) and l.split()[3] == "02")
before = trying()
def handler(event, context):
    while event.get("wait") and trying() <= before:
        pass
    return str(port)
`

// A program that takes no connections holds up nothing that the platform wants of its sandbox.
func TestDialHoldsUpNothing(t *testing.T) {
	d := boxed(t, Options{})
	v := function("python3.11", "main.handler", code(t, "main.py", deaf))
	port := ask(t, d, v, `{}`)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	e := d.environments()[0]
	go func() {
		c, err := e.control().Dial(ctx, port)
		if err == nil {
			_ = c.Close()
		}
		done <- err
	}()
	ask(t, d, v, `{"wait": true}`)
	if err := e.control().Signal(0, syscall.SIGCONT); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the connection was over first: %v", err)
	}
}
