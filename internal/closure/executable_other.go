//go:build !linux

package closure

// executableCode knows only Linux executables: nothing can be taken apart elsewhere.
func executableCode() *Code { return &Code{} }
