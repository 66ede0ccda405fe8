// Package dl opens C shared libraries in the session host and finds their symbols.
//
// # Usage
//
//	err := dl.Open("libcell.so")
//	addr, ok := dl.Symbol("puts")
//
// Without cgo Open fails with ErrNoC and Symbol finds nothing.
//
// # Concurrency
//
// Both functions may be called from any goroutine.
//
// # Testing
//
// The test finds a function of libc.
package dl

import "errors"

// ErrNoC is returned by Open in a host that was built without a C compiler.
var ErrNoC = errors.New("the session host was built without cgo: install a C compiler and restart the session")
