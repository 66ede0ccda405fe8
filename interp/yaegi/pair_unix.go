//go:build unix

package yaegi

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
)

// connFD is the file descriptor at which the child finds its end of the socket.
const connFD = 3

// childSide connects cmd to a socket. started closes what only the child needs.
func childSide(cmd *exec.Cmd) (c io.ReadWriteCloser, started func() error, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "interpreter"), os.NewFile(uintptr(fds[1]), "kernel")
	c, err = net.FileConn(ours)
	if err = errors.Join(err, ours.Close()); err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	cmd.ExtraFiles = []*os.File{theirs}
	return c, theirs.Close, nil
}

// kernelSide is the child's end of the socket.
func kernelSide() (io.ReadWriteCloser, error) {
	f := os.NewFile(connFD, "kernel")
	if f == nil {
		return nil, fmt.Errorf("nothing is open at file descriptor %d", connFD)
	}
	c, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("the socket at file descriptor %d: %w", connFD, err)
	}
	return c, nil
}
