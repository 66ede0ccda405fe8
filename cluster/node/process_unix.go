//go:build unix

package node

import (
	"os"
	"syscall"
)

// killGroup ends a process and what it has started.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) } // all may be gone

// pauseGroup stops a process and what it has started, or lets it go on.
func pauseGroup(pid int, pause bool) {
	signal := syscall.SIGCONT
	if pause {
		signal = syscall.SIGSTOP
	}
	_ = syscall.Kill(-pid, signal) // all may be gone
}
