//go:build unix

package hostproc

import (
	"strings"
	"testing"

	"mobula/internal/sysmem"
)

func TestMemoryVerdict(t *testing.T) {
	const gb = 1 << 30
	tests := []struct {
		name        string
		held, limit int64
		left        sysmem.Memory
		want        string // begins the reason
	}{
		{"plenty", 10 * gb, 0, sysmem.Memory{Total: 24 * gb, Available: 13 * gb}, ""},
		{"nearly none", 22 * gb, 0, sysmem.Memory{Total: 24 * gb, Available: gb / 2}, "out of memory: it held 22 GiB, and of the 24 GiB that there are 512 MiB were left"},
		{"others hold it", gb, 0, sysmem.Memory{Total: 24 * gb, Available: gb / 2}, ""},
		{"within its limit", gb, 2 * gb, sysmem.Memory{Total: 24 * gb, Available: 20 * gb}, ""},
		{"over its limit", 3 * gb, 2 * gb, sysmem.Memory{Total: 24 * gb, Available: 20 * gb}, "out of memory: it held 3 GiB, and MOBULA_MEMORY_LIMIT is 2 GiB"},
	}
	for _, tt := range tests {
		if got := memoryVerdict(tt.held, tt.limit, tt.left); !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
