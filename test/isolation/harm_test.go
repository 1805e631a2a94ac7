//go:build linux

package isolation

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"sundog/api/lambda"
	"sundog/engine/compute/computetest"
)

// TestHarm has functions use up what there is; others do not notice.
func TestHarm(t *testing.T) {
	w := open(t)
	w.deploy()
	defer w.tell()
	w.neighbour("nothing")
	w.harm("a fork bomb", "forker", `
import os, time
n = 0
try:
    while n < 20000:
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        n += 1
    result = {"got": True, "how": "%d processes" % n}
except OSError as x:
    result = {"got": n > 1200, "how": "%d processes, then: %s" % (n, x)}`)
	w.harm("a memory bomb", "python-attacker", `
kept = []
while True:
    kept.append(bytearray(b"x") * (8 << 20))`)
	w.harm("filling /tmp", "python-attacker", `
import os
n = 0
try:
    with open("/tmp/big", "wb", buffering=0) as f:
        while n < 2048:
            f.write(b"x" * (1 << 20))
            n += 1
    result = {"got": True, "how": "%d MiB" % n}
except OSError as x:
    result = {"got": n > 520, "how": "%d MiB, then: %s" % (n, x)}
finally:
    os.unlink("/tmp/big")`)
	w.harm("a hundred thousand files", "python-attacker", `
import os
n = 0
try:
    while n < 100000:
        open("/tmp/f%d" % n, "w").close()
        n += 1
    result = {"got": True, "how": "%d files" % n}
except OSError as x:
    result = {"got": False, "how": "%d files, then: %s" % (n, x)}`)
	w.harm("opening ten thousand files", "python-attacker", `
import os
held = []
try:
    while len(held) < 10000:
        held.append(open("/dev/null"))
    result = {"got": True, "how": "%d open" % len(held)}
except OSError as x:
    n, held = len(held), None
    result = {"got": n > 1024, "how": "%d open, then: %s" % (n, x)}`)
	w.flood()
	w.leftover()
}

// harm runs one attack while the neighbour is asked.
func (w *world) harm(name, function, code string) {
	w.t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				w.neighbour(name)
			}
		}
	}()
	r := w.invoke(function, map[string]any{"code": code})
	close(stop)
	<-done
	switch {
	case r.failed != "":
		w.record(name, outcome{Got: false, How: r.payload})
	default:
		w.recordPayload(name, r.payload)
	}
	w.neighbour(name)
}

func (w *world) recordPayload(name, payload string) {
	w.t.Helper()
	var o outcome
	if err := json.Unmarshal([]byte(payload), &o); err != nil {
		w.t.Errorf("%s: %s", name, payload)
		return
	}
	w.record(name, o)
}

// flood writes more to its log than anybody wants.
func (w *world) flood() {
	w.t.Helper()
	r := w.invoke("node-attacker", map[string]any{"code": `
const line = 'x'.repeat(1000) + '\n'; const fs = require('fs'); const until = Date.now() + 1500; let n = 0;
const all = Buffer.from(line.repeat(60));
while (Date.now() < until) { try { n += fs.writeSync(1, all); } catch (x) { if (x.code !== 'EAGAIN') throw x; } }
return { got: false, how: Math.round(n / 1e6) + ' MB written' }`})
	w.recordPayload("a log flood", r.payload)
	w.neighbour("a log flood")
}

// leftover starts a process that is to outlive its environment.
func (w *world) leftover() {
	w.t.Helper()
	mark := "leftover-" + time.Now().Format("150405.000000")
	r := w.invoke("node-attacker", map[string]any{"mark": mark, "code": `
require('child_process').spawn('setsid', ['sleep', '300'], { detached: true, stdio: 'ignore', env: { MARK: e.mark, PATH: process.env.PATH } }).unref();
await new Promise((r) => setTimeout(r, 200));
process.exit(7)`})
	if r.failed == "" {
		w.t.Errorf("the function did not end: %s", r.payload)
	}
	computetest.Eventually(w.t, "the process that was left behind is gone", func() bool { return len(computetest.Marked(mark)) == 0 })
	w.record("leaving a process behind", outcome{How: "it ended with its environment"})
	w.neighbour("leaving a process behind")
}

// entry is a file of an archive, with a name that no honest tool writes.
type entry struct {
	name, text string
	mode       fs.FileMode
}

// TestArchives deploys archives that are to write where they must not, or to fill the disk.
func TestArchives(t *testing.T) {
	w := open(t)
	defer w.tell()
	for name, list := range map[string][]entry{
		"a name that climbs out of its folder": {{"../../evil.txt", "x", 0o644}},
		"a name that is absolute":              {{"/tmp/evil.txt", "x", 0o644}},
		"a name with backslashes":              {{`..\..\evil.txt`, "x", 0o644}},
		"a link out of the package":            {{"out", "../../..", fs.ModeSymlink | 0o777}, {"out/evil.txt", "x", 0o644}},
		"an absolute link":                     {{"out", "/etc", fs.ModeSymlink | 0o777}},
		"a device":                             {{"disk", "", fs.ModeDevice | 0o644}},
		"300 MB of nothing":                    {{"index.js", strings.Repeat("\x00", 300<<20), 0o644}},
	} {
		err := w.c.Call(t.Context(), lambda.CreateFunctionOp, &lambda.CreateFunctionInput{
			FunctionName: new("archive"), Runtime: new("nodejs20.x"), Handler: new("index.handler"), Role: new("arn:aws:iam::" + account + ":role/attacker"),
			Code: &lambda.FunctionCode{ZipFile: hostile(t, list)},
		}, &lambda.CreateFunctionOutput{})
		if err == nil {
			w.record("an archive with "+name, outcome{Got: true, How: "it was taken"})
			continue
		}
		w.record("an archive with "+name, outcome{How: err.Error()})
	}
}

func hostile(t *testing.T, list []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range list {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode)
		f, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(f, e.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
