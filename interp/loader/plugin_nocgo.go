//go:build mobulahost && !cgo

package loader

// Without a C compiler package overlay empties runtime/cgo: the Go linker asks only whether it is there.
import _ "runtime/cgo"
