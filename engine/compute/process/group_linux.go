package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// startIn starts a process that is in a memory group from its beginning; "" is none. It is to be called on the spawner's thread. To move a process into a
// group once it runs takes the kernel 10 ms and more, for it waits until no other process is just being started.
func startIn(group string, command func() *exec.Cmd) (*exec.Cmd, error) {
	cmd := command()
	if group == "" {
		return cmd, cmd.Start()
	}
	if tasks := filepath.Join(group, "tasks"); fileExists(tasks) { // cgroup v1: children begin where the thread is that starts them
		if err := enter(group); err != nil {
			return nil, err
		}
		err := cmd.Start()
		return cmd, errors.Join(err, enter(filepath.Dir(filepath.Dir(group))))
	}
	fd, err := unix.Open(group, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("process: memory group: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, fd
	if err = cmd.Start(); err == nil || !errors.Is(err, syscall.ENOSYS) && !errors.Is(err, syscall.E2BIG) && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.EPERM) {
		return cmd, err
	}
	cmd = command() // a kernel, or a filter around this process, without clone3
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
		_ = cmd.Process.Kill()
		return nil, errors.Join(err, cmd.Wait())
	}
	return cmd, nil
}

// enter moves this thread into a group of cgroup v1, which costs next to nothing.
func enter(group string) error {
	if err := os.WriteFile(filepath.Join(group, "tasks"), []byte("0"), 0); err != nil {
		return fmt.Errorf("process: memory group: %w", err)
	}
	return nil
}
