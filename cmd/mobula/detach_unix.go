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

// wake has a process go on that was stopped, as by Ctrl-Z in a terminal: before that it heeds no signal but SIGKILL.
func wake(pid int) {
	if pid > 0 {
		_ = syscall.Kill(pid, syscall.SIGCONT) // it may be gone
	}
}
