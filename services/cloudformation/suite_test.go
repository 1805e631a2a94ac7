//go:build suites

package cloudformation

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	api "sundog/api/cloudformation"
	"sundog/engine/store/pebble"
	"sundog/services/room"
)

// anyType accepts everything: what is measured is the engine alone.
func anyType(name string, w *world) room.ResourceType {
	return room.ResourceType{Type: name, Create: w.create, Update: w.update, Delete: w.remove}
}

// The templates that the Serverless Framework emits for the seed applications deploy through the engine, on the durable store,
// well within the budget of a deploy.
func TestSeedApplications(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "suites", "serverless-framework", "seed", "*", "expected.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var tmpl struct {
			Resources map[string]struct{ Type string }
		}
		if err := json.Unmarshal(body, &tmpl); err != nil {
			t.Fatal(err)
		}
		st, err := pebble.Open(pebble.Options{Dir: t.TempDir(), Reserve: -1})
		if err != nil {
			t.Fatal(err)
		}
		f := over(t, st)
		f.w.open = true
		names := map[string]bool{}
		for _, r := range tmpl.Resources {
			names[r.Type] = true
		}
		f.want(f.s.close())
		f.s = newService(f.d, func() (types []room.ResourceType) {
			for _, n := range slices.Sorted(maps.Keys(names)) {
				types = append(types, anyType(n, f.w))
			}
			return types
		})
		budget, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		f.want(f.create(string(body), func(in *api.CreateStackInput) { in.Capabilities = []string{"CAPABILITY_NAMED_IAM"} }))
		f.status("CREATE_COMPLETE")
		if budget.Err() != nil {
			t.Errorf("%s: %d resources took longer than 300 ms", file, len(tmpl.Resources))
		}
		cancel()
		t.Logf("%s: %d resources", filepath.Base(filepath.Dir(file)), len(tmpl.Resources))
	}
}
