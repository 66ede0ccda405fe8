//go:build unix

package crash

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// EndOf says how a process ended, from what its Wait has returned.
func EndOf(state *os.ProcessState, err error) End {
	if state == nil {
		return End{Reason: fmt.Sprint(err), Code: -1}
	}
	e := End{Code: state.ExitCode(), Reason: fmt.Sprintf("exited with status %d", state.ExitCode())}
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
