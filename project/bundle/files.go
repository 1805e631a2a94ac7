package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const maxFiles = 200_000 // of one package

// source is a file of a package as it was seen.
type source struct {
	path    string // on disk
	size    int64
	changed time.Time
	mode    fs.FileMode
	file    uint64 // its number on the disk: one that is moved into the place of another may have its size and time
}

// walk calls visit for every regular file below dir, symbolic links to files included, in the order of names. A dir that does
// not exist is an error.
func walk(dir string, visit func(rel string, info os.FileInfo) error) error {
	return walkDirs(dir, func(string) bool { return true }, visit)
}

func walkDirs(dir string, enter func(rel string) bool, visit func(rel string, info os.FileInfo) error) error {
	n := 0
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil || rel == "." {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if !enter(rel) {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := os.Stat(p) // through a link
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a link to nowhere, or a file that has just been removed
		}
		if err != nil {
			if d.Type()&fs.ModeSymlink != 0 {
				return nil // a link in a circle has no content
			}
			return err
		}
		if !info.Mode().IsRegular() {
			return nil
		}
		if n++; n > maxFiles {
			return &Error{Message: fmt.Sprintf("%s holds more than %d files", dir, maxFiles), Hint: "exclude some with package.patterns"}
		}
		return visit(rel, info)
	})
}

// sources gives the files below dir that the filter takes, by their paths in the package. The platform's own data and the
// version control's are out of reach for any pattern.
func sources(dir string, f *filter) (map[string]source, error) {
	out := map[string]source{}
	enter := func(rel string) bool { return rel != ".sundog" && rel != ".git" && f.mayTake(rel) }
	err := walkDirs(dir, enter, func(rel string, info os.FileInfo) error {
		if f.takes(rel) {
			src := source{path: filepath.Join(dir, filepath.FromSlash(rel)), size: info.Size(), changed: info.ModTime(), mode: info.Mode().Perm()}
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				src.file = st.Ino
			}
			out[rel] = src
		}
		return nil
	})
	return out, err
}

// copyFile copies content, and whether it can be executed. Functions may be another user: all may read it.
func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	perm := fs.FileMode(0o644)
	if mode&0o111 != 0 {
		perm = 0o755
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}

// sameContent compares two files; one that is gone is the same as none.
func sameContent(a, b string) (bool, error) {
	x, err := os.Open(a)
	if err != nil {
		return false, ifThere(err)
	}
	defer x.Close()
	y, err := os.Open(b)
	if err != nil {
		return false, ifThere(err)
	}
	defer y.Close()
	p, q := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errX := io.ReadFull(x, p)
		m, errY := io.ReadFull(y, q)
		if !bytes.Equal(p[:n], q[:m]) {
			return false, nil
		}
		if errX != nil || errY != nil {
			err := errors.Join(unlessEnd(errX), unlessEnd(errY))
			return err == nil, err
		}
	}
}

// ifThere drops the error of a file that is gone.
func ifThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// unlessEnd drops the errors by which io.ReadFull tells of a file's end.
func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
