//go:build !linux

package process

import "os/exec"

// startIn starts a process; there are no groups here.
func startIn(_ string, command func() *exec.Cmd) (*exec.Cmd, error) {
	cmd := command()
	return cmd, cmd.Start()
}
