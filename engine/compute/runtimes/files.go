package runtimes

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed node/*.js node/package.json python/boot.py python/sundog_runtime/*.py
var files embed.FS

// Extract writes the embedded runtimes into a folder under dir that is named by their content, unless it is there already, and gives its path.
// Several processes may do so at once.
func Extract(dir string) (string, error) {
	sum, err := contentSum()
	if err != nil {
		return "", err
	}
	dst := filepath.Join(dir, "runtimes-"+sum)
	if _, err := os.Stat(dst); err == nil {
		return dst, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("runtimes: %w", err)
	}
	tmp, err := os.MkdirTemp(dir, "runtimes-new-")
	if err != nil {
		return "", fmt.Errorf("runtimes: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.CopyFS(filepath.Join(tmp, "r"), files); err != nil {
		return "", fmt.Errorf("runtimes: %w", err)
	}
	if err := os.Chmod(filepath.Join(tmp, "r"), 0o755); err != nil {
		return "", fmt.Errorf("runtimes: %w", err)
	}
	err = os.Rename(filepath.Join(tmp, "r"), dst)
	if err != nil && (errors.Is(err, fs.ErrExist) || exists(dst)) {
		return dst, nil // another process was faster
	}
	return dst, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func contentSum() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", path, len(b))
		h.Write(b)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("runtimes: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:6]), nil
}
