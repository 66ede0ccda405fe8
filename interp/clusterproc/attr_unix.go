//go:build unix

package clusterproc

import "syscall"

// sysProcAttr keeps the child out of the terminal's and the front end's interrupts.
func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
