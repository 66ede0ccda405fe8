//go:build unix && !linux

package hostproc

import "syscall"

// closeOnExec is a flag of Socketpair, which knows none here.
const closeOnExec = 0

// sysProcAttr makes the host the leader of a process group of its own.
func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
