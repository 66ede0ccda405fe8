package magic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mobula/internal/cellio"
	"mobula/interp"
)

// fakeEngine records what it is asked.
type fakeEngine struct {
	interp.Engine // methods that no magic uses
	dir           string
	log           []string
	env           []string
	mode          interp.Mode
	vars          []interp.Variable
}

func (e *fakeEngine) note(format string, args ...any) {
	e.log = append(e.log, fmt.Sprintf(format, args...))
}

func (e *fakeEngine) Run(_ context.Context, c interp.Cell) *interp.Error {
	quiet := ""
	if c.Quiet {
		quiet = "quiet "
	}
	e.note("%srun %q", quiet, c.Source)
	if strings.Contains(c.Source, "boom") {
		return &interp.Error{Name: "panic", Value: "boom"}
	}
	return nil
}

func (e *fakeEngine) Variables(context.Context) []interp.Variable { return e.vars }
func (e *fakeEngine) Reset(context.Context) error                 { e.note("reset"); return nil }
func (e *fakeEngine) Go(_ context.Context, cell int, args ...string) error {
	e.note("go %d %q", cell, args)
	return nil
}
func (e *fakeEngine) Setenv(_ context.Context, k, v string) error {
	e.note("set %s=%s", k, v)
	return nil
}
func (e *fakeEngine) Unsetenv(_ context.Context, k string) error { e.note("unset %s", k); return nil }
func (e *fakeEngine) Chdir(_ context.Context, d string) error    { e.dir = d; return nil }
func (e *fakeEngine) Dir() string                                { return e.dir }
func (e *fakeEngine) Environ() []string                          { return append(os.Environ(), e.env...) }
func (e *fakeEngine) Mode() interp.Mode                          { return e.mode }
func (e *fakeEngine) SetMode(_ context.Context, m interp.Mode) error {
	e.mode = m
	return nil
}
func (e *fakeEngine) Describe() string { return "go1.26 in a test" }

// bench is an Env that records.
type bench struct {
	Env
	engine          *fakeEngine
	out, err, shown strings.Builder
	next            string
	reg             *Registry
	answer          string
	onOutput        func()
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{engine: &fakeEngine{dir: t.TempDir(), mode: interp.ModeAuto, env: []string{"MOBULA_TEST=yes"}}, reg: New()}
	b.Env = Env{
		Engine: b.engine, Cell: 4,
		Stdout: func(s string) {
			b.out.WriteString(s)
			if b.onOutput != nil {
				b.onOutput()
			}
		},
		Stderr: func(s string) { b.err.WriteString(s) },
		Display: func(d cellio.Data) {
			var s string
			if err := json.Unmarshal(d["text/plain"], &s); err != nil {
				t.Error(err)
			}
			b.shown.WriteString(s)
		},
		SetNextInput: func(s string, replace bool) { b.next = fmt.Sprint(replace, " ", s) },
		History: func(n int) []Entry {
			all := []Entry{{1, "a := 1"}, {2, "b := 2\n"}, {3, "c := 3"}}
			if n > 0 {
				all = all[max(0, len(all)-n):]
			}
			return all
		},
		Input: func(context.Context, string) (string, error) { return b.answer, nil },
	}
	return b
}

