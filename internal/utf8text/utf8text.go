// Package utf8text joins text that comes in pieces which may be cut within a character.
//
// # Usage
//
//	n := len(text) - utf8text.Incomplete(text) // text[:n] can be shown; the rest begins a character
//
// # Concurrency
//
// Everything is a pure function.
//
// # Testing
//
// A table.
package utf8text

import "unicode/utf8"

// Incomplete returns the length of a UTF-8 sequence that text ends in the middle of, 0 where it ends with a whole character or with what
// is none.
func Incomplete(text []byte) int {
	for n := 1; n <= min(utf8.UTFMax-1, len(text)); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}
