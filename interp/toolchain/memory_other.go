//go:build !linux

package toolchain

import (
	"errors"
	"os"
)

// memoryFile is needed by the compiled tier, which is for Linux so far.
func memoryFile(string, string) (*os.File, error) { return nil, errors.ErrUnsupported }
