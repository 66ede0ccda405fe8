//go:build !linux

package yaegi

import "os/exec"

// own does nothing here: the child ends when its socket does.
func own(*exec.Cmd) {}

// end kills cmd; it may have ended already.
func end(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
