package direct

import (
	"errors"
	"fmt"
	"go/constant"
	"go/token"
	"math"
	"reflect"
	"runtime"
	"testing"
	"time"
)

func intConst(n int) Expr { return Expr{Op: OpConst, Type: "int", Const: fmt.Sprint(n)} }

func variable(name string) Expr { return Expr{Op: OpVar, Name: name} }

func binary(op token.Token, a, b Expr) Expr {
	return Expr{Op: OpBinary, Token: int(op), Args: []Expr{a, b}}
}

type pair struct {
	Name string
	n    int
}

// Label has a value receiver, Grow a pointer receiver.
func (p pair) Label() string { return p.Name + "!" }

func (p *pair) Grow(by int) { p.n += by }

// testRegistry holds the variables x (7), xs, m, p (a pair) and none (a nil *pair).
func testRegistry() *Registry {
	r := NewRegistry()
	x, xs, m, p := 7, []int{1, 2, 3}, map[string]int{"a": 1}, pair{"ada", 3}
	var none *pair
	for name, v := range map[string]any{"x": &x, "xs": &xs, "m": &m, "p": &p, "none": &none} {
		r.Var(name, reflect.ValueOf(v))
	}
	r.Func("div", reflect.ValueOf(func(a, b int) (int, error) {
		if b == 0 {
			return 0, errors.New("zero")
		}
		return a / b, nil
	}))
	return r
}

