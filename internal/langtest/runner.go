package langtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"mobula/internal/cellio"
	"mobula/interp"
)

// Way says how a program becomes cells.
type Way string

// The ways.
const (
	Whole Way = "whole" // one cell
	Cut   Way = "cut"   // a cell for each declaration
	Yaegi Way = "yaegi" // one cell, in the tier without a compiler
)

// Result is what became of one program run one way.
type Result struct {
	Program string  `json:"program"`
	Way     Way     `json:"way"`
	Pass    bool    `json:"pass"`
	Reason  string  `json:"reason,omitempty"`
	Cells   int     `json:"cells"`
	Seconds float64 `json:"seconds"`
}

// Runner runs programs in sessions that Open opens.
type Runner struct {
	Open    func(ctx context.Context, dir string, sink interp.Sink) (interp.Engine, error)
	Cutter  *Cutter
	Timeout time.Duration // for all cells of one program
}

// Run runs p and compares what it does with want.
func (r *Runner) Run(ctx context.Context, p Program, way Way, want Outcome) Result {
	result := Result{Program: p.Name, Way: way, Cells: 1}
	cells := []string{string(p.Source)}
	start := time.Now()
	if way == Cut {
		var err error
		if cells, err = r.Cutter.Split(p.Name, p.Source); err != nil {
			result.Reason = "cannot be cut: " + oneLine(err.Error())
			return result
		}
		result.Cells = len(cells)
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	got, err := r.session(ctx, way, cells)
	result.Seconds = time.Since(start).Seconds()
	switch {
	case ctx.Err() != nil:
		result.Reason = fmt.Sprintf("did not end within %s", r.Timeout)
	case err != nil:
		result.Reason = oneLine(err.Error())
	default:
		result.Reason = compare(got, want)
	}
	result.Pass = result.Reason == ""
	return result
}

// session runs the cells in a session of their own.
func (r *Runner) session(ctx context.Context, way Way, cells []string) (got Outcome, err error) {
	dir, err := os.MkdirTemp("", "langtest-*")
	if err != nil {
		return got, err
	}
	defer os.RemoveAll(dir)
	rec := NewRecorder()
	engine, err := r.Open(ctx, dir, rec)
	if err != nil {
		return got, fmt.Errorf("open a session: %w", err)
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	if way == Yaegi {
		if err := engine.SetMode(ctx, interp.ModeYaegi); err != nil {
			return got, err
		}
	}
	if err := engine.Ready(ctx); err != nil {
		return got, fmt.Errorf("start a session: %w", err)
	}
	rec.Take() // the progress of a first start is no output of the program
	for i, source := range cells {
		// What a program prints is compared, not what its last expression gives.
		if fault := engine.Run(ctx, interp.Cell{Number: i + 1, Source: source, Quiet: true}); fault != nil {
			if exitedWell(fault) {
				break
			}
			return got, fmt.Errorf("cell %d of %d: %w", i+1, len(cells), fault)
		}
	}
	if fault := rec.Fault1(); fault != nil {
		return got, fmt.Errorf("a goroutine: %w", fault)
	}
	return Outcome{Stdout: rec.Text("stdout"), Stderr: rec.Text("stderr")}, nil
}

// exitedWell recognises a program that ended itself by os.Exit(0).
func exitedWell(e *interp.Error) bool {
	return strings.Contains(e.Value, "os.Exit(0)") || strings.Contains(e.Value, "exit status 0") || strings.Contains(e.Value, "exit code 0")
}

// compare returns "" or how got differs from want.
func compare(got, want Outcome) string {
	switch {
	case want.Exit != 0:
		return fmt.Sprintf("go run ends with status %d, the cell did not", want.Exit)
	case got.Stdout != want.Stdout:
		return "stdout differs: " + difference(got.Stdout, want.Stdout)
	case got.Stderr != want.Stderr:
		return "stderr differs: " + difference(got.Stderr, want.Stderr)
	}
	return ""
}

// difference shows the first line in which two texts differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "(end)", "(end)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return fmt.Sprintf("line %d: got %.80q, want %.80q", i+1, a, b)
		}
	}
	return "equal"
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	return s
}

// Recorder is a Sink that keeps what cells show.
type Recorder struct {
	mu      sync.Mutex // guards the rest
	streams map[string]*strings.Builder
	shown   []cellio.Display
	faults  []*interp.Error
	faulted chan struct{} // holds a token after a fault
}

// NewRecorder returns an empty Recorder.
func NewRecorder() *Recorder {
	return &Recorder{streams: map[string]*strings.Builder{}, faulted: make(chan struct{}, 1)}
}

// Stream keeps text.
func (r *Recorder) Stream(_ int, name, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streams[name] == nil {
		r.streams[name] = &strings.Builder{}
	}
	r.streams[name].WriteString(text)
}

// Display keeps rich output.
func (r *Recorder) Display(_ int, d cellio.Display) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown = append(r.shown, d)
}

// Clear is ignored.
func (r *Recorder) Clear(int, bool) {}

// Input fails: nobody is there to ask.
func (r *Recorder) Input(context.Context, int, string, bool) (string, error) {
	return "", cellio.ErrNoFrontEnd
}

// Fault keeps the panic of a goroutine.
func (r *Recorder) Fault(_ int, err *interp.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, err)
	select {
	case r.faulted <- struct{}{}:
	default:
	}
}

// WaitFault waits for a goroutine's panic, which may be told after its cell's end.
func (r *Recorder) WaitFault(ctx context.Context) {
	select {
	case <-r.faulted:
	case <-ctx.Done():
	}
}

// Text returns what a stream has got.
func (r *Recorder) Text(stream string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.streams[stream]; b != nil {
		return b.String()
	}
	return ""
}

// Fault1 returns the first goroutine's panic, or nil.
func (r *Recorder) Fault1() *interp.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.faults) == 0 {
		return nil
	}
	return r.faults[0]
}

// Take returns what was kept and forgets it.
func (r *Recorder) Take() (stdout, stderr string, shown []cellio.Display, faults []*interp.Error) {
	stdout, stderr = r.Text("stdout"), r.Text("stderr")
	r.mu.Lock()
	defer r.mu.Unlock()
	shown, faults = r.shown, r.faults
	r.streams, r.shown, r.faults = map[string]*strings.Builder{}, nil, nil
	return stdout, stderr, shown, faults
}
