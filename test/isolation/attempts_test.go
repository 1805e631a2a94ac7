//go:build linux

package isolation

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sundog/api/lambda"
	"sundog/api/logs"
	"sundog/api/sns"
	"sundog/api/sqs"
	"sundog/cloud"
	"sundog/engine/compute/computetest"
)

// attempt is code that an attacker runs; it gives {got, how}: whether it had what it wanted, and what it saw.
type attempt struct {
	name string
	lang string // "node" or "python"
	code string
	args map[string]any
}

type outcome struct {
	Got bool
	How string
}

// try runs an attempt, and fails the test when it succeeds.
func (w *world) try(a attempt) {
	w.t.Helper()
	event := map[string]any{"code": a.code}
	for k, v := range a.args {
		event[k] = v
	}
	r := w.invoke(a.lang+"-attacker", event)
	var o outcome
	if err := json.Unmarshal([]byte(r.payload), &o); err != nil {
		w.t.Errorf("%s: %s", a.name, r.payload)
		return
	}
	if r.failed != "" {
		w.t.Errorf("%s ended the function: %s", a.name, r.payload)
	}
	w.record(a.name, o)
	w.neighbour(a.name)
}

func (w *world) record(name string, o outcome) {
	verdict := "refused"
	if o.Got {
		verdict = "BREACH"
		w.t.Errorf("%s succeeded: %s", name, o.How)
	}
	how, _, _ := strings.Cut(strings.TrimSpace(o.How), "\n")
	w.tried = append(w.tried, [3]string{verdict, name, how[:min(len(how), 190)]})
}

// expect is try's opposite: what a function must be able to do, so that refusals mean something.
func (w *world) expect(a attempt, part string) {
	w.t.Helper()
	event := map[string]any{"code": a.code}
	for k, v := range a.args {
		event[k] = v
	}
	if r := w.invoke(a.lang+"-attacker", event); r.failed != "" || !strings.Contains(r.payload, part) {
		w.t.Errorf("%s: %s, want %s", a.name, r.payload, part)
	} else {
		w.tried = append(w.tried, [3]string{"works", a.name, part})
	}
}

func TestIsolation(t *testing.T) {
	w := open(t)
	w.deploy()
	defer w.tell()

	w.works()
	w.verified()
	w.files()
	w.processes()
	w.calls()
	w.network()
	w.reported()
}

func TestIsolationAsUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("this is an ordinary user already")
		return
	}
	asUser(t, "TestIsolation|TestHarm|TestArchives")
}

// works are the things that a function does.
func (w *world) works() {
	w.expect(attempt{"writing to /tmp and reading it", "node", `const fs = require('fs'); fs.writeFileSync('/tmp/x', 'mine'); return fs.readFileSync('/tmp/x', 'utf8')`, nil}, "mine")
	w.expect(attempt{"running a program", "node", `return require('child_process').execSync('echo $LAMBDA_TASK_ROOT; id -u', { encoding: 'utf8' })`, nil}, `/var/task\n993`)
	w.expect(attempt{"reading a file of the host that is the system's", "python", `result = open("/usr/bin/env", "rb").read(4)[1:4].decode()`, nil}, "ELF")
	w.expect(attempt{"a cloud's name by HTTPS, from Node", "node", getHTTPS, map[string]any{"url": "https://sqs.us-east-1.amazonaws.com/"}}, "status 4")
	w.expect(attempt{"a cloud's name by HTTPS, from Python", "python", `
import urllib.request, urllib.error
try:
    urllib.request.urlopen("https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15")
    result = "answered"
except urllib.error.HTTPError as x:
    result = "status %d" % x.code
`, nil}, "status 4")
	w.expect(attempt{"the platform's endpoint", "node", `return String((await fetch(e.url)).status)`, map[string]any{"url": w.p.Endpoint + "/"}}, `"4`)
	w.expect(attempt{"a service of the host that a rule allows", "node", connect, to(w.allowed.Addr().String())}, "hello")
	w.expect(attempt{"listing the interfaces of its network", "node", `return Object.keys(require('os').networkInterfaces()).join()`, nil}, "lo")
	w.expect(attempt{"a server of its own", "node", `
const s = require('http').createServer((q, r) => r.end('own')); await new Promise((r) => s.listen(0, '127.0.0.1', r));
const text = await (await fetch('http://127.0.0.1:' + s.address().port)).text(); s.close(); return text;`, nil}, "own")
}

