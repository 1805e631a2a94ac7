package bundle

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// installPython installs requirements.txt, unless it is there already.
func (b *Builder) installPython(ctx context.Context, runtime string, progress func(string)) error {
	requirements, err := os.ReadFile(filepath.Join(b.Dir, "requirements.txt"))
	if errors.Is(err, os.ErrNotExist) {
		b.noteLocks(progress)
	}
	if errors.Is(err, os.ErrNotExist) || err == nil && emptyRequirements(string(requirements)) {
		return b.retract("python")
	}
	if err != nil {
		return err
	}
	python, err := b.Interpreter(ctx, runtime)
	if err != nil {
		return err
	}
	key := digest(requirements, []byte(python), b.includedRequirements(string(requirements)))
	if b.upToDate("python", key) {
		return nil
	}
	if _, err := run(ctx, b.Dir, "looking for pip", nil, python, "-m", "pip", "--version"); err != nil {
		return &Error{Message: "pip is missing in " + python + "; it is needed to install requirements.txt", Hint: "run: " + python + " -m ensurepip"}
	}
	progress("installing requirements.txt")
	work, err := os.MkdirTemp(b.out(), ".pip-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	env := []string{"PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1", "PYTHONDONTWRITEBYTECODE=1"}
	args := []string{"-m", "pip", "install", "--quiet", "--no-compile", "--target", work, "-r", "requirements.txt"}
	if _, err := run(ctx, b.Dir, "installing requirements.txt", env, python, args...); err != nil {
		return err
	}
	return b.publish("python", work, key)
}

// locks are the files of other tools that list packages, in the order in which they are looked for, with what writes requirements.txt from each.
var locks = [][2]string{
	{"poetry.lock", "poetry export -o requirements.txt"}, {"Pipfile.lock", "pipenv requirements > requirements.txt"}, {"Pipfile", "pipenv requirements > requirements.txt"},
	{"uv.lock", "uv export --no-dev -o requirements.txt"}, {"pdm.lock", "pdm export --prod -o requirements.txt"},
}

// noteLocks says of packages that are listed elsewhere only that functions do not get them.
func (b *Builder) noteLocks(progress func(string)) {
	for _, l := range locks {
		if _, err := os.Stat(filepath.Join(b.Dir, l[0])); err == nil {
			progress(l[0] + " is not read, and there is no requirements.txt: functions get no packages; run: " + l[1])
			return
		}
	}
}

func emptyRequirements(text string) bool {
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}

// includedRequirements gives the files that requirements.txt includes by -r and -c, one level deep.
func (b *Builder) includedRequirements(text string) []byte {
	var out []byte
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if len(f) == 2 && (f[0] == "-r" || f[0] == "-c" || f[0] == "--requirement" || f[0] == "--constraint") {
			if data, err := os.ReadFile(filepath.Join(b.Dir, f[1])); err == nil {
				out = append(out, data...)
			}
		}
	}
	return out
}
