//go:build unix

package lab

import (
	"fmt"
	"syscall"
)

// become replaces this process by a program: it gets the terminal, and all signals.
func become(path string, args, env []string) error {
	return fmt.Errorf("start %s: %w", path, syscall.Exec(path, args, env))
}
