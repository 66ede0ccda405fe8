//go:build linux && amd64

package loader_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mobula/interp/loader"
	"mobula/interp/toolchain"
)

// bench is what the tests share: a host, built once, and the archives of the standard library.
type bench struct {
	dir, host, cfg string
	tc             toolchain.Toolchain
	archives       map[string]string
	workDir        string              // of programs; "" is the test's own
	deps           map[string][]string // imports of packages
}

// variant is one kind of host: with C and without.
type variant struct {
	bench
	once sync.Once
	err  error
}

var withC, withoutC variant

func TestMain(m *testing.M) {
	code := m.Run()
	for _, v := range []*variant{&withC, &withoutC} {
		if v.dir != "" {
			os.RemoveAll(v.dir)
		}
	}
	os.Exit(code)
}

// testBench builds the host at its first call.
func testBench(t testing.TB) *bench {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a session host")
	}
	return withC.get(t, true)
}

func (v *variant) get(t testing.TB, cgo bool) *bench {
	t.Helper()
	v.once.Do(func() { v.err = v.build(t, cgo) })
	if v.err != nil {
		t.Fatal(v.err)
	}
	return &v.bench
}

func (b *bench) build(t testing.TB, cgo bool) error {
	ctx := t.Context()
	tc, err := toolchain.Find(ctx)
	if err != nil {
		t.Skip(err)
	}
	if cgo && !tc.Cgo {
		t.Log("no C compiler here: the host is built without")
	}
	tc.Cgo = tc.Cgo && cgo
	if b.dir, err = os.MkdirTemp("", "loader-test-"); err != nil {
		return err
	}
	b.tc, b.host = tc, filepath.Join(b.dir, "host")
	start := time.Now()
	if err := toolchain.BuildHostPackage(ctx, tc, ".", "./testdata/host", b.host, func(s string) { t.Log(s) }); err != nil {
		return err
	}
	t.Log("host built in ", time.Since(start))
	return b.list(b.goList(ctx, "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}}={{.Export}}{{end}}", "std"))
}

// goList lists packages as the host sees them.
func (b *bench) goList(ctx context.Context, args ...string) *exec.Cmd {
	over := filepath.Join(toolchain.OverlayDir(b.host), "overlay.json")
	c := exec.CommandContext(ctx, b.tc.GoCmd, append([]string{"list", "-overlay", over}, args...)...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b.tc.Cgo {
		c.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	return c
}

// list fills the archives and writes the importcfg of all of the standard library.
func (b *bench) list(cmd *exec.Cmd) error {
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	b.archives = map[string]string{}
	var cfg strings.Builder
	for line := range strings.Lines(string(out)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			b.archives[k] = v
			fmt.Fprintf(&cfg, "packagefile %s=%s\n", k, v)
		}
	}
	b.cfg = filepath.Join(b.dir, "importcfg")
	return os.WriteFile(b.cfg, []byte(cfg.String()), 0o666)
}

// compile compiles one unit. Functions without bodies must be named.
func (b *bench) compile(t testing.TB, name, source string, bodyless ...string) string {
	t.Helper()
	dir := t.TempDir()
	src, out := filepath.Join(dir, name+".go"), filepath.Join(dir, name+".a")
	if err := os.WriteFile(src, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	args := []string{"tool", "compile", "-p", "main", "-importcfg", b.cfg, "-trimpath", dir, "-pack", "-o", out}
	if len(bodyless) > 0 {
		var abi strings.Builder
		for _, f := range bodyless {
			fmt.Fprintf(&abi, "def %s ABIInternal\n", f)
		}
		if err := os.WriteFile(src+".abi", []byte(abi.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-symabis", src+".abi")
	} else {
		args = append(args, "-complete")
	}
	if msg, err := exec.CommandContext(t.Context(), b.tc.GoCmd, append(args, src)...).CombinedOutput(); err != nil {
		t.Fatalf("compile %s: %v\n%s", name, err, msg)
	}
	return out
}

// step is a line of the test host's script.
type step struct {
	Unit  *loader.Unit `json:",omitempty"`
	Run   []string     `json:",omitempty"`
	Var   string       `json:",omitempty"`
	Times int          `json:",omitempty"`
	Stats bool         `json:",omitempty"`
	Quiet bool         `json:",omitempty"`
	Self  string       `json:",omitempty"`
}

// run executes steps in a new host and returns what it printed.
func (b *bench) run(t testing.TB, env []string, steps ...step) (string, error) {
	t.Helper()
	return b.start(t.Context(), t, env, steps...)
}

func (b *bench) start(ctx context.Context, t testing.TB, env []string, steps ...step) (string, error) {
	t.Helper()
	var script bytes.Buffer
	for _, s := range steps {
		if s.Unit != nil && s.Unit.Archives == nil {
			s.Unit.Archives = b.archives
		}
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		script.Write(append(line, '\n'))
	}
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, script.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, b.host, file)
	c.Dir = b.workDir
	c.Env = append(os.Environ(), append(env, "STDLIB_IMPORTCFG="+b.cfg, "HOST_GOROOT="+b.tc.GOROOT)...)
	out, err := c.CombinedOutput()
	return string(out), err
}