// verified has a function verify the signature of a message from a topic, by the certificate at the address that the message names.
func (w *world) verified() {
	w.t.Helper()
	w.function("verifier", "nodejs20.x", "index.handler", map[string]string{"index.js": verifier}, nil)
	var topic sns.CreateTopicOutput
	w.call(sns.CreateTopicOp, &sns.CreateTopicInput{Name: new("news")}, &topic)
	arn := "arn:aws:lambda:" + region + ":" + account + ":function:verifier"
	w.call(lambda.AddPermissionOp, &lambda.AddPermissionInput{
		FunctionName: new("verifier"), StatementId: new("sns"), Action: new("lambda:InvokeFunction"), Principal: new("sns.amazonaws.com"), SourceArn: topic.TopicArn,
	}, &lambda.AddPermissionOutput{})
	w.call(sns.SubscribeOp, &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: new("lambda"), Endpoint: &arn}, &sns.SubscribeOutput{})
	w.call(sns.PublishOp, &sns.PublishInput{TopicArn: topic.TopicArn, Message: new("hello")}, &sns.PublishOutput{})
	var said logs.FilterLogEventsOutput
	var err error
	computetest.Within(w.t, time.Minute, "a message is verified", func() bool {
		err = w.c.Call(w.t.Context(), logs.FilterLogEventsOp, &logs.FilterLogEventsInput{LogGroupName: new("/aws/lambda/verifier"), FilterPattern: new(`"VERIFIED"`)}, &said)
		return len(said.Events) > 0 || err != nil && !cloud.IsCode(err, "ResourceNotFoundException") // the group comes with the first line
	})
	if err != nil {
		w.t.Fatal(err)
	}
	_, last, _ := strings.Cut(strings.TrimSpace(*said.Events[0].Message), "VERIFIED ")
	if last != "true by https://sns.us-east-1.amazonaws.com" {
		w.t.Errorf("the verifier says %s", last)
	}
	w.tried = append(w.tried, [3]string{"works", "verifying a message's signature by its certificate's address", last})
}

// verifier logs what it finds: whoever asks it would be answered by another environment while the one with the message is busy.
const verifier = `
const crypto = require('crypto');
exports.handler = async (e) => {
  let last;
  const m = e.Records[0].Sns;
  try {
    const cert = new crypto.X509Certificate(await (await fetch(m.SigningCertUrl)).text());
    const text = ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Type'].map((k) => k + '\n' + m[k] + '\n').join('');
    last = crypto.verify('RSA-SHA1', Buffer.from(text), cert.publicKey, Buffer.from(m.Signature, 'base64')) + ' by ' + new URL(m.SigningCertUrl).origin;
  } catch (x) { last = String(x.cause || x); }
  console.log('VERIFIED ' + last);
};`

const getHTTPS = `return await new Promise((done, fail) => require('https').get(e.url, (r) => { r.resume(); done('status ' + r.statusCode) }).on('error', fail))`

// connect gives what a service says, or why there is none.
const connect = `
return await new Promise((done) => {
  const s = require('net').connect(e.port, e.host); let text = '';
  s.setTimeout(5000, () => { done({ got: true, how: 'it hangs' }); s.destroy(); });
  s.on('data', (b) => { text += b; });
  s.on('end', () => done({ got: true, how: text || 'connected' }));
  s.on('error', (x) => done({ got: text !== '', how: x.code }));
  s.write('GET / HTTP/1.0\r\n\r\n');
})`

func to(address string) map[string]any {
	host, port, _ := net.SplitHostPort(address)
	return map[string]any{"host": host, "port": port}
}

