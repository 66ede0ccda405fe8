package cell

import (
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		name, source string
		want         []string // kind letter and text
	}{
		{"expression", "x", []string{"S x"}},
		{"mixed", "import \"fmt\"\nx := 1\nfunc f() int {\n\treturn x\n}\nf()", []string{"I import \"fmt\"", "S x := 1", "F func f() int {\n\treturn x\n}", "S f()"}},
		{"method and literal", "func (p *P) m() {}\nfunc(a int) int { return a }(3)", []string{"F func (p *P) m() {}", "S func(a int) int { return a }(3)"}},
		{"literal with results", "func() (int, error) { return 0, nil }()", []string{"S func() (int, error) { return 0, nil }()"}},
		{"generic", "func Map[T any](x T) T { return x }", []string{"F func Map[T any](x T) T { return x }"}},
		{"doc comment", "// about f\nfunc f() {}", []string{"F // about f\nfunc f() {}"}},
		{"free comment", "// free\n\nfunc f() {}", []string{"F func f() {}"}},
		{"trailing comment", "x := 1 // one\ny := 2", []string{"S x := 1", "S y := 2"}},
		{"semicolons", "a; b", []string{"S a;", "S b"}},
		{"if else", "if a {\n} else {\n}\nb", []string{"S if a {\n} else {\n}", "S b"}},
		{"label", "L:\nfor {\n break L\n}", []string{"S L:\nfor {\n break L\n}"}},
		{"loop header", "for i := 0; i < 3; i++ {\n}\nx", []string{"S for i := 0; i < 3; i++ {\n}", "S x"}},
		{"if header", "if x := f(); x {\n} else if y := g(); y {\n}; z", []string{"S if x := f(); x {\n} else if y := g(); y {\n};", "S z"}},
		{"header with a function", "for f := func() {}; ; f() {\n}\nswitch x := 1; x {\n}", []string{"S for f := func() {}; ; f() {\n}", "S switch x := 1; x {\n}"}},
		{"raw string", "s := `a\n\nb`\ns", []string{"S s := `a\n\nb`", "S s"}},
		{"package clause", "package main\nfunc main() {}", []string{"P package main", "F func main() {}"}},
		{"groups", "var (\n a = 1\n b = 2\n)\nconst c = 3\ntype T struct {\n}", []string{"V var (\n a = 1\n b = 2\n)", "C const c = 3", "T type T struct {\n}"}},
		{"empty", " \n// only a comment\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parts, err := Split(tt.source)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range parts {
				s := "PICTVFS"[p.Kind:p.Kind+1] + " " + p.Text(tt.source)
				if p.Semicolon {
					s += ";"
				}
				got = append(got, s)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSplitErrors(t *testing.T) {
	for _, source := range []string{"x }", ")", "a := \"open\nb", "/* open", "`open", "'"} {
		if _, err := Split(source); err == nil {
			t.Errorf("Split(%q) succeeded", source)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"x := 1\nfunc f() {}", "}{", "// a\n/* b */ x;;", "`\r\n`", "\x00", "\"\xff\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		parts, _ := Split(source)
		end := 0
		for _, p := range parts {
			if p.Start < end || p.Code < p.Start || p.End < p.Code || p.End > len(source) {
				t.Fatalf("part %+v after %d in %d bytes", p, end, len(source))
			}
			if gap := source[end:p.Start]; len(parts) > 0 && strings.Contains(gap, "func") && !strings.ContainsAny(gap, "/*") {
				t.Fatalf("tokens between parts: %q", gap)
			}
			end = p.End
		}
	})
}
