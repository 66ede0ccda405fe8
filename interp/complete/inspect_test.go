package complete

import (
	"strings"
	"testing"
)

func TestInspect(t *testing.T) {
	s := session(t)
	for _, c := range []struct {
		cell   string
		detail int
		want   string // every line must be in text/plain; "" means not found
	}{
		{"strings.Spl|it(x, y)", 0, "func strings.Split(s string, sep string) []string\nsubstrings separated by sep"},
		{"strings.Split(|", 0, "func strings.Split"},
		{"strings.Split(\"a\", |", 0, "func strings.Split"},
		{"strings.Split(|x)", 1, "func Split(s, sep string) []string { return genSplit("},
		{"str|ings.Split", 0, "package strings // import \"strings\"\nimplements simple functions\nBuilder"},
		{"strin|gs", 0, "package strings"},
		{"strs|", 0, "package strings"},
		{"strings.Buil|der", 0, "type strings.Builder struct\nfunc (Builder) WriteString(s string) (int, error)"},
		{"buf.WriteS|tring(\"\")", 0, "WriteString(s string)\nappends the contents of s"},
		{"pt.Scale|", 0, "func (*Point).Scale(k float64) *Point\nScale multiplies both coordinates."},
		{"pt|", 0, "var pt *Point"},
		{"pt.X|", 0, "field X float64"},
		{"addr.Sche|me", 0, "field Scheme string"},
		{"limit|", 0, "const limit untyped int = 10"},
		{"len|(x)", 0, "func len\nreturns the length of v"},
		{"mystery := 1\nmyst|ery++", 0, "var mystery int"},
		{"myst|ery := 1.5", 0, "var mystery float64"},
		{"func f(a int) int { return a| }", 0, "var a int"},
		{"x := Poi|nt{", 0, "type Point struct\nNorm() float64"},
		{"for|", 0, "for\nkeyword"},
		{"unknownThing|", 0, ""},
		{"1 + 2|", 0, ""},
		{"|", 0, ""},
		{"http.StatusOK|", 0, "const http.StatusOK untyped int = 200"},
		{"time.Dura|tion", 0, "type time.Duration int64\nelapsed time between two instants"},
	} {
		before, after, _ := strings.Cut(c.cell, "|")
		got := Inspect(s, before+after, len(before), c.detail)
		if got.Found != (c.want != "") {
			t.Errorf("%s: found %v", c.cell, got.Found)
			continue
		}
		if !got.Found {
			continue
		}
		flat := strings.Join(strings.Fields(got.Data["text/plain"]), " ")
		for line := range strings.SplitSeq(c.want, "\n") {
			if !strings.Contains(flat, line) {
				t.Errorf("%s: %q is not in\n%.600s", c.cell, line, got.Data["text/plain"])
			}
		}
		if !strings.HasPrefix(got.Data["text/html"], "<pre>") || !strings.HasPrefix(got.Data["text/markdown"], "```go\n") {
			t.Errorf("%s: %.200q", c.cell, got.Data)
		}
	}
}

func TestInspectEscapes(t *testing.T) {
	got := Inspect(session(t), "func lessThan(a <-chan int) {}\nlessThan", 35, 0)
	if !strings.Contains(got.Data["text/html"], "&lt;-chan int") {
		t.Errorf("%q", got.Data["text/html"])
	}
}

func TestIsComplete(t *testing.T) {
	for _, c := range []struct{ source, status, indent string }{
		{"", StatusComplete, ""},
		{"x := 1", StatusComplete, ""},
		{"x := 1\n", StatusComplete, ""},
		{"func f() int { return 1 }", StatusComplete, ""},
		{"func f() int {\n\treturn 1\n}\nf()", StatusComplete, ""},
		{"package main\nimport \"fmt\"\nfmt.Println()", StatusComplete, ""},
		{"x // +", StatusComplete, ""},
		{"x++", StatusComplete, ""},
		{"return", StatusComplete, ""},
		{"s := `a\n{`", StatusComplete, ""},
		{"%who", StatusComplete, ""},
		{"!ls (", StatusComplete, ""},
		{"%%bash\nif (", StatusComplete, ""},
		{"if x {\n} else {\n}", StatusComplete, ""},
		{"if x {\n}", StatusComplete, ""},
		{"for range 3 {}", StatusComplete, ""},

		{"func f() {", StatusIncomplete, "\t"},
		{"func f() {\n\tif x {", StatusIncomplete, "\t\t"},
		{"func f() {\n\tif x {\n\t}", StatusIncomplete, "\t"},
		{"f(func() {", StatusIncomplete, "\t"},
		{"x := []int{\n1,", StatusIncomplete, "\t"},
		{"f(", StatusIncomplete, "\t"},
		{"import (", StatusIncomplete, "\t"},
		{"1 +", StatusIncomplete, "\t"},
		{"x :=", StatusIncomplete, "\t"},
		{"x.", StatusIncomplete, "\t"},
		{"a &&  // really", StatusIncomplete, "\t"},
		{"f(a,\n", StatusIncomplete, "\t"},
		{"s := `abc", StatusIncomplete, ""},
		{"s := `abc\n)", StatusIncomplete, ""},
		{"/* abc", StatusIncomplete, ""},
		{"if x {\n} else", StatusIncomplete, "\t"},
		{"for", StatusIncomplete, "\t"},
		{"func", StatusIncomplete, "\t"},
		{"%%time\nfor {", StatusIncomplete, "\t"},

		{"}", StatusInvalid, ""},
		{"f(]", StatusInvalid, ""},
		{"func f() {)", StatusInvalid, ""},
		{"if x {\n}\nelse {\n}", StatusInvalid, ""},
		{"x := \"abc", StatusInvalid, ""},
		{"x := 'ab'", StatusInvalid, ""},
		{"x y", StatusInvalid, ""},
		{"for i := {}", StatusInvalid, ""},
		{"a b c {", StatusIncomplete, "\t"},
		{"x = = 1", StatusInvalid, ""},
		{"#", StatusInvalid, ""},
		{"x := 1 @", StatusInvalid, ""},
		{"\x00", StatusInvalid, ""},
		{"if x", StatusInvalid, ""},
		{"0x", StatusInvalid, ""},
	} {
		if status, indent := IsComplete(c.source); status != c.status || indent != c.indent {
			t.Errorf("%q: %s %q, want %s %q", c.source, status, indent, c.status, c.indent)
		}
	}
}
