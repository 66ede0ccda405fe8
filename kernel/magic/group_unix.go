//go:build unix && !linux

package magic

import (
	"os/exec"
	"syscall"
)

// group gives c a process group of its own, which ends with ctx.
func group(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