func (w *world) files() {
	read := `const fs = require('fs'); return { got: true, how: fs.statSync(e.path).isDirectory() ? fs.readdirSync(e.path).join(' ') : fs.readFileSync(e.path, 'utf8') }`
	home, _ := os.UserHomeDir()
	for name, path := range map[string]string{
		"reading /etc/shadow": "/etc/shadow", "reading a file of the host": w.secret, "listing the platform's data": w.data, "listing its blobs": filepath.Join(w.data, "blobs"),
		"listing unpacked code": filepath.Join(w.data, "code"), "listing the folders of environments": filepath.Join(w.data, "compute"),
		"listing the home of the platform's user": home, "reading the host's process 1": "/proc/1/environ", "leaving by the root of process 1": "/proc/1/root/etc",
		"the descriptors of process 1": "/proc/1/fd", "reading the kernel's memory": "/proc/kcore/x", "listing the host's devices": "/dev/disk", "the host's disk": "/dev/vda",
		"the kernel's log": "/dev/kmsg", "control groups": "/sys/fs/cgroup/memory", "the kernel's variables": "/sys/kernel", "another function's /tmp": "/tmp/neighbour.txt",
	} {
		w.try(attempt{name, "node", read, map[string]any{"path": path}})
	}
	w.try(attempt{"finding another function's code", "python", `
import os
found = [os.path.join(d, f) for top in ("/var", "/tmp", "/opt", "/run", "/home", "/mnt", "/etc") for d, _, files in os.walk(top) for f in files if "neighbour" in f]
result = {"got": bool(found), "how": " ".join(found) or "not there"}`, nil})
	w.try(attempt{"reading the environment of other processes", "python", `
import os, glob
mine, seen = str(os.getpid()), []
for f in glob.glob("/proc/[0-9]*/environ"):
    try:
        text = open(f, "rb").read()
    except OSError:
        continue
    if b"secret-of-neighbour" in text or b"SECRET_OF_THE_HOST" in text:
        seen.append(f)
result = {"got": bool(seen), "how": " ".join(seen) or "%d processes seen" % len(glob.glob("/proc/[0-9]*"))}`, nil})
	w.try(attempt{"escaping by a symbolic link", "python", `
import os
os.symlink(e["path"], "/tmp/link")
try:
    result = {"got": True, "how": open("/tmp/link").read()}
finally:
    os.unlink("/tmp/link")`, map[string]any{"path": w.secret}})
	w.try(attempt{"climbing above the root", "python", `result = {"got": True, "how": open("../" * 40 + e["path"][1:]).read()}`, map[string]any{"path": w.secret}})
	for _, path := range []string{"/var/task/index.js", "/var/task/new", "/var/runtime/node/main.js", "/usr/bin/new", "/etc/passwd", "/etc/resolv.conf", "/new", "/opt/new", "/dev/new", "/proc/sys/kernel/core_pattern"} {
		w.try(attempt{"writing to " + path, "node", `require('fs').writeFileSync(e.path, 'x'); return { got: true, how: 'written' }`, map[string]any{"path": path}})
	}
	w.try(attempt{"reading what its makers left open", "python", `
import os
found = []
for f in os.listdir("/proc/self/fd"):
    try:
        to = os.readlink("/proc/self/fd/" + f)
    except OSError:
        continue
    if int(f) > 3 and to.startswith("/") and to != "/proc/%d/fd" % os.getpid():
        found.append(to)
result = {"got": bool(found), "how": " ".join(found) or "the runtime's own are all there are"}`, nil})
	w.climbing()
	w.try(attempt{"removing its own code", "node", `require('fs').rmSync('/var/task/index.js'); return { got: true, how: 'removed' }`, nil})
	w.try(attempt{"becoming root by a set-user-id program", "python", `
import subprocess
out = subprocess.run(["su", "-c", "id -u"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
result = {"got": out.stdout.strip() == "0", "how": out.stderr or out.stdout}`, nil})
	w.try(attempt{"keeping capabilities or new privileges", "python", `
status = dict(l.split(":", 1) for l in open("/proc/self/status"))
caps = [k for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(status[k], 16)]
weak = caps or status["NoNewPrivs"].strip() != "1" or status["Seccomp"].strip() != "2"
result = {"got": bool(weak), "how": "none, no_new_privs, filtered" if not weak else str(caps)}`, nil})
}

