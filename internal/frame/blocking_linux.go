package frame

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// maxBlocking bounds how many connections of the process have a thread each.
const maxBlocking = 64

var blocking atomic.Int32

// blockingStream is a socket that the runtime's poller does not know: a read waits in the system, on a thread of its own, which what
// arrives wakes directly. The poller is woken too whenever the other end has read, and has more to do until the reader runs.
type blockingStream struct {
	*os.File
	local, remote net.Addr
	raw           syscall.RawConn
	closed        atomic.Bool
	prompt        bool // the last read did not take long; Read's
}

// single is the most bytes that a read has where messages come one at a time.
const single = 1 << 10

// pollFor is for how long a read looks for a message before it waits: about twice what waking costs on a virtual machine.
const pollFor = 50 * time.Microsecond

// pays tells that looking is of use: with one processor the other end could not send meanwhile.
var pays = runtime.NumCPU() > 1

// polling tells that a read of this process does so: one at a time leaves the processors to others.
var polling atomic.Bool

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
			if raw, err := file.SyscallConn(); err == nil {
				_ = s.Close() // the duplicate is open
				return &blockingStream{File: file, raw: raw, local: s.LocalAddr(), remote: s.RemoteAddr()}
			}
			_ = file.Close()
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

// Read lets others go first: what the last message has woken runs on this thread, without waking another. Where single messages follow
// each other closely it looks for the next one a while before it waits in the system: a processor that has gone idle takes as long to wake.
func (s *blockingStream) Read(b []byte) (n int, err error) {
	runtime.Gosched()
	start := time.Now()
	if s.prompt && len(b) > 0 && polling.CompareAndSwap(false, true) {
		n = s.poll(b, start)
		polling.Store(false)
	}
	if n == 0 {
		n, err = s.File.Read(b)
	}
	s.prompt = pays && n <= single && time.Since(start) < pollFor
	return n, err
}

// poll reads without waiting until something comes, 0 if it takes too long. Others have the processor between two attempts.
func (s *blockingStream) poll(b []byte, start time.Time) (n int) {
	_ = s.raw.Read(func(fd uintptr) bool { // Read sees an error too
		for {
			got, _, no := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_DONTWAIT, 0, 0)
			if no == 0 {
				n = int(got)
				return true
			}
			if no != syscall.EAGAIN || time.Since(start) > pollFor {
				return true
			}
			runtime.Gosched()
		}
	})
	return n
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
	_ = s.raw.Control(func(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_RDWR) }) // the other end may be gone
	return s.File.Close()
}
