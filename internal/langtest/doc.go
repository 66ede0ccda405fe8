// Package langtest runs whole Go programs through a notebook session and compares what
// they print with what the same program prints when the go command builds and runs it.
//
// A program is run in two ways: whole, as one cell, and cut up: one cell for each
// declaration, in dependency order, and the body of main as the last cell.
//
// # Usage
//
//	programs, skipped, err := langtest.Collect(goroot, langtest.Folders)
//	want, err := reference.Expect(ctx, program)
//	result := runner.Run(ctx, program, langtest.Cut, want)
//
// # Concurrency
//
// Cutter, Reference and Runner may be used from any goroutine; each Run opens a session of its own.
//
// # Testing
//
// Split is tested by checking that its cells, put together again, type-check after every
// cell. The session comes from a function, so that tests pass a scripted one.
package langtest
