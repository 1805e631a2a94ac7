package bundle

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"sundog/project/serverless"
)

// Generation copies the sources as they are now into a new folder of the build folder and gives its path. Files that have not
// changed since the generation before are linked to it, so a save costs little. Package patterns do not apply: a running
// application sees its whole folder, but for what never goes into a package. Old generations stay until Drop.
func (b *Builder) Generation(ctx context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	files, err := b.sources()
	if err != nil {
		return "", err
	}
	return b.generation(ctx, files)
}

// Renew is Generation when a source differs in content from that of the latest generation; otherwise it gives that one again. Sources for which counts
// is false, by their paths below Dir with slashes, are not compared.
func (b *Builder) Renew(ctx context.Context, counts func(rel string) bool) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	files, err := b.sources()
	if err != nil {
		return "", err
	}
	if b.last == "" {
		return b.generation(ctx, files)
	}
	same, err := b.held(files, counts)
	if err != nil {
		return "", err
	}
	if same {
		return b.last, nil
	}
	return b.generation(ctx, files)
}

// held tells whether the latest generation holds the same files with the same content.
func (b *Builder) held(files map[string]source, counts func(rel string) bool) (bool, error) {
	for rel := range b.state {
		if _, ok := files[rel]; !ok && counts(rel) {
			return false, nil
		}
	}
	for rel, src := range files {
		before, ok := b.state[rel]
		if ok && before == src || !counts(rel) {
			continue
		}
		if !ok || before.size != src.size || before.mode != src.mode {
			return false, nil
		}
		if same, err := sameContent(src.path, filepath.Join(b.last, filepath.FromSlash(rel))); err != nil || !same {
			return false, err
		}
		b.state[rel] = src // it was only touched, and is not compared again
	}
	return true, nil
}

func (b *Builder) sources() (map[string]source, error) {
	f, err := newFilter(serverless.Package{}, serverless.Package{}, b.NodeModules() != "")
	if err != nil {
		return nil, err
	}
	return sources(b.Dir, f)
}

func (b *Builder) generation(ctx context.Context, files map[string]source) (string, error) {
	if err := os.MkdirAll(b.out(), 0o700); err != nil {
		return "", err
	}
	path, err := b.nextGeneration()
	if err != nil {
		return "", err
	}
	if err := b.fill(ctx, path, files); err != nil {
		return "", errors.Join(err, os.RemoveAll(path))
	}
	b.last, b.state = path, files
	return path, nil
}

// nextGeneration makes the folder with the next number.
func (b *Builder) nextGeneration() (string, error) {
	entries, err := os.ReadDir(b.out())
	if err != nil {
		return "", err
	}
	next := 1
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && e.IsDir() && n >= next {
			next = n + 1
		}
	}
	path := filepath.Join(b.out(), strconv.Itoa(next))
	return path, os.Mkdir(path, 0o755) // the build folder above keeps others out; functions may be another user
}

func (b *Builder) fill(ctx context.Context, path string, files map[string]source) error {
	made := map[string]bool{path: true}
	for _, rel := range sortedKeys(files) {
		if err := ctx.Err(); err != nil {
			return err
		}
		src := files[rel]
		to := filepath.Join(path, filepath.FromSlash(rel))
		if dir := filepath.Dir(to); !made[dir] {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			made[dir] = true
		}
		if before, ok := b.state[rel]; ok && b.last != "" && before == src {
			if os.Link(filepath.Join(b.last, filepath.FromSlash(rel)), to) == nil {
				continue // else it is copied: the generation before is gone, or the disk knows no links
			}
		}
		err := copyFile(src.path, to, src.mode)
		if errors.Is(err, fs.ErrNotExist) {
			delete(files, rel) // it was removed meanwhile
		} else if err != nil {
			return err
		}
	}
	return b.addBootstraps(path)
}

// addBootstraps puts the binary of each Go function into a folder of its own.
func (b *Builder) addBootstraps(path string) error {
	built, err := filepath.Glob(filepath.Join(b.out(), "go", "*", "bootstrap"))
	if err != nil {
		return err
	}
	for _, p := range built {
		dir := filepath.Join(path, ".functions", filepath.Base(filepath.Dir(p)))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := copyFile(p, filepath.Join(dir, "bootstrap"), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// CodeDir gives the folder that a function runs from in a generation: the generation's, or its own for a Go function.
func (b *Builder) CodeDir(generation, function string) string {
	own := filepath.Join(generation, ".functions", function)
	if info, err := os.Stat(own); err == nil && info.IsDir() {
		return own
	}
	return generation
}

// Drop removes a generation that nothing runs from any more. The latest one cannot be dropped; a path that is no generation is
// an error.
func (b *Builder) Drop(path string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if filepath.Dir(path) != b.out() {
		return &Error{Message: path + " is no generation of " + b.out()}
	}
	if _, err := strconv.Atoi(filepath.Base(path)); err != nil {
		return &Error{Message: path + " is no generation of " + b.out()}
	}
	if path == b.last {
		return &Error{Message: path + " is the latest generation"}
	}
	return os.RemoveAll(path)
}

// Clean removes every generation, of earlier runs too; dependencies stay.
func (b *Builder) Clean() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	entries, err := os.ReadDir(b.out())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b.last, b.state = "", nil
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil && e.IsDir() {
			if err := os.RemoveAll(filepath.Join(b.out(), e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
