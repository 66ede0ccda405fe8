package langtest

import (
	"go/build"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	cases := []struct {
		name, source string
		want         []string
	}{
		{"order and body", "package main\nimport \"fmt\"\nvar a = f()\nfunc f() int { return b }\nvar b = 2\nfunc main() {\n\tfmt.Println(a)\n}",
			[]string{"import \"fmt\"", "var b = 2", "func f() int { return b }", "var a = f()", "\tfmt.Println(a)"}},
		{"mutual recursion stays together", "package main\nfunc even(n int) bool { return n == 0 || odd(n-1) }\nfunc odd(n int) bool { return n != 0 && even(n-1) }\nfunc main() { println(even(4)) }",
			[]string{"func even(n int) bool { return n == 0 || odd(n-1) }\nfunc odd(n int) bool { return n != 0 && even(n-1) }", " println(even(4)) "}},
		{"methods after their type, before who makes values", "package main\nvar t T\nfunc (t T) String() string { return \"t\" }\ntype T int\nfunc main() {}",
			[]string{"type T int", "func (t T) String() string { return \"t\" }", "var t T", ""}},
		{"types that need each other", "package main\ntype A struct{ b *B }\ntype B struct{ a *A }\nfunc main() {}",
			[]string{"type A struct{ b *B }\ntype B struct{ a *A }", ""}},
		{"a group is taken apart, constants are not", "package main\nvar (\n\tx = 1\n\t// y is two.\n\ty = 2\n)\nconst (\n\tc = iota\n\td\n)\nfunc main() {}",
			[]string{"var x = 1", "// y is two.\n\tvar y = 2", "const (\n\tc = iota\n\td\n)", ""}},
		{"init after variables", "package main\nfunc init() { x++ }\nvar x = 1\nfunc init() { x *= 2 }\nfunc main() {}",
			[]string{"var x = 1", "func init() { x++ }", "func init() { x *= 2 }", ""}},
		{"a body that hides a name is a block", "package main\nvar x = 1\nfunc main() { x := 2; _ = x }",
			[]string{"var x = 1", "{ x := 2; _ = x }"}},
		{"a conversion waits for the methods", "package main\ntype I interface{ M() }\ntype T struct{}\nfunc (T) N() { var i I = T{}; i.M() }\nfunc (T) M() {}\nfunc main() {}",
			[]string{"type I interface{ M() }", "type T struct{}", "func (T) N() { var i I = T{}; i.M() }\nfunc (T) M() {}", ""}},
	}
	var cutter Cutter
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := cutter.Split("x.go", []byte(c.source))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestSplitTree cuts some of the distribution's own programs; each cell must check after those before it.
func TestSplitTree(t *testing.T) {
	programs, _, err := Collect(build.Default.GOROOT, []string{"ken", "interface", "chan"})
	if err != nil {
		t.Skip("this Go has no test tree: ", err)
	}
	var cutter Cutter
	several := 0
	for _, p := range programs {
		cells, err := cutter.Split(p.Name, p.Source)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		for i := range len(cells) - 1 {
			if err := cutter.checks(cells[:i+1]); err != nil && i > 0 {
				t.Errorf("%s: after cell %d: %v", p.Name, i, err)
			}
		}
		if len(cells) > 2 {
			several++
		}
		if strings.TrimSpace(strings.Join(cells, "")) == "" {
			t.Errorf("%s: nothing left", p.Name)
		}
	}
	if several < len(programs)/2 {
		t.Errorf("only %d of %d programs were cut", several, len(programs))
	}
}

func TestSelfContained(t *testing.T) {
	for source, want := range map[string]struct {
		run    bool
		reason string
	}{
		"// run\npackage main":                                   {true, ""},
		"// errorcheck\npackage main":                            {false, ""},
		"// run -race\npackage main":                             {true, "needs arguments"},
		"// run\n//go:build plan9\npackage main":                 {true, "not for this machine"},
		"//go:build !plan9\n\n// run\npackage main":              {true, ""},
		"// run\npackage main\nimport \"os/exec\"":               {true, "runs other commands"},
		"// run\npackage main\nimport \"./a\"":                   {true, "imports ./a"},
		"// run\npackage p":                                      {true, "of package p"},
		"// run\npackage main\nimport \"internal/abi\"":          {true, "internal to the distribution"},
		"// run\npackage main\nimport \"golang.org/x/y\"\n":      {true, "imports golang.org/x/y"},
		"// runoutput\npackage main":                             {false, ""},
		"// run\n//go:build cgo && go1.20\npackage main\n// end": {true, ""},
	} {
		run, reason := selfContained([]byte(source))
		if run != want.run || !strings.Contains(reason, want.reason) || (reason == "") != (want.reason == "") {
			t.Errorf("%q: %v %q, want %v", source, run, reason, want)
		}
	}
}