func (b *bench) run(ctx context.Context, source string) *interp.Error {
	return b.reg.Run(ctx, &b.Env, interp.Cell{Number: 4, Source: source})
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		source string
		log    string // what the engine was asked
		out    string // all that was shown, in part
		fault  string // in part; "" means none
	}{
		{"x := 1", `run "x := 1"`, "", ""},
		{"%cd /\nx", `run "     \nx"`, "/\n", ""},
		{"a\n!echo hi\nb", `quiet run "a\n";run " \n        \nb"`, "hi\n", ""},
		{"s := `\n!echo no\n`", "run \"s := `\\n!echo no\\n`\"", "", ""},
		{"boom\n!echo no", `quiet run "boom\n"`, "", "panic: boom"},
		{"!exit 3\nx", "", "", "cell[4]:1:1: !exit 3: exit status 3"},
		{"!echo to; echo err >&2", "", "to\nerr\n", ""},
		{"!echo $MOBULA_TEST in $PWD", "", "yes in /", ""},
		{"!", "", "", "no command"},
		{"!definitely-no-command-1", "", "", "exit status 127"},

		{"%%\nx := 1\nfmt.Println(x)", `run "func() {\nx := 1\nfmt.Println(x)\n}()"`, "", ""},
		{"func f() {}\n%%\nf()", `quiet run "func f() {}\n";run "           \nfunc() {\nf()\n}()"`, "", ""},

		{"%time f(1)", `run "      f(1)"`, "wall time: ", ""},
		{"%time", "", "", "nothing to time"},
		{"%%time\nx\n!echo in", `quiet run "      \nx\n"`, "in\nwall time: ", ""},
		{"%%time\nboom", `run "      \nboom"`, "wall time: ", "panic: boom"},
		{"%%bash\nfor i in 1 2; do echo n$i; done", "", "n1\nn2\n", ""},
		{"%%bash -e\nfalse\necho no", "", "", "%%bash: exit status 1"},
		{"%%sh\nexit 7", "", "", "exit status 7"},
		{"x\n%%bash\ny", `quiet run "x\n"`, "", "put it on the first line"},

		{"%engine", "", "engine: auto\ngo1.26 in a test", ""},
		{"%engine yaegi", "", "engine: yaegi", ""},
		{"%engine turbo", "", "", "choose auto, native or yaegi"},
		{"%go get example.com/m@v1.2.3", `go 4 ["get" "example.com/m@v1.2.3"]`, "", ""},
		{"%go", "", "", "what should go do"},
		{"%who", "", "alpha  int     1         2", ""},
		{"%reset -f", "reset", "", ""},
		{"%reset", "", "Nothing was reset", ""},
		{"%reset -x", "", "", "%reset -f"},
		{"%env MOBULA_TEST", "", "yes\n", ""},
		{"%env A=b c", "set A=b c", "", ""},
		{"%env A=", "set A=", "", ""},
		{`%env A="q"`, "set A=q", "", ""},
		{"%env -u A", "unset A", "", ""},
		{"%env NOT_SET_AT_ALL", "", "", "NOT_SET_AT_ALL is not set"},
		{"%env", "", "MOBULA_TEST=yes", ""},
		{"%cd nowhere/at/all", "", "", "no such file"},
		{"%history", "", "// cell[1]\na := 1\n// cell[2]\nb := 2\n// cell[3]", ""},
		{"%history -n 1", "", "// cell[3]\nc := 3\n", ""},
		{"%history -n x", "", "", "%history -n 10"},
		{"%load", "", "", "which file"},
		{"%help", "", "%cd [dir]", ""},
		{"%help time", "", "%time statement\n", ""},
		{"%help %%writefile", "", "-a appends", ""},

		{"%hlep", "", "", "did you mean %help?"},
		{"%timee x", "", "", "did you mean %time?"},
		{"%%wrtefile x", "", "", "did you mean %%writefile?"},
		{"%writefile x", "", "", "did you mean %%writefile?"},
		{"%help tme", "", "", "did you mean %time?"},
		{"%matplotlib inline", "", "", "%help lists them all"},
		{"\n\n  %nope1", "", "", "cell[4]:3:1: %nope1"},
	} {
		t.Run(c.source, func(t *testing.T) {
			b := newBench(t)
			b.engine.vars = []interp.Variable{{Name: "beta", Type: "string"}, {Name: "alpha", Type: "int", Text: "1", Cell: 2}}
			f := b.run(t.Context(), c.source)
			if got := strings.Join(b.engine.log, ";"); got != c.log {
				t.Errorf("engine: %s\n  want: %s", got, c.log)
			}
			if out := b.out.String() + b.err.String() + b.shown.String(); !strings.Contains(out, c.out) {
				t.Errorf("shown %q, want %q", out, c.out)
			}
			switch {
			case f == nil && c.fault != "":
				t.Errorf("no error, want %q", c.fault)
			case f != nil && (c.fault == "" || !strings.Contains(f.Error(), c.fault)):
				t.Errorf("error %q, want %q", f.Error(), c.fault)
			}
		})
	}
}

