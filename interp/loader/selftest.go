package loader

import (
	_ "embed"
	"fmt"
	"runtime"
)

//go:embed selftest.go.txt
var selfTestSource []byte

// SelfTestSource is the source of the self-test cell; it imports nothing.
func SelfTestSource() []byte { return selfTestSource }

// selfTestFunc and selfTestResult are in the self-test cell.
const (
	selfTestFunc   = "main.mobulaSelfTest"
	selfTestResult = "main.mobulaSelfTestResult"
)

// SelfTest loads and runs the compiled self-test cell: types, interfaces, closures, panics,
// generic code, pointer masks. An error means that this toolchain is not to be used.
func (l *Linker) SelfTest(archive string) error {
	if _, err := l.Load(Unit{Archive: archive, Define: []string{selfTestFunc}}); err != nil {
		return fmt.Errorf("self-test of the linker: %w", err)
	}
	l.Verify()
	f, ok := l.Func(selfTestFunc)
	if !ok {
		return fmt.Errorf("self-test of the linker: %s is missing", selfTestFunc)
	}
	for range 2 {
		f()
		runtime.GC()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.syms[selfTestResult]
	if !ok {
		return fmt.Errorf("self-test of the linker: %s is missing", selfTestResult)
	}
	if s := *(*string)(pointer(a)); s != "ok" {
		return fmt.Errorf("self-test of the linker failed: %s: this Go toolchain cannot be used for native cells", s)
	}
	return nil
}
