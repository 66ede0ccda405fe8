package nvml

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"mobula/cluster/gpu"
)

// TestMain makes this binary a probe where a test starts it as one.
func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

func TestProbePrintsOneLine(t *testing.T) {
	var out, errs strings.Builder
	if status := probe("1h", &out, &errs); status != 0 || errs.Len() > 0 {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	var r gpu.Report
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil || r.GPUs == nil || strings.Count(strings.TrimSpace(out.String()), "\n") > 0 {
		t.Errorf("%v: %q", err, out.String())
	}
	for _, limit := range []string{"", "soon", "-1s"} {
		errs.Reset()
		if status := probe(limit, &out, &errs); status != 2 || !strings.Contains(errs.String(), gpu.EnvProbe) {
			t.Errorf("limit %q: status %d, %q", limit, status, errs.String())
		}
	}
}
