package frame

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
)

// maxBlocking bounds how many connections of the process have a thread each.
const maxBlocking = 64

var blocking atomic.Int32

// blockingStream is a socket that the runtime's poller does not know: a read waits in the system, on a thread of its own, which what
// arrives wakes directly. The poller is woken too whenever the other end has read, and has more to do until the reader runs.
type blockingStream struct {
	*os.File
	local, remote net.Addr
	closed        atomic.Bool
}

// newBlocking takes over a socket to another process; nil where it cannot, or where there are too many.
func newBlocking(stream net.Conn) net.Conn {
	s, ok := stream.(*net.UnixConn)
	if !ok || isOwn(s) {
		return nil
	}
	return takeOver(s)
}

// isOwn reports whether the other end is in this process, where the poller switches between goroutines without a thread.
func isOwn(s *net.UnixConn) bool {
	raw, err := s.SyscallConn()
	if err != nil {
		return true
	}
	var peer *syscall.Ucred
	err = raw.Control(func(fd uintptr) { peer, _ = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED) })
	return err != nil || peer == nil || int(peer.Pid) == os.Getpid()
}

func takeOver(s *net.UnixConn) net.Conn {
	if blocking.Add(1) <= maxBlocking {
		if file, err := duplicate(s); err == nil {
			_ = s.Close() // the duplicate is open
			return &blockingStream{File: file, local: s.LocalAddr(), remote: s.RemoteAddr()}
		}
	}
	blocking.Add(-1)
	return nil
}

// duplicate returns another descriptor of the socket, which blocks.
func duplicate(s *net.UnixConn) (file *os.File, err error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		d, _, no := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
		if no != 0 {
			failed = no
			return
		}
		if failed = syscall.SetNonblock(int(d), false); failed != nil {
			_ = syscall.Close(int(d)) // it was not used
			return
		}
		file = os.NewFile(d, "socket")
	})
	return file, errors.Join(err, failed)
}

// Read lets others go first: what the last message has woken runs on this thread, without waking another.
func (s *blockingStream) Read(b []byte) (int, error) {
	runtime.Gosched()
	return s.File.Read(b)
}

// LocalAddr is the socket's.
func (s *blockingStream) LocalAddr() net.Addr { return s.local }

// RemoteAddr is the other end's.
func (s *blockingStream) RemoteAddr() net.Addr { return s.remote }

// Close ends reads and writes that wait.
func (s *blockingStream) Close() error {
	if s.closed.Swap(true) {
		return os.ErrClosed
	}
	blocking.Add(-1)
	raw, err := s.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_RDWR) }) // the other end may be gone
	}
	return s.File.Close()
}
