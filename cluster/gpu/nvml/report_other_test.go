//go:build !(nvml && cgo && linux)

package nvml

import (
	"os"
	"strings"
	"testing"

	"mobula/cluster/gpu"
)

func TestBuiltWithout(t *testing.T) {
	if p := report().Problem; p == nil || p.Cause != gpu.NotBuilt || !strings.Contains(p.Text, "-tags nvml") {
		t.Errorf("%+v", p)
	}
	t.Setenv("PATH", t.TempDir()) // no nvidia-smi
	inv := gpu.Discover(t.Context(), gpu.Config{Probe: []string{os.Args[0]}, Always: true})
	if p := inv.Report.Problem; p == nil || p.Cause != gpu.NotBuilt && p.Cause != gpu.NoDriver || len(inv.Units) > 0 {
		t.Errorf("%+v", inv.Report)
	}
}
