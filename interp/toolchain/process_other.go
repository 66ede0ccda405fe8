//go:build !unix

package toolchain

import "os/exec"

// There is no session host on this system: what it needs of processes is not supported.

func ownGroup(*exec.Cmd) {}

func processGone(int) bool { return false }
