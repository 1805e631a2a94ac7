package lambda

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/blob/mem"
	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
	"sundog/services/servicetest"
)

// folders counts unpacked packages.
func (b *bench) folders() int {
	b.t.Helper()
	all, err := os.ReadDir(b.r.code.folder())
	if err != nil {
		b.t.Fatal(err)
	}
	return len(all)
}

func (b *bench) blobs() int {
	b.t.Helper()
	return b.Blob.(*mem.Store).Len()
}

func (b *bench) replace(name, code string) {
	b.t.Helper()
	if _, err := b.r.updateCode(b.ctx, &api.UpdateFunctionCodeInput{FunctionName: &name, ZipFile: zipped(b.t, map[string]string{"index.js": code})}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) left(folders, blobs int) {
	b.t.Helper()
	if f, n := b.folders(), b.blobs(); f != folders || n != blobs {
		b.t.Fatalf("%d folders and %d packages are left, want %d and %d", f, n, folders, blobs)
	}
}

func TestPackagesGoWithTheirLastUse(t *testing.T) {
	begun, end := make(chan string), make(chan bool)
	b := open(t, (&machine{}).on(func(v compute.Version, _ *compute.Invocation) (compute.Result, error) {
		begun <- v.CodeDir
		<-end
		return text("1")
	}))
	b.create("f", "one")
	b.create("same", "one")
	b.left(1, 2)
	b.replace("f", "two")
	b.left(2, 2)
	if _, err := b.r.deleteFunction(b.ctx, &api.DeleteFunctionInput{FunctionName: new("same")}); err != nil {
		t.Fatal(err)
	}
	b.left(1, 1)
	// A folder stays for the call that uses it.
	over := make(chan bool)
	go func() { b.invoke("f", "1"); close(over) }()
	dir := <-begun
	b.replace("f", "three")
	if _, err := os.Stat(filepath.Join(dir, "index.js")); err != nil {
		t.Fatal(err)
	}
	b.left(2, 1)
	end <- true
	<-over
	b.left(1, 1)
	// A published version keeps its package, and gives it up when it is deleted.
	if _, err := b.r.publishVersion(b.ctx, &api.PublishVersionInput{FunctionName: new("f")}); err != nil {
		t.Fatal(err)
	}
	b.replace("f", "four")
	b.left(2, 2)
	if _, err := b.r.deleteFunction(b.ctx, &api.DeleteFunctionInput{FunctionName: new("f"), Qualifier: new("1")}); err != nil {
		t.Fatal(err)
	}
	b.left(1, 1)
	// What a crash left goes at the next start, what is needed stays.
	for _, name := range []string{"new-1", "gone-1", strings.Repeat("ab", 32)} {
		if err := os.Mkdir(filepath.Join(b.r.code.folder(), name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.r.sweepFolders(b.ctx)
	b.left(1, 1)
	var known []string
	if err := b.r.blobs(b.ctx, func(id string) error { known = append(known, id); return nil }); err != nil || len(known) != 1 {
		t.Fatal(known, err)
	}
}

func TestDeletedLayerStaysForItsFunctions(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	l, err := b.r.publishLayer(b.ctx, &api.PublishLayerVersionInput{LayerName: new("l"), Content: &api.LayerVersionContentInput{ZipFile: zipped(t, map[string]string{"x": "y"})}})
	if err != nil {
		t.Fatal(err)
	}
	b.create("f", "1", func(in *api.CreateFunctionInput) { in.Layers = []string{*l.LayerVersionArn} })
	if _, err := b.r.deleteLayer(b.ctx, &api.DeleteLayerVersionInput{LayerName: new("l"), VersionNumber: new(int64(1))}); err != nil {
		t.Fatal(err)
	}
	b.answers("f", "1", "1")
	b.left(2, 2)
	if _, err := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), Layers: []string{}}); err != nil {
		t.Fatal(err)
	}
	b.left(1, 1)
	again, err := b.r.publishLayer(b.ctx, &api.PublishLayerVersionInput{LayerName: new("l"), Content: &api.LayerVersionContentInput{ZipFile: zipped(t, map[string]string{"x": "y"})}})
	if err != nil || *again.Version != 2 {
		t.Fatal(again, err)
	}
}

func TestSystemLog(t *testing.T) {
	b := open(t, (&machine{}).on(func(_ compute.Version, i *compute.Invocation) (compute.Result, error) {
		i.Log(compute.LogLine{Text: `{"type":"platform.extension"}`, Level: compute.LevelInfo, System: true, Init: true})
		i.Log(compute.LogLine{Text: `{"type":"platform.logsDropped"}`, Level: compute.LevelWarn, System: true, Init: true})
		if string(i.Payload) == `"full"` {
			return compute.Result{Kind: compute.OutOfMemory, Payload: []byte(`{"errorType":"Runtime.ExitError"}`)}, nil
		}
		if string(i.Payload) == `"fail"` {
			return compute.Result{Kind: compute.Handled, Payload: []byte(`{}`)}, nil
		}
		return text("1")
	}))
	_, err := b.r.createFunction(b.ctx, &api.CreateFunctionInput{
		FunctionName: new("t"), Runtime: new("nodejs20.x"), Handler: new("x.y"), Role: new(role), Code: &api.FunctionCode{ZipFile: zipped(t, map[string]string{"a": "b"})},
		LoggingConfig: &api.LoggingConfig{LogFormat: new("Text"), SystemLogLevel: new("WARN")},
	})
	wantError(t, err, "InvalidParameterValueException", `LogLevel is not supported when LogFormat is set to "Text".`)
	for level, want := range map[string]string{
		"DEBUG": "initStart extension logsDropped initRuntimeDone initReport start runtimeDone report initStart extension logsDropped initRuntimeDone initReport start runtimeDone report",
		"INFO":  "initStart extension logsDropped start report initStart extension logsDropped start runtimeDone report",
		"WARN":  "logsDropped logsDropped runtimeDone report",
	} {
		name := "f" + level
		b.create(name, "1", func(in *api.CreateFunctionInput) {
			in.LoggingConfig = &api.LoggingConfig{LogFormat: new("JSON"), SystemLogLevel: &level}
			in.TracingConfig = &api.TracingConfig{Mode: new("Active")}
		})
		before := len(b.rec.log())
		if tail := string(b.invoke(name, "1").LogTail); strings.Contains(tail, "initReport") {
			t.Fatal(tail)
		}
		b.invoke(name, `"fail"`)
		var kinds []string
		for line := range strings.Lines(b.rec.log()[before:]) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			var e struct {
				Type   string
				Record struct {
					Status  string
					Tracing *struct{ Value string }
				}
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(line, err)
			}
			kinds = append(kinds, strings.TrimPrefix(e.Type, "platform."))
			if strings.HasSuffix(e.Type, "report") && (e.Record.Tracing == nil || !strings.HasPrefix(e.Record.Tracing.Value, "Root=1-")) {
				t.Fatal(line)
			}
		}
		before = len(b.rec.log())
		b.invoke(name, `"full"`)
		for _, want := range []string{`platform.runtimeDone","record":{"errorType":"Runtime.ExitError","metrics":{"durationMs":0,"producedBytes":0},`, `platform.report","record":{"errorType":"Runtime.OutOfMemory",`} {
			if log := b.rec.log()[before:]; !strings.Contains(log, want) {
				t.Fatal(log)
			}
		}
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%s: %s, want %s", level, got, want)
		}
	}
}

