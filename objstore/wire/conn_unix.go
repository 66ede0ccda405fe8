//go:build unix

package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// unixConn is a Conn over a unix stream socket.
type unixConn struct {
	c   *net.UnixConn
	oob []byte
}

// maxFDs is how many descriptors one read takes.
const maxFDs = 64

// NewConn returns a connection over a unix stream socket, which it takes over.
func NewConn(c *net.UnixConn) Conn {
	return &unixConn{c: c, oob: make([]byte, syscall.CmsgSpace(4*maxFDs))}
}

// Dial connects to a store's socket.
func Dial(path string) (Conn, error) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("connect to the object store: %w", err)
	}
	return NewConn(c), nil
}

// Pair returns the two ends of a socket.
func Pair() (node, client Conn, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket: %w", err)
	}
	var conns [2]Conn
	for i, fd := range fds {
		syscall.CloseOnExec(fd)
		f := os.NewFile(uintptr(fd), "object store")
		c, err2 := FromFile(f)
		f.Close()
		conns[i], err = c, errors.Join(err, err2)
	}
	return conns[0], conns[1], err
}

// FromFile returns a connection over an inherited socket. The file stays the caller's.
func FromFile(f *os.File) (Conn, error) {
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("use a socket: %w", err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("use a socket: %s is no unix socket", f.Name())
	}
	return NewConn(u), nil
}

func (u *unixConn) Read(p []byte) (n int, fds []int, err error) {
	n, oobn, flags, _, err := u.c.ReadMsgUnix(p, u.oob)
	if err != nil {
		return n, nil, err
	}
	if oobn > 0 {
		if fds, err = rights(u.oob[:oobn]); err != nil {
			return n, fds, err
		}
	}
	if flags&syscall.MSG_CTRUNC != 0 {
		return n, fds, errors.New("descriptors of segments were cut off: this process has too many open files")
	}
	if n == 0 {
		return 0, fds, io.EOF
	}
	return n, fds, nil
}

func rights(oob []byte) (fds []int, err error) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("read descriptors: %w", err)
	}
	for i := range messages {
		got, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			return fds, fmt.Errorf("read descriptors: %w", err)
		}
		fds = append(fds, got...)
	}
	return fds, nil
}

func (u *unixConn) Write(p []byte, fds []int) error {
	if len(fds) == 0 {
		_, err := u.c.Write(p)
		return err
	}
	n, _, err := u.c.WriteMsgUnix(p, syscall.UnixRights(fds...), nil)
	if err != nil {
		return err
	}
	if n < len(p) {
		_, err = u.c.Write(p[n:])
	}
	return err
}

func (u *unixConn) Close() error { return u.c.Close() }

func closeFD(fd int) { _ = syscall.Close(fd) }
