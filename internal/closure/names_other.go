//go:build !linux

package closure

// CapturedNames returns nil: nothing is known here.
func CapturedNames(uintptr) []string { return nil }
