//go:build unix && !linux

package node

import "syscall"

// sysProcAttr makes a worker the leader of a process group of its own. It ends when its connection to the node does.
func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
