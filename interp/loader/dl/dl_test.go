//go:build cgo && linux

package dl

import "testing"

func TestSymbol(t *testing.T) {
	if a, ok := Symbol("puts"); !ok || a == 0 {
		t.Error("libc's puts is not found")
	}
	if _, ok := Symbol("no_such_symbol_anywhere"); ok {
		t.Error("a symbol that does not exist is found")
	}
	if err := Open("/nonexistent/lib.so"); err == nil {
		t.Error("a library that does not exist is opened")
	}
}
