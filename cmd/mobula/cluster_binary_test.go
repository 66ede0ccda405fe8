//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mobula"
	"mobula/cluster/headwire"
	"mobula/internal/eventually"
)

// patience bounds the wait for what must come.
const patience = 30 * time.Second

// lives reports whether a process is there and is no zombie.
func lives(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// binary is mobula as it is installed.
type binary struct {
	t     *testing.T
	path  string
	state string // where a head keeps its state
	env   []string
}

// built is the folder of the binary, "" before it is built.
var built string

// build builds it once for all tests.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "mobula-test-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "mobula")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// TestMain removes the binary.
func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built) // a left-over harms nobody
	}
	if dir, err := sdkCache(); err == nil {
		_ = os.RemoveAll(dir) // as above
	}
	os.Exit(code)
}

func buildBinary(t *testing.T) *binary {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	base := shortDir(t)
	b := &binary{t: t, path: path, state: base}
	t.Setenv("XDG_RUNTIME_DIR", base)
	t.Setenv(envAddress, "")
	t.Setenv(envToken, "")
	b.env = append(os.Environ(), "XDG_STATE_HOME="+base, "TMPDIR="+base) // for the logs of what goes to the background
	return b
}

// shortDir is a directory whose sockets have short enough paths.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mb") //nolint:usetesting // its paths are too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// run runs a command to its end.
func (b *binary) run(args ...string) string {
	b.t.Helper()
	out, _ := b.says(args...)
	return out
}

// says runs a command to its end, and returns what it says as output and as warnings.
func (b *binary) says(args ...string) (out, errs string) {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), b.path, args...)
	cmd.Env = b.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("mobula %s: %v\n%s%s", strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String(), stderr.String()
}

// running is a command that goes on.
type running struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (b *binary) start(args ...string) *running {
	b.t.Helper()
	r := &running{cmd: exec.CommandContext(b.t.Context(), b.path, args...)}
	r.cmd.Env, r.cmd.Stderr = b.env, os.Stderr
	var err error
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		b.t.Fatal(err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	r.out = bufio.NewReader(out)
	if err := r.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = r.cmd.Process.Kill() // it may have ended
		_ = r.cmd.Wait()
	})
	return r
}

// until reads up to a line that begins with a word.
func (r *running) until(t *testing.T, word string) string {
	t.Helper()
	for {
		line, err := r.out.ReadString('\n')
		if err != nil {
			t.Fatalf("it ended before it said %q: %v", word, err)
		}
		if strings.HasPrefix(line, word) {
			return line
		}
	}
}

func (b *binary) nodes() (all []headwire.NodeInfo) {
	b.t.Helper()
	if err := json.Unmarshal([]byte(b.run("list", "nodes", "-o", "json")), &all); err != nil {
		b.t.Fatal(err)
	}
	return all
}

// use connects this program to a cluster: its workers are this program, too.
func use(t *testing.T, address string) {
	t.Helper()
	if err := mobula.Connect(t.Context(), mobula.Config{Address: address}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mobula.Close() }) // its cluster may have ended
}

