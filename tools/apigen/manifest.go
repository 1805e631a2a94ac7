package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// manifest is api/manifest.json.
type manifest struct {
	Botocore string              `json:"botocore"` // version
	SHA256   string              `json:"sha256"`   // of the wheel
	Services map[string]*service `json:"services"` // by folder
}

type service struct {
	Model      string   `json:"model"` // folder under botocore/data
	Validation string   `json:"validation"`
	Prefix     string   `json:"errorPrefix,omitempty"` // before the names in __type
	Operations []string `json:"operations"`
	Except     []string `json:"except,omitempty"`
	Errors     []string `json:"errors,omitempty"` // error shapes that no operation names but that are sent
}

func readManifest(root string) (*manifest, error) {
	b, err := os.ReadFile(filepath.Join(root, "api", "manifest.json"))
	if err != nil {
		return nil, err
	}
	m := &manifest{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("api/manifest.json: %w", err)
	}
	for name, s := range m.Services {
		if s.Validation != "generic" && s.Validation != "service" {
			return nil, fmt.Errorf("api/manifest.json: %s: validation is generic or service, not %q", name, s.Validation)
		}
	}
	return m, nil
}

func (m *manifest) names() []string {
	names := []string{catalogName}
	for n := range m.Services {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func overlayPath(root, name string) string {
	return filepath.Join(root, "tools", "apigen", "overlay", name+".json")
}

// sum is one line of api/manifest.sum.
type sum struct{ inputs, outputs string }

// stale gives the folders whose inputs or outputs are not those that were recorded.
func (m *manifest) stale(root string, old map[string]sum, all bool) ([]string, error) {
	var out []string
	for _, name := range m.names() {
		in, err := m.inputs(root, name)
		if err != nil {
			return nil, err
		}
		have, err := outputs(root, name)
		if err != nil {
			return nil, err
		}
		if all || old[name] != (sum{in, have}) {
			out = append(out, name)
		}
	}
	return out, nil
}

// inputs hashes all that the output depends on: the model's package, the manifest's entry, the overlay, the generator's sources.
func (m *manifest) inputs(root, name string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, m.Botocore, m.SHA256)
	files := []string{"tools/apigen/catalog.go"}
	if name != catalogName {
		if err := json.NewEncoder(h).Encode(m.Services[name]); err != nil {
			return "", err
		}
		files = []string{"tools/apigen/model/model.go", "tools/apigen/model/table.go", "tools/apigen/model/gotypes.go"}
		if _, err := os.Stat(overlayPath(root, name)); err == nil {
			files = append(files, "tools/apigen/overlay/"+name+".json")
		}
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(root, f))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %x\n", f, sha256.Sum256(b))
	}
	return hex.EncodeToString(h.Sum(nil))[:32], nil
}

// outputs hashes the generated files of a folder; absent files give another hash, not an error.
func outputs(root, name string) (string, error) {
	files := []string{"api_gen.go", "schema_gen.txt"}
	if name == catalogName {
		files = []string{"catalog_gen.bin"}
	}
	h := sha256.New()
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(root, "api", name, f))
		if err != nil && !os.IsNotExist(err) {
			return "", err
		}
		fmt.Fprintf(h, "%s %d %x\n", f, len(b), sha256.Sum256(b))
	}
	return hex.EncodeToString(h.Sum(nil))[:32], nil
}

func sumsPath(root string) string { return filepath.Join(root, "api", "manifest.sum") }

func readSums(root string) (map[string]sum, error) {
	out := map[string]sum{}
	b, err := os.ReadFile(sumsPath(root))
	if os.IsNotExist(err) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		if f := strings.Fields(s.Text()); len(f) == 3 {
			out[f[0]] = sum{f[1], f[2]}
		}
	}
	return out, s.Err()
}

func writeSums(root string, sums map[string]sum, m *manifest) error {
	var b bytes.Buffer
	for _, n := range m.names() {
		fmt.Fprintf(&b, "%s %s %s\n", n, sums[n].inputs, sums[n].outputs)
	}
	return os.WriteFile(sumsPath(root), b.Bytes(), 0o644)
}
