package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/runtimes"
)

// heapShare is the part of a function's memory, in hundredths, that Java may use for its heap.
const heapShare = 75

// bootJava starts the official runtime interface client, which loads the function's class and speaks the Runtime API.
func (e *environment) bootJava(ctx context.Context, n runtimes.Name) (answer, error) {
	d, v := e.d, &e.pool.v
	it, err := d.interpreters.must(n)
	if err != nil {
		return answer{}, err
	}
	if d.o.SDKDir == "" {
		return answer{}, cloud.NotImplementedf("The runtime %s needs a cache for its runtime interface client; this platform has none.", v.Runtime)
	}
	if err := runtimes.EnsureSDK(ctx, d.o.SDKDir, runtimes.ClientJava, it.path, d.o.Progress); err != nil {
		return answer{}, cloud.Errorf(cloud.Unavailable, "ServiceException", "The runtime %s cannot start: %v", v.Runtime, err)
	}
	if d.world(nil, v).network {
		if err := d.ownJavaStore(); err != nil {
			return answer{}, err
		}
	}
	e.begun = d.o.Clock.Wall() // the time that fetching it took is not the function's
	return e.bootProgram(ctx, program{it: it, argv: func(vars map[string]string) []string { return d.javaCommand(it, v, vars) }})
}

// lacksClient says why the runtime interface client cannot be had; "" when it is there, or Maven is there to fetch it.
func (d *Driver) lacksClient() string {
	if d.o.SDKDir != "" && runtimes.Complete(d.o.SDKDir, runtimes.ClientJava) {
		return ""
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return "the runtime interface client is not in the cache, and there is no mvn to fetch it"
	}
	return ""
}

// javaCommand gives the command line. What the function's own JAVA_TOOL_OPTIONS say is left to them: a command line would prevail.
func (d *Driver) javaCommand(it *interpreter, v *compute.Version, vars map[string]string) []string {
	w := d.world(nil, v)
	own := vars["JAVA_TOOL_OPTIONS"]
	argv := []string{it.path}
	type choice struct {
		option string
		unless []string
	}
	choices := []choice{
		{"-Xmx" + strconv.Itoa(v.MemoryMB*heapShare/100) + "m", []string{"-Xmx", "MaxHeapSize", "MaxRAMPercentage"}},
		{"-XX:+UseSerialGC", []string{"GC"}},
		{"-XX:TieredStopAtLevel=1", []string{"Tiered"}},
		{"-Xshare:auto", []string{"-Xshare", "SharedArchiveFile"}},
	}
	if w.network {
		choices = append(choices, choice{"-Djavax.net.ssl.trustStore=" + javaStore, []string{"javax.net.ssl.trustStore"}},
			choice{"-Djavax.net.ssl.trustStoreType=PKCS12", []string{"javax.net.ssl.trustStore"}})
	}
	for _, o := range choices {
		if !slices.ContainsFunc(o.unless, func(s string) bool { return strings.Contains(own, s) }) {
			argv = append(argv, o.option)
		}
	}
	argv = append(argv, "-Djava.io.tmpdir="+vars["TMPDIR"], "-cp", d.javaPath(w, v), "com.amazonaws.services.lambda.runtime.api.client.AWSLambda", v.Handler)
	return wrapped(w, v, vars, argv)
}

// javaPath is the class path: the client, then the code folder and its lib, then what layers have in java/lib.
func (d *Driver) javaPath(w world, v *compute.Version) string {
	var all []string
	jars := func(dir, shown string) {
		found, err := filepath.Glob(filepath.Join(dir, "*.jar"))
		if err != nil {
			return // the pattern is sound
		}
		for _, f := range found {
			all = append(all, filepath.Join(shown, filepath.Base(f)))
		}
	}
	client := string(runtimes.ClientJava)
	jars(filepath.Join(d.o.SDKDir, client), filepath.Join(d.sdkDir(), client))
	all = append(all, w.task)
	jars(filepath.Join(v.CodeDir, "lib"), filepath.Join(w.task, "lib"))
	for _, l := range slices.Backward(v.Layers) {
		if st, err := os.Stat(filepath.Join(l, "java", "lib")); err == nil && st.IsDir() {
			shown := filepath.Join(l, "java", "lib")
			if w.boxed {
				shown = "/opt/java/lib"
			}
			jars(filepath.Join(l, "java", "lib"), shown)
		}
	}
	return strings.Join(all, string(filepath.ListSeparator))
}
