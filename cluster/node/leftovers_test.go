//go:build unix

package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/eventually"
	"mobula/internal/id"
)

// serveUntilKilled is a node in a process of its own, for the tests to kill.
func serveUntilKilled() {
	n, err := Start(context.Background(), servedConfig())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(n.Address())
	n.Wait()
	os.Exit(0)
}

func TestNothingIsLeftByAKilledNode(t *testing.T) {
	base := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", base)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "NODE_TEST_SERVE=yes")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSpace(line)
	job := id.New[id.Job]()
	f := connect(t, address, driverHello(job, "NODE_TEST_STAY=yes", "NODE_TEST_SERVE="))
	f.request(oneSlot(1, job))
	pid := expect[wire.LeaseGrant](f).PID
	live, err := Start(t.Context(), Config{Starter: Processes{}})
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	if _, err := os.Stat(address); err != nil {
		t.Fatalf("a node that starts took the directory of one that lives: %v", err)
	}
	killed := time.Now()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	eventually.Holds(t, "the worker goes", func() bool { return !running(pid) })
	if took := time.Since(killed); took > 2*time.Second {
		t.Errorf("the worker went after %v", took)
	}
	if _, err := os.Stat(filepath.Dir(address)); err != nil {
		t.Fatal(err)
	}
	next, err := Start(t.Context(), Config{Starter: Processes{}})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if _, err := os.Stat(filepath.Dir(address)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory of the killed node: %v", err)
	}
	if _, err := os.Stat(live.Address()); err != nil {
		t.Error(err)
	}
}

func TestChildrenOfWorkersEndWithThem(t *testing.T) {
	n := startNode(t, nil)
	job := id.New[id.Job]()
	f := connect(t, n.Address(), driverHello(job))
	f.request(oneSlot(1, job))
	g := expect[wire.LeaseGrant](f)
	child, err := strconv.Atoi(tell(t, g.Address, "spawn"))
	if err != nil || !running(child) {
		t.Fatal(child, err)
	}
	tell(t, g.Address, "exit 0")
	if m := expect[wire.WorkerExited](f); m.Reason != "exited with status 0" {
		t.Errorf("%+v", m)
	}
	eventually.Holds(t, "the child goes", func() bool { return !running(child) })
}

// running reports whether a process is there and is no zombie: nobody may wait for orphans here.
func running(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func TestDirectories(t *testing.T) {
	base := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", base)
	d, err := openDirectory("")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(d.path); err != nil || info.Mode().Perm() != 0o700 || filepath.Dir(d.path) != base {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := openDirectory(d.path); err == nil || !strings.Contains(err.Error(), "another node") {
		t.Errorf("a directory in use: %v", err)
	}
	young, old := filepath.Join(base, dirPrefix+"young"), filepath.Join(base, dirPrefix+"old")
	for _, dir := range []string{young, old} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	removeLeftovers(base)
	for dir, there := range map[string]bool{d.path: true, young: true, old: false} {
		if _, err := os.Stat(dir); (err == nil) != there {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if err := d.remove(); err != nil {
		t.Error(err)
	}
	given := filepath.Join(base, "given")
	if err := os.Mkdir(given, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(given, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err = openDirectory(given); err != nil {
		t.Fatal(err)
	}
	if err := d.remove(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(given); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestCloseByContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n, err := Start(ctx, Config{Starter: Processes{}})
	if err != nil {
		t.Fatal(err)
	}
	if info := n.info(); info.Total.CPU <= 0 || info.Total.Memory <= 0 || info.Name == "" {
		t.Errorf("defaults: %+v", info)
	}
	cancel()
	n.Wait()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func TestStartRefuses(t *testing.T) {
	if _, err := Start(t.Context(), Config{}); err == nil {
		t.Error("a node without a starter")
	}
	if _, err := Start(t.Context(), Config{Starter: Processes{}, Resources: sched.Resources{CPU: -1}}); err == nil {
		t.Error("less than no CPU")
	}
	dir := filepath.Join(t.TempDir(), strings.Repeat("x", 120))
	if _, err := Start(t.Context(), Config{Starter: Processes{}, Dir: dir}); err == nil || !strings.Contains(err.Error(), "107 bytes") {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("its directory stays")
	}
}

// TestTemporaryFolderWithALongName: sockets have names of 107 bytes at the most.
func TestTemporaryFolderWithALongName(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), strings.Repeat("x", 100)))
	n := startNode(t, func(c *Config) { c.Dir = "" })
	if !slices.Contains(Sockets(), n.Address()) {
		t.Errorf("%s is not found", n.Address())
	}
}
