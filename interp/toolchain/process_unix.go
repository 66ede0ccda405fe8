//go:build unix

package toolchain

import (
	"os/exec"
	"syscall"
)

// ownGroup gives a command a process group of its own, which is killed as a whole.
func ownGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}

// processGone reports that no process has this number.
func processGone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }
