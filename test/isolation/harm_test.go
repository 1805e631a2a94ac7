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
	w.harm("a memory bomb, many processes down", "python-attacker", `
import os, time
read, write = os.pipe()
for depth in range(12):
    if os.fork():
        os.close(write)
        said = os.read(read, 100)
        result = {"got": said != b"", "how": said.decode() or "its maker was killed"}
        break
else:
    kept = []
    while len(kept) < 256:
        kept.append(bytearray(b"x") * (8 << 20))
    os.write(write, b"2 GiB")
    os._exit(0)
if depth:
    os._exit(0)`)
	w.harm("a bomb of shared memory", "python-attacker", `
import mmap
m, size = mmap.mmap(-1, 3 << 30), 8 << 20
for n in range(0, len(m), size):
    m[n:n + size] = b"x" * size
result = {"got": True, "how": "%d MiB" % (len(m) >> 20)}`)
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
	w.harm("thirty thousand connections to the platform", "python-attacker", connections)
	w.harm("thousands of requests at once on few connections", "node-attacker", requests)
	w.subscriber()
	w.harm("five gigabytes of requests that are signed wrongly", "python-attacker", uploads)
	w.harm("a thousand processes that never rest", "python-attacker", spinners)
	w.flood()
	w.leftover()
}

// requests begins more requests than it may have connections, over HTTP/2, and ends none.
const requests = `
const http2 = require('http2'); let open = 0, refused = 0; const sessions = [];
for (let i = 0; i < 20; i++) {
  const s = http2.connect('http://sqs.us-east-1.amazonaws.com'); s.on('error', () => {}); sessions.push(s);
  await new Promise((r) => s.on('remoteSettings', r));
  for (let n = 0; n < 200; n++) {
    const q = s.request({ ':method': 'POST', ':path': '/', 'x-amz-target': 'AmazonSQS.ListQueues', 'content-type': 'application/x-amz-json-1.0' });
    open++;
    q.on('error', () => {}); q.on('response', (h) => { refused++; open--; });
    q.write('{');
  }
}
for (let before = -1; before !== refused; ) { before = refused; await new Promise((r) => setTimeout(r, 1000)); }
for (const s of sessions) s.destroy();
return { got: open > 1024, how: open + ' are under way, ' + refused + ' were refused' };`

// subscriber is an extension that subscribes to telemetry again and again, at a port that takes no connections, and writes a lot meanwhile.
func (w *world) subscriber() {
	w.t.Helper()
	w.function("subscriber", "python3.11", "main.handler", map[string]string{"main.py": subscriber}, nil)
	defer w.call(lambda.DeleteFunctionOp, &lambda.DeleteFunctionInput{FunctionName: new("subscriber")}, &lambda.DeleteFunctionOutput{})
	r := w.invoke("subscriber", map[string]any{})
	w.recordPayload("subscribing without end, and taking nothing", r.payload)
	w.neighbour("subscribing without end")
}

const subscriber = `
import http.client, json, os, socket
deaf = socket.socket()
deaf.bind(("127.0.0.1", 0))
deaf.listen(0)
held = []
for _ in range(4):
    held.append(socket.socket())
    held[-1].setblocking(False)
    held[-1].connect_ex(deaf.getsockname())
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def ask(method, path, body, **headers):
    api.request(method, path, json.dumps(body), {k.replace("_", "-"): v for k, v in headers.items()})
    r = api.getresponse()
    said = r.read().decode()
    return r.status, r.getheader("Lambda-Extension-Identifier"), said
me = ask("POST", "/2020-01-01/extension/register", {"events": []}, Lambda_Extension_Name="inner")[1]
taken, said = 0, ""
for n in range(2000):
    print("x" * 100000)
    status, _, said = ask("PUT", "/2022-07-01/telemetry", {"schemaVersion": "2022-12-13", "types": ["platform", "function"], "buffering": {"maxBytes": 1048576, "maxItems": 1000},
        "destination": {"protocol": "TCP", "port": deaf.getsockname()[1]}}, Lambda_Extension_Identifier=me)
    taken += status == 200
    if status != 200:
        break
import threading
threading.Thread(target=lambda: ask("GET", "/2020-01-01/extension/event/next", None, Lambda_Extension_Identifier=me), daemon=True).start()
def handler(e, c):
    return {"got": taken > 100, "how": "%d subscriptions, then: %s" % (taken, said)}
`

// spinners takes all the processor time that it can get, in sessions of its own.
const spinners = `
import os, time
until = time.time() + 5
started = []
try:
    while len(started) < 900:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            while time.time() < until:
                pass
            os._exit(0)
        started.append(pid)
except OSError as x:
    pass
for pid in started:
    os.waitpid(pid, 0)
result = {"got": False, "how": "%d processes" % len(started)}`

// uploads sends the largest requests that there are, many at once, and does not end them. They name its own key, without a signature that is right.
const uploads = `
import os, socket, time
size, held, sent, refused = 65 << 20, [], 0, "nothing"
key, token, now = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SESSION_TOKEN"], time.gmtime()
head = "POST /2015-03-31/functions HTTP/1.1\r\nHost: lambda.us-east-1.amazonaws.com\r\nContent-Length: %d\r\nX-Amz-Date: %s\r\nX-Amz-Security-Token: %s\r\n" % (
    size, time.strftime("%Y%m%dT%H%M%SZ", now), token)
head += "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=%064d\r\n\r\n" % (
    key, time.strftime("%Y%m%d", now), 0)
for _ in range(80):
    s = socket.create_connection(("198.18.0.1", 80), 20)
    s.sendall(head.encode())
    try:
        for _ in range(64):
            s.sendall(b"x" * (1 << 20))
            sent += 1
    except OSError as x:
        refused = str(x)
        break
    held.append(s)
result = {"got": sent > 4 << 10, "how": "%d MiB, then: %s" % (sent, refused)}`

// connections opens more connections than the platform may have files, from processes that have their own limits, and counts those that are answered while all
// are held.
const connections = `
import os, socket
said, say = os.pipe()
counting, count = os.pipe()
ending, end = os.pipe()
for _ in range(30):
    if os.fork() == 0:
        os.close(count)
        os.close(end)
        held, answered, how = [], 0, "none refused"
        try:
            while len(held) < 1000:
                held.append(socket.create_connection(("198.18.0.1", 80), 20))
        except OSError as x:
            how = str(x)
        os.write(say, b"opened\n")
        os.read(counting, 1)
        for s in held:
            try:
                s.sendall(b"GET / HTTP/1.1\r\nHost: s3.amazonaws.com\r\n\r\n")
                answered += len(s.recv(1))
            except OSError as x:
                how = str(x)
        os.write(say, ("%d %s\n" % (answered, how)).encode())
        os.read(ending, 1)
        os._exit(0)
os.close(say)
with os.fdopen(said) as lines:
    opened = [lines.readline() for _ in range(30)]
    os.close(count)
    counts = [lines.readline().split(" ", 1) for _ in range(30)]
os.close(end)
n = sum(int(c[0]) for c in counts)
result = {"got": n > 1024 or "" in opened, "how": "%d stay open: %s" % (n, sorted({c[1].strip() for c in counts}))}`

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
		"links that lead out together":         {{"p/q", "..", fs.ModeSymlink | 0o777}, {"p/q/out", "../..", fs.ModeSymlink | 0o777}},
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
