package process

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sundog/engine/compute"
	"sundog/engine/compute/process/sandbox"
	"sundog/engine/compute/runtimes"
)

// credentialMargin is added to an environment's maximum age: its last invocation may begin then.
const credentialMargin = time.Hour

// processorMB is the memory with which Lambda gives a function one processor, and with less a part of one. A Go program that takes what it has for more
// spends its time on handing work from one thread to another, and gains nothing: it is told.
const processorMB = 1769

// variables gives the environment of a function: what Lambda defines, then the function's own, then what neither may change.
func (d *Driver) variables(ctx context.Context, v *compute.Version, e *environment, it *interpreter) (map[string]string, error) {
	w := d.world(e.host, v)
	vars := map[string]string{
		"LANG": "en_US.UTF-8", "TZ": ":UTC", "PATH": w.searchPath(v, it), "HOME": w.home, "TMPDIR": w.temp, "PWD": w.task,
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "AWS_LAMBDA_LOG_FORMAT": "Text",
	}
	if v.Endpoint != "" {
		vars["AWS_ENDPOINT_URL"] = v.Endpoint
	}
	if p := w.libraryPath(v); p != "" {
		vars["LD_LIBRARY_PATH"] = p
	}
	if strings.HasPrefix(v.Runtime, "nodejs") {
		vars["NODE_PATH"] = w.nodePath(v)
	}
	if n, _ := runtimes.Lookup(v.Runtime); n.Family == runtimes.Custom && v.MemoryMB < processorMB {
		vars["GOMAXPROCS"] = "1"
	}
	maps.Copy(vars, w.trusting())
	maps.Copy(vars, v.Env)
	maps.Copy(vars, d.reserved(v, e, w))
	if d.o.Credentials == nil || v.Role.IsZero() {
		return vars, nil
	}
	c, err := d.o.Credentials(ctx, v.Role, v.Function, e.id, d.o.MaxAge+credentialMargin)
	if err != nil {
		return nil, fmt.Errorf("process: credentials of %s: %w", v.Role, err)
	}
	vars["AWS_ACCESS_KEY_ID"], vars["AWS_SECRET_ACCESS_KEY"], vars["AWS_SESSION_TOKEN"] = c.AccessKeyID, c.SecretAccessKey, c.SessionToken
	return vars, nil
}

// reserved are Lambda's reserved environment variables.
func (d *Driver) reserved(v *compute.Version, e *environment, w world) map[string]string {
	r := map[string]string{
		"_HANDLER": v.Handler, "LAMBDA_TASK_ROOT": w.task, "LAMBDA_RUNTIME_DIR": w.runtime,
		"AWS_REGION": v.ARN.Region, "AWS_DEFAULT_REGION": v.ARN.Region,
		"AWS_EXECUTION_ENV": "AWS_Lambda_" + v.Runtime, "AWS_LAMBDA_INITIALIZATION_TYPE": e.initialization(),
		"AWS_LAMBDA_FUNCTION_NAME": v.Function, "AWS_LAMBDA_FUNCTION_VERSION": v.Qualifier,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(v.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME":       v.LogGroup, "AWS_LAMBDA_LOG_STREAM_NAME": e.stream,
	}
	if w.xray != "" {
		host, port, _ := strings.Cut(w.xray, ":")
		r["AWS_XRAY_DAEMON_ADDRESS"], r["_AWS_XRAY_DAEMON_ADDRESS"], r["_AWS_XRAY_DAEMON_PORT"] = w.xray, host, port
	}
	return r
}

// generic is the environment in which a pre-started process of a kind waits.
func (d *Driver) generic(w world, it *interpreter, k kind) []string {
	env := []string{"LANG=C.UTF-8", "TZ=:UTC", "HOME=" + w.home, "TMPDIR=" + w.temp, "PATH=" + w.searchPath(&compute.Version{}, it)}
	env = append(env, flat(w.started(it.family, w.trusting()))...)
	env = append(env, k.variables()...)
	return append(env, d.ofPython(w, k.named())...)
}

// ofPython are variables for the embedded Python that functions do not see; what the function itself sets stays.
func (d *Driver) ofPython(w world, own map[string]string) []string {
	all := map[string]string{"PYTHONUNBUFFERED": "1"}
	if w.boxed {
		all["PYTHONDONTWRITEBYTECODE"] = "1" // there is nowhere to write it that other functions do not share
	} else {
		all["PYTHONPYCACHEPREFIX"] = filepath.Join(d.o.Dir, "pycache")
	}
	for k := range own {
		delete(all, k)
	}
	return flat(all)
}

// hidden are the names of these variables that are not the function's own.
func hidden(v *compute.Version) []string {
	return slices.DeleteFunc([]string{"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}, func(k string) bool {
		_, own := v.Env[k]
		return own
	})
}

func flat(vars map[string]string) []string {
	all := make([]string, 0, len(vars))
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		all = append(all, k+"="+vars[k])
	}
	return all
}

// layered lists a folder of every layer that has it; later layers lie over earlier ones, in a sandbox by themselves.
func (w world) layered(v *compute.Version, names ...string) []string {
	var found []string
	if w.boxed {
		for _, n := range names {
			if slices.ContainsFunc(v.Layers, func(l string) bool { st, err := os.Stat(filepath.Join(l, n)); return err == nil && st.IsDir() }) {
				found = append(found, filepath.Join(sandbox.LayersRoot, n))
			}
		}
		return found
	}
	for _, l := range slices.Backward(v.Layers) {
		for _, n := range names {
			dir := filepath.Join(l, n)
			if st, err := os.Stat(dir); err == nil && st.IsDir() {
				found = append(found, dir)
			}
		}
	}
	return found
}

func (w world) searchPath(v *compute.Version, it *interpreter) string {
	var dirs []string
	if it != nil {
		dirs = append(dirs, filepath.Dir(it.path))
	}
	dirs = append(dirs, "/usr/local/bin", "/usr/bin", "/bin")
	return strings.Join(append(dirs, w.layered(v, "bin")...), ":")
}

func (w world) libraryPath(v *compute.Version) string {
	dirs := w.layered(v, "lib")
	if st, err := os.Stat(filepath.Join(v.CodeDir, "lib")); err == nil && st.IsDir() && len(dirs) > 0 {
		dirs = append(dirs, filepath.Join(w.task, "lib"))
	}
	return strings.Join(dirs, ":")
}

func (w world) nodePath(v *compute.Version) string {
	major := strings.TrimSuffix(strings.TrimPrefix(v.Runtime, "nodejs"), ".x")
	dirs := w.layered(v, "nodejs/node"+major+"/node_modules", "nodejs/node_modules")
	return strings.Join(append(dirs, w.task), ":")
}

func (w world) pythonPaths(v *compute.Version) []string {
	return w.layered(v, "python", "python/lib/"+v.Runtime+"/site-packages")
}

// initConfig tells an embedded runtime which function it is.
func (d *Driver) initConfig(w world, v *compute.Version, vars map[string]string) runtimes.InitConfig {
	cfg := runtimes.InitConfig{Runtime: v.Runtime, Root: w.task, Cwd: w.task, Handler: v.Handler, Env: vars}
	if d.o.SDKDir != "" {
		cfg.SDKDir, cfg.SDKKind = d.sdkDir(), runtimes.SDKOf(v.Runtime)
	}
	if strings.HasPrefix(v.Runtime, "python") {
		cfg.Paths = w.pythonPaths(v)
	}
	return cfg
}
