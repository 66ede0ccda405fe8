//go:build unix

package hostproc

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"mobula/internal/crash"
	"mobula/interp/hostrpc"
)

const (
	rawDelay  = 50 * time.Millisecond // how long raw output waits: it may be the start of a crash report
	rawLimit  = 64 << 10              // of unsent raw output
	crashKeep = 256 << 10             // bytes of a crash report that are kept
	crashWait = 30 * time.Second      // what looks like a crash report but ends nothing is output after all
)

// rawStream collects what is written to file descriptor 1 or 2 of the host by C code, by
// children and by the runtime itself, and holds crash reports back for Exit.
type rawStream struct {
	p    *Process
	n    int // 0 stdout, 1 stderr
	file *os.File
	fd   int // of file, non-blocking

	mu      sync.Mutex // guards below
	held    []byte
	timer   *time.Timer
	report  bool // held begins a crash report
	closed  bool
	dropped int
}

var rawNames = [2]string{"stdout", "stderr"}

func newRawStream(p *Process, n int) (*rawStream, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make a pipe for the session host's output: %w", err)
	}
	s := &rawStream{p: p, n: n, file: r}
	conn, err := r.SyscallConn()
	if err == nil {
		err = conn.Control(func(fd uintptr) { s.fd = int(fd) })
	}
	if err != nil {
		return nil, nil, fmt.Errorf("use a pipe for the session host's output: %w", err)
	}
	return s, w, nil
}

// read takes output as it comes, until the pipe is closed at the other end or by close.
func (s *rawStream) read() {
	conn, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Read(func(uintptr) bool { return s.take() != nil }) // fails only where the file was closed
}

// take reads all that is there. It returns nil where there may be more later.
func (s *rawStream) take() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	buf := make([]byte, 32<<10)
	for !s.closed {
		n, err := syscall.Read(s.fd, buf)
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return nil
		case err != nil || n == 0:
			return io.EOF
		default:
			s.add(buf[:n])
		}
	}
	return io.EOF
}

// add keeps output until the timer or drain sends it. s.mu is held.
func (s *rawStream) add(b []byte) {
	if s.n == 1 && !s.report && (crash.Begins(b) || crash.Begins(append(slices.Clip(s.held), b...))) {
		s.report = true
		if s.timer != nil {
			s.timer.Stop()
			s.timer = nil
		}
	}
	switch {
	case s.report && len(s.held)+len(b) > crashKeep:
		s.dropped += len(b)
		return
	case s.report:
	case len(s.held)+len(b) > rawLimit:
		s.held = append(s.held, b...)
		s.sendLocked()
		return
	}
	s.held = append(s.held, b...)
	if s.timer == nil {
		d := rawDelay
		if s.report {
			d = crashWait
		}
		s.timer = time.AfterFunc(d, s.expire)
	}
}

func (s *rawStream) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed && s.report {
		return
	}
	s.report = false
	s.sendLocked()
}

// sendLocked hands over what is held. s.mu is held, so the order stays.
func (s *rawStream) sendLocked() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if len(s.held) == 0 {
		return
	}
	s.p.mu.Lock()
	cell := s.p.running
	s.p.mu.Unlock()
	b := s.held
	s.held = nil
	s.p.event(&hostrpc.Event{Output: &hostrpc.Output{Cell: cell, Stream: rawNames[s.n], Text: b}})
}

// drain reads and hands over everything written so far.
func (s *rawStream) drain() {
	_ = s.take() // the reader sees the end of the file too
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report = false // whoever replies has not crashed
	s.sendLocked()
}

// drainAndClose takes what the ended host has left.
func (s *rawStream) drainAndClose() {
	_ = s.take() // its end is what we expect
	s.mu.Lock()
	s.closed = true
	if !s.report {
		s.sendLocked()
	}
	s.mu.Unlock()
	s.close()
}

func (s *rawStream) close() { _ = s.file.Close() } // it was only read

// crash returns the crash report, if that is what the host's last words were.
func (s *rawStream) crash() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.report {
		return nil
	}
	return s.held
}
