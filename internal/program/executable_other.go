//go:build !linux

package program

import (
	"fmt"
	"runtime"
)

// OpenImage returns the image of the running executable.
func OpenImage(func(p uintptr) *Segment) (*Image, error) {
	return nil, fmt.Errorf("closures cannot leave their process on %s yet: only on linux", runtime.GOOS)
}
