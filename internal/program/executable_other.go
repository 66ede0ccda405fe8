//go:build !linux

package program

import (
	"fmt"
	"runtime"
)

// Executable returns the running executable as a Program.
func Executable() (Program, error) {
	return nil, fmt.Errorf("closures cannot leave their process on %s yet: only on linux", runtime.GOOS)
}