func TestTracingActive(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1", func(in *api.CreateFunctionInput) { in.TracingConfig = &api.TracingConfig{Mode: new("Active")} })
	if res := b.invoke("f", "1"); !strings.Contains(string(res.LogTail), "XRAY TraceId: 1-") {
		t.Fatalf("%s", res.LogTail)
	}
	c := cloud.CallFrom(b.ctx)
	c.Trace.Sampled = false
	b.ctx = cloud.WithCall(b.ctx, c)
	if res := b.invoke("f", "1"); strings.Contains(string(res.LogTail), "XRAY") {
		t.Fatalf("%s", res.LogTail)
	}
}

func TestArchitecture(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	other := "arm64"
	if b.r.checkArchitecture(&api.FunctionConfiguration{Runtime: new("provided.al2023")}, []string{other}) == nil {
		other = "x86_64"
	}
	b.create("f", "1", func(in *api.CreateFunctionInput) { in.Architectures = []string{other} })
	in := &api.CreateFunctionInput{
		FunctionName: new("g"), Runtime: new("provided.al2023"), Handler: new("x"), Role: new(role), Architectures: []string{other},
		Code: &api.FunctionCode{ZipFile: zipped(t, map[string]string{"bootstrap": "1"})},
	}
	_, err := b.r.createFunction(b.ctx, in)
	wantError(t, err, "NotImplemented", "The architecture "+other)
}

