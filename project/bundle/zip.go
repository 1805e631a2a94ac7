package bundle

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Archive says what Zip wrote.
type Archive struct {
	SHA256 string // in base64, as Lambda's CodeSha256
	Size   int64  // in bytes
	Files  int
}

// zipTime stands at every entry: an archive depends on content only.
var zipTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Zip writes the archive of a unit: its files by the package's patterns, and the dependencies that Prepare installed. Equal
// content gives equal bytes. A ready archive is copied as it is. A unit without files is an error.
func (b *Builder) Zip(ctx context.Context, w io.Writer, u Unit) (Archive, error) {
	if u.Ready != "" {
		return b.readyArchive(w, u.Ready)
	}
	files, err := b.unitFiles(u)
	if err != nil {
		return Archive{}, err
	}
	if len(files) == 0 {
		return Archive{}, &Error{Message: "the package of " + u.Name + " has no files", Hint: "look at package.patterns"}
	}
	return writeZip(ctx, w, files)
}

// readyArchive copies an archive that the application brings (package.artifact, relative to Dir).
func (b *Builder) readyArchive(w io.Writer, path string) (Archive, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(b.Dir, path)
	}
	in, err := os.Open(path)
	if err != nil {
		return Archive{}, &Error{Message: "the package's artifact cannot be read: " + err.Error()}
	}
	defer in.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), in)
	return Archive{SHA256: base64.StdEncoding.EncodeToString(sum.Sum(nil)), Size: n, Files: 1}, err
}

// unitFiles gives the files of an archive by their names in it.
func (b *Builder) unitFiles(u Unit) (map[string]source, error) {
	node, python := b.needs(u)
	f, err := newFilter(u.Service, u.Package, node != "")
	if err != nil {
		return nil, err
	}
	dir := b.Dir
	if u.Root != "" {
		dir = filepath.Join(b.Dir, filepath.FromSlash(u.Root))
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, &Error{Message: "the folder " + u.Root + " of " + u.Name + " does not exist"}
		}
	}
	files, err := sources(dir, f)
	if err != nil {
		return nil, err
	}
	for name, folder := range map[string]string{"node_modules/": node, "": python} {
		if folder == "" {
			continue
		}
		if err := addFolder(files, name, folder); err != nil {
			return nil, err
		}
	}
	return files, b.addBinary(u, files)
}

// needs gives the folders of installed dependencies that a unit's functions load.
func (b *Builder) needs(u Unit) (node, python string) {
	for _, fn := range u.Functions {
		switch {
		case strings.HasPrefix(fn.Runtime, "nodejs"):
			node = b.NodeModules()
		case strings.HasPrefix(fn.Runtime, "python"):
			python = b.PythonPath()
		}
	}
	return node, python
}

// addFolder adds a folder's files below prefix; what is there already stays: the application's own files win.
func addFolder(files map[string]source, prefix, folder string) error {
	skip := func(rel string) bool {
		return rel != ".bin" && !strings.HasSuffix(rel, "/.bin") && !strings.HasSuffix(rel, "__pycache__")
	}
	return walkDirs(folder, skip, func(rel string, info os.FileInfo) error {
		if _, ok := files[prefix+rel]; !ok {
			files[prefix+rel] = source{path: filepath.Join(folder, filepath.FromSlash(rel)), size: info.Size(), mode: info.Mode().Perm()}
		}
		return nil
	})
}

// addBinary adds the bootstrap of a Go function.
func (b *Builder) addBinary(u Unit, files map[string]source) error {
	from := ""
	for _, fn := range u.Functions {
		p := ""
		if isGo(fn.Runtime) {
			p = b.Bootstrap(fn.Key)
		}
		if p == "" {
			continue
		}
		if from != "" {
			return &Error{Message: "several Go functions cannot share the package " + u.Name, Hint: "set package.individually: true"}
		}
		from = p
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		files["bootstrap"] = source{path: p, size: info.Size(), mode: 0o755}
	}
	return nil
}

func writeZip(ctx context.Context, w io.Writer, files map[string]source) (Archive, error) {
	sum := sha256.New()
	count := &counter{}
	z := zip.NewWriter(io.MultiWriter(w, sum, count))
	for _, name := range sortedKeys(files) {
		if err := ctx.Err(); err != nil {
			return Archive{}, err
		}
		if err := addEntry(z, name, files[name]); err != nil {
			return Archive{}, err
		}
	}
	if err := z.Close(); err != nil {
		return Archive{}, err
	}
	return Archive{SHA256: base64.StdEncoding.EncodeToString(sum.Sum(nil)), Size: count.n, Files: len(files)}, nil
}

func addEntry(z *zip.Writer, name string, src source) error {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: zipTime}
	h.SetMode(0o644)
	if src.mode&0o111 != 0 {
		h.SetMode(0o755)
	}
	entry, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	in, err := os.Open(src.path)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(entry, in)
	return err
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
