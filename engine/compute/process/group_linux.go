package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// startIn starts a process that is in a memory group from its beginning; "" is none. It is to be called on the spawner's thread. To move a process into a
// group once it runs takes the kernel 10 ms and more, for it waits until no other process is just being started; that is left to the caller, and joined
// is false, where there is no other way. command is told which it will be.
func startIn(group string, command func(joined bool) *exec.Cmd) (cmd *exec.Cmd, joined bool, err error) {
	if group == "" {
		cmd = command(true)
		return cmd, true, cmd.Start()
	}
	if fileExists(filepath.Join(group, "tasks")) { // cgroup v1: children begin where the thread is that starts them
		if err := enter(group); err != nil {
			return nil, false, err
		}
		cmd = command(true)
		err := cmd.Start()
		return cmd, true, errors.Join(err, enter(filepath.Dir(filepath.Dir(group))))
	}
	fd, err := unix.Open(group, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false, fmt.Errorf("process: memory group: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	cmd = command(true)
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, fd
	if err = cmd.Start(); err == nil || !slices.ContainsFunc(noClone3, func(e error) bool { return errors.Is(err, e) }) {
		return cmd, true, err
	}
	cmd = command(false)
	return cmd, false, cmd.Start()
}

// noClone3 are the errors of a kernel, or of a filter around this process, that does not start processes in groups.
var noClone3 = []error{syscall.ENOSYS, syscall.E2BIG, syscall.EINVAL, syscall.EPERM}

// move puts a process that runs into a group.
func move(group string, pid int) error {
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
		return fmt.Errorf("process: memory group: %w", err)
	}
	return nil
}

// enter moves this thread into a group of cgroup v1, which costs next to nothing.
func enter(group string) error {
	if err := os.WriteFile(filepath.Join(group, "tasks"), []byte("0"), 0); err != nil {
		return fmt.Errorf("process: memory group: %w", err)
	}
	return nil
}
