//go:build !unix

package node

import (
	"os"
	"syscall"
)

func sysProcAttr() *syscall.SysProcAttr { return nil }

// killGroup ends a process.
func killGroup(p *os.Process) { _ = p.Kill() } // it may be gone

// pauseGroup does nothing: this system cannot.
func pauseGroup(int, bool) {}
