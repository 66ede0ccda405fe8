package gpu

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// envChild makes this binary a child that misbehaves.
const envChild = "GPU_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(envChild) {
	case "":
		os.Exit(m.Run())
	case "good":
		fmt.Println("noise of a library")
		fmt.Println(`{"source":"nvml","driver":"1","gpus":[{"index":0,"id":"GPU-a","name":"x","memory":{},"health":{"state":"ok"}}]}`)
	case "empty":
		fmt.Println(`{"source":"nvml","driver":"550"}`)
	case "unlike":
		fmt.Println("mobula 0.0.1")
	case "silent":
	case "panic":
		panic("cannot go on")
	case "exit":
		fmt.Fprint(os.Stderr, "first\nsymbol lookup error: \x1b[31mundefined symbol nvmlX\n\n")
		os.Exit(127)
	case "flood":
		line := strings.Repeat("x", 1<<16)
		for range 64 {
			fmt.Println(line)
			fmt.Fprintln(os.Stderr, line)
		}
		os.Exit(1)
	case "hang":
		fmt.Fprintln(os.Stderr, "waiting")
		<-time.After(time.Hour) // an empty select would be a deadlock, which the runtime notices
	}
}

func ask(t *testing.T, child string, limit time.Duration) Report {
	t.Helper()
	t.Setenv(envChild, child)
	p := &prober{command: []string{os.Args[0]}, limit: limit}
	return p.report(t.Context())
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		child string
		cause Cause
		text  string
	}{
		{"empty", NoGPU, "the NVIDIA driver 550 is loaded, and there is no GPU"},
		{"unlike", Failed, "is its program another version of mobula?"},
		{"silent", Failed, "printed no report"},
		{"panic", Crashed, "the GPU probe crashed: panic: cannot go on"},
		{"exit", Crashed, "exited with status 127; its last line: symbol lookup error:  [31mundefined symbol nvmlX"},
		{"flood", Crashed, "xxx..."},
		{"hang", Hung, "the GPU probe hung: it had no answer within 300ms"},
	} {
		t.Run(tt.child, func(t *testing.T) {
			limit := 20 * time.Second
			if tt.cause == Hung {
				limit = 300 * time.Millisecond
			}
			r := ask(t, tt.child, limit)
			p := r.Problem
			if p == nil || p.Cause != tt.cause || !strings.Contains(p.Text, tt.text) || strings.ContainsAny(p.Text, "\n\x1b") || len(p.Text) > 500 || len(r.GPUs) > 0 {
				t.Errorf("%+v", r)
			}
		})
	}
	if r := ask(t, "good", 20*time.Second); r.Problem != nil || len(r.GPUs) != 1 || r.GPUs[0].ID != "GPU-a" {
		t.Errorf("%+v", r)
	}
	missing := &prober{command: []string{filepath.Join(t.TempDir(), "none")}, limit: time.Second}
	if p := missing.report(t.Context()).Problem; p == nil || p.Cause != Failed || !strings.Contains(p.Text, "cannot be started") {
		t.Errorf("%+v", p)
	}
}

// A child that hangs in the driver is not joined by others.
func TestChildThatCannotBeEnded(t *testing.T) {
	t.Setenv(envChild, "good")
	left := make(chan struct{})
	p := &prober{command: []string{os.Args[0]}, limit: 20 * time.Second}
	p.runner.left = left
	if r := p.report(t.Context()); r.Problem == nil || r.Problem.Cause != Hung || !strings.Contains(r.Problem.Text, "of earlier still hangs in the driver") {
		t.Errorf("%+v", r)
	}
	close(left)
	if r := p.report(t.Context()); r.Problem != nil {
		t.Errorf("after it has ended: %+v", r)
	}
}

func TestCanceledProbe(t *testing.T) {
	t.Setenv(envChild, "hang")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &prober{command: []string{os.Args[0]}, limit: time.Hour}
	if r := p.report(ctx); r.Problem == nil || r.Problem.Cause != Failed || !strings.Contains(r.Problem.Text, "was stopped: context canceled") {
		t.Errorf("%+v", r)
	}
}

func TestOrderOfSources(t *testing.T) {
	for _, tt := range []struct{ child, smi, source string }{
		{"good", "exit 1", sourceNVML},
		{"exit", "echo '0, GPU-s, 1, 1, 1, Disabled, 0, No, x'", sourceSMI},
		{"exit", "exit 9", sourceNVML}, // the crash says more
		{"unlike", "exit 9", sourceSMI},
		{"empty", "echo '0, GPU-s, 1, 1, 1, Disabled, 0, No, x'", sourceNVML},
	} {
		program(t, tt.smi)
		t.Setenv(envChild, tt.child)
		if inv := Discover(t.Context(), Config{Probe: []string{os.Args[0]}, Lookup: env(nil)}); inv.Report.Source != tt.source {
			t.Errorf("probe %s, nvidia-smi %q: %+v", tt.child, tt.smi, inv.Report)
		}
	}
}

func TestNothingHere(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if hintOfDriver() {
		t.Skip("this machine has a driver")
	}
	inv := Discover(t.Context(), Config{Probe: []string{filepath.Join(t.TempDir(), "none")}})
	if inv.Why() != "there is no NVIDIA driver on this machine" || inv.Units != nil || inv.Report.GPUs == nil {
		t.Errorf("%q %+v", inv.Why(), inv)
	}
	if inv = Discover(t.Context(), Config{Always: true, Lookup: env(nil)}); inv.Why() != "there is no NVIDIA driver on this machine" {
		t.Errorf("%q", inv.Why())
	}
}

// A driver is here, and nobody who could ask it.
func TestNobodyToAsk(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	f := newFinder(Config{Lookup: env(nil)})
	f.hint = func() bool { return true }
	if p := f.ask(t.Context()).Problem; p.Cause != NotBuilt || p.Text != "there is no program mobula in PATH (or MOBULA_BIN), and no nvidia-smi in PATH" {
		t.Errorf("%+v", p)
	}
}

func TestWhy(t *testing.T) {
	for _, tt := range []struct {
		name string
		inv  Inventory
		want string
	}{
		{"some", Inventory{Units: []Unit{{ID: "GPU-a"}}, Notes: []string{"a note"}}, ""},
		{"a problem", Inventory{Report: Failure(sourceNVML, Crashed, "it crashed")}, "it crashed"},
		{"hidden", Inventory{Report: listed(ok(0, "GPU-a"))}, "CUDA_VISIBLE_DEVICES lets this process use no GPU"},
		{"a note", Inventory{Report: listed(ok(0, "GPU-a")), Notes: []string{"one", "two"}}, "two"},
		{"no instances", Inventory{Report: listed(GPU{Index: 4, ID: "GPU-a", MIG: true})}, "GPU 4 has MIG turned on and no instances"},
		{"all lost", Inventory{Report: listed(sick(0, "", Lost, "off the bus"))}, "no GPU can be used (1 listed): off the bus"},
	} {
		if got := tt.inv.Why(); got != tt.want && (tt.want == "" || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func TestDevices(t *testing.T) {
	r := listed(ok(0, "GPU-a"), sick(1, "GPU-b", Lost, "dead"))
	devices := (&Inventory{Report: r, Units: r.Units()}).Devices()
	if len(devices) != 2 || devices[0].ID != "GPU-a" || devices[0].Lost || !devices[1].Lost || devices[1].Index != 1 {
		t.Errorf("%+v", devices)
	}
	if s := Simulated(2); len(s) != 2 || s[1].ID != "1" || s[1].Index != 1 || len(Simulated(-1)) != 0 {
		t.Errorf("%+v", s)
	}
}
