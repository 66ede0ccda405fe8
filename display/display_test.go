package display

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mobula/internal/cellio"
)

// recorder is a front end that remembers.
type recorder struct {
	mu       sync.Mutex
	displays []cellio.Display
	clears   []bool
	answer   string
	secret   bool
}

func (r *recorder) Display(d cellio.Display) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.displays = append(r.displays, d)
	return nil
}

func (r *recorder) ClearOutput(wait bool) error { r.clears = append(r.clears, wait); return nil }

func (r *recorder) Input(prompt string, password bool) (string, error) {
	r.secret = password
	if r.answer == "" {
		return "", io.EOF
	}
	return prompt + r.answer, nil
}

func record(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{}
	old := cellio.Current()
	cellio.Install(r)
	t.Cleanup(func() { cellio.Install(old) })
	return r
}

func text(t *testing.T, d cellio.Data, mime string) string {
	t.Helper()
	var s string
	if err := json.Unmarshal(d[mime], &s); err != nil {
		t.Fatalf("%s = %s: %v", mime, d[mime], err)
	}
	return s
}

type point struct{ X, Y int }

type tree struct {
	name string
	kids []*tree
	up   *tree
}

type named string

type loud struct{ n int }

func (l loud) String() string { return strings.Repeat("!", l.n) }

type hidden struct{ l loud }

type card struct{ title string }

func (c card) Display() Bundle { return Bundle{MIMEHTML: "<b>" + c.title + "</b>", MIMEText: c.title} }

