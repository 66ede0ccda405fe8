//go:build unix

package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// killGroup ends a process and what it has started.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) } // all may be gone

// exitOf says how a process ended.
func exitOf(state *os.ProcessState, err error) Exit {
	if state == nil {
		return Exit{Reason: fmt.Sprint(err), Code: -1}
	}
	e := Exit{Code: state.ExitCode(), Reason: fmt.Sprintf("exited with status %d", state.ExitCode())}
	status, _ := state.Sys().(syscall.WaitStatus)
	switch _, exited := errors.AsType[*exec.ExitError](err); {
	case status.Signaled() && status.Signal() == syscall.SIGKILL:
		e.Signal, e.Reason = int(syscall.SIGKILL), "killed (signal 9), perhaps for lack of memory"
	case status.Signaled():
		e.Signal, e.Reason = int(status.Signal()), fmt.Sprintf("killed by signal %d (%s)", int(status.Signal()), status.Signal())
	case err != nil && !exited:
		e.Reason = err.Error()
	}
	return e
}
