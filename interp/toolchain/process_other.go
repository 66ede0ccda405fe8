//go:build !unix

package toolchain

import (
	"errors"
	"os"
	"os/exec"
)

// There is no session host on this system: what it needs of processes is not supported.

func ownGroup(*exec.Cmd) {}

func processGone(int) bool { return false }

func tryLock(*os.File) (bool, error) { return false, errors.ErrUnsupported }

func shareLock(*os.File) error { return errors.ErrUnsupported }
