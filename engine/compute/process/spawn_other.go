//go:build !linux

package process

import "syscall"

const initName = "sundog-init"

func attributes(mode, int64) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (s *spawner) probe() mode { return modePlain }

func killTree(_ mode, pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
