package export

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mobula"
	"mobula/internal/golden"
	"mobula/notebook"
)

// book makes a notebook of cells: "tag|source" has a tag, "# text" is Markdown.
func book(cells ...string) *notebook.Notebook {
	nb := notebook.New()
	for _, source := range cells {
		if strings.HasPrefix(source, "# ") {
			nb.Cells = append(nb.Cells, &notebook.Cell{Kind: notebook.Markdown, Source: source})
			continue
		}
		tag, rest, tagged := strings.Cut(source, "|")
		if tagged && !strings.ContainsAny(tag, " \n") {
			nb.Cells = append(nb.Cells, nb.NewCode(rest, tag))
		} else {
			nb.Cells = append(nb.Cells, nb.NewCode(source))
		}
	}
	return nb
}

var notebooks = []struct {
	name  string
	cells []string
	runs  [][]string // arguments of runs of the program
}{
	{"language", []string{
		"# Declarations",
		"import (\n\t\"sort\"\n\tr \"math/rand/v2\"\n)\n\nlist := []int{2, 1}\nsort.Ints(list)\nr.New(r.NewPCG(1, 2)).IntN(1)",
		"// point is a place.\ntype point struct{ x, y int }\n\nconst limit = 3 // of points\np := point{1, 2} // the first\nunused := 1",
		"func (p point) String() string { return fmt.Sprintf(\"<%d %d>\", p.x, p.y) }\n\n// total is read by a function.\ntotal := 0\nfunc add(n int) { total += n }\nadd(limit); add(2)\np",
		"# Declared again",
		"func label() string { return \"one\" }\ndescribe := func() string { return label() }\ndescribe()",
		"func label() string { return \"two\" }\ndescribe()",
		"x := 1\nx, err := strconv.Atoi(\"12\")\nx",
		"x := \"text\"\ny, err := strconv.Atoi(\"no\")\nfmt.Println(x, y, err != nil)",
		"func pair[T any](v T) (T, T) { return v, v }\nvar a, b = pair(x)\na + b",
		"total",
		"# Magics",
		"%%time\n!echo from the shell\nos.Getenv(\"GREETING\");",
		"%env GREETING=hello there\nos.Getenv(\"GREETING\")",
		"raises-exception|kept := 7\npanic(\"expected\")",
		"kept",
		"no-export|panic(1)",
		"skip-execution|panic(2)",
		"?fmt",
		"%%\ninner := 5\nfmt.Println(inner)",
		"defer fmt.Println(\"deferred\")\nfor i := range 2 {\n\tunusedInside := i\n}\nlater := 3",
		"later * 2",
		"func main() { fmt.Println(\"in main\", len(list)) }",
	}, [][]string{{}}},
	{"parameters", []string{
		"# Setup",
		"fmt.Println(\"start\")",
		"parameters|lr := 0.1 // learning rate\nepochs := 2\nname := \"first\"\nverbose := false\nwait := 90 * time.Second\nlayers := []int{64, 32} // sizes\nconst seed = 42",
		"injected-parameters|// Parameters\nlr = 0.5",
		"func rate() float64 { return lr * 2 }\nfmt.Println(rate(), epochs, name, verbose, wait, layers, seed)",
	}, [][]string{{}, {"-lr", "3", "-name=second run", "-verbose", "-layers", "[1,2]", "-wait", "1m"}, {"-epochs", "x"}, {"-h"}}},
	{"cluster", []string{
		"%cluster start --cpus 2 --nodes 2",
		"type row struct{ Name string; N int }\n[]row{{\"a\", 1}}",
		"scale := 3\nmobula.Values(mobula.Map([]int{1, 2}, func(i int) int { return i * scale }))",
		"h := display.Live(\"begin\")\nh.Update(\"end\")",
		"%cluster stop",
	}, [][]string{{}}},
}

// TestPrograms exports notebooks, builds them by plain go, and runs them.
func TestPrograms(t *testing.T) {
	for _, tt := range notebooks {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), tt.name)
			o := Options{Name: tt.name, Title: tt.name + ".ipynb", SDK: mobula.Source}
			warnings, err := Write(t.Context(), book(tt.cells...), dir, o)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(dir, "main.go"))
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, filepath.Join("testdata", tt.name+".go.txt"), string(text)+strings.Join(warnings, "\n"))
			plainGo(t, dir, "vet", ".")
			plainGo(t, dir, "build", "-o", "program", ".")
			f, err := elf.Open(filepath.Join(dir, "program"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if libs, err := f.ImportedLibraries(); err != nil || len(libs) > 0 {
				t.Errorf("the program is not static: %v %v", libs, err)
			}
			var got strings.Builder
			for _, args := range tt.runs {
				cmd := exec.Command(filepath.Join(dir, "program"), args...)
				out, err := cmd.CombinedOutput()
				got.WriteString("$ " + strings.Join(append([]string{tt.name}, args...), " ") + "\n" + strings.ReplaceAll(string(out), cmd.Path, tt.name))
				if err != nil {
					got.WriteString(err.Error() + "\n")
				}
			}
			golden.Compare(t, filepath.Join("testdata", tt.name+".out.txt"), got.String())
		})
	}
}

// plainGo runs the go command in an exported module, without a network.
func plainGo(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOPROXY=off", "GOFLAGS=-trimpath", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct {
		cells []string
		want  string
	}{
		{[]string{"x := )"}, "cell 1: "},
		{[]string{"1", "a := 1\nb := a + nothing"}, "cell 2, line 2: undefined: nothing"},
		{[]string{"func f() int { return 1 }", "func f() string { return \"\" }"}, "cells 1 and 2 declare f with different parameters or results"},
		{[]string{"func f() int { return 1 }", "type f int"}, "once as a func and once as a type"},
		{[]string{"n := 1\nfunc f() int { return n }", "n := \"a\""}, "cell 2 declares n anew with another type"},
		{[]string{"import \"C\""}, "cannot be exported"},
		{[]string{"import \"example.com/none\""}, "example.com/none"},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		_, err := Write(t.Context(), book(tt.cells...), dir, Options{Name: "x", SDK: mobula.Source})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %s", tt.cells, err, tt.want)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%q: something was left", tt.cells)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), book("1"), dir, Options{Name: "x", SDK: mobula.Source}); err == nil || !strings.Contains(err.Error(), "holds no earlier export") {
		t.Error(err)
	}
}

func TestNameOf(t *testing.T) {
	for path, want := range map[string]string{"a/Train model.ipynb": "train-model", "main.ipynb": "notebook", "01-x.ipynb": "01-x", "é.ipynb": "notebook"} {
		if got := NameOf(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// FuzzRead holds that no cell, however broken, makes more than an error.
func FuzzRead(f *testing.F) {
	for _, tt := range notebooks {
		f.Add(strings.Join(tt.cells, "\x00"))
	}
	f.Add("var (\n\ta, b = 1, 2\n\tc int\n)\x00x, _ := f(); _ = x\x00%time y := 1\x00func (T[K]) m() {}\x00var x = 1;y:=2;")
	f.Fuzz(func(t *testing.T, source string) {
		units, err := read(book(strings.Split(source, "\x00")...))
		if err != nil {
			return
		}
		if versions(units) != nil {
			return
		}
		p := &program{units: units, imports: map[string]bool{}}
		p.hoist()
		p.assemble()
		for _, u := range units {
			if len(u.body) != len(u.source) {
				t.Errorf("%q became %q", u.source, u.body)
			}
		}
	})
}
