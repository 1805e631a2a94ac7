package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"sundog/tools/apigen/model"
)

func main() {
	check := flag.Bool("check", false, "compare hashes, write nothing")
	all := flag.Bool("all", false, "generate everything, changed or not")
	root := flag.String("root", ".", "the folder of go.mod")
	flag.Parse()
	if err := run(*root, *check, *all); err != nil {
		fmt.Fprintln(os.Stderr, "apigen:", err)
		os.Exit(1)
	}
}

func run(root string, check, all bool) error {
	m, err := readManifest(root)
	if err != nil {
		return err
	}
	old, err := readSums(root)
	if err != nil {
		return err
	}
	stale, err := m.stale(root, old, all)
	if err != nil {
		return err
	}
	if check {
		if len(stale) > 0 {
			return fmt.Errorf("not up to date: %v; run: go run ./tools/apigen", stale)
		}
		return nil
	}
	if len(stale) == 0 {
		return nil
	}
	w, err := openWheel(m)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	for _, name := range stale {
		if err := m.generate(root, w, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Println("wrote api/" + name)
		inputs, err := m.inputs(root, name)
		if err != nil {
			return err
		}
		outputs, err := outputs(root, name)
		if err != nil {
			return err
		}
		old[name] = sum{inputs, outputs}
	}
	return writeSums(root, old, m)
}

const catalogName = "catalog"

func (m *manifest) generate(root string, w *wheel, name string) error {
	if name == catalogName {
		return writeCatalog(root, w)
	}
	s := m.Services[name]
	b, err := w.model(s.Model)
	if err != nil {
		return err
	}
	var overlays [][]byte
	if o, err := os.ReadFile(overlayPath(root, name)); err == nil {
		overlays = append(overlays, o)
	}
	svc, err := model.Parse(b, overlays...)
	if err != nil {
		return err
	}
	ops, err := s.choose(svc)
	if err != nil {
		return err
	}
	table, err := svc.Table(ops, s.Errors...)
	if err != nil {
		return err
	}
	code, err := svc.Go(model.Package{Name: name, Validation: s.Validation, Prefix: s.Prefix, Source: "botocore " + m.Botocore + " " + s.Model}, ops)
	if err != nil {
		return err
	}
	dir := filepath.Join(root, "api", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "schema_gen.txt"), []byte(table)); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "api_gen.go"), code)
}

// writeFile leaves a file alone that has the content already, so that build caches stay warm.
func writeFile(path string, b []byte) error {
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, b) {
		return nil
	}
	return os.WriteFile(path, b, 0o644)
}

// choose gives the operations of a service that the manifest wants, sorted.
func (s *service) choose(svc *model.Service) ([]string, error) {
	var ops []string
	for _, n := range s.Operations {
		if n == "*" {
			for k := range svc.Operations {
				ops = append(ops, k)
			}
			continue
		}
		if _, ok := svc.Operations[n]; !ok {
			return nil, fmt.Errorf("the model has no operation %s", n)
		}
		ops = append(ops, n)
	}
	ops = slices.DeleteFunc(ops, func(n string) bool { return slices.Contains(s.Except, n) })
	sort.Strings(ops)
	return slices.Compact(ops), nil
}
