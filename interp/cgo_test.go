package interp

import (
	"go/token"
	"os"
	"strings"
	"testing"

	"mobula/interp/toolchain"
)

const cCell = `x := 3
/*
#include <errno.h>
struct point { int x, y; };
typedef struct { int a; } first;
static int f(int *p, int n) { return *p + n; }
static struct point at(int x) { struct point p = {x, x}; return p; }
*/
import "C"

func call(n C.int) (C.int, error) {
	var a, b = C.int(1), n // Ünïcode
	v, err := C.f(&a,
		C.int(b)+C.at(2).x)
	return v, err
}
var u C.first
y, err := call(C.int(x))
fmt.Println(y, err, u, C.EINVAL)
`

// translated parses a cell and takes the C out of it.
func translated(t *testing.T, s *Session, source string) *parsedCell {
	t.Helper()
	tc, err := toolchain.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !tc.Cgo {
		t.Skip("no C compiler on this machine")
	}
	s.c.count++
	p, perr := parseCell(s.fset, Cell{Number: s.c.count, Source: source}, 0)
	if perr != nil {
		t.Fatal(perr)
	}
	tr, err := tc.TranslateC(t.Context(), toolchain.CFile{Text: p.text, ID: s.c.count, Dir: t.TempDir(), Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	s.c.libs = append(s.c.libs, tr.Library)
	g := &cGenerator{s: s, id: s.c.count, code: &cCode{funcs: map[string]*cFunc{}, library: tr.Library}}
	if err := g.read(tr.Types); err != nil {
		t.Fatal(err)
	}
	if err := p.adopt(g, tr.Text); err != nil {
		t.Fatal(err)
	}
	return p
}

func bareSession(t *testing.T) *Session {
	s := &Session{fset: token.NewFileSet(), aliases: newAliases(), env: declarations{}}
	t.Cleanup(s.c.close)
	return s
}

// TestCPositions holds that every piece of a translated cell is found where the user wrote it.
func TestCPositions(t *testing.T) {
	p := translated(t, bareSession(t), cCell)
	last := 0
	for _, s := range p.segs {
		if s.out < last {
			t.Fatalf("pieces are not in order: %v", p.segs)
		}
		last = s.out + s.n
		if got, want := p.text[s.out:s.out+s.n], p.Source[s.in:s.in+s.n]; got != want {
			t.Errorf("%q came from %q", got, want)
		}
	}
	for mark, want := range map[string]string{"_Cfunc_at": "C.at(2)", "_C2func_f": "C.f(&a,", "_Ctype_first": "C.first", "_Ciconst_EINVAL": "C.EINVAL", "b)": "b)+C.at"} {
		at := strings.Index(p.text, mark)
		if at < 0 {
			t.Errorf("the text lacks %s:\n%s", mark, p.text)
			continue
		}
		if got := p.Source[p.offset(token.Pos(p.base+at)):]; !strings.HasPrefix(got, want) {
			t.Errorf("%s is found at %.20q, want %q", mark, got, want)
		}
	}
	if at, end := strings.Index(p.text, "func call"), strings.Index(p.text, "{\n\tvar a"); !strings.HasPrefix(p.userText(at, end), "func call(n C.int)") {
		t.Errorf("the user's text is %q", p.userText(at, end))
	}
}

// TestCTypeNames holds that a type has one name in all cells, and two types two names.
func TestCTypeNames(t *testing.T) {
	s := bareSession(t)
	name := func(body, typ string) string {
		p := translated(t, s, "/*\n"+body+"\n*/\nimport \"C\"\nvar v C."+typ+"\n")
		_, rest, _ := strings.Cut(p.text, "var v ")
		for strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "/*") {
			if _, after, ok := strings.Cut(rest, "*/"); ok {
				rest = after
			}
		}
		return rest[:p.identEnd(len(p.text)-len(rest))-(len(p.text)-len(rest))]
	}
	inner := "struct in { int n; };\n"
	first := name(inner+"struct out { struct in *i; };", "struct_out")
	if first != "_Ctype_struct_out" {
		t.Errorf("the first is called %s", first)
	}
	if again := name(inner+"struct out { struct in *i; };", "struct_out"); again != first {
		t.Errorf("the same type is called %s and %s", first, again)
	}
	other := name("struct in { double n; };\nstruct out { struct in *i; };", "struct_out")
	if other == first || !strings.HasPrefix(other, first+marker) {
		t.Errorf("a type of another one is called %s, too", other)
	}
	if plainNames(other) != "C.struct_out" {
		t.Errorf("the user reads %s", plainNames(other))
	}
	a, b := name("typedef struct { int n; } one;", "one"), name("typedef struct { char c; } zero;\ntypedef struct { int n; } one;\nstatic zero z;", "one")
	if a != b {
		t.Errorf("a type that shares its file with another is called %s and %s", a, b)
	}
}
