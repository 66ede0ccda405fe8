package kernel

import "unicode/utf8"

// Front ends count positions in Unicode code points, the engine in bytes.

// byteOffset is the byte offset of a code point position in s, clamped to s.
func byteOffset(s string, position int) int {
	if position <= 0 {
		return 0
	}
	for i := range s {
		if position == 0 {
			return i
		}
		position--
	}
	return len(s)
}

// codePoints is the code point position of a byte offset in s, clamped to s. An offset
// inside a character counts as its start.
func codePoints(s string, offset int) int {
	offset = max(0, min(offset, len(s)))
	for offset < len(s) && !utf8.RuneStart(s[offset]) {
		offset--
	}
	return utf8.RuneCountInString(s[:offset])
}
