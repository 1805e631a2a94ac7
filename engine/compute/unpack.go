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
	"syscall"
)

// Limits of a package, as Lambda has them.
const (
	MaxUnzipped = 262144000 // bytes of all files together
	maxEntries  = 200_000
	maxFolders  = 200_000 // names alone make them
	maxName     = 2048    // bytes of a path
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
	if err := checkNames(z.File); err != nil {
		return 0, err
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
	return total, checkLinks(root, z.File)
}

// clean is an entry's name below the package's folder.
func clean(f *zip.File) string {
	return filepath.Clean(filepath.FromSlash(strings.ReplaceAll(f.Name, `\`, "/")))
}

// checkNames bounds what the names alone ask for: a few megabytes of them can name millions of folders.
func checkNames(all []*zip.File) error {
	folders := map[string]struct{}{".": {}}
	for _, f := range all {
		name := clean(f)
		if len(name) > maxName {
			return fmt.Errorf("%w (a name of %d bytes)", ErrNotZip, len(name))
		}
		if !f.Mode().IsDir() {
			name = filepath.Dir(name)
		}
		for filepath.IsLocal(name) { // others are refused when their turn comes
			if _, known := folders[name]; known {
				break
			}
			folders[name] = struct{}{}
			name = filepath.Dir(name)
		}
		if len(folders) > maxFolders {
			return fmt.Errorf("%w (over %d folders)", ErrNotZip, maxFolders)
		}
	}
	return nil
}

// checkLinks follows the links, when all are there: by way of other links one may lead out whose own text does not, and the platform looks into packages.
func checkLinks(root *os.Root, all []*zip.File) error {
	for _, f := range all {
		if f.Mode().Type() != fs.ModeSymlink {
			continue
		}
		_, err := root.Stat(clean(f))
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) { // the latter lead nowhere
			continue
		}
		return fmt.Errorf("%w (the link %q leads out of the package: %w)", ErrNotZip, f.Name, err)
	}
	return nil
}

func unpackEntry(root *os.Root, f *zip.File, left int64) (int64, error) {
	name := clean(f)
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
