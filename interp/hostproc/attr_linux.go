package hostproc

import "syscall"

// deathSignal tells a host that its kernel has gone. The patched runtime ends its process group on it,
// even where no goroutine can run.
const deathSignal = syscall.Signal(50)

// closeOnExec is a flag of Socketpair.
const closeOnExec = syscall.SOCK_CLOEXEC

// sysProcAttr makes the host the leader of a process group of its own.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: deathSignal}
}

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
