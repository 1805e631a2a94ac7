package sandbox

import (
	"fmt"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// confine takes from the calling thread, for good, everything that the function's program must not have: the host's root folder, other mounts,
// capabilities, new privileges, system calls. What the thread starts afterwards inherits that; the other threads of Init keep what they have.
func confine(p *Plan, filter []unix.SockFilter) error {
	runtime.LockOSThread() // and never unlocked: the thread ends with its goroutine
	if err := setLimits(p.Limits); err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	if err := enterRoot(p.Root); err != nil {
		return err
	}
	if err := becomeUser(p.Own); err != nil {
		return fmt.Errorf("user: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if err := restrictFiles(); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if err := filterCalls(filter); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

// enterRoot gives the thread a mount namespace of its own, which follows Init's, and there the new root alone.
func enterRoot(dir string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", dir, "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount propagation: %w", err)
	}
	if err := unix.Chdir(dir); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("the old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &attr); err != nil {
		return fmt.Errorf("read-only root: %w", err)
	}
	return nil
}

// becomeUser makes the thread the function's user and empties every set of capabilities. The calls are those of the thread alone: package syscall's
// would be carried out by all threads.
func becomeUser(own bool) error {
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && err != unix.EINVAL { // a capability that this kernel does not know
			return fmt.Errorf("bounding set: %w", err)
		}
	}
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) // there are none as root
	if own {
		if _, _, e := syscall.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); e != 0 {
			return fmt.Errorf("setgroups: %w", e)
		}
	}
	if _, _, e := syscall.RawSyscall(unix.SYS_SETRESGID, Group, Group, Group); e != 0 {
		return fmt.Errorf("setresgid: %w", e)
	}
	if _, _, e := syscall.RawSyscall(unix.SYS_SETRESUID, User, User, User); e != 0 {
		return fmt.Errorf("setresuid: %w", e)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}

// setLimits sets the limits of this process, for what it starts.
func setLimits(l Limits) error {
	set := func(what int, n uint64) error {
		r := unix.Rlimit{Cur: n, Max: n}
		var now unix.Rlimit
		if err := unix.Getrlimit(what, &now); err == nil && now.Max < n {
			r = unix.Rlimit{Cur: now.Max, Max: now.Max}
		}
		return unix.Setrlimit(what, &r)
	}
	for _, x := range []struct {
		what int
		n    uint64
	}{
		{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_FSIZE, l.FileMB << 20}, {unix.RLIMIT_MEMLOCK, 64 << 10}, {unix.RLIMIT_MSGQUEUE, 0},
		{unix.RLIMIT_NPROC, uint64(l.Processes)}, {unix.RLIMIT_NICE, 0}, {unix.RLIMIT_RTPRIO, 0}, {unix.RLIMIT_SIGPENDING, 4096},
	} {
		if err := set(x.what, x.n); err != nil {
			return err
		}
	}
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: l.Files, Max: l.Files}) // package syscall's: it knows what it gives to children
}
