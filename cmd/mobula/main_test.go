package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// run runs a command line in this process.
func run(ctx context.Context, args []string, out io.Writer) error {
	_, err := dispatch(ctx, newRoot(out, io.Discard), args)
	return err
}

func TestVersion(t *testing.T) {
	line := "mobula " + version + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	for _, args := range []string{"version", "--version", "-v"} {
		var out strings.Builder
		if err := run(t.Context(), strings.Fields(args), &out); err != nil || out.String() != line {
			t.Errorf("%s: %q, %v", args, out.String(), err)
		}
	}
	var out bytes.Buffer
	var told struct{ Version, Go, OS, Arch string }
	if err := run(t.Context(), []string{"version", "-o", "json"}, &out); err != nil || json.Unmarshal(out.Bytes(), &told) != nil || told.Version != version || told.Arch != runtime.GOARCH {
		t.Errorf("%s, %v", out.Bytes(), err)
	}
}

// TestExitCodes: what the process exits with, and where it says what.
func TestExitCodes(t *testing.T) {
	empty := t.TempDir()
	t.Chdir(empty)
	for _, tt := range []struct {
		args      string
		code      int
		out, errs string
	}{
		{"version", 0, "mobula " + version, ""},
		{"", 0, "The cluster:", ""},
		{"help exit-codes", 0, "  2  ", ""},
		{"list tasks --help", 0, "mobula list KIND", ""},
		{"kernel -f no-such-file.json", 1, "", "no-such-file.json"},
		{"nonsense", 2, "", "nonsense"},
		{"vet .", 2, "", "go mod init"},
	} {
		var out, errs strings.Builder
		code := execute(t.Context(), strings.Fields(tt.args), &out, &errs)
		if code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(errs.String(), tt.errs) || (tt.out == "") != (out.Len() == 0) || (tt.errs == "") != (errs.Len() == 0) {
			t.Errorf("mobula %s: %d, %q, %q", tt.args, code, out.String(), errs.String())
		}
	}
}

func TestUninstall(t *testing.T) {
	prefix := t.TempDir()
	spec := filepath.Join(prefix, "share", "jupyter", "kernels", "mobula")
	if err := os.MkdirAll(spec, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(spec, "kernel.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(t.Context(), []string{"kernel", "uninstall", "--prefix", prefix}, &out); err != nil || !strings.Contains(out.String(), spec) {
		t.Errorf("uninstall: %q, %v", out.String(), err)
	}
	if err := run(t.Context(), []string{"kernel", "uninstall", "--prefix", prefix}, &out); err == nil {
		t.Error("uninstalling twice succeeded")
	}
}

func TestWatchParent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var ppid atomic.Int64
	ppid.Store(4242)
	getppid := func() int { return int(ppid.Load()) }
	for _, named := range []string{"", "1", "x", "-3"} {
		if watchParent(ctx, named, getppid) != nil {
			t.Errorf("parent %q is watched", named)
		}
	}
	gone := watchParent(ctx, "4242", getppid)
	select {
	case <-gone:
		t.Fatal("the parent is there, but told to have ended")
	default:
	}
	ppid.Store(1)
	wait(ctx, t, gone)

	child := exec.Command("sleep", "1000") // a process that is not the parent: started through another program
	if err := child.Start(); err != nil {
		t.Skipf("no sleep command to watch: %v", err)
	}
	gone = watchParent(ctx, strconv.Itoa(child.Process.Pid), getppid)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait()
	wait(ctx, t, gone)
}

func wait(ctx context.Context, t *testing.T, gone <-chan struct{}) {
	t.Helper()
	select {
	case <-gone:
	case <-ctx.Done():
		t.Fatal("the end of the parent was not noticed")
	}
}

func TestMemoryLimit(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "4GB": 4e9, "4GiB": 4 << 30, "512MiB": 512 << 20, "1.5gi": 3 << 29, "1000": 1000, "7 KB": 7000} {
		if got, err := memoryLimit(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"much", "-1GB", "4XB", "0", "GB"} {
		if got, err := memoryLimit(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}
