package yaegi

import (
	"os/exec"
	"syscall"
)

// own makes cmd a process group that dies with the kernel.
func own(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// end kills the process group of cmd; it may have ended already.
func end(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
