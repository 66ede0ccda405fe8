// Package peercred tells who is at the other end of a unix socket, so that processes of other users are refused where the permissions of a
// directory alone would have to keep them out.
//
// # Usage
//
//	if err := peercred.Check(stream); err != nil { refuse }
//
// # Concurrency
//
// Check may be called from any goroutine.
//
// # Testing
//
// A test connects to itself; another user cannot be played without privileges.
package peercred
