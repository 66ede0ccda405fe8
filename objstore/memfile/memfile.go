// Package memfile is shared memory without a name: segments that one process makes, passes to others as file descriptors, and
// that vanish with the last of them, however they end.
//
// # Usage
//
//	f, err := memfile.Create(32 << 20)         // the node: all pages are there, or an error
//	fd, err := f.Dup(true)                     // to be sent to a writer
//	g, err := memfile.Open(fd, 32<<20)  // the writer
//	m, err := g.Map()
//	m.Ensure(1 << 20); copy(m.Bytes(), data)
//
// # Concurrency
//
// A File may be used from any goroutine; Close waits for no one and comes after the last use. A Mapping's Ensure may be called from any
// goroutine; ranges of its bytes belong to who writes them.
//
// # Testing
//
// Both ends work in one process. On systems other than Linux every constructor fails with ErrUnsupported.
package memfile

import "errors"

// ErrUnsupported is returned where the system has no such memory.
var ErrUnsupported = errors.New("shared memory segments need Linux")

// Range is a part of a file.
type Range struct{ Offset, Size int64 }
