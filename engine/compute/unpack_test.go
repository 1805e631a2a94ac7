package compute

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func pack(t testing.TB, fill func(*zip.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	fill(z)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func entry(t testing.TB, z *zip.Writer, name, text string, mode fs.FileMode) {
	t.Helper()
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(mode)
	w, err := z.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func unpackInto(t testing.TB, data []byte, limit int64) (string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "in")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Unpack(bytes.NewReader(data), int64(len(data)), dir, limit)
	return dir, err
}

func TestUnpack(t *testing.T) {
	dir, err := unpackInto(t, pack(t, func(z *zip.Writer) {
		entry(t, z, "a/b/run", "#!/bin/sh\n", 0o700)
		entry(t, z, "link", "a/b/run", fs.ModeSymlink|0o777)
	}), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(filepath.Join(dir, "link")); err != nil || st.Mode().Perm() != 0o755 {
		t.Fatal(st, err)
	}
}

func TestUnpackGuards(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		mode             fs.FileMode
		want             error
	}{
		{"climbs", "../out", "x", 0o644, ErrNotZip},
		{"climbs later", "a/../../out", "x", 0o644, ErrNotZip},
		{"backslashes", `..\out`, "x", 0o644, ErrNotZip},
		{"link out", "l", "../../etc", fs.ModeSymlink | 0o777, ErrNotZip},
		{"absolute link", "l", "/etc", fs.ModeSymlink | 0o777, ErrNotZip},
		{"device", "d", "", fs.ModeDevice | 0o644, ErrNotZip},
		{"long name", strings.Repeat("a/", 1024) + "b", "x", 0o644, ErrNotZip},
		{"bomb", "b", strings.Repeat("0", 100_000), 0o644, ErrUnzippedTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, err := unpackInto(t, pack(t, func(z *zip.Writer) { entry(t, z, c.file, c.text, c.mode) }), 1000)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "out")); err == nil {
				t.Fatal("a file was written outside")
			}
		})
	}
	if _, err := unpackInto(t, []byte("no archive"), 1000); !errors.Is(err, ErrNotZip) {
		t.Fatal(err)
	}
}

// Links whose texts stay within the package lead out of it together.
func TestUnpackLinksThatClimbTogether(t *testing.T) {
	for name, links := range map[string][][2]string{
		"by a link above":                 {{"p/q", ".."}, {"p/q/r", "../.."}},
		"by a link that comes afterwards": {{"p/r", "q/../.."}, {"p/q", ".."}},
	} {
		if _, err := unpackInto(t, pack(t, func(z *zip.Writer) {
			for _, l := range links {
				entry(t, z, l[0], l[1], fs.ModeSymlink|0o777)
			}
		}), 1000); !errors.Is(err, ErrNotZip) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := unpackInto(t, pack(t, func(z *zip.Writer) {
		entry(t, z, "a/b/file", "x", 0o644)
		entry(t, z, "a/up", "../a/b/../b/file", fs.ModeSymlink|0o777)
		entry(t, z, "a/round", "round", fs.ModeSymlink|0o777)
		entry(t, z, "a/missing", "b/missing", fs.ModeSymlink|0o777)
	}), 1000); err != nil {
		t.Errorf("links that stay within, or lead nowhere: %v", err)
	}
}

// Names alone can make a folder for every two of their bytes.
func TestUnpackBoundsFolders(t *testing.T) {
	dir, err := unpackInto(t, pack(t, func(z *zip.Writer) {
		for i := range 210 {
			entry(t, z, strconv.Itoa(i)+strings.Repeat("/a", 1000), "", 0o644)
		}
	}), 1000)
	if !errors.Is(err, ErrNotZip) {
		t.Error(err)
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) != 0 {
		t.Errorf("%d folders were made, %v", len(made), err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(pack(f, func(z *zip.Writer) { entry(f, z, "a/b", "x", 0o644) }))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir, err := unpackInto(t, data, 1000)
		if rest, rerr := os.ReadDir(filepath.Dir(dir)); rerr != nil || len(rest) != 1 {
			t.Fatal(err, rerr, rest)
		}
	})
}
