// Package session is the table of session programs: what several cells in a row must do,
// one text archive for each rule (see langtest.Script for the format).
//
// # Usage
//
// go test ./tests/session -run TestSessions/NAME
//
// # Concurrency
//
// Each script has a session of its own; they run one after the other.
//
// # Testing
//
// langtest tests the script format itself.
package session
