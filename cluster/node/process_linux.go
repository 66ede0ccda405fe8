package node

import "syscall"

// sysProcAttr makes a worker the leader of a process group of its own, which ends when the thread that started it does.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
