package process

import (
	"testing"

	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
)

// Which variables a process can have before it has a function.
func TestKinds(t *testing.T) {
	const own = "a process of its own"
	for name, c := range map[string]struct {
		runtime string
		env     map[string]string
		want    string
	}{
		"none":                         {"nodejs20.x", map[string]string{"TABLE": "t", "NODE_ENV": "production"}, ""},
		"source maps":                  {"nodejs20.x", map[string]string{"NODE_OPTIONS": "--enable-source-maps"}, "NODE_OPTIONS=--enable-source-maps"},
		"several":                      {"nodejs20.x", map[string]string{"UV_THREADPOOL_SIZE": "8", "NODE_OPTIONS": "--max_old_space_size=200 --no-warnings"}, "NODE_OPTIONS=--max_old_space_size=200 --no-warnings\x00UV_THREADPOOL_SIZE=8"},
		"code":                         {"nodejs20.x", map[string]string{"NODE_OPTIONS": "--enable-source-maps --require ./tracing.js"}, own},
		"a module":                     {"nodejs20.x", map[string]string{"NODE_OPTIONS": "--import=./tracing.mjs"}, own},
		"a debugger":                   {"nodejs20.x", map[string]string{"NODE_OPTIONS": "--inspect"}, own},
		"trust":                        {"nodejs20.x", map[string]string{"NODE_OPTIONS": "--use-bundled-ca"}, own},
		"quoted":                       {"nodejs20.x", map[string]string{"NODE_OPTIONS": `"--no-warnings"`}, own},
		"no number":                    {"nodejs20.x", map[string]string{"NODE_OPTIONS": "--max-old-space-size=all"}, own},
		"certificates":                 {"nodejs20.x", map[string]string{"SSL_CERT_FILE": "/var/task/ca.pem"}, own},
		"libraries":                    {"nodejs20.x", map[string]string{"LD_PRELOAD": "/var/task/a.so"}, own},
		"Python's, which Node ignores": {"nodejs20.x", map[string]string{"PYTHONPATH": "/var/task/lib"}, ""},
		"Node's, which Python ignores": {"python3.11", map[string]string{"NODE_OPTIONS": "--inspect"}, ""},
		"Python's switches":            {"python3.11", map[string]string{"PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "42"}, "PYTHONHASHSEED=42\x00PYTHONUNBUFFERED=1"},
		"a seed without sense":         {"python3.11", map[string]string{"PYTHONHASHSEED": "-1"}, own},
		"a path":                       {"python3.11", map[string]string{"PYTHONPATH": "/var/task/lib"}, own},
		"one that is not known":        {"python3.11", map[string]string{"PYTHONSOMETHING": "1"}, own},
		"a wrapper":                    {"python3.11", map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}, own},
	} {
		got, ok := kindOf(&compute.Version{Runtime: c.runtime, Env: c.env})
		if !ok {
			got = own
		}
		if string(got) != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A function with variables that only count from the start is given to a process that has waited with them, and sees them as one of its own would.
func TestSparesOfKinds(t *testing.T) {
	for name, c := range map[string]struct {
		runtime, handler, file, text string
		env                          map[string]string
		want                         string
	}{
		"node": {
			"nodejs20.x", "index.handler", "index.js", `exports.handler = async () => [process.env.NODE_OPTIONS, process.env.UV_THREADPOOL_SIZE, Error.stackTraceLimit, process.execArgv.length]`,
			map[string]string{"NODE_OPTIONS": "--stack-trace-limit=3", "UV_THREADPOOL_SIZE": "2"}, `["--stack-trace-limit=3","2",3,0]`,
		},
		"python": {
			"python3.11", "index.handler", "index.py", "import os, sys\n\ndef handler(event, context):\n    return [os.environ.get('PYTHONHASHSEED'), os.environ.get('PYTHONUNBUFFERED'), sys.flags.hash_randomization]\n",
			map[string]string{"PYTHONHASHSEED": "0"}, `["0", null, 0]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, Options{Reexec: true})
			defer shut(t, d)
			v := function(c.runtime, c.handler, code(t, c.file, c.text))
			v.Env = c.env
			ask := func(id string) *host {
				t.Helper()
				v.ID = id
				r, err := d.Invoke(t.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte(`{}`)})
				if err != nil || string(r.Payload) != c.want || !r.Cold {
					t.Fatalf("%s %v, want %s", r.Payload, err, c.want)
				}
				d.mu.Lock()
				defer d.mu.Unlock()
				return d.pools[id].idle[0].host
			}
			ask("first")
			var waits *host
			computetest.Eventually(t, "a process that waits", func() bool {
				d.spares.mu.Lock()
				defer d.spares.mu.Unlock()
				for k, st := range d.spares.stocks {
					if k.kind != "" && len(st.kept) == 1 {
						waits = st.kept[0]
					}
				}
				return waits != nil
			})
			if ask("second") != waits {
				t.Error("it was not taken")
			}
		})
	}
}

// For a few kinds processes wait: those that were asked for last, and those without variables always.
func TestSparesAreBounded(t *testing.T) {
	d := open(t, Options{Reexec: true})
	defer shut(t, d)
	take := func(k kind) { d.spares.take(spareKey{kind: k}) }
	take("")
	for _, k := range []kind{"a", "b", "c", "d", "a", "e", "f"} {
		take(k)
	}
	d.spares.mu.Lock()
	got := ""
	for _, k := range []kind{"", "a", "b", "c", "d", "e", "f"} {
		if _, ok := d.spares.stocks[spareKey{kind: k}]; ok {
			got += "[" + string(k) + "]"
		}
	}
	d.spares.mu.Unlock()
	if got != "[][a][d][e][f]" {
		t.Error(got)
	}
}
