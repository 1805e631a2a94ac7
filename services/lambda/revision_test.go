package lambda

import (
	"strings"
	"testing"

	api "sundog/api/lambda"
	"sundog/engine/compute"
	"sundog/engine/store"
	"sundog/services/servicetest"
)

func (b *bench) configurationOf(name, qualifier string) *api.GetFunctionConfigurationOutput {
	b.t.Helper()
	in := &api.GetFunctionConfigurationInput{FunctionName: &name}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := b.r.getConfiguration(b.ctx, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bench) publish(description *string) string {
	b.t.Helper()
	v, err := b.r.publishVersion(b.ctx, &api.PublishVersionInput{FunctionName: new("f"), Description: description})
	if err != nil {
		b.t.Fatal(err)
	}
	return *v.Version
}

// A version is made of code and configuration: when neither is other than what the last version was published from, that version is given.
func TestPublishComparesContent(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1")
	code := func(text string) {
		t.Helper()
		if _, err := b.r.updateCode(b.ctx, &api.UpdateFunctionCodeInput{FunctionName: new("f"), ZipFile: zipped(t, map[string]string{"index.js": text})}); err != nil {
			t.Fatal(err)
		}
	}
	configure := func(in api.UpdateFunctionConfigurationInput) {
		t.Helper()
		in.FunctionName = new("f")
		if _, err := b.r.updateConfiguration(b.ctx, &in); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name   string
		change func()
		want   string
	}{
		{"the first", func() {}, "1"},
		{"nothing", func() {}, "1"},
		{"the same code", func() { code("1") }, "1"},
		{"the same timeout", func() { configure(api.UpdateFunctionConfigurationInput{Timeout: new(int32(3))}) }, "1"},
		{"other code", func() { code("2") }, "2"},
		{"the code of an older version", func() { code("1") }, "3"},
		{"a description", func() { configure(api.UpdateFunctionConfigurationInput{Description: new("d")}) }, "4"},
		{"there and back", func() {
			configure(api.UpdateFunctionConfigurationInput{MemorySize: new(int32(256))})
			configure(api.UpdateFunctionConfigurationInput{MemorySize: new(int32(128))})
		}, "4"},
		{"memory", func() { configure(api.UpdateFunctionConfigurationInput{MemorySize: new(int32(256))}) }, "5"},
	} {
		step.change()
		if got := b.publish(new("of its own")); got != step.want {
			t.Fatalf("%s: version %s, want %s", step.name, got, step.want)
		}
	}
}

// What is answered while a change is under way and what is there afterwards are two revisions; publishing makes one more.
func TestRevisions(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	made := b.create("f", "1")
	seen := map[string]bool{*made.RevisionId: true}
	fresh := func(what, id string) string {
		t.Helper()
		if seen[id] {
			t.Fatalf("%s has a revision that was there before", what)
		}
		seen[id] = true
		return id
	}
	fresh("the function", *b.configurationOf("f", "").RevisionId)
	update := func(revision string) (*api.UpdateFunctionConfigurationOutput, error) {
		return b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), Timeout: new(int32(4)), RevisionId: &revision})
	}
	_, err := update(*made.RevisionId)
	wantError(t, err, "PreconditionFailedException", "Call the GetFunction/GetAlias API")
	changed, err := update(*b.configurationOf("f", "").RevisionId)
	if err != nil {
		t.Fatal(err)
	}
	fresh("the answer to an update", *changed.RevisionId)
	before := fresh("the function that was updated", *b.configurationOf("f", "").RevisionId)
	b.publish(nil)
	fresh("the version", *b.configurationOf("f", "1").RevisionId)
	after := fresh("the function that was published", *b.configurationOf("f", "").RevisionId)
	b.publish(nil)
	if now := *b.configurationOf("f", "").RevisionId; now != after || now == before {
		t.Fatal("publishing nothing new made a revision")
	}
}

// A policy has the revision of the function, version or alias that it belongs to, and a change of it is one of theirs.
func TestRevisionsOfPolicies(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1")
	b.publish(nil)
	if _, err := b.r.createAlias(b.ctx, &api.CreateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("1")}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"", "1", "live"} {
		now := func() string {
			if q == "live" {
				a, err := b.r.getAlias(b.ctx, &api.GetAliasInput{FunctionName: new("f"), Name: &q})
				if err != nil {
					t.Fatal(err)
				}
				return *a.RevisionId
			}
			return *b.configurationOf("f", q).RevisionId
		}
		name := "f"
		if q != "" {
			name += ":" + q
		}
		first := now()
		add := func(sid, revision string) error {
			_, err := b.r.addPermission(b.ctx, &api.AddPermissionInput{FunctionName: &name, StatementId: &sid, Action: new("lambda:InvokeFunction"), Principal: new("sns.amazonaws.com"), RevisionId: &revision})
			return err
		}
		wantError(t, add("a", "11111111-1111-1111-1111-111111111111"), "PreconditionFailedException", "Call the GetPolicy API")
		if err := add("a", first); err != nil {
			t.Fatal(q, err)
		}
		got, err := b.r.getPolicy(b.ctx, &api.GetPolicyInput{FunctionName: &name})
		if err != nil || *got.RevisionId == first || *got.RevisionId != now() {
			t.Fatal(q, got, err)
		}
		wantError(t, add("b", first), "PreconditionFailedException", "Call the GetPolicy API")
		if _, err := b.r.removePermission(b.ctx, &api.RemovePermissionInput{FunctionName: &name, StatementId: new("a"), RevisionId: got.RevisionId}); err != nil || now() == *got.RevisionId {
			t.Fatal(q, err)
		}
	}
	b.answers("f:live", `{}`, `{}`) // a revision is no other build
}