func TestResetAsks(t *testing.T) {
	b := newBench(t)
	b.answer = "Yes"
	if f := b.run(t.Context(), "%reset"); f != nil || !slices.Equal(b.engine.log, []string{"reset"}) {
		t.Errorf("%v, %v", f, b.engine.log)
	}
	b.Input = nil
	if f := b.run(t.Context(), "%reset"); f == nil || !strings.Contains(f.Value, "nobody can be asked") {
		t.Errorf("%v", f)
	}
}

func TestFiles(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ source, out string }{
		{"%%writefile a.go\npackage a\n\n!not a magic\n", "Wrote "},
		{"%%writefile -a a.go\n%more", "Appended to "},
		{"%%writefile \"b c\"\nx", "Wrote "},
		{"%%writefile a.go.bak\n", "Wrote "},
		{"%load a.go", ""},
	} {
		b.out.Reset()
		if f := b.run(t.Context(), c.source); f != nil || !strings.HasPrefix(b.out.String(), c.out) {
			t.Fatalf("%q: %v, %q", c.source, f, b.out.String())
		}
	}
	const want = "package a\n\n!not a magic\n%more"
	if got, err := os.ReadFile(filepath.Join(b.engine.dir, "a.go")); err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(b.engine.dir, "b c")); err != nil {
		t.Error(err)
	}
	if b.next != "true // %load a.go\n"+want {
		t.Errorf("next input %q", b.next)
	}
	for _, source := range []string{"%%writefile\nx", "%%writefile no/such/folder\nx", "%load nothing", "%load ."} {
		if b.run(t.Context(), source) == nil {
			t.Errorf("%q: no error", source)
		}
	}
}

// A command's output comes while it runs, and the end of the context ends its children.
func TestShellInterrupt(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.onOutput = cancel // the first output proves that the command runs
	start := time.Now()
	f := b.run(ctx, "!(sleep 600 & echo $! ; wait)")
	if f == nil || f.Name != "interrupted" {
		t.Fatalf("fault %v", f)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("ended after %s", d)
	}
	pid := strings.TrimSpace(b.out.String())
	for range 1000 {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if errors.Is(err, os.ErrNotExist) || strings.Contains(string(stat), ") Z ") {
			return
		}
		<-time.After(time.Millisecond)
	}
	t.Errorf("child %s lives on", pid)
}

func TestShellOutputIsText(t *testing.T) {
	b := newBench(t)
	var parts []string
	b.Stdout = func(s string) { parts = append(parts, s) }
	if f := b.run(t.Context(), `!printf '\303'; sleep 0.05; printf '\251\n\377'`); f != nil {
		t.Fatal(f)
	}
	if got := strings.Join(parts, "|"); strings.HasPrefix(got, "\xc3|") || strings.ReplaceAll(got, "|", "") != "é\n\xff" {
		t.Errorf("%q", parts)
	}
}

func TestRegister(t *testing.T) {
	r := New()
	ran := ""
	m := Magic{Name: "fleet", Usage: "%fleet", Run: func(_ context.Context, _ *Env, c Call) error { ran = c.Args; return nil }}
	if err := r.Register(m); err != nil {
		t.Fatal(err)
	}
	if r.Register(m) == nil || r.Register(Magic{Name: "two words", Run: m.Run}) == nil || r.Register(Magic{Name: "x"}) == nil {
		t.Error("a bad magic was taken")
	}
	b := newBench(t)
	b.reg = r
	if f := b.run(t.Context(), "%fleet connect a:1"); f != nil || ran != "connect a:1" {
		t.Errorf("%v %q", f, ran)
	}
	if !slices.Contains(r.Names(), "%fleet") || !slices.Contains(r.Names(), "%%time") {
		t.Errorf("names %q", r.Names())
	}
	if !r.HasMagic("%fleet") || r.HasMagic("x := `\n%fleet`") {
		t.Error("HasMagic")
	}
}

func FuzzRun(f *testing.F) {
	for _, s := range []string{"%who", "%%time\n%time x", "x\n%%\n", "%env A", "%%", "%\n%%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		// Commands and files are the user's: only what stays inside the process is run.
		for _, word := range []string{"!", "bash", "sh", "writefile", "cd", "load"} {
			if strings.Contains(source, word) {
				return
			}
		}
		b := newBench(t)
		if fault := b.run(t.Context(), source); fault != nil && fault.Value == "" {
			t.Errorf("%q: an error that says nothing", source)
		}
	})
}
