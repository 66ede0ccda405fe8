//go:build !unix

package clusterproc

import "syscall"

func sysProcAttr() *syscall.SysProcAttr { return nil }