func TestCodeStorage(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	big := layer{Name: "big", Number: 1, Size: maxStorage - 1000}
	if err := b.Deps.Store.Update(b.ctx, func(tx store.Tx) error { return save(tx, layerKey(servicetest.Scope, big.Name, big.Number), big) }); err != nil {
		t.Fatal(err)
	}
	b.create("f", "1")
	size := *b.configurationOf("f", "").CodeSize
	for n := size; n+size <= 1000; n += size {
		b.create("f"+strings.Repeat("x", int(n/size)), "1")
	}
	const want, code = "Code storage limit exceeded.", "CodeStorageExceededException"
	zip := zipped(t, map[string]string{"index.js": "1"})
	_, err := b.r.createFunction(b.ctx, &api.CreateFunctionInput{FunctionName: new("g"), Runtime: new("nodejs20.x"), Handler: new("x.y"), Role: new(role), Code: &api.FunctionCode{ZipFile: zip}})
	wantError(t, err, code, want)
	_, err = b.r.updateCode(b.ctx, &api.UpdateFunctionCodeInput{FunctionName: new("f"), ZipFile: zip})
	wantError(t, err, code, want)
	_, err = b.r.publishVersion(b.ctx, &api.PublishVersionInput{FunctionName: new("f")})
	wantError(t, err, code, want)
	_, err = b.r.publishLayer(b.ctx, &api.PublishLayerVersionInput{LayerName: new("l"), Content: &api.LayerVersionContentInput{ZipFile: zip}})
	wantError(t, err, code, want)
	if _, err := b.r.deleteLayer(b.ctx, &api.DeleteLayerVersionInput{LayerName: new("big"), VersionNumber: new(int64(1))}); err != nil {
		t.Fatal(err)
	}
	if b.publish(nil) != "1" {
		t.Fatal("no version")
	}
	if got, err := b.r.accountSettings(b.ctx, nil); err != nil || *got.AccountUsage.TotalCodeSize != size*(*got.AccountUsage.FunctionCount+1) {
		t.Fatal(got, err)
	}
}

// What comes in the place of a package.
func TestSourcesOfCode(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1")
	for _, c := range []struct {
		in   api.UpdateFunctionCodeInput
		want string
	}{
		{api.UpdateFunctionCodeInput{}, "Please provide a source for function code."},
		{api.UpdateFunctionCodeInput{ZipFile: zipped(t, nil)}, "Uploaded file must be a non-empty zip"},
		{api.UpdateFunctionCodeInput{ZipFile: []byte("no zip")}, compute.ErrNotZip.Error()},
		{api.UpdateFunctionCodeInput{S3Bucket: new("b")}, "Please provide both S3Bucket and S3Key."},                                                                              // ours
		{api.UpdateFunctionCodeInput{ZipFile: []byte("x"), S3Bucket: new("b"), S3Key: new("k")}, "Please do not provide other FunctionCode parameters when providing a ZipFile."}, // ours
		{api.UpdateFunctionCodeInput{ImageUri: new("1.dkr.ecr.eu-west-1.amazonaws.com/x:1")}, "Please don't provide ImageUri when updating a function with packageType Zip."},
	} {
		c.in.FunctionName = new("f")
		_, err := b.r.updateCode(b.ctx, &c.in)
		wantError(t, err, "InvalidParameterValueException", c.want)
	}
}

// What DeleteFunction's qualifier can name, and what becomes of versions that aliases need.
func TestDeleteQualified(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1")
	b.publish(nil)
	if _, err := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), Timeout: new(int32(4))}); err != nil {
		t.Fatal(err)
	}
	b.publish(nil)
	routed := &api.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.5}}
	for _, name := range []string{"live", "old"} {
		if _, err := b.r.createAlias(b.ctx, &api.CreateAliasInput{FunctionName: new("f"), Name: &name, FunctionVersion: new("1"), RoutingConfig: routed}); err != nil {
			t.Fatal(err)
		}
		routed = nil
	}
	remove := func(name, q string) error {
		_, err := b.r.deleteFunction(b.ctx, &api.DeleteFunctionInput{FunctionName: &name, Qualifier: &q})
		return err
	}
	wantError(t, remove("f", "1"), "ResourceConflictException", "Unable to delete version because the following aliases reference it: [live, old]")
	wantError(t, remove("f", "2"), "ResourceConflictException", "Unable to delete version because the following aliases reference it: [live]")
	wantError(t, remove("f", "live"), "InvalidParameterValueException", "Deletion of aliases is not currently supported.")
	wantError(t, remove("f", latest), "InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function.")
	wantError(t, remove("g", "$latest"), "ResourceNotFoundException", "Function not found: ")
	if err := remove("f", "99"); err != nil {
		t.Fatal(err)
	}
	_, err := b.r.getAlias(b.ctx, &api.GetAliasInput{FunctionName: new("f"), Name: new("none")})
	wantError(t, err, "ResourceNotFoundException", "Cannot find alias arn: arn:aws:lambda:eu-west-1:000000000000:function:f:none")
}
