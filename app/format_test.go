package app

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A data folder of another format is refused before anything in it is opened; an empty one, or one with only what the command line puts there, is marked.
func TestDataFormat(t *testing.T) {
	now := strconv.Itoa(dataFormat)
	newer := strconv.Itoa(dataFormat + 1)
	for name, c := range map[string]struct {
		files map[string]string
		want  string // "": it is taken
	}{
		"empty":                {nil, ""},
		"only credentials":     {map[string]string{"credentials": "[default]\n"}, ""},
		"empty folders":        {map[string]string{"store/": "", "blobs/": ""}, ""},
		"this one":             {map[string]string{"format": now + "\n"}, ""},
		"this one, by hand":    {map[string]string{"format": " " + now}, ""},
		"a store and no mark":  {map[string]string{"store/MANIFEST-000001": "x"}, "older sundog (it has no mark"},
		"blobs and no mark":    {map[string]string{"blobs/ab": "x"}, "older sundog (it has no mark"},
		"newer":                {map[string]string{"format": newer, "store/MANIFEST-000001": "x"}, "newer sundog (format " + newer + "; this one, " + Version + ", knows format " + now + "): use that one, or move it away"},
		"newer, without data":  {map[string]string{"format": newer}, "newer sundog"},
		"a mark that says 0":   {map[string]string{"format": "0"}, `says "0", which is no format`},
		"a mark without sense": {map[string]string{"format": "one\x00"}, `says "one\x00", which is no format`},
		"an empty mark":        {map[string]string{"format": "", "store/MANIFEST-000001": "x"}, `says "", which is no format`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range c.files {
				path := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(file, "/") {
					if err := os.MkdirAll(path, 0o700); err != nil {
						t.Fatal(err)
					}
				} else if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p, err := Open(t.Context(), Options{Data: dir, Durability: Relaxed, Listen: "127.0.0.1:0", Roots: root, Spares: -1})
			if c.want != "" {
				var wrong *FormatError
				if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--data") {
					t.Fatal(err)
				}
				for file, text := range c.files { // as it was
					if b, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(b) != text {
						t.Errorf("%s: %q %v", file, b, err)
					}
				}
				if list, err := os.ReadDir(filepath.Join(dir, "store")); err == nil && len(list) > 1 {
					t.Errorf("the store was opened: %v", list)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(filepath.Join(dir, "format")); err != nil || strings.TrimSpace(string(b)) != now {
				t.Fatalf("%q %v", b, err)
			}
			p, err = Open(t.Context(), Options{Data: dir, Durability: Sync, Listen: "127.0.0.1:0", Roots: root, Spares: -1})
			if err != nil {
				t.Fatal("the second time: ", err)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
