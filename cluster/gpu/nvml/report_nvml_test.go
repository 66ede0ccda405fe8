//go:build nvml && cgo && linux

package nvml

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"

	"mobula/cluster/gpu"
)

// compile makes a libnvidia-ml in a folder of its own, once for each set of flags.
func compile(t *testing.T, flags ...string) (dir string) {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler is here")
	}
	dir = t.TempDir()
	args := append([]string{"-shared", "-fPIC", "-o", filepath.Join(dir, library), "testdata/library.c"}, flags...)
	if out, err := exec.CommandContext(t.Context(), cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("compile the library: %v\n%s", err, out)
	}
	return dir
}

// machine is a library whose behaviour may change between probes.
type machine struct {
	t    *testing.T
	file string
}

func newMachine(t *testing.T, lib string) *machine {
	t.Helper()
	m := &machine{t, filepath.Join(t.TempDir(), "words")}
	t.Setenv("LD_LIBRARY_PATH", lib)
	t.Setenv("FAKE_NVML", m.file)
	t.Setenv("PATH", t.TempDir()) // no nvidia-smi
	return m
}

// is changes the file in one step: a probe may be reading it.
func (m *machine) is(words string) {
	m.t.Helper()
	if err := errors.Join(os.WriteFile(m.file+"+", []byte(words), 0o600), os.Rename(m.file+"+", m.file)); err != nil {
		m.t.Fatal(err)
	}
}

func none(string) (string, bool) { return "", false }

func discover(t *testing.T, limit time.Duration) *gpu.Inventory {
	t.Helper()
	return gpu.Discover(t.Context(), gpu.Config{Probe: []string{os.Args[0]}, Always: true, Timeout: limit, Lookup: none})
}

const (
	first  = "GPU-00000000-aaaa-bbbb-cccc-dddddddddddd"
	second = "GPU-00000001-aaaa-bbbb-cccc-dddddddddddd"
)

func TestTwoGPUs(t *testing.T) {
	newMachine(t, compile(t)).is("noisy")
	inv := discover(t, 20*time.Second)
	if inv.Why() != "" || len(inv.Units) != 2 || inv.Report.Driver != "580.65.06" || inv.Report.Source != source {
		t.Fatalf("%q %+v", inv.Why(), inv.Report)
	}
	want := gpu.Unit{ID: first, Name: "NVIDIA H100 80GB HBM3", Memory: gpu.Memory{Total: 80 << 30, Free: 79 << 30}, Health: gpu.Health{State: gpu.OK}}
	got := inv.Units[0]
	if got.ID != want.ID || got.Name != want.Name || got.Memory != want.Memory || got.Health.State != gpu.OK || inv.Units[1].ID != second {
		t.Errorf("%+v", inv.Units)
	}
}

func TestMIG(t *testing.T) {
	newMachine(t, compile(t)).is("mig")
	inv := discover(t, 20*time.Second)
	if len(inv.Units) != 3 || inv.Units[0].ID != first || inv.Units[1].ID != "MIG-00000001-1111-2222-3333-000000000000" ||
		inv.Units[2].ID != "MIG-00000001-1111-2222-3333-000000000002" || inv.Units[2].Memory.Total != 40<<30 || inv.Units[2].GPU != 1 {
		t.Errorf("%+v", inv.Units)
	}
	if in := inv.Report.GPUs[1].Instances; len(in) != 2 || in[1].Index != 2 {
		t.Errorf("%+v", in)
	}
}

func TestBadMachines(t *testing.T) {
	lib := compile(t)
	for _, tt := range []struct {
		words string
		cause gpu.Cause
		text  string
	}{
		{"crash", gpu.Crashed, "the GPU probe crashed: crash in C code (SIGSEGV"},
		{"abort", gpu.Crashed, "killed (signal 9), perhaps for lack of memory; its last line: libnvidia-ml: assertion failed"},
		{"hang", gpu.Hung, "the GPU probe hung: it had no answer within 1s; its last line: waiting for the driver"},
		{"init=4", gpu.NoPermission, "this user may not use the driver"},
		{"init=9", gpu.NoDriver, "the driver is not loaded"},
		{"init=18", gpu.NoDriver, "of different versions"},
		{"init=17", gpu.Failed, "the NVIDIA library cannot start: some error"},
	} {
		t.Run(tt.words, func(t *testing.T) {
			newMachine(t, lib).is(tt.words)
			limit := 20 * time.Second
			if tt.cause == gpu.Hung {
				limit = time.Second
			}
			inv := discover(t, limit)
			p := inv.Report.Problem
			if p == nil || p.Cause != tt.cause || !strings.Contains(p.Text, tt.text) || strings.Contains(p.Text, "\n") || inv.Why() != p.Text {
				t.Errorf("%+v", inv.Report)
			}
		})
	}
}

