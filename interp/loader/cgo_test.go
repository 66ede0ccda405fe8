//go:build linux && amd64

package loader_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"mobula/interp/loader"
)

// TestC loads a unit that calls C and is called back by it.
func TestC(t *testing.T) {
	b := testBench(t)
	if !b.tc.Cgo {
		t.Skip("no C compiler")
	}
	dir := t.TempDir()
	command := func(name string, args ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), name, args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
	}
	src := `package main

/*
#include <stdlib.h>
#include <string.h>
#include <errno.h>
typedef struct { int a; double b; } pair;
static int add(int x, int y) { return x + y; }
static pair twice(pair p) { p.a *= 2; p.b *= 2; return p; }
static int fails(void) { errno = ENOENT; return -1; }
*/
import "C"
import ("fmt"; "unsafe")

func cell_1() {
	s := C.CString("hello")
	defer C.free(unsafe.Pointer(s))
	p := C.twice(C.pair{a: 4, b: 1.5})
	_, err := C.fails()
	fmt.Println(C.add(40, 2), C.strlen(s), C.GoString(s), p.a, p.b, err)
}
`
	if err := os.WriteFile(filepath.Join(dir, "cell.go"), []byte(src), 0o666); err != nil {
		t.Fatal(err)
	}
	command(b.tc.GoCmd, "tool", "cgo", "-objdir", dir, "-importpath", "main", "--", "cell.go")
	command("gcc", "-shared", "-fPIC", "-O1", "-o", "libcell.so", "cell.cgo2.c", "_cgo_export.c")
	command(b.tc.GoCmd, "tool", "compile", "-p", "main", "-importcfg", b.cfg, "-pack", "-o", "cell.a", "_cgo_gotypes.go", "cell.cgo1.go")
	u := &loader.Unit{
		Archive: filepath.Join(dir, "cell.a"), Libraries: []string{filepath.Join(dir, "libcell.so")},
		Define: []string{"main.cell_1"},
	}
	out, err := b.run(t, nil, step{Unit: u, Run: []string{"main.cell_1", "main.cell_1"}, Stats: true})
	const want = "42 5 hello 8 3 no such file or directory\n"
	if err != nil || len(out) < 2*len(want) || out[:2*len(want)] != want+want {
		t.Fatalf("%v\n%s", err, out)
	}
}
