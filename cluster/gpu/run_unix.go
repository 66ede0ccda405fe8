//go:build unix

package gpu

import "syscall"

// sysProcAttr keeps a child out of the terminal's and the front end's interrupts.
func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