// climbing writes on the socket of its runtime, which is its to write on, that an SDK is missing whose name climbs out of the cache.
func (w *world) climbing() {
	w.t.Helper()
	made := filepath.Join(w.t.TempDir(), "made")
	r := w.invoke("node-attacker", map[string]any{"kind": strings.Repeat("../", 40) + made, "code": `
const body = Buffer.from(JSON.stringify({ kind: e.kind, failed: '/x' })); const head = Buffer.alloc(5); head.writeUInt32BE(body.length, 0); head[4] = 'N'.charCodeAt(0);
require('fs').writeSync(3, Buffer.concat([head, body])); return 'written'`})
	left, err := filepath.Glob(filepath.Join(filepath.Dir(made), "*"))
	if err != nil || r.failed != "" {
		w.t.Errorf("%v %s", err, r.payload)
	}
	w.record("making a file by asking for an SDK", outcome{Got: len(left) > 0, How: fmt.Sprintf("%s; made: %v", r.payload, left)})
}

func (w *world) processes() {
	w.try(attempt{"signalling the platform", "node", `process.kill(e.pid, 0); return { got: true, how: 'it is there' }`, map[string]any{"pid": os.Getpid()}})
	w.try(attempt{"killing process 1", "python", `
import os, signal, time
refused = []
for s in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGSEGV):
    try:
        os.kill(1, s)
    except PermissionError as x:
        refused.append(str(x))
time.sleep(0.2)
result = {"got": False, "how": "%d signals: %s" % (len(refused), refused[:1])}`, nil})
	w.try(attempt{"looking into the threads of process 1", "python", `
import os
own, seen, there = os.listdir("/proc/self/task"), [], 0
for n in range(1, 300):
    if str(n) in own or not os.path.exists("/proc/%d" % n):
        continue
    there += 1
    for what in ("environ", "maps", "mem", "auxv"):
        try:
            if open("/proc/%d/%s" % (n, what), "rb").read(1):
                seen.append("%d/%s" % (n, what))
        except OSError:
            pass
    for what in ("fd", "root", "cwd", "map_files"):
        try:
            os.listdir("/proc/%d/%s" % (n, what))
            seen.append("%d/%s" % (n, what))
        except OSError:
            pass
result = {"got": bool(seen), "how": " ".join(seen) or "%d threads can be named, none looked into" % there}`, nil})
	w.try(attempt{"killing everything", "python", `
import os, signal
try:
    os.kill(-1, signal.SIGKILL)
except OSError as x:
    result = {"got": False, "how": str(x)}
else:
    result = {"got": False, "how": "only its own processes"}`, nil})
}

// libc calls a function of the C library.
const libc = `
import ctypes, os
lib = ctypes.CDLL(None, use_errno=True)
buf = ctypes.create_string_buffer(4096)
args = [ctypes.c_long(a) if isinstance(a, int) else ctypes.addressof(buf) if a == "buffer" else ctypes.c_char_p(a.encode()) for a in e["args"]]
n = lib.syscall(ctypes.c_long(e["number"]), *args)
result = {"got": n >= 0, "how": os.strerror(ctypes.get_errno()) if n < 0 else str(n)}`

