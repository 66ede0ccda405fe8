package closure_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestAgainstDebugInformation runs testdata/program.
func TestAgainstDebugInformation(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("only code of linux/amd64 is read")
	}
	program := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/program").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(program).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var functions, variables, wrong int
	if _, err := fmt.Sscanf(string(out), "%d functions, %d variables, %d wrong", &functions, &variables, &wrong); err != nil || functions < 30 || wrong > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
