package process

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
	"sundog/internal/clock"
	"sundog/internal/ids"
)

func TestMain(m *testing.M) {
	MaybeInit()
	if dir := os.Getenv("PROCESS_TEST_VICTIM"); dir != "" {
		victim(dir)
	}
	os.Exit(m.Run())
}

func open(t testing.TB, o Options) *Driver {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Clock, o.IDs = clock.New(computetest.Wall, 0), ids.New()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func shut(t testing.TB, d *Driver) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := d.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestSuite(t *testing.T) {
	computetest.Run(t, func(t *testing.T, c computetest.Config) compute.Compute {
		return open(t, Options{Reexec: true, IdleTimeout: c.IdleTimeout})
	})
}

// code writes a function's file into a folder of its own.
func code(t testing.TB, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func function(runtime, handler, dir string) compute.Version {
	return compute.Version{
		ID: runtime + handler + dir, Function: "fn", Qualifier: "1", ARN: cloud.MustARN("arn:aws:lambda:us-east-1:123456789012:function:fn"),
		Runtime: runtime, Handler: handler, CodeDir: dir, MemoryMB: 256, Timeout: 10 * time.Second, Role: cloud.MustARN("arn:aws:iam::123456789012:role/r"),
	}
}

const trivialNode = `exports.handler = async (e) => ({ ok: true, n: e.n });`

const trivialPython = "def handler(event, context):\n    return {'ok': True, 'n': event['n']}\n"

// Without an init, and with a subreaper instead of a namespace, functions run all the same.
func TestModes(t *testing.T) {
	for _, m := range []mode{modePlain, modeReaper, modeUserNamespace, modeNamespace, modeSandbox} {
		t.Run(string(m), func(t *testing.T) {
			d := open(t, Options{Reexec: m != modePlain})
			d.spawner.once.Do(func() { d.spawner.mode = m })
			d.groups.base = "" // memory is sampled
			v := function("nodejs20.x", "index.handler", code(t, "index.js", `exports.handler = async (e) => { const k = []; while (e.eat) { k.push(Buffer.alloc(4 << 20, 1)); await new Promise((r) => setTimeout(r, 2)); } return process.pid > 0; }`))
			r, err := d.Invoke(t.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte(`{}`)})
			if err != nil || string(r.Payload) != "true" {
				t.Fatalf("%s %v", r.Payload, err)
			}
			r, err = d.Invoke(t.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte(`{"eat":1}`)})
			if err != nil || r.Kind != compute.OutOfMemory {
				t.Fatalf("%+v %v", r, err)
			}
			shut(t, d)
		})
	}
}

// Without a sandbox, extensions are processes beside the function's.
func TestExtensionsWithoutSandbox(t *testing.T) {
	for _, m := range []mode{modeNamespace, modePlain} {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			computetest.Extensions(t, func(t *testing.T, c computetest.Config) compute.Compute {
				d := open(t, Options{Reexec: m != modePlain, Unsandboxed: true, IdleTimeout: c.IdleTimeout})
				d.spawner.once.Do(func() { d.spawner.mode = m })
				return d
			})
		})
	}
}

// A program that brings its own runtime is told that it has one processor when Lambda would give it less.
func TestProcessors(t *testing.T) {
	for _, c := range []struct {
		runtime string
		memory  int
		own     map[string]string
		want    string
	}{
		{"provided.al2023", 128, nil, "1"},
		{"go1.x", 1768, nil, "1"},
		{"provided.al2", 1769, nil, ""},
		{"provided.al2023", 128, map[string]string{"GOMAXPROCS": "3"}, "3"},
		{"nodejs20.x", 128, nil, ""},
		{"python3.12", 128, nil, ""},
		{"java17", 128, nil, ""},
	} {
		d := open(t, Options{})
		v := function(c.runtime, "x", t.TempDir())
		v.MemoryMB, v.Env = c.memory, c.own
		vars, err := d.variables(t.Context(), &v, &environment{d: d, host: &host{dir: t.TempDir()}}, nil)
		if err != nil || vars["GOMAXPROCS"] != c.want {
			t.Errorf("%s, %d MB: %q %v", c.runtime, c.memory, vars["GOMAXPROCS"], err)
		}
		shut(t, d)
	}
}

func TestCredentialsAndHook(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	d := open(t, Options{
		Reexec: true,
		Credentials: func(_ context.Context, role cloud.ARN, session, environment string, ttl time.Duration) (cloud.Credentials, error) {
			if ttl < 6*time.Hour {
				t.Errorf("ttl %v is shorter than an environment's life", ttl)
			}
			return cloud.Credentials{AccessKeyID: "ASIA" + environment, SecretAccessKey: role.Resource, SessionToken: "token of " + session}, nil
		},
		Running: func(environment string, tr *cloud.Trace) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, fmt.Sprint(tr != nil && tr.Root == "1-5759e988-bd862e3fe1be46a994272793"))
		},
	})
	defer shut(t, d)
	v := function("nodejs20.x", "index.handler", code(t, "index.js", `exports.handler = async () => [process.env.AWS_ACCESS_KEY_ID, process.env.AWS_SECRET_ACCESS_KEY, process.env.AWS_SESSION_TOKEN]`))
	r, err := d.Invoke(t.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte(`{}`), Trace: cloud.Trace{Root: "1-5759e988-bd862e3fe1be46a994272793"}})
	if err != nil || string(r.Payload) != `["ASIA`+r.Environment+`","role/r","token of fn"]` {
		t.Fatalf("%s %v", r.Payload, err)
	}
	if !slices.Equal(seen, []string{"true", "false"}) {
		t.Fatalf("hook: %v", seen)
	}
}

