//go:build !unix

package gpu

import "syscall"

func sysProcAttr() *syscall.SysProcAttr { return nil }