// show runs one expression and returns what it shows.
func show(t *testing.T, r *Registry, e Expr) []any {
	t.Helper()
	var got []any
	err := Run(&Program{Stmts: []Stmt{{Op: StmtShow, Right: []Expr{e}}}}, r, func(vs []reflect.Value) {
		for _, v := range vs {
			got = append(got, v.Interface())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestExpressions(t *testing.T) {
	none := Expr{Op: OpNone}
	tests := []struct {
		name string
		e    Expr
		want []any
	}{
		{"variable", variable("x"), []any{7}},
		{"sum", binary(token.ADD, variable("x"), intConst(1)), []any{8}},
		{"compare", binary(token.GTR, variable("x"), intConst(1)), []any{true}},
		{"shift", binary(token.SHL, intConst(1), variable("x")), []any{128}},
		{"index", Expr{Op: OpIndex, Args: []Expr{variable("xs"), intConst(1)}}, []any{2}},
		{"map", Expr{Op: OpIndex, Args: []Expr{variable("m"), {Op: OpConst, Type: "string", Const: "a"}}}, []any{1}},
		{"absent key", Expr{Op: OpIndex, Args: []Expr{variable("m"), {Op: OpConst, Type: "string", Const: "b"}}}, []any{0}},
		{"slice", Expr{Op: OpSlice, Args: []Expr{variable("xs"), intConst(1), none}}, []any{[]int{2, 3}}},
		{"length", Expr{Op: OpLen, Args: []Expr{variable("xs")}}, []any{3}},
		{"unexported field", Expr{Op: OpField, Args: []Expr{variable("p")}, Index: []int{1}}, []any{3}},
		{"method", Expr{Op: OpCall, Args: []Expr{{Op: OpMethod, Name: "Label", Args: []Expr{variable("p")}}}}, []any{"ada!"}},
		{"two results", Expr{Op: OpCall, Args: []Expr{{Op: OpFunc, Name: "div"}, intConst(9), intConst(2)}}, []any{4, nil}},
		{"conversion", Expr{Op: OpConvert, Type: "float64", Args: []Expr{variable("x")}}, []any{7.0}},
		{"duration", Expr{Op: OpUnary, Token: int(token.SUB), Args: []Expr{variable("x")}}, []any{-7}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := show(t, testRegistry(), tt.e); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestStatements(t *testing.T) {
	r := testRegistry()
	program := &Program{Stmts: []Stmt{
		{Op: StmtDefine, Names: []string{"y"}, Right: []Expr{binary(token.MUL, variable("x"), intConst(2))}},
		{Op: StmtAssign, Left: []Expr{variable("x"), variable("y")}, Right: []Expr{variable("y"), variable("x")}},
		{Op: StmtAssign, Left: []Expr{{Op: OpIndex, Args: []Expr{variable("xs"), intConst(0)}}}, Right: []Expr{variable("x")}},
		{Op: StmtExpr, Right: []Expr{{Op: OpCall, Args: []Expr{{Op: OpMethod, Name: "Grow", Args: []Expr{variable("p")}}, intConst(4)}}}},
	}}
	if err := Run(program, r, nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"x": 14, "y": 7, "xs": []int{14, 2, 3}, "p": pair{"ada", 7}} {
		if v, ok := r.Variable(name); !ok || !reflect.DeepEqual(v.Interface(), want) {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
}

// TestPanics: what goes wrong panics with the runtime's own words.
func TestPanics(t *testing.T) {
	tests := map[string]Expr{
		"runtime error: index out of range [7] with length 3":              {Op: OpIndex, Args: []Expr{variable("xs"), variable("x")}},
		"runtime error: integer divide by zero":                            binary(token.QUO, variable("x"), intConst(0)),
		"runtime error: invalid memory address or nil pointer dereference": {Op: OpField, Args: []Expr{variable("none")}, Index: []int{0}},
		"runtime error: slice bounds out of range [:7] with capacity 3":    {Op: OpSlice, Args: []Expr{variable("xs"), {Op: OpNone}, variable("x")}},
		"runtime error: negative shift amount":                             binary(token.SHL, intConst(1), Expr{Op: OpUnary, Token: int(token.SUB), Args: []Expr{variable("x")}}),
	}
	for want, e := range tests {
		t.Run(want, func(t *testing.T) {
			defer func() {
				if v, ok := recover().(runtime.Error); !ok || v.Error() != want {
					t.Errorf("panic is %v, want %s", v, want)
				}
			}()
			show(t, testRegistry(), e)
			t.Error("there was no panic")
		})
	}
}

// TestUnsupportedRunsNothing: a program that names what is not there has no effect.
func TestUnsupportedRunsNothing(t *testing.T) {
	r := testRegistry()
	err := Run(&Program{Stmts: []Stmt{
		{Op: StmtAssign, Left: []Expr{variable("x")}, Right: []Expr{intConst(1)}},
		{Op: StmtExpr, Right: []Expr{{Op: OpFunc, Name: "nowhere.F"}}},
	}}, r, nil)
	if !errors.Is(err, ErrUnsupported) {
		t.Errorf("error is %v", err)
	}
	if v, _ := r.Variable("x"); v.Int() != 7 {
		t.Errorf("x is %v", v)
	}
}

func TestConstants(t *testing.T) {
	tests := []struct {
		v    constant.Value
		want any
	}{
		{constant.MakeBool(true), true},
		{constant.MakeString("a\"b\n"), "a\"b\n"},
		{constant.MakeInt64(-5), int8(-5)},
		{constant.MakeUint64(math.MaxUint64), uint64(math.MaxUint64)},
		{constant.BinaryOp(constant.MakeInt64(1), token.QUO, constant.MakeInt64(3)), 1.0 / 3},
		{constant.MakeFloat64(2), 2.0},
		{constant.MakeInt64(int64(time.Second)), time.Second},
	}
	for _, tt := range tests {
		got, err := decodeConstant(EncodeConstant(tt.v), reflect.TypeOf(tt.want))
		if err != nil || got.Interface() != tt.want {
			t.Errorf("%s: got %v, %v, want %v", tt.v, got, err, tt.want)
		}
	}
	if _, err := decodeConstant("300", reflect.TypeFor[int8]()); err == nil {
		t.Error("300 fits into an int8")
	}
}

// TestIntegersWrap: arithmetic wraps as the type does.
func TestIntegersWrap(t *testing.T) {
	r := NewRegistry()
	u := uint8(250)
	r.Var("u", reflect.ValueOf(&u))
	got := show(t, r, binary(token.ADD, variable("u"), Expr{Op: OpConst, Type: "uint8", Const: "10"}))
	if !reflect.DeepEqual(got, []any{uint8(4)}) {
		t.Errorf("250 + 10 is %v", got)
	}
}
