package toolchain

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mobula/internal/filelock"
)

// TestRemoveOld keeps the hosts used last, the current one and those that a process holds.
func TestRemoveOld(t *testing.T) {
	cache := t.TempDir()
	dir := func(i int) string { return filepath.Join(cache, fmt.Sprintf("host-%d", i)) }
	for i := range 6 {
		if err := os.Mkdir(dir(i), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(leaseFile(dir(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(i-10) * time.Hour)
		if err := os.Chtimes(dir(i), at, at); err != nil {
			t.Fatal(err)
		}
	}
	held, err := os.Open(leaseFile(dir(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := filelock.Share(held); err != nil {
		t.Fatal(err)
	}
	removeOld(cache, dir(0))
	for i, want := range []bool{true, true, false, true, true, true} {
		if got := exists(dir(i)); got != want {
			t.Errorf("host-%d is there: %v, want %v", i, got, want)
		}
	}
}
