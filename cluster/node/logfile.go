package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"mobula/internal/id"
)

const (
	logFileSize = 8 << 20 // of each of the two files of a log
	oldSuffix   = ".1"
	workerLog   = "worker-" // before a worker's id
)

// logStore keeps the log files of workers and submitted jobs within a bound.
type logStore struct {
	dir   string
	bound int64 // of all files together
	size  int64 // of one file

	mu    sync.Mutex // guards below, and the files
	files []*logFile // oldest first; also of workers that have ended
}

// logFile is what one worker, or attempt of a job, has written: a current file and the one before it.
type logFile struct {
	store   *logStore
	name    string
	path    string
	file    *os.File // nil before the first output, after the end, and after a failure
	size    int64
	oldSize int64
	dropped int64 // bytes of files that are gone
	closed  bool
	more    chan struct{} // closed when there is more; nil while nobody waits
}

func newLogStore(dir string, bound int64) *logStore {
	return &logStore{dir: dir, bound: bound, size: min(logFileSize, max(1, bound/4))}
}

// open returns the log of a new worker. Nothing is made before it writes.
func (s *logStore) open(name string) *logFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &logFile{store: s, name: name, path: filepath.Join(s.dir, name+".log")}
	s.files = append(s.files, f)
	return f
}

// Write appends to the log.
func (f *logFile) Write(b []byte) (int, error) {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	for rest := b; len(rest) > 0; {
		if err := f.prepare(); err != nil {
			return 0, fmt.Errorf("write a worker's log: %w", err)
		}
		n := int(min(int64(len(rest)), f.store.size-f.size))
		if _, err := f.file.Write(rest[:n]); err != nil {
			return 0, fmt.Errorf("write a worker's log: %w", err)
		}
		f.size += int64(n)
		rest = rest[n:]
	}
	f.store.shrink()
	f.tellMore()
	return len(b), nil
}

// prepare sees to it that there is a file with room. store.mu is held.
func (f *logFile) prepare() (err error) {
	if f.file != nil && f.size < f.store.size {
		return nil
	}
	if f.file != nil {
		if err := f.file.Close(); err != nil {
			return err
		}
		f.file = nil
		if err := os.Rename(f.path, f.path+oldSuffix); err != nil {
			return err
		}
		f.dropped += f.oldSize
		f.oldSize, f.size = f.size, 0
	}
	f.file, err = os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	f.size = 0
	return err
}

// close ends the log; its files stay for a while.
func (f *logFile) close() error {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	f.closed = true
	f.tellMore()
	if f.file == nil {
		f.store.files = slices.DeleteFunc(f.store.files, func(x *logFile) bool { return x == f && f.oldSize == 0 })
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// shrink deletes files until all are within the bound: first those of workers that have ended, oldest first, then the older
// halves of the living. s.mu is held.
func (s *logStore) shrink() {
	total := int64(0)
	for _, f := range s.files {
		total += f.size + f.oldSize
	}
	s.files = slices.DeleteFunc(s.files, func(f *logFile) bool {
		if total <= s.bound || !f.closed {
			return false
		}
		total -= f.size + f.oldSize
		_ = os.Remove(f.path)
		_ = os.Remove(f.path + oldSuffix) // often there is none
		return true
	})
	for _, f := range s.files {
		if total > s.bound && f.oldSize > 0 {
			total -= f.oldSize
			f.dropped += f.oldSize
			f.oldSize = 0
			_ = os.Remove(f.path + oldSuffix)
		}
	}
}

// list lists the logs, oldest first.
func (s *logStore) list() []LogInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []LogInfo{}
	for _, f := range s.files {
		worker, err := id.Parse[id.Worker](strings.TrimPrefix(f.name, workerLog))
		if err != nil {
			continue
		}
		all = append(all, LogInfo{worker, f.dropped + f.oldSize + f.size, f.closed})
	}
	return all
}
