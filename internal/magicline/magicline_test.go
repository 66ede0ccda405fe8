package magicline

import (
	"strings"
	"testing"
)

func isGo(name string) bool { return name == "" || name == "time" }

func TestFind(t *testing.T) {
	for _, c := range []struct {
		source string
		want   []string // name|args, with %% where it is a cell magic
	}{
		{"", nil},
		{"x := 1", nil},
		{"%who", []string{"who|"}},
		{"  %cd  /tmp \nx", []string{"cd|/tmp"}},
		{"!ls -l\n!pwd", []string{"!|ls -l", "!|pwd"}},
		{"x := 1\n%who\ny := 2\n!ls", []string{"who|", "!|ls"}},
		{"s := `\n%who\n!ls\n`", nil},
		{"/*\n%who\n*/\n%help", []string{"help|"}},
		{"// c\n%help", []string{"help|"}},
		{"x := 7 \n%help", []string{"help|"}},
		{"x := 7 %\n3", nil},
		{"x := 7 +\n!y", nil},
		{"f(\n%a,\n)", nil},
		{"if x {\n!y\n}", nil},
		{" !done", nil},
		{"\"a\n%who", []string{"who|"}},
		{"it's\n!ls 'a", []string{"!|ls 'a"}},
		{"!echo a \\\n  b\nx", []string{"!|echo a   b"}},
		{"%%time\nx\n%who", []string{"%%time|", "who|"}},
		{"%%\nfmt.Println()", []string{"%%|"}},
		{"\n%%bash -e\n!ls\n%x", []string{"%%bash|-e"}},
		{"x\n%%\ny", []string{"%%|"}},
		{"x\n%%bash\ny", []string{"bash|"}},
		{"%go get a@v1.2.3\r\nx", []string{"go|get a@v1.2.3"}},
		{"%", []string{"|"}},
		{"}\n%who", []string{"who|"}},
	} {
		var got []string
		for _, l := range Find(c.source, isGo) {
			s := l.Name + "|" + l.Args
			if l.Cell {
				s = "%%" + s
			}
			got = append(got, s)
		}
		if strings.Join(got, ";") != strings.Join(c.want, ";") {
			t.Errorf("%q: %q, want %q", c.source, got, c.want)
		}
	}
}

func TestBlank(t *testing.T) {
	const source = "x\n!ls \\\n a\n%who\ny"
	got := Blank(source, Find(source, isGo))
	if want := "x\n     \n  \n    \ny"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"%who", "x\n!ls\\\n", "%%time\n!", "`\n%", "\xff%", "'\n%a\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		lines := Find(source, isGo)
		at := 0
		for _, l := range lines {
			if l.Start < at || l.End < l.Start || l.Body < l.End || l.Body > len(source) {
				t.Fatalf("%q: %+v after offset %d", source, l, at)
			}
			if l.Start > 0 && source[l.Start-1] != '\n' {
				t.Fatalf("%q: %+v does not start a line", source, l)
			}
			at = l.Body
		}
		if b := Blank(source, lines); len(b) != len(source) {
			t.Fatalf("%q: blanked to %q", source, b)
		}
	})
}
