//go:build !cgo || !linux

package dl

// Open fails.
func Open(string) error { return ErrNoC }

// Symbol finds nothing.
func Symbol(string) (uintptr, bool) { return 0, false }
