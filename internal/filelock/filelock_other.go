//go:build !unix || solaris || aix

package filelock

import (
	"errors"
	"os"
)

// Open opens a new file: while it is open, this system lets nobody remove it. It does not wait.
func Open(name string, _ bool) (*os.File, error) {
	_ = os.Remove(name) // fails where another process has it open
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, ErrHeld
	}
	return f, err
}

// Try fails.
func Try(*os.File) error { return errors.ErrUnsupported }

// Share fails.
func Share(*os.File) error { return errors.ErrUnsupported }
