package main

import (
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// wheel is the botocore package.
type wheel struct {
	*zip.ReadCloser
	files map[string]*zip.File
}

func openWheel(m *manifest) (*wheel, error) {
	path, err := fetch(m.Botocore)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if h := sha256.Sum256(b); hex.EncodeToString(h[:]) != m.SHA256 {
		return nil, fmt.Errorf("%s has the hash %x, the manifest wants %s", path, h, m.SHA256)
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	w := &wheel{z, map[string]*zip.File{}}
	for _, f := range z.File {
		w.files[f.Name] = f
	}
	return w, nil
}

func fetch(version string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "sundog", "apigen")
	path := filepath.Join(dir, "botocore-"+version+"-py3-none-any.whl")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	cmd := exec.Command("pip", "download", "--quiet", "--no-deps", "--dest", dir, "botocore=="+version)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("pip download botocore==%s: %w", version, err)
	}
	return path, nil
}

// model reads the service-2.json of a folder such as "sqs/2012-11-05".
func (w *wheel) model(folder string) ([]byte, error) {
	for _, suffix := range []string{".gz", ""} {
		f := w.files["botocore/data/"+folder+"/service-2.json"+suffix]
		if f == nil {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		if suffix == "" {
			return io.ReadAll(r)
		}
		g, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(g)
	}
	return nil, fmt.Errorf("botocore has no model %s", folder)
}

// models gives the folders of all models, sorted.
func (w *wheel) models() []string {
	var out []string
	for name := range w.files {
		rest, ok := strings.CutPrefix(name, "botocore/data/")
		if !ok {
			continue
		}
		if folder, ok := strings.CutSuffix(strings.TrimSuffix(rest, ".gz"), "/service-2.json"); ok {
			out = append(out, folder)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
