package bundle

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Interpreter gives the real binary that runs a runtime ("nodejs18.x", "python3.11"): the interpreter is asked where it is, so
// the shims of version managers, which cost a tenth of a second at every start, are left behind. The nearest version is taken:
// python3.11 if there is one, else python3.
func (b *Builder) Interpreter(ctx context.Context, runtime string) (string, error) {
	if p, ok := b.interpreters.Load(runtime); ok {
		return p.(string), nil
	}
	candidates, question, hint := []string{"node"}, []string{"-p", "process.execPath"}, "install Node.js"
	if strings.HasPrefix(runtime, "python") {
		candidates, hint = []string{runtime, "python3", "python"}, "install Python 3"
		question = []string{"-c", "import sys; print(sys.executable)"}
	}
	for _, c := range candidates {
		p, err := exec.LookPath(c)
		if err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, p, question...)
		cmd.Env = os.Environ()
		out, err := cmd.Output()
		real := strings.TrimSpace(string(out))
		if err != nil || !filepath.IsAbs(real) {
			continue // a shim whose version is not installed
		}
		b.interpreters.Store(runtime, real)
		return real, nil
	}
	return "", &Error{Message: "no interpreter for " + runtime + " is on the PATH (" + strings.Join(candidates, ", ") + ")", Hint: hint}
}
