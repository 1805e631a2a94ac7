package process

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
	"sundog/engine/compute/runtimes"
	"sundog/internal/clock"
)

// frameLink is a link whose other end the test has.
func frameLink(t *testing.T, sdk func(runtimes.SDKRequest)) (f *frames, runtime net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	t.Cleanup(func() { theirs.Close() })
	return newFrames(ours, &output{clock: clock.New(computetest.Wall, 0)}, clock.New(computetest.Wall, 0), sdk), theirs
}

// What a function writes on its runtime's socket neither makes the platform install what was not offered nor gives it more time.
func TestFunctionAsksForSDKs(t *testing.T) {
	for _, c := range []struct {
		kind  runtimes.SDK
		asked bool
	}{{runtimes.SDKNodeV3, true}, {runtimes.SDKPython, false}, {"../../outside", false}, {"", false}} {
		asked := make(chan runtimes.SDK, 1000)
		f, runtime := frameLink(t, func(r runtimes.SDKRequest) { asked <- r.Kind })
		f.offered = runtimes.SDKNodeV3
		go func() {
			_, _, _ = runtimes.NewReader(runtime, runtimes.MaxFrame).Next()
			request := runtimes.AppendFrame(nil, runtimes.KindSDK, []byte(`{"kind":"`+string(c.kind)+`"}`))
			for range 1000 {
				if _, err := runtime.Write(request); err != nil {
					return
				}
			}
		}()
		_, err := f.invoke(&compute.Invocation{}, "arn", "trace", computetest.Wall(), 300*time.Millisecond)
		if !errors.Is(err, errDeadline) {
			t.Errorf("%q: %v", c.kind, err)
		}
		if got := len(asked) > 0; got != c.asked {
			t.Errorf("%q: asked: %v", c.kind, got)
		}
	}
}

// The time that an installation takes does not count, but not without end.
func TestInstallationsTakeTime(t *testing.T) {
	wall := clock.NewManual(computetest.Wall())
	installs := 0
	f, runtime := frameLink(t, func(runtimes.SDKRequest) { wall.AdvanceWall(6 * time.Minute); installs++ })
	f.clock, f.offered = wall, runtimes.SDKPython
	f.until(wall.Wall().Add(time.Minute))
	end := f.deadline
	request := runtimes.AppendFrame(nil, runtimes.KindSDK, []byte(`{"kind":"python"}`))
	go func() {
		for range 3 {
			_, _ = runtime.Write(request)
		}
		_, _ = runtime.Write(runtimes.AppendFrame(nil, runtimes.KindReady, nil))
	}()
	if kind, _, err := f.next(); kind != runtimes.KindReady || err != nil {
		t.Fatalf("%q, %v", kind, err)
	}
	if more := f.deadline.Sub(end); more != installTime {
		t.Errorf("%v more", more)
	}
	if installs != 2 {
		t.Errorf("%d installations, the last of them after the deadline", installs)
	}
}

// A function that answers what its runtime has not read costs its environment, and leaves no writer behind.
func TestAnswersToWhatWasNotRead(t *testing.T) {
	f, runtime := frameLink(t, nil)
	go func() { _, _ = runtime.Write(runtimes.AppendFrame(nil, runtimes.KindResult, []byte(`"early"`))) }()
	a, err := f.invoke(&compute.Invocation{Payload: make([]byte, 1<<20)}, "arn", "trace", computetest.Wall().Add(time.Minute), time.Minute)
	if err != nil || string(a.payload) != `"early"` || !a.fatal {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := f.conn.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a writer is left behind: %v", err)
	}
}

// A response over the limit is an error of the function, and the environment goes on.
func TestResponseOverTheFrameLimit(t *testing.T) {
	f, runtime := frameLink(t, nil)
	go func() {
		r := runtimes.NewReader(runtime, runtimes.MaxFrame)
		_, _, _ = r.Next()
		_, _ = runtime.Write(runtimes.AppendFrame(nil, runtimes.KindResult, make([]byte, runtimes.MaxFrame+1)))
		_, _, _ = r.Next()
		_, _ = runtime.Write(runtimes.AppendFrame(nil, runtimes.KindResult, []byte(`"ok"`)))
	}()
	deadline := computetest.Wall().Add(time.Minute)
	a, err := f.invoke(&compute.Invocation{}, "arn", "trace", deadline, time.Minute)
	if err != nil || a.text != tooLarge().text {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err = f.invoke(&compute.Invocation{}, "arn", "trace", deadline, time.Minute); err != nil || string(a.payload) != `"ok"` {
		t.Errorf("then: %+v, %v", a, err)
	}
}
