package gpu

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"mobula/cluster/sched"
)

// Interval is how often Watch looks, unless told otherwise.
const Interval = 30 * time.Second

// envBinary names the command mobula where it is not in PATH.
const envBinary = "MOBULA_BIN"

// Config says how GPUs are found. Its zero value suits a program that is not the command mobula.
type Config struct {
	// Probe is the command of a program that calls nvml.Main. Nil: that of MOBULA_BIN, or mobula in PATH.
	Probe []string
	// Always asks also where nothing on the machine hints at a driver. Without it such a machine costs no child process.
	Always  bool
	Timeout time.Duration                    // of a probe: 10 s
	Lookup  func(name string) (string, bool) // of the environment: os.LookupEnv
}

// Inventory is what Discover has found. It does not change.
type Inventory struct {
	Report Report
	Units  []Unit   // what the node may offer
	Notes  []string // what the user should know about the bounds in the environment
	look   func(ctx context.Context) Report
}

// Discover looks which GPUs this process may use. That there are none is no error: see Why.
func Discover(ctx context.Context, c Config) *Inventory {
	f := newFinder(c)
	if !c.Always && f.smi == nil && !f.hint() {
		f.look = func(context.Context) Report { return nothing() }
	}
	inv := &Inventory{Report: f.look(ctx), look: f.look}
	inv.Units, inv.Notes = limitsOf(f.lookup).apply(inv.Report.GPUs)
	return inv
}

func nothing() Report { return Failure("", NoDriver, "there is no NVIDIA driver on this machine") }

// Why says in one line why there is nothing to offer, and "" where there is.
func (inv *Inventory) Why() string {
	switch {
	case len(inv.Units) > 0:
		return ""
	case inv.Report.Problem != nil:
		return inv.Report.Problem.Text
	case len(inv.Notes) > 0:
		return inv.Notes[len(inv.Notes)-1]
	case len(inv.Report.Units()) == 0:
		return describeUnusable(inv.Report.GPUs)
	}
	return envCUDA + " lets this process use no GPU"
}

func describeUnusable(gpus []GPU) string {
	for _, g := range gpus {
		if g.MIG {
			return fmt.Sprintf("GPU %d has MIG turned on and no instances: create some with nvidia-smi mig, or turn MIG off", g.Index)
		}
	}
	reasons := ""
	if len(gpus) > 0 {
		reasons = strings.Join(gpus[0].Health.Reasons, "; ")
	}
	return fmt.Sprintf("no GPU can be used (%d listed): %s", len(gpus), cmp.Or(reasons, "none has a uuid"))
}

// Devices returns the units as a node's ledger takes them.
func (inv *Inventory) Devices() []sched.Device {
	devices := make([]sched.Device, 0, len(inv.Units))
	for i, u := range inv.Units {
		devices = append(devices, sched.Device{Index: i, ID: u.ID, Lost: u.Health.State == Lost, Capacity: sched.One, Free: sched.One})
	}
	return devices
}

// Watch looks again at an interval (0: Interval) and tells what has happened to the devices, one change at a time, until ctx ends.
func (inv *Inventory) Watch(ctx context.Context, every time.Duration, onChange func(Change)) {
	t := newTracker(inv.Units, inv.Report)
	tick := time.NewTicker(cmp.Or(every, Interval))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		report := inv.look(ctx)
		if ctx.Err() != nil {
			return // the probe was stopped by us
		}
		for _, c := range t.next(report) {
			onChange(c)
		}
	}
}

// Watcher returns what watches the devices of a node until ctx ends; nil where there are none.
func (inv *Inventory) Watcher() func(ctx context.Context, changed func(Change)) {
	if len(inv.Units) == 0 {
		return nil
	}
	return func(ctx context.Context, changed func(Change)) { inv.Watch(ctx, 0, changed) }
}

// Simulated returns n devices that no machine has. Their ids are numbers.
func Simulated(n int) []sched.Device {
	devices := make([]sched.Device, 0, max(n, 0))
	for i := range n {
		devices = append(devices, sched.Device{Index: i, ID: strconv.Itoa(i), Capacity: sched.One, Free: sched.One})
	}
	return devices
}

// finder asks one source after the other.
type finder struct {
	lookup func(string) (string, bool)
	probe  *prober // nil: there is no program for it
	smi    *smi    // nil: there is none
	hint   func() bool
	look   func(ctx context.Context) Report
}

func newFinder(c Config) *finder {
	f := &finder{lookup: c.Lookup, hint: hintOfDriver}
	if f.lookup == nil {
		f.lookup = os.LookupEnv
	}
	limit := cmp.Or(c.Timeout, 10*time.Second)
	command := c.Probe
	if command == nil {
		command = f.mobula()
	}
	if command != nil {
		f.probe = &prober{command: slices.Clone(command), limit: limit}
	}
	if path, err := exec.LookPath(sourceSMI); err == nil {
		f.smi = &smi{path: path, limit: limit}
	}
	f.look = f.ask
	return f
}

// mobula returns the command of the program mobula, or nil.
func (f *finder) mobula() []string {
	name, ok := f.lookup(envBinary)
	if !ok || name == "" {
		name = "mobula"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return nil
	}
	return []string{path, "gpus", "-o", "json"} // with EnvProbe it does not get to its arguments
}

func (f *finder) ask(ctx context.Context) Report {
	first := Failure("", NotBuilt, "there is no program mobula in PATH (or %s)", envBinary)
	if f.probe != nil {
		first = f.probe.report(ctx)
	}
	if first.Problem == nil || !slices.Contains([]Cause{NotBuilt, NoLibrary, Crashed, Failed}, first.Problem.Cause) {
		return first // a driver that hangs or says no does so to everyone
	}
	if f.smi == nil {
		switch {
		case first.Problem.Cause != NotBuilt:
		case f.hint():
			first.Problem.Text += ", and no nvidia-smi in PATH"
		default:
			return nothing()
		}
		return first
	}
	second := f.smi.report(ctx)
	if second.Problem != nil && first.Problem.Cause == Crashed {
		return first
	}
	return second
}

// hintOfDriver reports whether anything on the machine looks like an NVIDIA driver that is loaded.
func hintOfDriver() bool {
	if runtime.GOOS != "linux" {
		return false // there nvidia-smi comes with the driver
	}
	for _, path := range []string{"/proc/driver/nvidia", "/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-gpu"} { // the last two: WSL, Tegra
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}
