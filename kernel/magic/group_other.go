//go:build !unix

package magic

import "os/exec"

// group does nothing: only the command itself ends with ctx.
func group(*exec.Cmd) {}
