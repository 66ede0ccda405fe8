package toolchain

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
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

// TestUnlinked: what a host's name says nothing of is in no host.
func TestUnlinked(t *testing.T) {
	tc, err := Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := Command(t.Context(), filepath.Join("..", ".."), nil, tc.GoCmd, "list", "-deps", "-tags", "mobulahost", hostPackage).Output()
	if err != nil {
		t.Fatal(describeExit(err))
	}
	own := 0
	for path := range strings.FieldsSeq(string(out)) {
		path, ok := strings.CutPrefix(path, "mobula/")
		if !ok {
			continue
		}
		own++
		for _, dir := range unlinked {
			if path == dir || strings.HasPrefix(path, dir+"/") {
				t.Errorf("a session host is made of %s", path)
			}
		}
	}
	if own < 10 {
		t.Errorf("a session host is made of %d packages of Mobula only", own)
	}
	digest := func(changed string) string {
		source := fstest.MapFS{"mobula.go": {Data: []byte("package mobula")}, "cluster/wire/a.go": {Data: []byte("package wire")}, "cluster/head/a.go": {Data: []byte("package head")}}
		if changed != "" {
			source[changed] = &fstest.MapFile{Data: []byte("// changed")}
		}
		d, err := hostDigest(tc, source)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if digest("cluster/head/a.go") != digest("") || digest("cluster/wire/a.go") == digest("") || digest("cluster/new/a.go") == digest("") {
		t.Error("a change of what hosts are made of makes another host, no other change does")
	}
}
