//go:build linux && amd64

package loader_test

type program struct {
	units []unit
	want  string
}

var programs = map[string]program{
	"variables are kept": {
		units: []unit{
			{source: `
import "fmt"
var X int
var M map[string][]int
func cell_1() { X = 41; M = map[string][]int{"a": {1, 2}}; fmt.Println(X, M) }`, define: []string{"main.cell_1"}, run: []string{"main.cell_1"}},
			{source: `
import "fmt"
var X int
var M map[string][]int
func cell_2() { X++; M["b"] = append(M["b"], X); fmt.Println(X, M) }`, define: []string{"main.cell_2"}, run: []string{"main.cell_2"}},
		},
		want: "41 map[a:[1 2]]\n42 map[a:[1 2] b:[42]]\n",
	},
	"a variable of the host": {
		units: []unit{
			{variable: "main.W", source: `
import "fmt"
import "runtime"
var W []string
func cell_1() { runtime.GC(); fmt.Println(W, len(W)); W = append(W, "more") }`, define: []string{"main.cell_1"}, run: []string{"main.cell_1", "main.cell_1"}},
		},
		want: "[a variable made by the host] 6\n[a variable made by the host more] 7\n",
	},
	"redefinition reaches callers, closures and goroutines": {
		units: []unit{
			{source: `
import "fmt"
var C chan string
var F func() string
//go:noinline
func f() string { return "old" }
func g() string { return "g:" + f() }
func cell_1() {
	C = make(chan string)
	F = func() string { return "closure:" + f() }
	h := f
	go func() { for range 2 { C <- "goroutine:" + f() + h() } }()
	fmt.Println(g(), F(), <-C)
}`, define: []string{"main.cell_1", "main.f", "main.g"}, run: []string{"main.cell_1"}},
			{source: `
import "fmt"
var C chan string
var F func() string
//go:noinline
func f() string { return func() string { return "new" }() }
func g() string
func cell_2() { fmt.Println(g(), F(), f()); <-C }`, bodyless: []string{"main.g"}, define: []string{"main.cell_2", "main.f"}, run: []string{"main.cell_2"}},
			{source: `
import "fmt"
var F func() string
//go:noinline
func f() string { return "newest" }
func g() string
func cell_3() { fmt.Println(g(), F(), f()) }`, bodyless: []string{"main.g"}, define: []string{"main.cell_3", "main.f"}, run: []string{"main.cell_3"}},
		},
		want: "g:old closure:old goroutine:oldold\ng:new closure:new new\ng:newest closure:newest newest\n",
	},
	"redirect to a version": {
		units: []unit{
			{source: `
import "fmt"
//go:noinline
func f(x int) int { return x }
func g() int { return f(1) }
func cell_1() { fmt.Println(g()) }`, define: []string{"main.cell_1", "main.f", "main.g"}, run: []string{"main.cell_1"}},
			{source: `
import "fmt"
//go:noinline
func f۰2(x int) int { return 10 * x }
func g() int
func cell_2() { fmt.Println(g(), f۰2(3)) }`, bodyless: []string{"main.g"}, define: []string{"main.cell_2", "main.f۰2"}, redirect: [][2]string{{"main.f", "main.f۰2"}}, run: []string{"main.cell_2"}},
			{source: `
import "fmt"
//go:noinline
func f۰2(x int) int { return 100 * x }
func g() int
func cell_3() { fmt.Println(g(), f۰2(3)) }`, bodyless: []string{"main.g"}, define: []string{"main.cell_3", "main.f۰2"}, run: []string{"main.cell_3"}},
		},
		want: "1\n10 30\n100 300\n",
	},
	"type identity": {
		units: []unit{
			{source: `
type P struct{ x int; Y string }
type K struct{ a, b int }
type Box[T any] struct{ v T }
var I, J, B, L any
var M map[K]P
func cell_1() { I, J, B = P{1, "y"}, &P{2, "z"}, Box[P]{P{3, "b"}}; L = map[string]*P{"k": J.(*P)}; M = map[K]P{{1, 2}: {4, "m"}} }`, define: []string{"main.cell_1"}, run: []string{"main.cell_1"}},
			{source: `
import ("fmt"; "reflect")
type P struct{ x int; Y string }
type K struct{ a, b int }
type Box[T any] struct{ v T }
var I, J, B, L any
var M map[K]P
func cell_2() {
	fmt.Printf("%T %T %T %T\n", I, J, B, L)
	fmt.Println(I.(P).x, J.(*P).x, B.(Box[P]).v.x, L.(map[string]*P)["k"].Y, M[K{1, 2}].Y)
	fmt.Println(reflect.TypeOf(J) == reflect.PointerTo(reflect.TypeOf(I)), I == any(P{1, "y"}), reflect.TypeOf(L) == reflect.MapOf(reflect.TypeFor[string](), reflect.TypeOf(J)), reflect.TypeFor[[]P]() == reflect.SliceOf(reflect.TypeOf(I)))
	switch v := J.(type) { case P: fmt.Println("P"); case *P: fmt.Println("*P", v.Y) }
}`, define: []string{"main.cell_2"}, run: []string{"main.cell_2"}},
		},
		want: "main.P *main.P main.Box[main.P] map[string]*main.P\n1 2 3 z m\ntrue true true true\n*P z\n",
	},
	"methods added later": {
		units: []unit{
			{source: `
import "fmt"
type P struct{ x int }
type Q struct{ x int }
func (q Q) Get() int { return q.x }
var A, B, Z any
func check(v any) bool { _, ok := v.(fmt.Stringer); return ok }
func which(v any) string { switch v.(type) { case fmt.Stringer: return "stringer"; case interface{ Get() int }: return "getter" }; return "other" }
func cell_1() {
	A, B, Z = P{1}, &P{2}, Q{3}
	for range 5000 { check(A); check(B); check(Z); which(A); which(B); which(Z) }
	fmt.Println(A, B, Z, check(A), check(B), which(A), which(B), which(Z))
}`, define: []string{"main.cell_1", "main.check", "main.which", "main.Q.Get"}, run: []string{"main.cell_1"}},
			{source: `
import ("fmt"; "reflect")
type P struct{ x int }
func (p P) String() string { return fmt.Sprint("P#", p.x) }
type Q struct{ x int }
func (q Q) Get() int
func (q *Q) Set(x int) { q.x = x }
func (q Q) String() string { return fmt.Sprint("Q#", q.x) }
var A, B, Z any
func check(v any) bool
func which(v any) string
func cell_2() {
	fmt.Println(A, B, Z, check(A), check(B), which(A), which(B), which(Z))
	fmt.Println(reflect.TypeOf(A).NumMethod(), reflect.TypeOf(B).NumMethod(), reflect.TypeOf(Z).NumMethod(), reflect.PointerTo(reflect.TypeOf(Z)).NumMethod())
	fmt.Println(reflect.ValueOf(B).MethodByName("String").Call(nil)[0], Z.(interface{ Get() int }).Get())
	q := &Q{9}
	q.Set(10)
	fmt.Println(q, []fmt.Stringer{q, P{7}}, A.(P).x, Z.(Q).x)
}`, bodyless: []string{"main.check", "main.which", "main.Q.Get"}, define: []string{"main.cell_2", "main.P.String", "main.Q.String", "main.(*Q).Set"}, run: []string{"main.cell_2"}},
		},
		want: "{1} &{2} {3} false false other other getter\nP#1 P#2 Q#3 true true stringer stringer stringer\n1 1 2 3\nP#2 3\nQ#10 [Q#10 P#7] 1 3\n",
	},
	"the first method on a pointer, and promotion": {
		units: []unit{
			{source: `
import "fmt"
type P struct{ x int }
type O struct{ P; n int }
var A, B, E any
func cell_1() { A, B = &P{2}, &O{P{5}, 6}; E = struct{ *P; s string }{&P{8}, "s"}; fmt.Println(A, B) }`, define: []string{"main.cell_1"}, run: []string{"main.cell_1"}},
			{source: `
import "fmt"
type P struct{ x int }
type O struct{ P; n int }
func (p *P) Error() string { return fmt.Sprint("error ", p.x) }
var A, B, E any
func cell_2() {
	fmt.Println(A, B, E.(error).Error())
	s := E.(struct{ *P; s string })
	fmt.Println(s.s, s.x, fmt.Errorf("wrapped: %w", A.(error)))
}`, define: []string{"main.cell_2", "main.(*P).Error"}, run: []string{"main.cell_2"}},
		},
		want: "&{2} &{{5} 6}\nerror 2 error 5 error 8\ns 8 wrapped: error 2\n",
	},
	"a method's body changes under live interfaces": {
		units: []unit{
			{source: `
import "fmt"
type P struct{ x int }
func (p P) String() string { return "one" }
var S fmt.Stringer
var F func() string
func cell_1() { p := &P{1}; S = p; F = p.String; fmt.Println(S, F(), *p) }`, define: []string{"main.cell_1", "main.P.String"}, run: []string{"main.cell_1"}},
			{source: `
import "fmt"
type P struct{ x int }
func (p P) String() string { return "two" }
var S fmt.Stringer
var F func() string
func cell_2() { f := P{}.String; fmt.Println(S, F(), P{}, f()) }`, define: []string{"main.cell_2", "main.P.String"}, run: []string{"main.cell_2"}},
		},
		want: "one one one\ntwo two two two\n",
	},
	"versions do not show": {
		units: []unit{
			{source: `
import "fmt"
import "reflect"
import "runtime"
type P۰2 struct{ X int }
type E۰12 struct{ P۰2 }
func (p P۰2) Name() string { pc, _, line, _ := runtime.Caller(0); return fmt.Sprint(runtime.FuncForPC(pc).Name(), ":", line) }
func cell_1() {
	e := E۰12{P۰2{1}}
	fmt.Printf("%T %T %+v %s %s\n", e, map[string]*P۰2{}, e, reflect.TypeOf(e).Name(), reflect.TypeOf(e).Field(0).Name)
	fmt.Println(e.Name())
	defer func() { fmt.Println(recover()) }()
	var a any = e
	_ = a.(P۰2)
}`, define: []string{"main.cell_1", "main.P۰2.Name"}, run: []string{"main.cell_1"}},
		},
		want: "main.E map[string]*main.P {P:{X:1}} E P\nmain.P.Name:8\ninterface conversion: interface {} is main.E, not main.P\n",
	},
	"generics over units": {
		units: []unit{
			{source: `
import ("fmt"; "slices"; "cmp")
type Num interface{ ~int | ~float64 }
func Sum[T Num](xs ...T) (s T) { for _, x := range xs { s += x }; return }
type Stack[T any] struct{ items []T }
func (s *Stack[T]) Push(x T) { s.items = append(s.items, x) }
func (s *Stack[T]) Len() int { return len(s.items) }
type P struct{ n int }
var S *Stack[P]
func cell_1() {
	S = &Stack[P]{}
	S.Push(P{3}); S.Push(P{1})
	slices.SortFunc(S.items, func(a, b P) int { return cmp.Compare(a.n, b.n) })
	fmt.Println(Sum(1, 2, 3), Sum(1.5, 2), S.items, S.Len())
}`, define: []string{"main.cell_1", "main.Sum", "main.(*Stack).Push", "main.(*Stack).Len"}, run: []string{"main.cell_1"}},
			{source: `
import "fmt"
type Num interface{ ~int | ~float64 }
func Sum[T Num](xs ...T) (s T) { for _, x := range xs { s += x }; return }
type Stack[T any] struct{ items []T }
func (s *Stack[T]) Push(x T) { s.items = append(s.items, x) }
func (s *Stack[T]) Len() int { return len(s.items) }
type P struct{ n int }
type MyInt int
var S *Stack[P]
func cell_2() {
	S.Push(P{9})
	t := &Stack[MyInt]{}
	t.Push(5)
	fmt.Println(Sum(MyInt(4), 5), S.items, S.Len(), t.Len(), interface{ Len() int }(t).Len())
	fmt.Printf("%T %T\n", S, t)
}`, define: []string{"main.cell_2"}, run: []string{"main.cell_2"}},
		},
		want: "6 3.5 [{1} {3}] 2\n9 [{1} {3} {9}] 3 1 1\n*main.Stack[main.P] *main.Stack[main.MyInt]\n",
	},
	"panics and positions": {
		units: []unit{
			{source: `
import ("fmt"; "runtime/debug"; "strings"; "errors")
type E struct{ n int }
func (e *E) Error() string { return fmt.Sprint("E", e.n) }
//line cell[3]:10
func inner(s []int, i int) int {
	return s[i]
}
func try(f func()) {
	defer func() {
		e := recover()
		_, stack, _ := strings.Cut(string(debug.Stack()), "\npanic(")
		for _, l := range strings.Split(stack, "\n") {
			if strings.Contains(l, "cell[3]:") { fmt.Println(e, strings.Fields(l)[0]); break }
		}
	}()
	f()
}
func cell_1() {
	try(func() { inner(nil, 3) })
	var p *E
	try(func() { p.n++ })
	z := 0
	try(func() { fmt.Println(1 / z) })
	err := fmt.Errorf("w %w", &E{5})
	e, ok := errors.AsType[*E](err)
	fmt.Println(e, ok)
}`, define: []string{"main.cell_1", "main.inner", "main.try"}, run: []string{"main.cell_1"}},
		},
		want: "runtime error: index out of range [3] with length 0 cell[3]:11\nruntime error: invalid memory address or nil pointer dereference cell[3]:26\nruntime error: integer divide by zero cell[3]:28\nE5 true\n",
	},
	"a late method table is used by code compiled before": {
		units: []unit{
			{source: `
import ("fmt"; "sort"; "errors")
type L []int
var V any
func use(v any) string {
	if s, ok := v.(sort.Interface); ok { sort.Sort(s); return fmt.Sprint("sorted ", v) }
	if e, ok := v.(interface{ Is(error) bool }); ok { return fmt.Sprint("is ", e.Is(errors.ErrUnsupported)) }
	return "plain"
}
func cell_1() { V = L{3, 1, 2}; fmt.Println(use(V)) }`, define: []string{"main.cell_1", "main.use"}, run: []string{"main.cell_1"}},
			{source: `
import "fmt"
type L []int
func (l L) Len() int { return len(l) }
func (l L) Less(i, j int) bool { return l[i] < l[j] }
func (l L) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
var V any
func use(v any) string
func cell_2() { fmt.Println(use(V)) }`, bodyless: []string{"main.use"}, define: []string{"main.cell_2", "main.L.Len", "main.L.Less", "main.L.Swap"}, run: []string{"main.cell_2"}},
		},
		want: "plain\nsorted [1 2 3]\n",
	},
}
