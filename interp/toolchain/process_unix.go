//go:build unix

package toolchain

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup gives a command a process group of its own, which is killed as a whole.
func ownGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}

// processGone reports that no process has this number.
func processGone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }

// tryLock takes a file's exclusive lock if it is free.
func tryLock(f *os.File) (ok bool, err error) {
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err {
	case nil:
		return true, nil
	case syscall.EWOULDBLOCK, syscall.EINTR:
		return false, nil
	default:
		return false, err
	}
}

// shareLock takes a file's shared lock.
func shareLock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_SH) }