func TestLibraryThatCannotBeLoaded(t *testing.T) {
	dir := t.TempDir()
	newMachine(t, dir)
	if p := discover(t, 20*time.Second).Report.Problem; p == nil || p.Cause != gpu.NoLibrary || p.Text != "there is no NVIDIA driver on this machine: no "+library {
		t.Errorf("no library: %+v", p)
	}
	if err := os.WriteFile(filepath.Join(dir, library), []byte("no ELF"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p := discover(t, 20*time.Second).Report.Problem; p == nil || p.Cause != gpu.NoLibrary || !strings.Contains(p.Text, "cannot be loaded") {
		t.Errorf("a broken library: %+v", p)
	}
	if p := notLoaded(library + ": cannot open shared object file: Permission denied").Problem; p.Cause != gpu.NoPermission {
		t.Errorf("an unreadable library: %+v", p)
	}
}

func TestOldLibrary(t *testing.T) {
	newMachine(t, compile(t, "-DOLD")).is("")
	if inv := discover(t, 20*time.Second); len(inv.Units) != 2 || inv.Units[0].Health.State != gpu.OK {
		t.Errorf("%+v", inv.Report)
	}
}

func TestWatchOfRealChildren(t *testing.T) {
	m := newMachine(t, compile(t))
	m.is("")
	inv := discover(t, 20*time.Second)
	ctx, stop := context.WithCancel(t.Context())
	changes := make(chan gpu.Change)
	var running sync.WaitGroup
	running.Go(func() {
		inv.Watch(ctx, 20*time.Millisecond, func(c gpu.Change) {
			select {
			case changes <- c:
			case <-ctx.Done():
			}
		})
	})
	for _, step := range []struct {
		words string
		want  gpu.Change
	}{
		{"gone=1", gpu.Change{ID: second, Event: gpu.WasLost, Why: explain(nvml.ERROR_GPU_IS_LOST)}},
		{"", gpu.Change{ID: second, Event: gpu.WasFound}},
		{"rows", gpu.Change{ID: first, Event: gpu.WasDegraded, Why: "rows of its memory wait to be replaced by spare ones: reset it"}},
		{"action=1", gpu.Change{ID: first, Event: gpu.WasLost, Why: "the driver wants it reset after an error (Xid, see dmesg): nvidia-smi --gpu-reset"}},
		{"", gpu.Change{ID: first, Event: gpu.WasFound}},
		{"lost=0", gpu.Change{ID: first, Event: gpu.WasLost, Why: explain(nvml.ERROR_GPU_IS_LOST)}},
	} {
		m.is(step.words)
		select {
		case c := <-changes:
			if c != step.want {
				t.Errorf("after %q: %+v", step.words, c)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("after %q: nothing is told", step.words)
		}
	}
	stop()
	running.Wait()
}

// fakeGPU answers as the table of TestHealth says.
func fakeGPU() *mock.Device {
	return &mock.Device{
		GetUUIDFunc:        func() (string, nvml.Return) { return first, nvml.SUCCESS },
		GetNameFunc:        func() (string, nvml.Return) { return "fake", nvml.SUCCESS },
		GetMemoryInfoFunc:  func() (nvml.Memory, nvml.Return) { return nvml.Memory{}, nvml.ERROR_NOT_SUPPORTED },
		GetMigModeFunc:     func() (int, int, nvml.Return) { return 0, 0, nvml.ERROR_NOT_SUPPORTED },
		GetFieldValuesFunc: func([]nvml.FieldValue) nvml.Return { return nvml.ERROR_NOT_SUPPORTED },
		GetTotalEccErrorsFunc: func(nvml.MemoryErrorType, nvml.EccCounterType) (uint64, nvml.Return) {
			return 0, nvml.ERROR_NOT_SUPPORTED
		},
		GetRetiredPagesPendingStatusFunc: func() (nvml.EnableState, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED },
		GetRemappedRowsFunc:              func() (int, int, bool, bool, nvml.Return) { return 0, 0, false, false, nvml.ERROR_NOT_SUPPORTED },
	}
}

func TestHealth(t *testing.T) {
	for _, tt := range []struct {
		name   string
		spoil  func(*mock.Device)
		state  gpu.State
		reason string
	}{
		{"nothing is supported", func(*mock.Device) {}, gpu.OK, ""},
		{"errors of memory", func(d *mock.Device) {
			d.GetTotalEccErrorsFunc = func(nvml.MemoryErrorType, nvml.EccCounterType) (uint64, nvml.Return) { return 7, nvml.SUCCESS }
		}, gpu.Degraded, "7 memory errors"},
		{"pages", func(d *mock.Device) {
			d.GetRetiredPagesPendingStatusFunc = func() (nvml.EnableState, nvml.Return) { return nvml.FEATURE_ENABLED, nvml.SUCCESS }
		}, gpu.Degraded, gpu.ReasonPages},
		{"no spare rows", func(d *mock.Device) {
			d.GetRemappedRowsFunc = func() (int, int, bool, bool, nvml.Return) { return 0, 9, false, true, nvml.SUCCESS }
		}, gpu.Degraded, "no spare ones"},
		{"lost while it is asked", func(d *mock.Device) {
			d.GetMemoryInfoFunc = func() (nvml.Memory, nvml.Return) { return nvml.Memory{}, nvml.ERROR_GPU_IS_LOST }
			d.GetRemappedRowsFunc = func() (int, int, bool, bool, nvml.Return) { return 0, 0, false, false, nvml.ERROR_GPU_IS_LOST }
		}, gpu.Lost, "fallen off the bus"},
		{"reset", func(d *mock.Device) {
			d.GetNameFunc = func() (string, nvml.Return) { return "", nvml.ERROR_RESET_REQUIRED }
		}, gpu.Lost, "must be reset"},
		{"unreadable", func(d *mock.Device) {
			d.GetNameFunc = func() (string, nvml.Return) { return "", nvml.ERROR_UNKNOWN }
		}, gpu.Degraded, "its name cannot be read: ERROR_UNKNOWN"},
		{"reboot", action(2), gpu.Lost, "machine rebooted"},
		{"drain", action(4), gpu.Degraded, "wants its work to end"},
		{"bus", action(6), gpu.Lost, "wants it reset"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := fakeGPU()
			tt.spoil(d)
			lib := &mock.Interface{
				InitFunc:                   func() nvml.Return { return nvml.SUCCESS },
				ShutdownFunc:               func() nvml.Return { return nvml.SUCCESS },
				SystemGetDriverVersionFunc: func() (string, nvml.Return) { return "1", nvml.SUCCESS },
				DeviceGetCountFunc:         func() (int, nvml.Return) { return 2, nvml.SUCCESS },
				DeviceGetHandleByIndexFunc: func(i int) (nvml.Device, nvml.Return) {
					return []nvml.Device{d, nil}[i], []nvml.Return{nvml.SUCCESS, nvml.ERROR_NO_PERMISSION}[i]
				},
				ExtensionsFunc: func() nvml.ExtendedInterface {
					return &mock.ExtendedInterface{LookupSymbolFunc: func(string) error { return nil }}
				},
			}
			r := read(lib)
			if len(r.GPUs) != 2 || r.GPUs[1].Health.State != gpu.Lost || r.GPUs[1].ID != "" {
				t.Fatalf("%+v", r)
			}
			h := r.GPUs[0].Health
			if reasons := strings.Join(h.Reasons, "; "); h.State != tt.state || !strings.Contains(reasons, tt.reason) || strings.Contains(reasons, "; ") {
				t.Errorf("%+v", h)
			}
		})
	}
}

func action(n uint32) func(*mock.Device) {
	return func(d *mock.Device) {
		d.GetFieldValuesFunc = func(values []nvml.FieldValue) nvml.Return {
			if values[0].FieldId != nvml.FI_DEV_GET_GPU_RECOVERY_ACTION {
				return nvml.ERROR_INVALID_ARGUMENT
			}
			binary.NativeEndian.PutUint32(values[0].Value[:4], n)
			return nvml.SUCCESS
		}
	}
}