// shell runs a command line as a task, in a session of its own as programs that go to the background have.
func shell(t *testing.T, line string, options ...mobula.Option) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	text, err := mobula.Try(func(context.Context) (string, error) {
		cmd := exec.Command("sh", "-c", line)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}, options...).Get(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// leftBehind starts a process that its task does not wait for.
const leftBehind = "sleep 1000 >/dev/null 2>&1 & echo $!"

func leaveBehind(t *testing.T, options ...mobula.Option) int {
	t.Helper()
	pid, err := strconv.Atoi(shell(t, leftBehind, options...))
	if err != nil || !lives(pid) {
		t.Fatal(pid, err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	return pid
}

func TestClusterOfBinaries(t *testing.T) {
	b := buildBinary(t)
	state := filepath.Join(b.state, "mobula", "head")
	head := b.start("start", "--head", "--host", "127.0.0.1", "--port", "0", "--num-cpus", "1", "--node-name", "first")
	line := head.until(t, "The cluster's head runs at ")
	address, _, _ := strings.Cut(strings.TrimPrefix(line, "The cluster's head runs at "), ",")
	head.until(t, "End it with")
	b.start("start", "--address", address, "--token", filepath.Join(state, "join-token"), "--num-cpus", "1", "--resources", "license=1", "--node-name", "second").until(t, "Leave it with")
	nodes := b.nodes()
	if len(nodes) != 2 || nodes[0].Name != "first" || nodes[1].Name != "second" || nodes[1].State != "alive" || nodes[1].Address == "" {
		t.Fatalf("%+v", nodes)
	}
	far := b.run("list", "nodes", "--address", address, "--token", filepath.Join(state, "user-token"))
	if !strings.Contains(far, "second") || !strings.Contains(far, "alive") {
		t.Error(far)
	}
	sockets, err := localNodes(t.Context())
	if err != nil || len(sockets) != 2 {
		t.Fatalf("%+v, %v", sockets, err)
	}
	at := sockets[0]
	if at.Name != "first" {
		at = sockets[1]
	}
	use(t, at.Address)
	license := []mobula.Option{mobula.CPU(0), mobula.Resource("license", 1)}
	if got := shell(t, "echo $PPID", license...); got == strconv.Itoa(os.Getpid()) || got == "" {
		t.Errorf("it ran in %s", got)
	}
	orphan := leaveBehind(t, license...)
	for _, want := range []struct {
		args []string
		text string
	}{
		{[]string{"status"}, "Nodes: 2 alive"}, {[]string{"status"}, "license"}, {[]string{"status"}, "MOBULA_ADDRESS=" + b.state}, {[]string{"list", "workers"}, "second"}, {[]string{"list", "jobs"}, "running"},
		{[]string{"summary", "nodes"}, "alive  2"}, {[]string{"get", "node", nodes[1].ID.String()[:32]}, "second"}, {[]string{"memory"}, "first: "},
		{[]string{"list", "actors"}, "None."}, {[]string{"list", "groups"}, "None."}, {[]string{"list", "leases", "--limit", "1"}, ""}, {[]string{"logs"}, ""},
		{[]string{"__complete", "get", "node", ""}, "second\talive"}, {[]string{"__complete", "list", "nodes", "--filter", "state="}, "state=alive"},
		{[]string{"__complete", "status", "--address", ""}, "node first"}, {[]string{"list", "tasks", "-o", "json"}, "["}, {[]string{"timeline", filepath.Join(state, "trace.json")}, "ui.perfetto.dev"},
	} {
		if got := b.run(want.args...); !strings.Contains(got, want.text) {
			t.Errorf("mobula %s: %s", strings.Join(want.args, " "), got)
		}
	}
	// The second node is killed: nothing of it stays, not even what has left its worker's process group.
	if err := syscall.Kill(nodes[1].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	eventually.Holds(t, "what its workers have started ends", func() bool { return !lives(orphan) })
	t.Logf("the orphan has ended after %v", time.Since(killed))
	eventually.Holds(t, "lists say whose things they lack", func() bool {
		_, warnings := b.says("list", "workers")
		return strings.Contains(warnings, "mobula: warning: what is on node second is not shown: it is not connected to the head")
	})
	eventually.Holds(t, "the head notices", func() bool { return b.nodes()[1].State != "alive" })
	// The first one is asked to end.
	orphan = leaveBehind(t)
	if got := b.run("stop"); !strings.Contains(got, "Stopped node first") {
		t.Error(got)
	}
	if err := head.cmd.Wait(); err != nil {
		t.Errorf("the head ends with %v", err)
	}
	if lives(orphan) {
		t.Error("what its workers have started lives on")
	}
	// It knows the cluster when it starts again, at once: stop has waited for all of it.
	head = b.start("start", "--head", "--host", "127.0.0.1", "--port", "0")
	head.until(t, "End it with")
	if got := b.run("list", "jobs"); !strings.Contains(got, "stopped") {
		t.Error(got)
	}
	if err := head.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := head.cmd.Wait(); err != nil {
		t.Errorf("the head ends with %v", err)
	}
}

// TestEmbeddedBinary: a cluster that ends with whoever holds the other end of its input.
func TestEmbeddedBinary(t *testing.T) {
	b := buildBinary(t)
	begin := time.Now()
	r := b.start("start", "--head", "--embedded", "--num-cpus", "1")
	line, err := r.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %v", time.Since(begin))
	var ready struct {
		Address string
		PID     int
	}
	if err := json.Unmarshal([]byte(line), &ready); err != nil || !lives(ready.PID) {
		t.Fatalf("%s: %v", line, err)
	}
	use(t, ready.Address)
	orphan := leaveBehind(t)
	if got := b.run("stop"); !strings.Contains(got, "1 of notebooks or programs go on") {
		t.Error(got)
	}
	way := b.link()
	if got := b.run("status"); !strings.Contains(got, "Head for this machine only") || !strings.Contains(got, "Dashboard at "+way.Address) {
		t.Error(got)
	}
	if p := get(t, http.DefaultClient, way.Address, ""); p.status != http.StatusUnauthorized || strings.Contains(p.text, "<form") {
		t.Error("it asks for a token, and has none", p)
	}
	if p := get(t, &http.Client{Jar: &jar{}}, way.URL, ""); p.status != http.StatusOK {
		t.Error(p)
	}
	closed := time.Now()
	if err := r.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	if took := time.Since(closed); took > 2*time.Second {
		t.Errorf("it ends after %v", took)
	}
	if lives(orphan) || lives(ready.PID) {
		t.Error("something lives on")
	}
}

func TestStartInBackground(t *testing.T) {
	b := buildBinary(t)
	if taken, err := net.Listen("tcp", defaultDashboard); err == nil { // else another program has it, which is as good
		t.Cleanup(func() { _ = taken.Close() })
	}
	out := b.run("start", "--head", "--background", "--host", "127.0.0.1", "--port", "0")
	if !strings.Contains(out, "The cluster's head runs at 127.0.0.1:") || !strings.Contains(out, "Dashboard ") || strings.Contains(out, defaultDashboard) {
		t.Error(out)
	}
	if got := b.run("status"); !strings.Contains(got, "Nodes: 1 alive") {
		t.Error(got)
	}
	_, port, _ := strings.Cut(out, "The cluster's head runs at 127.0.0.1:")
	port, _, _ = strings.Cut(port, ",")
	for want, args := range map[string][]string{
		"with --dir": {"--port", "0"}, "with --port": {"--port", port, "--dir", filepath.Join(b.state, "other")},
		"with --dashboard": {"--port", "0", "--dir", filepath.Join(b.state, "third"), "--dashboard", defaultDashboard},
	} {
		cmd := exec.Command(b.path, append([]string{"start", "--head", "--background", "--name", "background", "--host", "127.0.0.1"}, args...)...)
		cmd.Env = b.env
		if text, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(text), want) {
			t.Errorf("%s, %v", text, err)
		}
	}
	if logs, err := filepath.Glob(filepath.Join(b.state, "mobula-start-*.log")); err != nil || len(logs) != 1 {
		t.Errorf("logs %v, %v: want that of the one that runs", logs, err)
	}
	if got := b.run("stop"); !strings.Contains(got, "Stopped node") {
		t.Error(got)
	}
}
