package crash

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// Bounds of what is kept of a report.
const (
	MaxGoroutines = 256
	MaxFrames     = 32 // of a goroutine
)

// Report is what the runtime printed.
type Report struct {
	Cause      string      // one line; empty where the text is no report
	Goroutines []Goroutine // in the order of the report: the one that failed comes first
}

// Goroutine is one of a report.
type Goroutine struct {
	ID     int
	State  string            // running, select, chan receive...
	Labels map[string]string // nil where it has none, or the program does not print them
	Frames []Frame           // innermost first
}

// Frame is a stack frame.
type Frame struct {
	Func string // with its package
	File string
	Line int
}

// starts begin the runtime's reports.
var starts = [][]byte{
	[]byte("fatal error: "), []byte("panic: "), []byte("runtime: goroutine stack exceeds"), []byte("runtime: out of memory"),
	[]byte("runtime: program exceeds"), []byte("unexpected fault address "), []byte("SIGSEGV: "), []byte("SIGBUS: "),
	[]byte("SIGABRT: "), []byte("SIGILL: "), []byte("SIGFPE: "), []byte("SIGQUIT: "), []byte("SIGTRAP: "),
}

// Begins reports whether a line of the text begins a report.
func Begins(text []byte) bool {
	for line := range bytes.Lines(text) {
		for _, s := range starts {
			if bytes.HasPrefix(line, s) {
				return true
			}
		}
	}
	return false
}

// Parse reads a report. What stands before and after it does no harm; a text without one gives none.
func Parse(text []byte) Report {
	if !Begins(text) {
		return Report{}
	}
	return Report{Cause: cause(text), Goroutines: goroutines(text)}
}

// Culprit returns the goroutine that failed, if it has the label. The others of a report are bystanders.
func (r Report) Culprit(label string) (Goroutine, bool) {
	if len(r.Goroutines) == 0 {
		return Goroutine{}, false
	}
	g := r.Goroutines[0]
	_, ok := g.Labels[label]
	return g, ok
}

// First returns the first goroutine of the report that has the label: for programs in which one without it fails only on behalf of another.
func (r Report) First(label string) (Goroutine, bool) {
	for _, g := range r.Goroutines {
		if _, ok := g.Labels[label]; ok {
			return g, true
		}
	}
	return Goroutine{}, false
}

var (
	stackLimit = regexp.MustCompile(`goroutine stack exceeds (\d+)-byte limit`)
	fatalLine  = regexp.MustCompile(`(?m)^fatal error: (.+)$`)
	panicLine  = regexp.MustCompile(`(?m)^panic: (.+)$`)
	signalLine = regexp.MustCompile(`(?m)^(SIG[A-Z]+): ([a-z -]+)`)
)

// words for what the runtime says.
var words = []struct{ text, words string }{
	{"out of memory", "out of memory"},
	{"cannot allocate memory", "out of memory"},
	{"signal arrived during cgo execution", "crash in C code"},
	{"unexpected signal during runtime execution", "crash: memory was damaged, or C code is at fault"},
}

// cause is the one line for a report.
func cause(text []byte) string {
	if m := stackLimit.FindSubmatch(text); m != nil {
		return overflow(string(m[1]))
	}
	what := first(fatalLine, text)
	switch {
	case what == "stack overflow":
		return overflow("")
	case what != "":
		what = "fatal error: " + what
	default:
		what = first(signalLine, text)
		if what == "" {
			if what = first(panicLine, text); what != "" {
				what = "panic: " + what
			}
		}
	}
	if what == "" {
		return ""
	}
	for _, w := range words {
		switch {
		case !bytes.Contains(text, []byte(w.text)):
		case strings.HasPrefix(what, "fatal error"):
			return w.words
		case !strings.HasPrefix(what, "panic"): // a panic's text may say anything
			return w.words + " (" + what + ")"
		}
	}
	return what
}

// first returns what the groups of the first match hold, as "a: b".
func first(expression *regexp.Regexp, text []byte) string {
	m := expression.FindSubmatch(text)
	if m == nil {
		return ""
	}
	parts := make([]string, len(m)-1)
	for i := range parts {
		parts[i] = string(bytes.TrimSpace(m[i+1]))
	}
	return strings.Join(parts, ": ")
}

func overflow(limit string) string {
	const what = "stack overflow: endless recursion"
	n, err := strconv.ParseInt(limit, 10, 64)
	switch {
	case err != nil:
		return what
	case n < 1<<20:
		return what + ", or a stack of more than " + strconv.FormatInt(n>>10, 10) + " KB"
	}
	return what + ", or a stack of more than " + strconv.FormatInt(n>>20, 10) + " MB"
}
