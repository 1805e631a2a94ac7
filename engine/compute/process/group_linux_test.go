package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A process is in its group of cgroup v2 from its beginning, under a user namespace too, and this one is not.
func TestStartInAGroupOfVersion2(t *testing.T) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	group := ""
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			group = filepath.Join(f[1], fmt.Sprintf("sundog-test-%d", os.Getpid()))
		}
	}
	if group == "" {
		t.Skip("no cgroup v2 here")
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skip(err)
	}
	defer func() {
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	}()
	for _, flags := range []uintptr{0, syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID} {
		cmd, joined, err := startIn(group, func(bool) *exec.Cmd {
			c := exec.Command("/bin/sleep", "600")
			c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
			return c
		})
		if err != nil || !joined {
			t.Fatal(joined, err)
		}
		procs, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
		if err != nil || strings.TrimSpace(string(procs)) != fmt.Sprint(cmd.Process.Pid) {
			t.Errorf("the group has %q, %v; the process is %d", procs, err, cmd.Process.Pid)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
}
