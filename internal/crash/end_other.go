//go:build !unix

package crash

import (
	"fmt"
	"os"
)

// EndOf says how a process ended, from what its Wait has returned.
func EndOf(state *os.ProcessState, err error) End {
	if state == nil {
		return End{Reason: fmt.Sprint(err), Code: -1}
	}
	return End{Code: state.ExitCode(), Reason: fmt.Sprintf("exited with status %d", state.ExitCode())}
}
