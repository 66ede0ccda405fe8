package complete

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// sessionSource is what the cells before have declared.
const sessionSource = `package main

import ("bytes"; "net/url")

type Base struct { ID int; secret bool }
func (b *Base) Save() error { return nil }
func (b Base) Name() string { return "" }

type Point struct { Base; X, Y float64; tags map[string][]Point; Next *Point }
func (p Point) Norm() float64 { return 0 }
// Scale multiplies both coordinates.
func (p *Point) Scale(k float64) *Point { return p }

type Shape interface { Area() float64 }
type Stack[T any] struct { items []T }
func (s *Stack[T]) Push(x T) {}
func (s *Stack[T]) Top() T { var x T; return x }

var pt = &Point{}
var pts []Point
var byName = map[string]*Point{}
var buf bytes.Buffer
var stack Stack[Point]
var total, tiny int
var addr url.URL
const limit = 10

func makePoint() (*Point, error) { return nil, nil }
func origin() Point { return Point{} }
`

var (
	goroot = sync.OnceValue(func() string {
		out, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			panic(err)
		}
		return strings.TrimSpace(string(out))
	})
	packages = sync.OnceValue(importer.Default)
)

func session(tb testing.TB) *Snapshot {
	tb.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "session.go", sessionSource, parser.ParseComments)
	if err != nil {
		tb.Fatal(err)
	}
	conf := types.Config{Importer: packages()}
	pkg, err := conf.Check("main", fset, []*ast.File{f}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	root, err := os.OpenRoot(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"data.csv", "data.json", ".hidden"} {
		if err := root.WriteFile(name, nil, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	if err := root.MkdirAll("images/old", 0o700); err != nil {
		tb.Fatal(err)
	}
	return &Snapshot{
		Package: pkg, Imports: map[string]string{"strs": "strings"}, Importer: packages(), Std: stdPackages(tb),
		Modules: []string{"example.com/geo/v2", "example.com/geo/v2/plane"},
		Magics:  []string{"%who", "%time", "%%time", "%help"}, Dir: root.Name(), Docs: testDocs(),
		Source: func(o types.Object) string {
			if o.Name() == "Scale" {
				return "// Scale multiplies both coordinates.\nfunc (p *Point) Scale(k float64) *Point { return p }"
			}
			return ""
		},
	}
}

var testDocs = sync.OnceValue(func() *Docs { return NewDocs(GorootDir(goroot())) })

func stdPackages(tb testing.TB) map[string][]string {
	std, err := Std(goroot())
	if err != nil {
		tb.Fatal(err)
	}
	return std
}

func TestStd(t *testing.T) {
	std := stdPackages(t)
	for name, want := range map[string]string{
		"strings": "strings", "http": "net/http", "rand": "crypto/rand math/rand math/rand/v2",
		"template": "html/template text/template", "v2": "", "main": "", "bytealg": "",
	} {
		if got := strings.Join(std[name], " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestComplete: the cursor is at the bar. want must be among the proposals, in this order;
// -name must not.
func TestComplete(t *testing.T) {
	s := session(t)
	for _, c := range []struct{ cell, want string }{
		{"pt.|", "X Y Norm Scale ID Save Name secret"},
		{"pt.S|", "Save Scale -Norm"},
		{"pt.s|", "secret Save"},
		{"origin().N|", "Name Next Norm"},
		{`byName["k"].Nor|`, "Norm"},
		{"pts[0].Next.Next.|", "Norm"},
		{"pt.Scale(2).Scale(3).Sc|", "Scale"},
		{"buf.Wri|", "Write WriteByte WriteString"},
		{"buf.l|", "Len -lastRead"},
		{"addr.Qu|", "Query"},
		{"stack.Top().No|", "Norm"},
		{"stack.P|", "Push"},
		{"(&pt.Base).Sa|", "Save"},
		{"Point.N|", "Name Norm"},
		{"makePoint().|", "-Norm"},
		{"p, _ := makePoint()\np.No|", "Norm"},
		{"p, err := makePoint(); if err != nil { err.E|", "Error"},
		{"for i, q := range pts {\n\tq.No|\n}", "Norm"},
		{"for i, q := range pts { fmt.Println(q.No|, 3)", "Norm"},
		{"if pt.No|", "Norm"},
		{"switch pt.|", "Norm"},
		{"switch x := any(pt).(type) { case *Point: x.No|", "Norm"},
		{"switch { case pt.No|", "Norm"},
		{"go pt.Sa|", "Save"},
		{"x := 1 +\n pt.No|", "Norm"},
		{"func f(p *Point) { p.Sc|", "Scale"},
		{"func (p *Point) Twice() { p.Sc|\n}", "Scale"},
		{"func (s *Stack[T]) Pop() { s.P|", "Push"},
		{"type Q Point\nvar q Q\nq.X|", "X"},
		{"type Q struct{ Point }\nvar q Q\nq.No|", "Norm"},
		{"q := origin()\nfunc f() { q.No|", "Norm"},
		{"x := )(\npt.No|", "Norm"},
		{"var broken = = 3\nlocal := pt\nlocal.No|", "Norm"},
		{"f := func(a *Point) { a.No|", "Norm"},
		{"func area(s Shape) { s.|", "Area"},
		{"func sum[T Shape](s T) { s.|", "Area"},
		{"later().No|\nfunc later() Point { return Point{} }", "Norm"},

		{"p|", "pt pts package"},
		{"pt|", "pt pts"},
		{"tot|", "total"},
		{"TOT|", "total"},
		{"lim|", "limit"},
		{"app|", "append"},
		{"swi|", "switch"},
		{"func f() { inner := 1; inn|", "inner"},
		{"func f() { inner := 1; _ = inner }\ninn|", "-inner"},
		{"total2 := 1\nfunc f() { tot|", "total total2"},
		{"var total3 int\ntot|", "total total3"},
		{"x := 7\n{ y := 8; y| }", "y"},
		{"for index := 0; ind|", "index"},
		{"func f(argument int) (result string) { arg|", "argument"},
		{"func f(argument int) (result string) { res|", "result"},
		{"var v Poi|", "Point"},
		{"[]Poi|", "Point"},
		{"map[string]Sta|", "Stack"},
		{"x := pt; x.Y = tot|", "total"},

		{"Point{N|", "Next"},
		{"Point{X: 1, |", "Next Y -X"},
		{"q := &Point{Ne|", "Next"},
		{"[]Point{{X: 1}, {Y|", "Y"},
		{"map[string]Point{\"a\": {Y|", "Y"},
		{"addr = url.URL{Sch|", "Scheme"},
		{"Point{X: tot|", "total"},

		{"strings.Spl|", "Split SplitN"},
		{"strings.|", "Split Builder -explode"},
		{"strs.Spl|", "Split"},
		{"str|", "strs strconv strings"},
		{"import \"net/http\"\nhttp.StatusO|", "StatusOK"},
		{"import h \"net/http\"\nh.StatusO|", "StatusOK"},
		{"var b strings.Buil|", "Builder"},
		{"strings.NewReader(\"\").Rea|", "Read ReadAt ReadByte"},
		{"rand.Int|", "Int Intn IntN"},
		{"time.Now().Ad|", "Add AddDate"},
		{"http.Get(strings.ToU|", "ToUpper"},

		{"import \"net/ht|", "net/http net/http/httptest"},
		{"import (\n\"fmt\"\n\"encoding/js|\n)", "encoding/json"},
		{"import \"example.com/|", "example.com/geo/v2"},
		{"import \"json|", "encoding/json"},
		{"os.Open(\"da|\")", "data.csv data.json"},
		{"os.Open(\"im|", "images/"},
		{"os.Open(\"images/o|\")", "old/"},
		{"os.Open(\".h|", ".hidden"},
		{"x := `da|", "data.csv"},

		{"%w|", "%who"},
		{"%ti|", "%time %%time"},
		{"%%t|", "%%time"},
		{"x := 1\n%he|", "%help"},
		{"!cat da|", "data.csv"},
		{"%%time\npt.No|", "Norm"},
		{"%who\npt.No|\n!ls", "Norm"},

		{"// pt.|", "-X"},
		{"/* pt.|", "-X"},
		{"\"pt.|", "-X"},
		{"x := 3.|", "-X"},
		{"undefined1.|", "-X"},
		{"π := pt; π.No|", "Norm"},
		{"s := \"日本\"; pt.No|", "Norm"},
	} {
		t.Run(c.cell, func(t *testing.T) { checkCompletion(t, s, c.cell, c.want) })
	}
}

func checkCompletion(t *testing.T, s *Snapshot, cell, want string) {
	t.Helper()
	before, after, _ := strings.Cut(cell, "|")
	c := Complete(s, before+after, len(before))
	var texts []string
	for _, it := range c.Items {
		texts = append(texts, it.Text)
		if it.Kind == "" {
			t.Errorf("%s has no kind", it.Text)
		}
	}
	at := -1
	for w := range strings.FieldsSeq(want) {
		if no, ok := strings.CutPrefix(w, "-"); ok {
			if slices.Contains(texts, no) {
				t.Errorf("%s is proposed", no)
			}
			continue
		}
		i := slices.Index(texts, w)
		if i < 0 {
			t.Errorf("%s is not among %d: %.300q", w, len(texts), texts)
		} else if i < at && !strings.HasSuffix(before, ".") {
			t.Errorf("%s is too early in %.300q", w, texts)
		}
		at = max(i, at)
	}
	if c.End != len(before) || c.Start > c.End {
		t.Errorf("range %d:%d, cursor %d", c.Start, c.End, len(before))
	}
}

func TestCompleteDescribes(t *testing.T) {
	s := session(t)
	for cell, want := range map[string]Item{
		"strings.SplitN|": {Text: "SplitN", Kind: "function", Type: "func(s string, sep string, n int) []string"},
		"pt.Scale|":       {Text: "Scale", Kind: "method", Type: "func(k float64) *Point"},
		"pt.Next|":        {Text: "Next", Kind: "field", Type: "*Point"},
		"byName|":         {Text: "byName", Kind: "variable", Type: "map[string]*Point"},
		"limit|":          {Text: "limit", Kind: "constant", Type: "untyped int"},
		"Shape|":          {Text: "Shape", Kind: "type", Type: "interface"},
		"fallth|":         {Text: "fallthrough", Kind: "keyword"},
		"httptes|":        {Text: "httptest", Kind: "package", Type: "net/http/httptest"},
	} {
		before, _, _ := strings.Cut(cell, "|")
		c := Complete(s, before, len(before))
		if len(c.Items) == 0 {
			t.Errorf("%s: nothing", cell)
			continue
		}
		got := c.Items[0]
		if got.Text != want.Text || got.Kind != want.Kind || got.Type != want.Type {
			t.Errorf("%s: %+v, want %+v", cell, got, want)
		}
		if want.Kind == "function" && !strings.HasPrefix(got.Doc, "SplitN slices s into substrings") {
			t.Errorf("%s: doc %q", cell, got.Doc)
		}
	}
}

// A session in which nothing ran, on a machine where no package can be read.
func TestCompleteEmptySession(t *testing.T) {
	for cell, want := range map[string]string{
		"type T struct{ A int }\nvar t T\nt.|": "A", "fun|": "func", "x := 1; x|": "x", "strings.|": "", "|": "append",
	} {
		checkCompletion(t, &Snapshot{}, cell, want)
	}
}

func FuzzComplete(f *testing.F) {
	for _, s := range []string{"pt.", "Point{N", "func (p *Point) f() { p.", "import \"net/", "type A = Point\nfunc (A) m() {", "if x := f(", "`", "'", "\xff.", "%w", "for range x."} {
		f.Add(s, len(s), 1)
	}
	s := session(f)
	f.Fuzz(func(t *testing.T, source string, cursor, detail int) {
		if len(source) > 500 {
			return
		}
		c := Complete(s, source, cursor)
		if c.Start < 0 || c.End > len(source) || c.Start > c.End {
			t.Fatalf("range %d:%d of %q", c.Start, c.End, source)
		}
		Inspect(s, source, cursor, detail)
		status, indent := IsComplete(source)
		if status == "" || strings.Trim(indent, "\t") != "" {
			t.Fatalf("%q: %q %q", source, status, indent)
		}
	})
}

func BenchmarkComplete(b *testing.B) {
	s := session(b)
	long := strings.Repeat("func f() { for i := range 10 { total += i } }\n", 50)
	for name, cell := range map[string]string{
		"member": "pt.", "package": "strings.", "name": "p", "long": long + "pt.",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if len(Complete(s, cell, len(cell)).Items) == 0 {
					b.Fatal("nothing")
				}
			}
		})
	}
}