func TestProvisionedConcurrency(t *testing.T) {
	m := &machine{}
	b := open(t, m.on(nil))
	b.create("f", "1", func(in *api.CreateFunctionInput) { in.Publish = new(true) })
	put := func(q string, n int32) error {
		_, err := b.r.putProvisioned(b.ctx, &api.PutProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: &q, ProvisionedConcurrentExecutions: &n})
		return err
	}
	wantError(t, put(latest, 1), "InvalidParameterValueException", "unpublished")
	wantError(t, put("9", 1), "ResourceNotFoundException", "Function not found")
	wantError(t, put("1", 950), "InvalidParameterValueException", "below its minimum value of [100]")
	if err := put("1", 2); err != nil {
		t.Fatal(err)
	}
	status := func(q, want string) func() bool {
		return func() bool {
			out, err := b.r.getProvisioned(b.ctx, &api.GetProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: &q})
			return err == nil && *out.Status == want
		}
	}
	computetest.Eventually(t, "ready", status("1", isReady))
	id := func(q string) string {
		p, err := b.r.plan(b.ctx, ref{Scope: servicetest.Scope, name: "f", qualifier: q})
		if err != nil {
			t.Fatal(err)
		}
		return environmentID(p.ref, *p.main.Config.Version, p.main.Tag)
	}
	if n, _ := m.count(id("1")); n != 2 {
		t.Fatalf("%v", m.ensured)
	}
	for _, code := range []string{"2", "3"} {
		b.replace("f", code)
		if _, err := b.r.publishVersion(b.ctx, &api.PublishVersionInput{FunctionName: new("f")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.r.createAlias(b.ctx, &api.CreateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("1")}); err != nil {
		t.Fatal(err)
	}
	move := func(version string, weights map[string]float64) {
		in := &api.UpdateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: &version, RoutingConfig: &api.AliasRoutingConfiguration{AdditionalVersionWeights: weights}}
		if _, err := b.r.updateAlias(b.ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, put("live", 3), "ResourceConflictException", "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
	move("2", map[string]float64{"3": 0.5})
	wantError(t, put("live", 3), "InvalidParameterValueException", "Alias with weights can not be used with Provisioned Concurrency")
	move("2", nil)
	if err := put("live", 3); err != nil {
		t.Fatal(err)
	}
	computetest.Eventually(t, "ready", status("live", isReady))
	wantError(t, put("2", 1), "ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias")
	move("3", nil) // an alias takes its environments along
	computetest.Eventually(t, "the other version", func() bool { n, _ := m.count(id("3") + "/live"); return n == 3 })
	if l, err := b.r.listProvisioned(b.ctx, &api.ListProvisionedConcurrencyConfigsInput{FunctionName: new("f")}); err != nil || len(l.ProvisionedConcurrencyConfigs) != 2 {
		t.Fatal(l, err)
	}
	// A new start provisions again.
	m.mu.Lock()
	m.ensured = nil
	m.mu.Unlock()
	if err := b.r.provisionAll(context.Background()); err != nil {
		t.Fatal(err)
	}
	_, err := b.r.putConcurrency(b.ctx, &api.PutFunctionConcurrencyInput{FunctionName: new("f"), ReservedConcurrentExecutions: new(int32(4))})
	wantError(t, err, "InvalidParameterValueException", "4 should not be lower than function's total provisioned concurrency [5].")
	computetest.Eventually(t, "all again", func() bool { n, _ := m.count(id("1")); k, _ := m.count(id("3") + "/live"); return n == 2 && k == 3 })
	if _, err := b.r.deleteProvisioned(b.ctx, &api.DeleteProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("1")}); err != nil {
		t.Fatal(err)
	}
	computetest.Eventually(t, "none kept", func() bool { n, ok := m.count(id("1")); return ok && n == 0 })
	_, err = b.r.getProvisioned(b.ctx, &api.GetProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("1")})
	wantError(t, err, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found")
	b.create("g", "1", func(in *api.CreateFunctionInput) { in.Publish, in.Handler = new(true), new("broken") })
	if _, err := b.r.putProvisioned(b.ctx, &api.PutProvisionedConcurrencyConfigInput{FunctionName: new("g"), Qualifier: new("1"), ProvisionedConcurrentExecutions: new(int32(1))}); err != nil {
		t.Fatal(err)
	}
	computetest.Eventually(t, "why it failed", func() bool {
		out, err := b.r.getProvisioned(b.ctx, &api.GetProvisionedConcurrencyConfigInput{FunctionName: new("g"), Qualifier: new("1")})
		return err == nil && *out.Status == hasFailed && *out.StatusReason == "FUNCTION_ERROR_INIT_FAILURE: it does not start"
	})
}
