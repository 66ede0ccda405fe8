package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestCommandLines(t *testing.T) {
	for _, tt := range []struct {
		args   string
		want   string // in the error, or in the output where there is none
		failed bool
		usage  bool
	}{
		{"", "no command", true, true},
		{"nonsense", `"nonsense"`, true, true},
		{"statsu", "did you mean status?", true, true},
		{"list tasks --help", "mobula list nodes", false, false},
		{"gpus -h", "mobula gpus", false, false},
		{"gpus --jsno", "did you mean --json?", true, true},
		{"kernel", "kernel install", true, true},
		{"kernel instal", `"kernel instal"`, true, true},
		{"kernel install --nonsense", "nonsense", true, true},
		{"kernel install here", `"here"`, true, true},
		{"kernel install --user --sys-prefix", "exclude", true, true},
		{"kernel install --prefix=", "folder", true, true},
		{"kernel -f", "-f", true, true},
		{"kernel --log-level=info", "-f needs", true, true},
		{"kernel -f x --log-level=loud", `"loud"`, true, true},
		{"kernel -f no-such-file.json", "no-such-file.json", true, false},
		{"kernel -f main.go", "main.go is not the JSON", true, false},
		{"version", "mobula " + version, false, false},
		{"help", "kernel uninstall", false, false},
	} {
		var out strings.Builder
		err := run(t.Context(), strings.Fields(tt.args), &out)
		text := out.String()
		if err != nil {
			text = err.Error()
		}
		_, usage := errors.AsType[usageError](err)
		if (err != nil) != tt.failed || usage != tt.usage || !strings.Contains(text, tt.want) {
			t.Errorf("mobula %s: %q (failed %v, usage %v), want %q", tt.args, text, err != nil, usage, tt.want)
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
