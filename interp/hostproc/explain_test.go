//go:build unix

package hostproc

import (
	"strings"
	"testing"

	"mobula/internal/crash"
)

const overflow = `runtime: goroutine stack exceeds 268435456-byte limit
fatal error: stack overflow

runtime stack:
runtime.throw({0x60a1, 0x1})
	/go/src/runtime/panic.go:1101 +0x48

goroutine 26 gp=0xc000 m=2 mp=0xc0 [running labels:{"cell": "7"}]:
main.rec(0x1)
	cell[7]:1 +0x1d
main.rec(0x0)
	cell[7]:1 +0x1d
...additional frames elided...
main.cell()
	cell[7]:2 +0x11
`

const mapWrites = `fatal error: concurrent map writes

goroutine 30 [running labels:{"cell": "4"}]:
internal/runtime/maps.fatal({0x6, 0x1})
	/go/src/runtime/panic.go:1053 +0x18
main.cell.func1()
	cell[4]:5 +0x33

goroutine 1 [select]:
mobula/interp/host.(*Host).work()
	/x/host.go:12 +0x1
`

const segfault = `SIGSEGV: segmentation violation
PC=0x7f m=3 sigcode=1 addr=0x8
signal arrived during cgo execution

goroutine 31 gp=0xc [syscall labels:{"cell": "2"}]:
runtime.cgocall(0x1, 0x2)
	/go/src/runtime/cgocall.go:167 +0x4b
main._Cfunc_crash()
	_cgo_gotypes.go:40 +0x2b
`

func TestReports(t *testing.T) {
	tests := []struct {
		name, report, reason string
		cell                 int
		frame                string // of the innermost user frame
	}{
		{"stack overflow", overflow, "stack overflow", 7, "rec"},
		{"concurrent map writes", mapWrites, "fatal error: concurrent map writes", 4, "cell.func1"},
		{"crash in C", segfault, "crash in C code (SIGSEGV: segmentation violation)", 2, "_Cfunc_crash"},
		{"out of memory", "fatal error: runtime: out of memory\n", "out of memory", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report := crash.Parse([]byte(tt.report))
			if got := report.Cause; !strings.HasPrefix(got, tt.reason) {
				t.Errorf("cause is %q, want %q", got, tt.reason)
			}
			cell, frames := culprit(report)
			if cell != tt.cell {
				t.Errorf("cell %d, want %d", cell, tt.cell)
			}
			got := ""
			for _, f := range frames {
				if f.User {
					got = f.Func
					break
				}
			}
			if got != tt.frame {
				t.Errorf("innermost user frame is %q, want %q, in %+v", got, tt.frame, frames)
			}
		})
	}
}