func (w *world) calls() {
	for _, c := range []struct {
		name   string
		number int
		args   []any
	}{
		{"mount", unix.SYS_MOUNT, []any{"none", "/tmp", "tmpfs", 0, 0}}, {"mount of the host's disk", unix.SYS_MOUNT, []any{"/dev/vda", "/tmp", "ext4", 0, 0}}, {"umount2", unix.SYS_UMOUNT2, []any{"/proc/keys", 2}},
		{"remount writable", unix.SYS_MOUNT, []any{"", "/var/task", "", unix.MS_REMOUNT | unix.MS_BIND, 0}},
		{"unshare of users", unix.SYS_UNSHARE, []any{unix.CLONE_NEWUSER}}, {"clone into new users", unix.SYS_CLONE, []any{unix.CLONE_NEWUSER | int(unix.SIGCHLD), 0, 0, 0, 0}},
		{"clone3", unix.SYS_CLONE3, []any{"buffer", 88}}, {"setns", unix.SYS_SETNS, []any{0, 0}}, {"pivot_root", unix.SYS_PIVOT_ROOT, []any{"/tmp", "/tmp"}}, {"chroot", unix.SYS_CHROOT, []any{"/tmp"}},
		{"ptrace of process 1", unix.SYS_PTRACE, []any{16, 1, 0, 0}}, {"process_vm_readv", unix.SYS_PROCESS_VM_READV, []any{1, "buffer", 1, "buffer", 1, 0}},
		{"keyctl", unix.SYS_KEYCTL, []any{0, -3, 0, 0, 0}}, {"add_key", unix.SYS_ADD_KEY, []any{"user", "x", "x", 1, -3}}, {"bpf", unix.SYS_BPF, []any{0, "buffer", 128}},
		{"perf_event_open", unix.SYS_PERF_EVENT_OPEN, []any{"buffer", 0, -1, -1, 0}}, {"userfaultfd", unix.SYS_USERFAULTFD, []any{0}}, {"io_uring_setup", unix.SYS_IO_URING_SETUP, []any{8, "buffer"}},
		{"kexec_load", unix.SYS_KEXEC_LOAD, []any{0, 0, "buffer", 0}}, {"init_module", unix.SYS_INIT_MODULE, []any{"buffer", 16, ""}}, {"reboot", unix.SYS_REBOOT, []any{0xfee1dead, 672274793, 0, 0}},
		{"open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT, []any{-100, "buffer", 0}}, {"settimeofday", unix.SYS_SETTIMEOFDAY, []any{"buffer", 0}}, {"sethostname", unix.SYS_SETHOSTNAME, []any{"x", 1}},
		{"mknod of a disk", unix.SYS_MKNODAT, []any{-100, "/tmp/disk", 0o60644, 254 << 8}}, {"syslog", unix.SYS_SYSLOG, []any{3, "buffer", 4096}}, {"quotactl", unix.SYS_QUOTACTL, []any{0x80000100, "/dev/vda", 0, "buffer"}},
		{"a raw packet socket", unix.SYS_SOCKET, []any{unix.AF_PACKET, unix.SOCK_RAW, 0}}, {"a socket to the virtual machine's host", unix.SYS_SOCKET, []any{unix.AF_VSOCK, unix.SOCK_STREAM, 0}},
		{"a netlink socket to the kernel's firewall", unix.SYS_SOCKET, []any{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER}},
		{"a raw IP socket", unix.SYS_SOCKET, []any{unix.AF_INET, unix.SOCK_RAW, 1}}, {"a socket into the kernel's ciphers", unix.SYS_SOCKET, []any{unix.AF_ALG, unix.SOCK_SEQPACKET, 0}},
		{"a call that does not exist yet", 900, []any{0}}, {"setuid to root", unix.SYS_SETUID, []any{0}}, {"raising a limit", unix.SYS_PRLIMIT64, []any{0, unix.RLIMIT_NOFILE, "limit", 0}},
	} {
		code := libc
		if c.name == "raising a limit" {
			code = `
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
result = {"got": True, "how": "raised"}`
		}
		w.try(attempt{"system call: " + c.name, "python", code, map[string]any{"number": c.number, "args": c.args}})
	}
}

func (w *world) network() {
	addresses := map[string]string{
		"a service of the host's loopback": w.service.Addr().String(), "instance metadata": "169.254.169.254:80", "a private address": "10.0.0.1:80", "another private address": "192.168.1.1:443",
		"a public address": "93.184.216.34:443", "a port that nothing serves": "93.184.216.34:22", "IPv6": "[2606:4700:4700::1111]:443", "mapped loopback": "[::ffff:127.0.0.1]:443",
		"another function's server": "127.0.0.1:8099",
	}
	if list, err := net.InterfaceAddrs(); err == nil {
		_, port, _ := net.SplitHostPort(w.service.Addr().String())
		for _, a := range list {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
				addresses["an address of the host, "+n.IP.String()] = net.JoinHostPort(n.IP.String(), port)
			}
		}
	}
	for name, a := range addresses {
		w.try(attempt{"connecting to " + name, "node", connect, to(a)})
	}
	w.try(attempt{"looking up a name that is not allowed", "node", `const a = await require('dns').promises.lookup('example.com'); return { got: true, how: a.address }`, nil})
	w.try(attempt{"asking another resolver", "python", `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
s.connect(("8.8.8.8", 53))
s.send(bytes.fromhex("000101000001000000000000076578616d706c6503636f6d0000010001"))
result = {"got": True, "how": s.recv(512).hex()}`, nil})
	w.try(attempt{"an abstract socket of the host", "python", `
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("\0" + e["name"])
result = {"got": True, "how": "connected"}`, map[string]any{"name": abstract(w.t)}})
	admin := `const r = await fetch(e.url + '/_sundog/status'); return { got: r.status !== 403, how: r.status + ' ' + await r.text() }`
	w.try(attempt{"an admin call at the endpoint", "node", admin, map[string]any{"url": w.p.Endpoint}})
	w.try(attempt{"an admin call by a cloud's name", "node", admin, map[string]any{"url": "http://sqs.us-east-1.amazonaws.com"}})
	w.try(attempt{"an unsigned request to the API", "node", `const r = await fetch(e.url + '/2015-03-31/functions'); return { got: r.status < 400, how: String(r.status) }`, map[string]any{"url": w.p.Endpoint}})
	w.pretending()
	w.try(attempt{"another cloud's name", "node", `const r = await fetch('https://storage.googleapis.com/'); return { got: r.status !== 501, how: r.status + ' ' + await r.text() }`, nil})
	w.try(attempt{"TLS for a name that is no cloud's", "node", `
const tls = require('tls');
return await new Promise((done) => { const s = tls.connect({ host: '198.18.0.1', port: 443, servername: 'example.com' }, () => done({ got: true, how: 'trusted' })); s.on('error', (x) => done({ got: false, how: x.code || x.message })); })`, nil})
}

