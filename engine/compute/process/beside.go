package process

import (
	"os"
	"path/filepath"
	"strings"

	"sundog/engine/compute/process/sandbox"
)

// beside shows the packages that lie next to a code folder, where Node looks after the folder itself: `dev` installs them once for all generations.
// They stay at their path on the host, and so does what they link to elsewhere (packages of the same repository): links lead where they did.
func beside(codeDir string) ([]sandbox.Bind, []sandbox.Link) {
	modules := filepath.Join(filepath.Dir(codeDir), "node_modules")
	st, err := os.Stat(modules)
	if err != nil || !st.IsDir() {
		return nil, nil
	}
	binds := []sandbox.Bind{{From: modules, To: modules}}
	for _, target := range outward(modules) {
		binds = append(binds, sandbox.Bind{From: target, To: target})
	}
	return binds, []sandbox.Link{{Path: filepath.Join(filepath.Dir(sandbox.TaskRoot), "node_modules"), Text: modules}}
}

// outward lists the folders outside of a node_modules that its packages, those of scopes too, are links to.
func outward(modules string) []string {
	var found []string
	for _, pattern := range []string{"*", "@*/*"} {
		list, err := filepath.Glob(filepath.Join(modules, pattern))
		if err != nil {
			continue
		}
		for _, p := range list {
			st, err := os.Lstat(p)
			if err != nil || st.Mode()&os.ModeSymlink == 0 {
				continue
			}
			to, err := filepath.EvalSymlinks(p)
			if err == nil && !strings.HasPrefix(to, modules+"/") {
				found = append(found, to)
			}
		}
	}
	return found
}
