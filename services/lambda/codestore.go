package lambda

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"sundog/engine/compute"
)

// codeStore unpacks packages once each, into folders named by their hash, and removes folders that nobody needs any more.
type codeStore struct {
	dir string
	mu  sync.Mutex
	by  map[[32]byte]*unpacked
}

// unpacked is a package's folder. Its lock is held while it is made or removed; the counts belong to the store's lock.
type unpacked struct {
	mu     sync.Mutex
	dir    string
	users  int  // calls that need it
	doomed bool // to be removed when the last of them is over
	there  bool // it was found or made for one of them; guarded by mu
}

// folder is where packages are.
func (c *codeStore) folder() string { return filepath.Join(c.dir, codeBlobDir) }

func (c *codeStore) path(sum [32]byte) string {
	return filepath.Join(c.folder(), hex.EncodeToString(sum[:]))
}

// enter counts a user in.
func (c *codeStore) enter(sum [32]byte) *unpacked {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[[32]byte]*unpacked{}
	}
	u := c.by[sum]
	if u == nil {
		u = &unpacked{dir: c.path(sum)}
		c.by[sum] = u
	}
	u.users++
	return u
}

// leave counts a user out, and removes a folder that was only waiting for it.
func (c *codeStore) leave(sum [32]byte, u *unpacked) {
	c.mu.Lock()
	u.users--
	last, gone := u.users == 0, ""
	if last {
		delete(c.by, sum)
	}
	if last && u.doomed {
		gone, _ = c.aside(c.path(sum)) // what stays goes with the next start
	}
	c.mu.Unlock()
	if gone != "" {
		_ = os.RemoveAll(gone)
	}
}

// want keeps a folder in use from being removed: its package was taken in anew.
func (c *codeStore) want(sum [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u := c.by[sum]; u != nil {
		u.doomed = false
	}
}

// use gives the folder of a package, which open reads when it is not there yet. The folder stays until release, which is never nil.
func (c *codeStore) use(sum [32]byte, open func() (io.ReaderAt, int64, error)) (dir string, release func(), err error) {
	u := c.enter(sum)
	release = func() { c.leave(sum, u) }
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.there { // another call uses it
		return u.dir, release, nil
	}
	if _, err = os.Stat(u.dir); err != nil {
		err = c.unpack(u.dir, open)
	}
	u.there = err == nil
	return u.dir, release, err
}

func (c *codeStore) unpack(dir string, open func() (io.ReaderAt, int64, error)) error {
	if err := os.MkdirAll(c.folder(), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(c.folder(), "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	r, size, err := open()
	if err != nil {
		return err
	}
	if _, err := compute.Unpack(r, size, tmp, compute.MaxUnzipped); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// remove removes a package's folder: now, or when the last call that uses it is over.
func (c *codeStore) remove(sum [32]byte) error {
	c.mu.Lock()
	if u := c.by[sum]; u != nil {
		u.doomed = true
		c.mu.Unlock()
		return nil
	}
	gone, err := c.aside(c.path(sum))
	c.mu.Unlock()
	if err != nil || gone == "" {
		return err
	}
	return os.RemoveAll(gone)
}

// aside renames a folder to what nobody looks for, with the lock held: whoever enters next finds it gone. "" when there is none.
func (c *codeStore) aside(dir string) (string, error) {
	tmp, err := os.MkdirTemp(c.folder(), "gone-")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if err := os.Rename(dir, filepath.Join(tmp, "code")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return tmp, err
	}
	return tmp, nil
}

// sweep removes every folder that is not among those in use, and what a crash left half made.
func (c *codeStore) sweep(used map[[32]byte]bool) error {
	entries, err := os.ReadDir(c.folder())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var all error
	for _, e := range entries {
		raw, bad := hex.DecodeString(e.Name())
		switch {
		case bad == nil && len(raw) == 32 && used[[32]byte(raw)]:
		case bad == nil && len(raw) == 32:
			all = errors.Join(all, c.remove([32]byte(raw)))
		case strings.HasPrefix(e.Name(), "new-"), strings.HasPrefix(e.Name(), "gone-"):
			all = errors.Join(all, os.RemoveAll(filepath.Join(c.folder(), e.Name())))
		}
	}
	return errors.Join(err, all)
}
