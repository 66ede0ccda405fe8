package direct

import (
	"cmp"
	"fmt"
	"go/token"
	"reflect"
)

// runtimeError is a run-time panic with the text that compiled code gives.
type runtimeError string

// Error returns the text.
func (e runtimeError) Error() string { return "runtime error: " + string(e) }

// RuntimeError marks it as a runtime.Error.
func (runtimeError) RuntimeError() {}

const (
	nilDereference = runtimeError("invalid memory address or nil pointer dereference")
	divideByZero   = runtimeError("integer divide by zero")
	negativeShift  = runtimeError("negative shift amount")
)

func length(x reflect.Value) int {
	if x.Kind() == reflect.Pointer {
		return x.Type().Elem().Len()
	}
	return x.Len()
}

func capacity(x reflect.Value) int {
	if x.Kind() == reflect.Pointer {
		return x.Type().Elem().Len()
	}
	return x.Cap()
}

func (m *Machine) index(e *Expr) reflect.Value {
	x := deref(m.eval(&e.Args[0]))
	i := m.eval(&e.Args[1])
	if x.Kind() != reflect.Map {
		return m.element(x, i)
	}
	key := reflect.New(x.Type().Key()).Elem()
	key.Set(i)
	if v := x.MapIndex(key); v.IsValid() {
		return v
	}
	return reflect.Zero(x.Type().Elem())
}

// element returns x[i] of a slice, array or string.
func (m *Machine) element(x, i reflect.Value) reflect.Value {
	n := x.Len()
	k, ok := integer(i)
	if !ok || k < 0 || k >= n {
		panic(runtimeError(fmt.Sprintf("index out of range [%v] with length %d", i, n)))
	}
	return x.Index(k)
}

func integer(v reflect.Value) (int, bool) {
	if v.CanUint() {
		u := v.Uint()
		return int(u), u <= 1<<62
	}
	return int(v.Int()), true
}

func (m *Machine) slice(e *Expr) reflect.Value {
	x := m.eval(&e.Args[0])
	if x.Kind() == reflect.Pointer {
		x = deref(x)
	}
	limit := x.Len()
	if x.Kind() == reflect.Slice {
		limit = x.Cap()
	}
	lo, hi := 0, x.Len()
	if e.Args[1].Op != OpNone {
		lo = bound(m.eval(&e.Args[1]), limit)
	}
	if e.Args[2].Op != OpNone {
		hi = bound(m.eval(&e.Args[2]), limit)
	}
	if lo > hi {
		panic(runtimeError(fmt.Sprintf("slice bounds out of range [%d:%d]", lo, hi)))
	}
	if x.Kind() == reflect.Array && !x.CanAddr() {
		x = addressable(x)
	}
	return x.Slice(lo, hi)
}

func bound(v reflect.Value, limit int) int {
	k, ok := integer(v)
	if !ok || k < 0 || k > limit {
		panic(runtimeError(fmt.Sprintf("slice bounds out of range [:%v] with capacity %d", v, limit)))
	}
	return k
}

func unary(op token.Token, x reflect.Value) reflect.Value {
	out := reflect.New(x.Type()).Elem()
	switch {
	case op == token.ADD:
		out.Set(x)
	case op == token.NOT:
		out.SetBool(!x.Bool())
	case x.CanInt() && op == token.SUB:
		out.SetInt(-x.Int())
	case x.CanInt():
		out.SetInt(^x.Int())
	case x.CanUint() && op == token.SUB:
		out.SetUint(-x.Uint())
	case x.CanUint():
		out.SetUint(^x.Uint())
	case x.CanFloat():
		out.SetFloat(-x.Float())
	}
	return out
}

func (m *Machine) binary(e *Expr) reflect.Value {
	op := token.Token(e.Token)
	x := snapshot(m.eval(&e.Args[0]))
	if op == token.LAND && !x.Bool() || op == token.LOR && x.Bool() {
		return x
	}
	y := m.eval(&e.Args[1])
	switch op {
	case token.LAND, token.LOR:
		return y
	case token.SHL, token.SHR:
		return shift(op, x, y)
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		return reflect.ValueOf(compare(op, x, y))
	}
	out := reflect.New(x.Type()).Elem()
	switch {
	case x.CanInt():
		out.SetInt(arith(op, x.Int(), y.Int()))
	case x.CanUint():
		out.SetUint(arith(op, x.Uint(), y.Uint()))
	case x.CanFloat():
		out.SetFloat(floatArith(op, x.Float(), y.Float(), x.Kind() == reflect.Float32))
	case x.Kind() == reflect.String:
		out.SetString(x.String() + y.String())
	default:
		panic("direct: operator " + op.String() + " on " + x.Type().String())
	}
	return out
}

// arith computes in 64 bits; the setter truncates to the type, as Go does.
func arith[T int64 | uint64](op token.Token, a, b T) T {
	if b == 0 && (op == token.QUO || op == token.REM) {
		panic(divideByZero)
	}
	switch op {
	case token.ADD:
		return a + b
	case token.SUB:
		return a - b
	case token.MUL:
		return a * b
	case token.QUO:
		return a / b
	case token.REM:
		return a % b
	case token.AND:
		return a & b
	case token.OR:
		return a | b
	case token.XOR:
		return a ^ b
	case token.AND_NOT:
		return a &^ b
	}
	panic("direct: operator " + op.String())
}

func floatArith(op token.Token, a, b float64, single bool) float64 {
	if single { // float32 arithmetic rounds once: in float64 it would round twice
		x, y := float32(a), float32(b)
		switch op {
		case token.ADD:
			return float64(x + y)
		case token.SUB:
			return float64(x - y)
		case token.MUL:
			return float64(x * y)
		}
		return float64(x / y)
	}
	switch op {
	case token.ADD:
		return a + b
	case token.SUB:
		return a - b
	case token.MUL:
		return a * b
	}
	return a / b
}

func shift(op token.Token, x, y reflect.Value) reflect.Value {
	var n uint64
	if y.CanInt() {
		if y.Int() < 0 {
			panic(negativeShift)
		}
		n = uint64(y.Int())
	} else {
		n = y.Uint()
	}
	out := reflect.New(x.Type()).Elem()
	switch {
	case x.CanInt() && op == token.SHL:
		out.SetInt(x.Int() << n)
	case x.CanInt():
		out.SetInt(x.Int() >> n)
	case op == token.SHL:
		out.SetUint(x.Uint() << n)
	default:
		out.SetUint(x.Uint() >> n)
	}
	return out
}

func compare(op token.Token, x, y reflect.Value) bool {
	var c int
	switch {
	case x.Kind() == reflect.Bool:
		return (x.Bool() == y.Bool()) == (op == token.EQL)
	case x.CanInt():
		c = cmp.Compare(x.Int(), y.Int())
	case x.CanUint():
		c = cmp.Compare(x.Uint(), y.Uint())
	case x.CanFloat():
		return compareFloats(op, x.Float(), y.Float())
	default:
		c = cmp.Compare(x.String(), y.String())
	}
	switch op {
	case token.EQL:
		return c == 0
	case token.NEQ:
		return c != 0
	case token.LSS:
		return c < 0
	case token.LEQ:
		return c <= 0
	case token.GTR:
		return c > 0
	}
	return c >= 0
}

// compareFloats keeps Go's rules for NaN, which cmp.Compare does not.
func compareFloats(op token.Token, a, b float64) bool {
	switch op {
	case token.EQL:
		return a == b
	case token.NEQ:
		return a != b
	case token.LSS:
		return a < b
	case token.LEQ:
		return a <= b
	case token.GTR:
		return a > b
	}
	return a >= b
}
