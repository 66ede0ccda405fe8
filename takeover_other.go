//go:build !mobulahost && !(linux && amd64)

package mobula

import (
	"fmt"
	"runtime"
)

func takeOver(func()) error {
	return fmt.Errorf("a program cannot be its own worker on %s/%s yet", runtime.GOOS, runtime.GOARCH)
}
