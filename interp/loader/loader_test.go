//go:build linux && amd64

package loader_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mobula/interp/loader"
	"mobula/interp/toolchain"
)

func TestSelfTest(t *testing.T) {
	b := testBench(t)
	out, err := b.run(t, nil, step{Self: toolchain.SelfTestArchive(b.host), Stats: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
}

func TestSelfTestWithoutC(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a session host")
	}
	b := withoutC.get(t, false)
	a := b.compile(t, "cell", `package main
import ("fmt"; "net/http"; "errors"; "io/fs")
func cell_1() { var e *fs.PathError; _, err := http.Dir("/none").Open("x"); fmt.Println(errors.As(err, &e)) }`)
	out, err := b.run(t, nil, step{Self: toolchain.SelfTestArchive(b.host)}, step{Unit: &loader.Unit{Archive: a, Define: []string{"main.cell_1"}}, Run: []string{"main.cell_1"}})
	if err != nil || out != "true\n" {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestNotSupported(t *testing.T) {
	if _, err := loader.New(loader.Config{}); !errors.Is(err, loader.ErrNotSupported) {
		t.Errorf("got %v", err)
	}
}

// unit is one unit of a program of several.
type unit struct {
	source   string
	bodyless []string
	define   []string
	redirect [][2]string
	run      []string
	variable string
}

func TestPrograms(t *testing.T) {
	for name, p := range programs {
		t.Run(name, func(t *testing.T) {
			b := testBench(t)
			var steps []step
			for _, u := range p.units {
				a := b.compile(t, "unit", "package main\n"+u.source, u.bodyless...)
				steps = append(steps, step{Var: u.variable, Unit: &loader.Unit{Archive: a, Define: u.define, Redirect: u.redirect}, Run: u.run})
			}
			steps = append(steps, step{Stats: true})
			out, err := b.run(t, []string{"GODEBUG=gccheckmark=1"}, steps...)
			out, _, _ = strings.Cut(out, "stats ")
			if err != nil || out != p.want {
				t.Errorf("%v\ngot:\n%s\nwant:\n%s", err, out, p.want)
			}
		})
	}
}

// TestLatePackages loads packages that the host lacks, and all that they need.
func TestLatePackages(t *testing.T) {
	b := testBench(t)
	src := `package main
import ("archive/zip"; "bytes"; "encoding/xml"; "encoding/gob"; "fmt"; "html/template"; "image"; "image/png"; "io"; "go/parser"; "math/big"; "crypto/rsa"; "crypto/rand"; "crypto/sha256"; "crypto"; "regexp"; "log/slog"; "encoding/csv"; "strings"; "net/netip"; "compress/bzip2"; "container/heap"; "database/sql"; "text/tabwriter"; "index/suffixarray"; "unicode/utf16"; "testing/fstest"; "os"; "hash/crc32"; "net/mail"; "expvar"; "encoding/json")
type ints []int
func (h ints) Len() int { return len(h) }
func (h ints) Less(i, j int) bool { return h[i] < h[j] }
func (h ints) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *ints) Push(x any) { *h = append(*h, x.(int)) }
func (h *ints) Pop() any { o := *h; x := o[len(o)-1]; *h = o[:len(o)-1]; return x }
type item struct { Name string ` + "`xml:\"name,attr\" json:\"n\"`" + `; N []int }
func check(err error) { if err != nil { panic(err) } }
func cell_1() {
	var zb bytes.Buffer
	zw := zip.NewWriter(&zb)
	w, err := zw.Create("a.txt"); check(err)
	fmt.Fprint(w, strings.Repeat("hello ", 100)); check(zw.Close())
	zr, err := zip.NewReader(bytes.NewReader(zb.Bytes()), int64(zb.Len())); check(err)
	f, err := zr.Open("a.txt"); check(err)
	text, err := io.ReadAll(f); check(err)
	fmt.Println(len(text), crc32.ChecksumIEEE(text))
	x, err := xml.Marshal(item{"i", []int{1, 2}}); check(err)
	var back item
	check(xml.Unmarshal(x, &back)); fmt.Println(string(x), back)
	var gb bytes.Buffer
	check(gob.NewEncoder(&gb).Encode(back)); var g item; check(gob.NewDecoder(&gb).Decode(&g)); fmt.Println(g)
	check(template.Must(template.New("t").Parse("<b>{{.Name}}</b>{{range .N}}{{.}};{{end}}\n")).Execute(os.Stdout, item{"<x>", []int{3}}))
	var pb bytes.Buffer
	check(png.Encode(&pb, image.NewGray(image.Rect(0, 0, 3, 3)))); m, kind, err := image.Decode(&pb); check(err); fmt.Println(m.Bounds(), kind)
	e, err := parser.ParseExpr("a + b*2"); check(err); fmt.Printf("%T\n", e)
	fmt.Println(new(big.Int).Exp(big.NewInt(3), big.NewInt(200), nil))
	k, err := rsa.GenerateKey(rand.Reader, 1024); check(err)
	h := sha256.Sum256([]byte("x")); sig, err := rsa.SignPKCS1v15(nil, k, crypto.SHA256, h[:]); check(err)
	fmt.Println(rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, h[:], sig))
	fmt.Println(regexp.MustCompile("(a+)(b*)").FindStringSubmatch("xxaabb"))
	slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { if a.Key == "time" { return slog.Attr{} }; return a }})).Info("hi", "k", 1)
	rec, err := csv.NewReader(strings.NewReader("a,b\nc,\"d,e\"\n")).ReadAll(); fmt.Println(rec, err)
	fmt.Println(netip.MustParseAddr("10.0.0.1").Next(), utf16.Encode([]rune("h\U0001F600")), suffixarray.New([]byte("banana")).Lookup([]byte("nana"), -1))
	_, err = io.ReadAll(bzip2.NewReader(strings.NewReader("x"))); fmt.Println(err)
	hh := &ints{5, 2, 8}; heap.Init(hh); heap.Push(hh, 1); fmt.Println(heap.Pop(hh), *hh)
	_, err = sql.Open("none", ""); fmt.Println(err)
	tw := tabwriter.NewWriter(os.Stdout, 4, 4, 1, '.', 0); fmt.Fprintln(tw, "a\tb"); check(tw.Flush())
	fmt.Println(fstest.TestFS(fstest.MapFS{"f": {Data: []byte("x")}}, "f"))
	a, err := mail.ParseAddress("G <g@x.org>"); fmt.Println(a, err, expvar.NewInt("n").Value())
	j, err := json.Marshal(map[string]any{"i": back, "m": map[int]item{1: g}}); fmt.Println(string(j), err)
}`
	a := b.compile(t, "cell", src)
	needs, err := loader.Imports(a)
	if err != nil {
		t.Fatal(err)
	}
	u := &loader.Unit{Archive: a, Define: []string{"main.cell_1", "main.check", "main.ints.Len"}, Packages: b.needed(needs)}
	out, err := b.run(t, nil, step{Unit: u, Run: []string{"main.cell_1"}})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := b.normally(t, src+"\n\nfunc main() { cell_1() }\n"); out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

// normally runs a program built by the go command.
func (b *bench) normally(t *testing.T, source string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), b.tc.GoCmd, "run", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestErrors shows that a Load that fails changes nothing.
func TestErrors(t *testing.T) {
	b := testBench(t)
	ok := `package main
import "fmt"
type P struct{ n int }
var N int
func f() string { return "f" }
func cell() { N++; fmt.Println(N, f(), P{N}) }`
	good := &loader.Unit{Archive: b.compile(t, "good", ok), Define: []string{"main.cell", "main.f"}}
	bad := b.compile(t, "bad", `package main
type P struct{ n int }
func (P) String() string { return "changed" }
func f() string { return nope() }
func nope() string
func cell() { f(); var a any = P{}; _ = a }`, "main.nope")
	text, err := os.ReadFile(bad)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.a")
	if err := os.WriteFile(cut, text[:len(text)*2/3], 0o666); err != nil {
		t.Fatal(err)
	}
	steps := []step{{Unit: good, Run: []string{"main.cell"}}}
	for _, u := range []loader.Unit{
		{Archive: bad, Define: []string{"main.cell", "main.f", "main.P.String"}},
		{Archive: cut, Define: []string{"main.cell"}},
		{Archive: filepath.Join(t.TempDir(), "none.a")},
		{Archive: good.Archive, Define: []string{"main.f"}, Redirect: [][2]string{{"main.f", "main.absent"}}},
		{Packages: []loader.Package{{Path: "x/y", Archive: cut}}},
		{Libraries: []string{"/nonexistent/lib.so"}},
	} {
		steps = append(steps, step{Unit: &u})
	}
	steps = append(steps, step{Run: []string{"main.cell", "main.absent"}}, step{Unit: good, Run: []string{"main.cell"}, Stats: true})
	out, err := b.run(t, nil, steps...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(out, "\n")
	for i, want := range []string{"1 f {1}", "undefined: main.nope", "damaged archive", "no such file", "main.absent", "damaged archive", "C library", "2 f {2}", "no function main.absent", "3 f {3}", "stats 2 "} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Fatalf("line %d lacks %q:\n%s", i, want, out)
		}
	}
}
