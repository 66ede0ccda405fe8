package magic

import (
	"os/exec"
	"syscall"
)

// group gives c a process group of its own, which ends with ctx, and ends c with the kernel.
func group(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
