package bundle

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"sundog/project/serverless"
)

// isGo tells whether a runtime runs a bootstrap binary.
func isGo(rt string) bool { return strings.HasPrefix(rt, "provided") || rt == "go1.x" }

// Bootstrap gives the binary that was built for a function, or "" when it brings its own.
func (b *Builder) Bootstrap(function string) string {
	p := filepath.Join(b.out(), "go", function, "bootstrap")
	if info, err := os.Stat(p); err != nil || info.IsDir() {
		return ""
	}
	return p
}

// buildGo builds a function whose handler is a Go main package: a folder, a file in it, or the application's own folder. A
// bootstrap that is there already is used as it is. Go itself knows what has not changed.
func (b *Builder) buildGo(ctx context.Context, fn serverless.Function, progress func(string)) error {
	if fileExists(filepath.Join(b.Dir, "bootstrap")) {
		return nil
	}
	pkg := b.goPackage(fn.Handler)
	if pkg == "" {
		if fileExists(filepath.Join(b.Dir, filepath.FromSlash(fn.Handler))) {
			return nil
		}
		return &Error{Message: fn.HandlerPos.String() + ": the function " + fn.Key + " (" + fn.Runtime + ") has neither a bootstrap nor a Go package at " + fn.Handler,
			Hint: "put an executable named bootstrap into the application's folder, or make the handler the folder of a Go main package"}
	}
	goTool, err := find("go", "build the function "+fn.Key, "install Go, or put a bootstrap into the application's folder")
	if err != nil {
		return err
	}
	progress("building " + fn.Key)
	to := filepath.Join(b.out(), "go", fn.Key)
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	env := []string{"GOOS=linux", "GOARCH=" + runtime.GOARCH, "CGO_ENABLED=0", "GOFLAGS=-trimpath"}
	_, err = run(ctx, b.Dir, "building "+fn.Key, env, goTool, "build", "-ldflags", "-s -w", "-o", filepath.Join(to, "bootstrap"), pkg)
	return err
}

// goPackage gives the Go package of a handler as go build wants it, or "".
func (b *Builder) goPackage(handler string) string {
	clean := strings.TrimPrefix(filepath.ToSlash(filepath.Clean(handler)), "./")
	for _, dir := range []string{clean, strings.TrimSuffix(clean, ".go"), filepath.ToSlash(filepath.Dir(clean)), "."} {
		if strings.HasPrefix(dir, "..") || filepath.IsAbs(dir) {
			continue
		}
		files, err := filepath.Glob(filepath.Join(b.Dir, filepath.FromSlash(dir), "*.go"))
		if err != nil {
			continue
		}
		for _, f := range files {
			if isMain(f) {
				return "./" + dir
			}
		}
	}
	return ""
}

func isMain(file string) bool {
	data, err := os.ReadFile(file)
	if err != nil || strings.HasSuffix(file, "_test.go") {
		return false
	}
	for _, line := range strings.Split(string(data), "\n") {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "package" {
			return f[1] == "main"
		}
	}
	return false
}

func fileExists(p string) bool {
	info, err := os.Stat(p)
	return err == nil && !info.IsDir()
}
