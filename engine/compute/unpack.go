package compute

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Limits of a package, as Lambda has them.
const (
	MaxUnzipped = 262144000 // bytes of all files together
	maxEntries  = 200_000
)

// Errors of Unpack.
var (
	ErrUnzippedTooLarge = errors.New("Unzipped size must be smaller than 262144000 bytes")
	ErrEmptyZip         = errors.New("Uploaded file must be a non-empty zip")
	ErrNotZip           = errors.New("Could not unzip uploaded file. Please check your file, then try to upload again.")
)

// Unpack writes the files of a ZIP of size bytes below dir, which must exist, and gives how many bytes they have. limit bounds their sum whatever
// the archive's own headers say (ErrUnzippedTooLarge). A ZIP of nothing is ErrEmptyZip. Names and links that lead out of dir, and anything that is neither file, folder nor link,
// are ErrNotZip with the name. What was written stays when it fails: the caller removes dir.
func Unpack(r io.ReaderAt, size int64, dir string, limit int64) (int64, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return 0, fmt.Errorf("%w (%w)", ErrNotZip, err)
	}
	if len(z.File) == 0 {
		return 0, ErrEmptyZip
	}
	if len(z.File) > maxEntries {
		return 0, fmt.Errorf("%w (%d entries)", ErrNotZip, len(z.File))
	}
	root, err := os.OpenRoot(dir) // nothing below can leave dir, links included
	if err != nil {
		return 0, err
	}
	defer root.Close()
	var total int64
	for _, f := range z.File {
		n, err := unpackEntry(root, f, limit-total)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func unpackEntry(root *os.Root, f *zip.File, left int64) (int64, error) {
	name := filepath.Clean(filepath.FromSlash(strings.ReplaceAll(f.Name, `\`, "/")))
	if name == "." {
		return 0, nil
	}
	if !filepath.IsLocal(name) {
		return 0, fmt.Errorf("%w (%q leads out of the package)", ErrNotZip, f.Name)
	}
	mode := f.Mode()
	if mode.IsDir() || strings.HasSuffix(f.Name, "/") {
		return 0, root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return 0, err
	}
	switch mode.Type() {
	case 0:
		return unpackFile(root, name, f, left)
	case fs.ModeSymlink:
		return 0, unpackLink(root, name, f)
	}
	return 0, fmt.Errorf("%w (%q is no file)", ErrNotZip, f.Name)
}

func unpackFile(root *os.Root, name string, f *zip.File, left int64) (n int64, err error) {
	src, err := f.Open()
	if err != nil {
		return 0, fmt.Errorf("%w (%w)", ErrNotZip, err)
	}
	defer src.Close()
	perm := fs.FileMode(0o644)
	if f.Mode()&0o111 != 0 {
		perm = 0o755
	}
	dst, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, perm)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	n, err = io.Copy(dst, io.LimitReader(src, left+1))
	if err != nil {
		return n, fmt.Errorf("%w (%w)", ErrNotZip, err)
	}
	if n > left {
		return n, ErrUnzippedTooLarge
	}
	return n, nil
}

func unpackLink(root *os.Root, name string, f *zip.File) error {
	src, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrNotZip, err)
	}
	defer src.Close()
	target, err := io.ReadAll(io.LimitReader(src, 4096))
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrNotZip, err)
	}
	to := filepath.FromSlash(string(target))
	if filepath.IsAbs(to) || !filepath.IsLocal(filepath.Join(filepath.Dir(name), to)) {
		return fmt.Errorf("%w (the link %q leads out of the package)", ErrNotZip, f.Name)
	}
	return root.Symlink(to, name)
}
