//go:build !unix

package node

import (
	"fmt"
	"os"
	"syscall"
)

func sysProcAttr() *syscall.SysProcAttr { return nil }

// killGroup ends a process.
func killGroup(p *os.Process) { _ = p.Kill() } // it may be gone

// exitOf says how a process ended.
func exitOf(state *os.ProcessState, err error) Exit {
	if state == nil {
		return Exit{Reason: fmt.Sprint(err), Code: -1}
	}
	return Exit{Code: state.ExitCode(), Reason: fmt.Sprintf("exited with status %d", state.ExitCode())}
}
