package head

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSecretsAreReplacedAsAWhole: also where a head that was killed has left half of one, which others may read.
func TestSecretsAreReplacedAsAWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name+".new", []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first", "second"} {
		if err := writeSecret(name, []byte(want)); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		if err != nil || string(text) != want {
			t.Errorf("%q, %v", text, err)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
	if err := writeSecret(filepath.Join(name, "x"), nil); err == nil {
		t.Error("a file was made in a file")
	}
}
