package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// row is one line of the import table of ARCHITECTURE.md. A file is judged by the first row that its folder matches.
type row struct {
	folders []string
	may     []string // folders of this module; "internal" is always allowed
	foreign bool     // third-party libraries
	never   string   // what the table says besides
}

// table is the import table. Folder order is import order.
var table = []row{
	{folders: []string{"internal"}, may: []string{"cloud"}, foreign: true, never: "anything of clouds but the vocabulary"},
	{folders: []string{"cloud"}, may: []string{"cloud"}, never: "I/O"},
	{folders: []string{"api"}, may: []string{"cloud"}, never: "I/O"},
	{folders: []string{"lang"}, may: []string{"cloud", "lang"}, foreign: true, never: "engines, rooms"},
	{folders: []string{"engine/enginetest"}, may: []string{"cloud", "api", "lang", "engine"}, foreign: true, never: "rooms"},
	{folders: []string{"engine"}, may: []string{"cloud", "api", "lang", "engine"}, foreign: true, never: "a room, another driver"},
	{folders: []string{"services/all", "services/servicetest"}, may: []string{"cloud", "api", "lang", "engine", "services"}, never: "drivers (but mem in tests)"},
	{folders: []string{"services"}, may: []string{"cloud", "api", "lang", "engine", "services/room"}, never: "another room, a driver, edge, third-party code; net/http outside front.go"},
	{folders: []string{"edge"}, may: []string{"cloud", "api", "lang", "engine/policy", "engine/telemetry", "services/room", "edge"}, foreign: true, never: "a room by name, engine/store"},
	{folders: []string{"project"}, may: []string{"cloud", "api", "lang", "edge/wire", "project"}, foreign: true, never: "rooms, engines"},
	{folders: []string{"app"}, may: []string{""}, foreign: true},
	{folders: []string{"cmd"}, may: []string{"app", "project", "cloud", "api", "lang/httpevent", "edge/wire/client"}, foreign: true, never: "engines, rooms"},
	{folders: []string{"tools", "test", "examples"}, may: []string{""}, foreign: true},
}

// drivers are the folders that only app, tests and their own suite may import.
var drivers = []string{
	"engine/store/mem", "engine/store/pebble", "engine/blob/mem", "engine/blob/file",
	"engine/compute/process",
}

// judge gives one line for each import of s that the table forbids.
func judge(s source) []string {
	if s.test || strings.HasSuffix(s.dir, "test") && under(s.dir, "engine", "services", "edge") {
		return nil // tests and suites import what they need
	}
	r := slices.IndexFunc(table, func(r row) bool { return under(s.dir, r.folders...) })
	if r < 0 {
		return []string{fmt.Sprintf("%s: folder is not in the import table", s.path)}
	}
	own, foreign := s.imports()
	var out []string
	for _, i := range own {
		if !allowed(table[r], s.dir, i) {
			out = append(out, fmt.Sprintf("%s imports %s; %v may import %v, never %s", s.path, i, table[r].folders, table[r].may, table[r].never))
		}
	}
	for _, i := range foreign {
		switch {
		case i == "net/http":
			if under(s.dir, "services") && !strings.HasPrefix(path.Base(s.path), "front") && s.dir != "services/room" || under(s.dir, "lang", "api") {
				out = append(out, fmt.Sprintf("%s imports net/http; only a room's front.go may", s.path))
			}
		case !table[r].foreign:
			out = append(out, fmt.Sprintf("%s imports %s; %v may not import third-party code", s.path, i, table[r].folders))
		}
	}
	return out
}

func allowed(r row, dir, imp string) bool {
	if under(imp, "internal") || under(imp, dir) || under(imp, drivers...) && under(dir, "app", "test", "tools", "examples") {
		return true
	}
	if under(imp, drivers...) {
		return slices.ContainsFunc(drivers, func(d string) bool { return under(dir, d) && under(imp, d) }) || slices.Contains(r.may, imp)
	}
	return slices.ContainsFunc(r.may, func(m string) bool { return m == "" || under(imp, m) })
}
