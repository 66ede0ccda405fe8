// Package filelock tells whether another process uses something: by a lock on a file, which the system takes back when its holder
// ends, however that is.
//
// # Usage
//
//	lock, err := filelock.Open(name, false)   // exclusive, until lock is closed
//	if errors.Is(err, filelock.ErrHeld) { ... }
//
// # Concurrency
//
// All functions may be called from any goroutine. Two opens of one file in one process exclude each other, too.
//
// # Testing
//
// The tests lock a file twice.
package filelock

import "errors"

// ErrHeld is returned where the lock is another's.
var ErrHeld = errors.New("another process holds the lock")