func TestRefusesUnknownRuntimes(t *testing.T) {
	d := open(t, Options{})
	defer shut(t, d)
	_, err := d.Invoke(t.Context(), function("ruby3.4", "x.y", t.TempDir()), compute.Invocation{Payload: []byte(`{}`)})
	if !cloud.IsCode(err, "NotImplemented") {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, r := range d.Runtimes(t.Context()) {
		names[r.Name] = r.Missing == ""
	}
	if !names["nodejs18.x"] || !names["python3.12"] || !names["provided.al2023"] || names["ruby3.4"] {
		t.Fatal(names)
	}
}

// A burst of short calls is served by few environments.
func TestBurst(t *testing.T) {
	d := open(t, Options{Reexec: true})
	defer shut(t, d)
	v := function("nodejs20.x", "index.handler", code(t, "index.js", trivialNode))
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 5 {
				if r, err := d.Invoke(t.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte(`{}`)}); err != nil || r.Kind != compute.None {
					t.Errorf("%+v %v", r, err)
				}
			}
		})
	}
	wg.Wait()
	if s := d.Stats(); s.Idle+s.Starting >= 64 || s.Busy != 0 {
		t.Fatalf("%+v", s)
	}
}

// victim runs a function that leaves a child behind, says so, and waits to be killed.
func victim(dir string) {
	d, err := New(Options{Dir: filepath.Join(dir, "work"), Clock: clock.New(computetest.Wall, 0), IDs: ids.New(), Reexec: os.Getenv("PROCESS_TEST_MODE") != ""})
	if err != nil {
		panic(err)
	}
	if m := os.Getenv("PROCESS_TEST_MODE"); m != "" {
		d.spawner.once.Do(func() { d.spawner.mode = mode(m) })
	}
	v := function("nodejs20.x", "index.handler", dir)
	v.Env = map[string]string{"MARK": os.Getenv("PROCESS_TEST_MARK")}
	r, err := d.Invoke(context.Background(), v, compute.Invocation{RequestID: "r", Payload: []byte(`{}`)})
	fmt.Println(string(r.Payload), err)
	select {}
}

// A platform that is killed leaves no process: neither environments nor what they started.
func TestKilledPlatform(t *testing.T) {
	for _, m := range []mode{modeSandbox, modeNamespace, modeUserNamespace, modeReaper} {
		t.Run(string(m), func(t *testing.T) {
			dir := code(t, "index.js", `exports.handler = async () => { require('child_process').spawn('sleep', ['300'], { detached: true, stdio: 'ignore' }).unref(); return 'up'; }`)
			mark := "victim-" + string(m) + "-" + filepath.Base(filepath.Dir(dir))
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "PROCESS_TEST_VICTIM="+dir, "PROCESS_TEST_MODE="+string(m), "PROCESS_TEST_MARK="+mark)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if line != "\"up\" <nil>\n" {
				t.Fatalf("%q %v", line, err)
			}
			if len(computetest.Marked(mark)) < 2 {
				t.Fatal("the function's processes were not found")
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			computetest.Eventually(t, "no processes", func() bool { return len(computetest.Marked(mark)) == 0 })
		})
	}
}

func BenchmarkWarm(b *testing.B) {
	for _, c := range []struct{ runtime, handler, file, text string }{
		{"nodejs20.x", "index.handler", "index.js", trivialNode}, {"python3.11", "main.handler", "main.py", trivialPython},
	} {
		for _, clients := range []int{1, 2, 16} {
			b.Run(fmt.Sprintf("%s/%d", c.runtime, clients), func(b *testing.B) {
				d := open(b, Options{Reexec: true})
				defer shut(b, d)
				warm(b, d, function(c.runtime, c.handler, code(b, c.file, c.text)), clients)
			})
		}
	}
}

func warm(b *testing.B, d *Driver, v compute.Version, clients int) {
	if err := d.Ensure(b.Context(), v, 2, nil); err != nil {
		b.Fatal(err)
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for range clients {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				r, err := d.Invoke(b.Context(), v, compute.Invocation{RequestID: "0b5a1c2d-7e5c-4b0e-9d7a-7c8b8a1f2e3d", Payload: []byte(`{"n":12345,"name":"someone"}`), Log: func(compute.LogLine) {}})
				if err != nil || r.Kind != compute.None {
					b.Error(r, err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "invokes/s")
}

// BenchmarkCold starts an environment for every invocation; with spares there is always one ready.
func BenchmarkCold(b *testing.B) {
	for _, c := range []struct{ runtime, handler, file, text string }{
		{"nodejs20.x", "index.handler", "index.js", trivialNode}, {"python3.11", "main.handler", "main.py", trivialPython},
	} {
		for _, n := range []int{-1, 1} {
			b.Run(fmt.Sprintf("%s/spares=%d", c.runtime, n), func(b *testing.B) {
				d := open(b, Options{Reexec: true, Spares: n})
				defer shut(b, d)
				v := function(c.runtime, c.handler, code(b, c.file, c.text))
				cold(b, d, v, n)
			})
		}
	}
}

func cold(b *testing.B, d *Driver, v compute.Version, spares int) {
	var took []time.Duration
	for range b.N {
		b.StopTimer()
		if spares > 0 {
			settle()
		}
		b.StartTimer()
		r, err := d.Invoke(b.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte(`{"n":1}`)})
		if err != nil || r.Kind != compute.None {
			b.Fatal(r, err)
		}
		took = append(took, r.Init+r.Duration)
		d.Drop(v.ID)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
}

// settle gives a spare the time to come up.
func settle() { <-time.NewTimer(300 * time.Millisecond).C }
