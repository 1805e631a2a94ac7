package serverless

import (
	"os"
	"path/filepath"
	"strings"
)

const maxFileLoads = 500

// file reads ${file(path):address}. A YAML or JSON file is a document; a js file a module that node runs; anything else is text.
// A file that is not there has no value, so that a fallback may stand in.
func (r *variables) file(path, address string, at Pos) (*Value, error) {
	if path == "" {
		return nil, failure(at, "", "file needs a path: ${file(path.yml):key}")
	}
	full := path
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			full = filepath.Join(home, rest)
		}
	}
	if !filepath.IsAbs(full) {
		full = filepath.Join(r.dir, full)
	}
	r.refers[full] = true
	info, err := os.Stat(full)
	if err != nil || info.IsDir() {
		return nil, &absent{why: "file " + path + " not found"}
	}
	switch strings.ToLower(filepath.Ext(full)) {
	case ".js", ".cjs", ".mjs":
		return r.module(full, address, at)
	case ".ts":
		return nil, failure(at, "", "%s: TypeScript modules are not served by ${file()}; compile it to JavaScript", path)
	}
	doc, err := r.document(full, at)
	if err != nil {
		return nil, err
	}
	if address != "" && doc.Kind != Map && doc.Kind != List {
		return nil, failure(at, "", "%s is %s; it has no %s", path, doc.Kind, quote(address))
	}
	return r.dig(doc, address)
}

// document reads a file once.
func (r *variables) document(full string, at Pos) (*Value, error) {
	if doc, ok := r.files[full]; ok {
		return doc, nil
	}
	if r.loads++; r.loads > maxFileLoads {
		return nil, failure(at, "", "more than %d files are referred to", maxFileLoads)
	}
	data, err := readBounded(full, at)
	if err != nil {
		return nil, err
	}
	doc, err := decodeDocument(r.display(full), full, data, at)
	if err == nil {
		r.files[full] = doc
	}
	return doc, err
}

func decodeDocument(name, full string, data []byte, at Pos) (*Value, error) {
	switch strings.ToLower(filepath.Ext(full)) {
	case ".yml", ".yaml":
		return parseYAML(name, data)
	case ".json":
		if doc, err := parseYAML(name, data); err == nil { // JSON is YAML: so its values have positions
			return doc, nil
		}
		doc, err := fromJSON(data, Pos{File: name, Line: 1, Column: 1})
		if err != nil {
			return nil, failure(Pos{File: name}, "", "not valid JSON: %v", err)
		}
		return doc, nil
	case ".tfstate":
		return fromJSON(data, at)
	}
	return &Value{Kind: String, Text: strings.TrimSpace(string(data)), Pos: at}, nil
}

func readBounded(full string, at Pos) ([]byte, error) {
	info, err := os.Stat(full)
	if err == nil && info.Size() > maxFileBytes {
		return nil, failure(at, "", "%s is larger than %d bytes", full, maxFileBytes)
	}
	data, err := os.ReadFile(full)
	if err != nil {
		return nil, failure(at, "", "cannot read %s: %v", full, err)
	}
	return data, nil
}

// display names a file as the user would: relative to the application's folder when it is below it.
func (r *variables) display(full string) string {
	if rel, err := filepath.Rel(r.dir, full); err == nil && !strings.HasPrefix(rel, "..") {
		return filepath.ToSlash(rel)
	}
	return full
}
