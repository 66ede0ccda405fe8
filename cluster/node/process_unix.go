//go:build unix

package node

import (
	"os"
	"syscall"
)

// killGroup ends a process and what it has started.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) } // all may be gone