// pretending sends to a queue that takes messages of anybody at one address, which a function can take in its own network.
func (w *world) pretending() {
	w.t.Helper()
	policy := func(address string) map[string]string {
		return map[string]string{"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"` + address + `"}}}]}`}
	}
	var queue sqs.CreateQueueOutput
	w.call(sqs.CreateQueueOp, &sqs.CreateQueueInput{QueueName: new("guarded"), Attributes: policy("203.0.113.9/32")}, &queue)
	send := `
return await new Promise((done, fail) => {
  const q = require('http').request({ host: 'sqs.us-east-1.amazonaws.com', path: '/` + account + `/guarded', method: 'POST', localAddress: e.from, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    (r) => { let text = ''; r.on('data', (b) => { text += b; }); r.on('end', () => done({ got: r.statusCode < 400, how: r.statusCode + ' ' + text.slice(0, 150) })); });
  q.on('error', fail); q.end('Action=SendMessage&Version=2012-11-05&MessageBody=x');
})`
	w.try(attempt{"pretending to be at an address that a policy lets in", "node", send, map[string]any{"from": "203.0.113.9"}})
	w.call(sqs.SetQueueAttributesOp, &sqs.SetQueueAttributesInput{QueueUrl: queue.QueueUrl, Attributes: policy("127.0.0.0/8")}, &sqs.SetQueueAttributesOutput{})
	w.expect(attempt{"being let in by the address that it has", "node", send, map[string]any{"from": "127.0.0.1"}}, "200")
}

// abstract listens on an abstract socket of the host.
func abstract(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("sundog-isolation-%d", os.Getpid())
	l, err := net.Listen("unix", "@"+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c, err := net.Dial("unix", "@"+name)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	return name
}

// reported checks that whoever runs the platform was told of what was blocked, once, with how to allow it.
func (w *world) reported() {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[string]int{}
	for _, b := range w.blocked {
		seen[b.Destination]++
		if !strings.HasSuffix(b.Function, "-attacker") || b.Reason == "" {
			w.t.Errorf("reported: %+v", b)
		}
		if b.Destination == "169.254.169.254:80" && b.Allow != "" {
			w.t.Error("instance metadata is said to be allowable")
		}
	}
	for _, d := range []string{"example.com", "93.184.216.34:443", "169.254.169.254:80"} {
		if seen[d] != 1 {
			w.t.Errorf("%s was reported %d times: %+v", d, seen[d], w.blocked)
		}
	}
}
