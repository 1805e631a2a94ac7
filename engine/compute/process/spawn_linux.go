package process

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"sundog/engine/compute/process/sandbox"
)

// attributes gives how a process of a mode is started; number is that of its sandbox.
func attributes(m mode, number int64) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	switch m {
	case modeSandbox:
		a, _ = sandbox.Attributes(number)
	case modeUserNamespace:
		a.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	case modeNamespace:
		a.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS
	case modeReaper:
		a.Pdeathsig = syscall.SIGTERM // it ends what is below it first
	}
	return a
}

// probe finds the strongest mode that works here, by starting `true` in each.
func (s *spawner) probe() mode {
	program, err := exec.LookPath("true")
	if err != nil {
		return modeReaper
	}
	if s.sandbox != nil {
		err := s.sandbox()
		if err == nil {
			return modeSandbox
		}
		s.lack = err
		if missing := sandbox.Missing(); missing != "" {
			s.lack = fmt.Errorf("%s", missing)
		}
	}
	for _, m := range []mode{modeNamespace, modeUserNamespace} {
		p, err := s.try(m, program)
		if err != nil {
			continue
		}
		<-p.exited
		if p.status == "exit status 0" {
			return m
		}
	}
	return modeReaper
}

func killTree(m mode, pid int) {
	switch m {
	case modeReaper:
		_ = syscall.Kill(pid, syscall.SIGTERM)
	case modePlain:
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	default:
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
