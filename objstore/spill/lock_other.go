//go:build !unix || solaris || aix

package spill

import (
	"errors"
	"os"
)

var errLocked = errors.New("another process holds the lock")

// takeLock fails: the store runs on Unix systems.
func takeLock(string, bool) (*os.File, error) {
	return nil, errors.New("spilling needs file locks of Unix")
}
