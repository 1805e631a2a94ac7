package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// root is the sandbox's root folder, as Init's own mount namespace sees it.
type root struct{ dir string }

func (r root) at(path string) string { return filepath.Join(r.dir, path) }

// build makes the root out of an empty file system, with what every sandbox has. The function's namespace follows what is mounted here later.
func (r root) build(p *Plan) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("mount propagation: %w", err)
	}
	if err := unix.Mount("root", r.dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=4m,nr_inodes=8192"); err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	if err := unix.Mount("", r.dir, "", unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("mount propagation: %w", err)
	}
	for _, d := range []string{"/proc", "/dev", "/var/tmp", TempDir, TaskRoot, LayersRoot, RuntimeDir, "/run", "/sys", "/home", "/mnt"} {
		if err := os.MkdirAll(r.at(d), 0o755); err != nil {
			return err
		}
	}
	if err := r.devices(); err != nil {
		return err
	}
	if err := r.processes(); err != nil {
		return err
	}
	temp := fmt.Sprintf("mode=0700,uid=%d,gid=%d,size=%s,nr_inodes=%d", User, Group, "512m", inodes(512))
	if err := unix.Mount("tmp", r.at(TempDir), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, temp); err != nil {
		return fmt.Errorf("/tmp: %w", err)
	}
	return r.show(p.Binds, p.Links)
}

// inodes bounds the files of a /tmp: they cost memory even when they are empty.
func inodes(mb int) int { return max(4096, mb*64) }

func (r root) show(binds []Bind, links []Link) error {
	for _, b := range binds {
		if err := r.bind(b.From, b.To, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV); err != nil {
			return fmt.Errorf("%s: %w", b.From, err)
		}
	}
	for _, l := range links {
		to := r.at(l.Path)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(l.Text, to); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// bind shows from inside. The attributes are set before it is attached: the function's namespace never sees it without them.
func (r root) bind(from, to string, set uint64) error {
	st, err := os.Stat(from)
	if err != nil {
		return err
	}
	if from, err = filepath.EvalSymlinks(from); err != nil {
		return err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, from, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer closeFD(fd)
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: set}); err != nil {
		return fmt.Errorf("mount_setattr: %w", err)
	}
	target := r.at(to)
	if err := place(target, st.IsDir()); err != nil {
		return err
	}
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}

// place makes what a mount goes over.
func place(target string, dir bool) error {
	if dir {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

func (r root) devices() error {
	for _, d := range []string{"null", "zero", "full", "random", "urandom"} {
		if err := r.bind("/dev/"+d, "/dev/"+d, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC); err != nil {
			return fmt.Errorf("/dev/%s: %w", d, err)
		}
	}
	for name, text := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(text, r.at("/dev/"+name)); err != nil {
			return err
		}
	}
	return nil
}

// processes mounts a /proc of the sandbox's own processes, without what tells of the host's kernel.
func (r root) processes() error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", r.at("/proc"), "proc", flags, "hidepid=2"); err != nil {
		if err := unix.Mount("proc", r.at("/proc"), "proc", flags, ""); err != nil {
			return fmt.Errorf("/proc: %w", err)
		}
	}
	for _, f := range []string{"kcore", "keys", "key-users", "kallsyms", "timer_list", "sysrq-trigger", "kpagecount", "kpageflags"} {
		if _, err := os.Lstat(r.at("/proc/" + f)); err != nil {
			continue
		}
		if err := unix.Mount("/dev/null", r.at("/proc/"+f), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("/proc/%s: %w", f, err)
		}
	}
	return nil
}

// mount shows a function's code and gives /tmp its size.
func (r root) mount(c *Code) error {
	if c.TempMB > 0 {
		size := fmt.Sprintf("size=%dm,nr_inodes=%d", c.TempMB, inodes(c.TempMB))
		if err := unix.Mount("", r.at(TempDir), "", unix.MS_REMOUNT|unix.MS_NOSUID|unix.MS_NODEV, size); err != nil {
			return fmt.Errorf("/tmp: %w", err)
		}
	}
	if err := r.layers(c.Layers); err != nil {
		return fmt.Errorf("%s: %w", LayersRoot, err)
	}
	if c.Task != "" {
		if err := r.show([]Bind{{c.Task, TaskRoot}}, nil); err != nil {
			return err
		}
	}
	return r.show(c.Binds, c.Links)
}

// layers lays folders over each other, the last on top.
func (r root) layers(dirs []string) error {
	switch len(dirs) {
	case 0:
		return nil
	case 1:
		return r.show([]Bind{{dirs[0], LayersRoot}}, nil)
	}
	escape := strings.NewReplacer(`\`, `\\`, ":", `\:`, ",", `\,`)
	var lower []string
	for i := len(dirs) - 1; i >= 0; i-- {
		lower = append(lower, escape.Replace(dirs[i]))
	}
	return unix.Mount("overlay", r.at(LayersRoot), "overlay", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "lowerdir="+strings.Join(lower, ":"))
}
