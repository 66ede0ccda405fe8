//go:build unix

package frame

import (
	"net"
	"syscall"
)

// direct writes without waiting: as much as the system takes at once.
type direct struct{ raw syscall.RawConn }

func newDirect(stream net.Conn) direct {
	s, ok := stream.(syscall.Conn)
	if !ok {
		return direct{} // such as TLS, or a pipe
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return direct{}
	}
	return direct{raw}
}

func (d direct) usable() bool { return d.raw != nil }

// write returns how much it has written. An error shows itself again to the next write that waits.
func (d direct) write(b []byte) (n int) {
	_ = d.raw.Write(func(fd uintptr) bool {
		n, _ = syscall.SendmsgN(int(fd), b, nil, nil, syscall.MSG_DONTWAIT)
		return true
	})
	return max(0, n)
}