func TestSprint(t *testing.T) {
	cyc := &tree{name: "a"}
	cyc.kids = []*tree{{name: "b", up: cyc}}
	self := []any{nil}
	self[0] = self
	var nilp *point
	for _, c := range []struct {
		in   any
		want string
	}{
		{nil, "nil"},
		{42, "42"},
		{3.5, "3.5"},
		{float32(0.1), "0.1"},
		{2i, "(0+2i)"},
		{true, "true"},
		{"a\n\"b\"", `"a\n\"b\""`},
		{named("x"), `display.named("x")`},
		{nilp, "(*display.point)(nil)"},
		{point{1, 2}, "display.point{X: 1, Y: 2}"},
		{&point{1, 2}, "&display.point{X: 1, Y: 2}"},
		{[]int{1, 2}, "[]int{1, 2}"},
		{[]int(nil), "[]int(nil)"},
		{[2]bool{true}, "[2]bool{true, false}"},
		{map[string]int{"b": 2, "a": 1}, `map[string]int{"a": 1, "b": 2}`},
		{map[any]int{"b": 2, 7: 1, 3: 0}, `map[any]int{3: 0, 7: 1, "b": 2}`},
		{[]any{1, "x", nil, named("y")}, `[]any{1, "x", nil, display.named("y")}`},
		{[]time.Duration{time.Second}, "[]time.Duration{1s}"},
		{[]loud{{3}}, "[]display.loud{!!!}"},
		{hidden{loud{3}}, "display.hidden{l: display.loud{n: 3}}"},
		{[]error{io.EOF}, "[]error{EOF}"},
		{make(chan int, 3), "chan int (len 0, cap 3)"},
		{strings.ToUpper, "func(string) string"},
		{cyc, `&display.tree{
    name: "a",
    kids: []*display.tree{
        &display.tree{
            name: "b",
            kids: []*display.tree(nil),
            up: <cycle *display.tree>,
        },
    },
    up: nil,
}`},
		{self, "[]any{<cycle []any>}"},
	} {
		if got := Sprint(c.in); got != c.want {
			t.Errorf("Sprint(%T)\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestSprintBounds(t *testing.T) {
	deep := any(1)
	for range 1000 {
		deep = []any{deep}
	}
	wide := make([][]int, 1000)
	for i := range wide {
		wide[i] = make([]int, 1000)
	}
	for _, v := range []any{deep, wide, strings.Repeat("é", 1<<20), map[int]string{1: strings.Repeat("x", 1<<20)}} {
		got := Sprint(v)
		if len(got) > maxText+64 {
			t.Errorf("%T: %d bytes", v, len(got))
		}
		if !strings.Contains(got, "…") {
			t.Errorf("%T: nothing says that it was cut", v)
		}
	}
}

func TestTypeName(t *testing.T) {
	for in, want := range map[string]string{
		"main.P": "P", "[]main.P": "[]P", "domain.P": "domain.P", "map[main.K]domain.V": "map[K]domain.V",
		"main.G[main.P]": "G[P]", "interface {}": "any",
	} {
		if got := trimMain(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestOf(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 3, 2))
	for _, c := range []struct {
		name  string
		in    any
		mimes map[string]string // media type to what its text contains
	}{
		{"string", "x", map[string]string{MIMEText: `"x"`}},
		{"displayer", card{"t"}, map[string]string{MIMEHTML: "<b>t</b>", MIMEText: "t"}},
		{"nil displayer", (*card)(nil), map[string]string{MIMEText: "(*display.card)(nil)"}},
		{"error", errors.New("boom"), map[string]string{MIMEText: "boom"}},
		{"stringer", loud{2}, map[string]string{MIMEText: "!!"}},
		{"bytes", []byte("hi"), map[string]string{MIMEText: `[]byte("hi")`}},
		{"binary", []byte{0, 1, 2}, map[string]string{MIMEText: "00 01 02"}},
		{"image", img, map[string]string{MIMEText: "<image 3x2>"}},
		{"structs", []point{{1, 2}}, map[string]string{MIMEHTML: "<td", MIMEText: "X  Y\n1  2"}},
		{"pointers", []*point{{1, 2}, nil}, map[string]string{MIMEHTML: "<td"}},
		{"maps", []map[string]any{{"a": 1}, {"b": "<"}}, map[string]string{MIMEHTML: "&lt;"}},
		{"map", map[string]int{"a": 1}, map[string]string{MIMEHTML: ">a<", MIMEText: `map[string]int{"a": 1}`}},
		{"times", []loud{{1}}, map[string]string{MIMEText: "[]display.loud{!}"}},
		{"html", HTML("<i>x</i>"), map[string]string{MIMEHTML: "<i>x</i>"}},
		{"svg", SVG("<svg/>"), map[string]string{MIMESVG: "<svg/>", MIMEHTML: "data:image/svg+xml;base64,PHN2Zy8+"}},
		{"no text", Bundle{MIMEMarkdown: "*m*"}, map[string]string{MIMEText: "*m*"}},
		{"bad", Bundle{MIMEPNG: 7}, map[string]string{MIMEText: "image/png: want a string or []byte, have int"}},
		{"bad json", JSON(func() {}), map[string]string{MIMEText: "unsupported type"}},
		{"bad chart", VegaLite("{"), map[string]string{MIMEText: "not valid JSON"}},
		{"bad png", PNG("x"), map[string]string{MIMEText: "are not image/png"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Of(c.in)
			for mime, want := range c.mimes {
				if got := text(t, d, mime); !strings.Contains(got, want) {
					t.Errorf("%s = %q, want %q in it", mime, got, want)
				}
			}
		})
	}
	raw, err := base64.StdEncoding.DecodeString(text(t, Of(img), MIMEPNG))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := png.Decode(bytes.NewReader(raw)); err != nil || m.Bounds() != img.Bounds() {
		t.Errorf("decoded %v, %v", m, err)
	}
}

func TestJSONTypes(t *testing.T) {
	for mime, b := range map[string]Bundle{
		MIMEJSON:     JSON(map[string]string{"a": "<"}),
		MIMEVegaLite: VegaLite(map[string]string{"a": "<"}),
	} {
		var m map[string]string
		if err := json.Unmarshal(Of(b)[mime], &m); err != nil || m["a"] != "<" {
			t.Errorf("%s: %v %v", mime, m, err)
		}
	}
}

// What JupyterLab's sanitiser removes must not be in any HTML that this package makes,
// and hostile text stays text.
func TestHTMLIsSafe(t *testing.T) {
	evil := `<script>alert(1)</script><style>*{}</style>"'`
	type row struct{ A, B string }
	r := record(t)
	NewBar(3, evil).Done()
	for _, d := range []cellio.Data{
		Of([]row{{evil, evil}}), Of(map[string]string{evil: evil}),
		Of(Table([]string{evil}, Caption(evil))), Of(SVG(evil)), r.displays[0].Data, r.displays[1].Data,
	} {
		h := text(t, d, MIMEHTML)
		for _, bad := range []string{"<script", "<style", "<svg", " onclick", "role=", "data-"} {
			if strings.Contains(h, bad) {
				t.Errorf("%q in %s", bad, h)
			}
		}
	}
}

func TestTable(t *testing.T) {
	rows := make([]point, 200)
	for _, c := range []struct {
		b    Bundle
		want string
	}{
		{Table(rows), "… 140 more rows"},
		{Table(rows, MaxRows(3)), "X  Y\n0  0\n0  0\n0  0\n… 197 more rows"},
		{Table(rows[:1], Columns("Y"), Caption("c")), "c\nY\n0"},
		{Table([][]int{{1, 22}, {3}}), "0   1\n1  22\n3"},
		{Table([]string{"a", "b"}), "value\na\nb"},
		{Table(map[string]int{"b": 1, "a": 10}), "key  value\na       10\nb        1"},
		{Table(7), "a int is no table"},
		{Table(make([]map[string]int, 1)), ""},
	} {
		if got := c.b[MIMEText].(string); !strings.Contains(got, c.want) {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

func TestLive(t *testing.T) {
	r := record(t)
	h := Live(1)
	h.Update(2)
	if len(r.displays) != 2 {
		t.Fatalf("%d displays", len(r.displays))
	}
	a, b := r.displays[0], r.displays[1]
	if a.Update || !b.Update || a.ID == "" || a.ID != b.ID || text(t, b.Data, MIMEText) != "2" {
		t.Errorf("%+v then %+v", a, b)
	}
	if Live(1).ID() == h.ID() {
		t.Error("two handles share an id")
	}
	Clear(true)
	if !reflect.DeepEqual(r.clears, []bool{true}) {
		t.Errorf("clears %v", r.clears)
	}
}

func TestInput(t *testing.T) {
	r := record(t)
	if _, err := Input("name? "); !errors.Is(err, io.EOF) {
		t.Errorf("err = %v", err)
	}
	r.answer = "Ada"
	if s, err := Password("pw "); err != nil || s != "pw Ada" || !r.secret {
		t.Errorf("%q %v %v", s, err, r.secret)
	}
}

// 10,000 steps in ten seconds are shown at most ten times a second, and the end always.
func TestProgressThrottle(t *testing.T) {
	r := record(t)
	synctest.Test(t, func(t *testing.T) {
		for range ProgressN(10_000, "load") {
			time.Sleep(time.Millisecond)
		}
	})
	if n := len(r.displays); n < 40 || n > 102 {
		t.Errorf("%d updates in 10 s", n)
	}
	last := text(t, r.displays[len(r.displays)-1].Data, MIMEText)
	if last != "load [####################] 10000/10000 done in 10s" {
		t.Errorf("last state %q", last)
	}
}

func TestProgressEnds(t *testing.T) {
	last := func(r *recorder) string { return text(t, r.displays[len(r.displays)-1].Data, MIMEText) }
	r := record(t)
	for i, x := range Progress([]string{"a", "b", "c", "d"}) {
		if i == 2 && x == "c" {
			break
		}
	}
	if !strings.Contains(last(r), "2/4 stopped") {
		t.Errorf("after break: %s", last(r))
	}
	func() {
		defer func() { _ = recover() }()
		for range ProgressN(4) {
			panic("x")
		}
	}()
	if !strings.Contains(last(r), "0/4 stopped") {
		t.Errorf("after panic: %s", last(r))
	}
	b := NewBar(0, "up")
	b.Add(3)
	b.Fail(io.ErrUnexpectedEOF)
	b.Done()
	if !strings.HasPrefix(last(r), "up: unexpected EOF  3 failed") {
		t.Errorf("after fail: %q", last(r))
	}
	for range ProgressSeq(func(yield func(int) bool) { _ = yield(1) && yield(2) }) {
	}
	if !strings.Contains(last(r), "2 done") {
		t.Errorf("after seq: %q", last(r))
	}
}
