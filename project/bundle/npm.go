package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// installNode installs package.json's dependencies, unless they are there already.
func (b *Builder) installNode(ctx context.Context, progress func(string)) error {
	manifest, err := os.ReadFile(filepath.Join(b.Dir, "package.json"))
	if errors.Is(err, os.ErrNotExist) {
		return b.retract("node_modules")
	}
	if err != nil {
		return err
	}
	pkg := map[string]any{}
	if err := json.Unmarshal(manifest, &pkg); err != nil {
		return &Error{Message: "package.json is no valid JSON: " + err.Error()}
	}
	local := b.absoluteLinks(pkg)
	if len(asMap(pkg["dependencies"]))+len(asMap(pkg["optionalDependencies"])) == 0 {
		return b.retract("node_modules")
	}
	lock, lockName := b.lockFile()
	key := digest(manifest, lock, b.localManifests(pkg))
	if b.upToDate("node_modules", key) {
		return nil
	}
	npm, err := find("npm", "install the packages of package.json", "install Node.js, which has it")
	if err != nil {
		return err
	}
	progress("installing the packages of package.json")
	work, err := os.MkdirTemp(b.out(), ".npm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	args := []string{"install", "--omit=dev", "--no-audit", "--no-fund", "--install-links", "--no-package-lock"}
	if lockName != "" && !local {
		args = []string{"ci", "--omit=dev", "--no-audit", "--no-fund"}
		if err := os.WriteFile(filepath.Join(work, lockName), lock, 0o600); err != nil {
			return err
		}
	} else {
		delete(pkg, "devDependencies") // npm looks at them even when it leaves them out
	}
	if err := b.writeManifest(work, pkg); err != nil {
		return err
	}
	env := []string{"npm_config_update_notifier=false", "NODE_ENV=production"}
	if _, err := run(ctx, work, "installing the packages of package.json", env, npm, args...); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(work, "node_modules"), 0o700); err != nil {
		return err
	}
	return b.publish("node_modules", filepath.Join(work, "node_modules"), key)
}

func (b *Builder) writeManifest(work string, pkg map[string]any) error {
	delete(pkg, "scripts") // the application's own; those of the packages run
	delete(pkg, "workspaces")
	data, err := json.Marshal(pkg)
	if err != nil {
		return err
	}
	if npmrc, err := os.ReadFile(filepath.Join(b.Dir, ".npmrc")); err == nil {
		if err := os.WriteFile(filepath.Join(work, ".npmrc"), npmrc, 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(work, "package.json"), data, 0o600)
}

func (b *Builder) lockFile() (data []byte, name string) {
	for _, n := range []string{"npm-shrinkwrap.json", "package-lock.json"} {
		if data, err := os.ReadFile(filepath.Join(b.Dir, n)); err == nil {
			return data, n
		}
	}
	return nil, ""
}

// absoluteLinks makes file: dependencies absolute, as the install runs in another folder; it tells whether there are any.
func (b *Builder) absoluteLinks(pkg map[string]any) bool {
	found := false
	for _, section := range []string{"dependencies", "optionalDependencies"} {
		deps := asMap(pkg[section])
		for name, spec := range deps {
			text, _ := spec.(string)
			path, ok := strings.CutPrefix(text, "file:")
			if !ok && (strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../")) {
				path, ok = text, true
			}
			if !ok {
				continue
			}
			found = true
			if !filepath.IsAbs(path) {
				path = filepath.Join(b.Dir, path)
			}
			deps[name] = "file:" + path
		}
	}
	return found
}

// localManifests gives what the local dependencies look like, so that a change in one installs again.
func (b *Builder) localManifests(pkg map[string]any) []byte {
	var out strings.Builder
	for _, section := range []string{"dependencies", "optionalDependencies"} {
		deps := asMap(pkg[section])
		for _, name := range sortedKeys(deps) {
			text, _ := deps[name].(string)
			dir, ok := strings.CutPrefix(text, "file:")
			if !ok {
				continue
			}
			err := walk(dir, func(rel string, info os.FileInfo) error {
				fmt.Fprintf(&out, "%s %d %d\n", rel, info.Size(), info.ModTime().UnixNano())
				return nil
			})
			if err != nil { // an archive, or a folder that npm will complain of
				fmt.Fprintf(&out, "%s\n", dir)
			}
		}
	}
	return []byte(out.String())
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// digest hashes the parts, each with its length.
func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
