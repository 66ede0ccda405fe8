//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// detach makes cmd survive the end of this process's terminal session.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}
