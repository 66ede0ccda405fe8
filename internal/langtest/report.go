package langtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Goals are the shares of programs that must pass.
var Goals = map[Way]float64{Whole: 0.98, Cut: 0.95}

// Journal keeps results in a file of JSON lines, so that a run can be taken up again.
type Journal struct {
	mu   sync.Mutex // guards the rest
	file *os.File
	done map[string]Result
}

func key(program string, way Way) string { return string(way) + " " + program }

// Keep says which results of an earlier run a Journal takes over.
type Keep int

// The choices.
const (
	KeepAll    Keep = iota
	KeepPasses      // what failed is run again
	KeepNone
)

// OpenJournal reads the results that path holds, as far as keep says, and appends to it.
func OpenJournal(path string, keep Keep) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	flags := os.O_RDWR | os.O_CREATE | os.O_APPEND
	if keep == KeepNone {
		flags |= os.O_TRUNC
	}
	file, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the journal of results: %w", err)
	}
	j := &Journal{file: file, done: map[string]Result{}}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var r Result
		if json.Unmarshal(lines.Bytes(), &r) != nil || keep == KeepPasses && !r.Pass {
			delete(j.done, key(r.Program, r.Way)) // also a line cut short by a kill is done again
		} else {
			j.done[key(r.Program, r.Way)] = r
		}
	}
	return j, nil
}

// Has says whether a program was run that way.
func (j *Journal) Has(program string, way Way) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.done[key(program, way)]
	return ok
}

// Add keeps one result.
func (j *Journal) Add(r Result) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done[key(r.Program, r.Way)] = r
	_, err = j.file.Write(append(line, '\n'))
	return err
}

// Results returns all results, sorted.
func (j *Journal) Results() []Result {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []Result
	for _, r := range j.done {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Result) int { return strings.Compare(key(a.Program, a.Way), key(b.Program, b.Way)) })
	return all
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

// Report is what docs/lang-results.json holds.
type Report struct {
	Go       string        `json:"go"`
	Date     string        `json:"date"`
	Ways     map[Way]Tally `json:"ways"`
	Failures []Result      `json:"failures"` // of whole and cut
	Skipped  []Skip        `json:"skipped"`
}

// Tally counts one way.
type Tally struct {
	Passed, Total int
	Share         float64 // of programs that passed
	Seconds       float64 // mean of one program
}

// NewReport sums results up.
func NewReport(results []Result, skipped []Skip) *Report {
	report := &Report{Go: runtime.Version(), Date: time.Now().UTC().Format(time.DateOnly), Ways: map[Way]Tally{}, Skipped: skipped}
	for _, r := range results {
		tally := report.Ways[r.Way]
		tally.Total++
		tally.Seconds += r.Seconds
		if r.Pass {
			tally.Passed++
		} else if r.Way != Yaegi {
			report.Failures = append(report.Failures, r)
		}
		report.Ways[r.Way] = tally
	}
	for way, tally := range report.Ways {
		tally.Share = float64(tally.Passed) / float64(tally.Total)
		tally.Seconds /= float64(tally.Total)
		report.Ways[way] = tally
	}
	return report
}

// Missed returns a line for each goal that is not reached.
func (r *Report) Missed() []string {
	var lines []string
	for _, way := range []Way{Whole, Cut} {
		if tally, ok := r.Ways[way]; ok && tally.Share < Goals[way] {
			lines = append(lines, fmt.Sprintf("%s: %.1f %% of programs pass, the goal is %.0f %%", way, 100*tally.Share, 100*Goals[way]))
		}
	}
	return lines
}

// Markdown shows the report to a person.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Go's own test programs as cells\n\n%s, %s; made by `make test-lang`. Each self-contained `// run` program of the distribution's `test` tree is run\n", r.Go, r.Date)
	b.WriteString("as one cell (whole), as a cell for each declaration and the body of main last (cut), and, for comparison, as one cell in the tier without a\ncompiler (yaegi). What it prints must equal what the built program prints.\n\n")
	b.WriteString("| way | passed | of | share | goal | mean seconds |\n|---|---|---|---|---|---|\n")
	for _, way := range []Way{Whole, Cut, Yaegi} {
		tally, ok := r.Ways[way]
		if !ok {
			continue
		}
		goal := "–"
		if g := Goals[way]; g > 0 {
			goal = fmt.Sprintf("%.0f %%", 100*g)
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %.1f %% | %s | %.2f |\n", way, tally.Passed, tally.Total, 100*tally.Share, goal, tally.Seconds)
	}
	fmt.Fprintf(&b, "\n## Failures (%d)\n\n| program | way | reason |\n|---|---|---|\n", len(r.Failures))
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", f.Program, f.Way, strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(f.Reason))
	}
	fmt.Fprintf(&b, "\n## Left out (%d)\n\n| program | reason |\n|---|---|\n", len(r.Skipped))
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "| %s | %s |\n", s.Name, strings.ReplaceAll(s.Reason, "|", `\|`))
	}
	return b.String()
}

// Write writes base.json and base.md.
func (r *Report) Write(base string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(base+".json", append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(base+".md", []byte(r.Markdown()), 0o644)
}

// Known returns the failures that an earlier report lists, or nil where there is none.
func Known(base string) (map[string]bool, error) {
	data, err := os.ReadFile(base + ".json")
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var report Report
	if err := json.Unmarshal(data, &report); err != nil {
		return nil, fmt.Errorf("read %s.json: %w", base, err)
	}
	known := map[string]bool{}
	for _, f := range report.Failures {
		known[key(f.Program, f.Way)] = true
	}
	return known, nil
}

// New returns the failures that known does not list.
func (r *Report) New(known map[string]bool) []Result {
	var fresh []Result
	for _, f := range r.Failures {
		if !known[key(f.Program, f.Way)] {
			fresh = append(fresh, f)
		}
	}
	return fresh
}
