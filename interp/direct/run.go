package direct

import (
	"errors"
	"fmt"
	"go/token"
	"reflect"
	"unsafe"
)

// ErrUnsupported is returned, before anything has run, where a program names what this
// process does not have.
var ErrUnsupported = errors.New("not available without compiling")

// Error is a panic's value at a place of the program; the host reports it like a panic.
type Error struct {
	Line, Col int
	Value     any
}

// Error returns the value's text.
func (e *Error) Error() string { return fmt.Sprint(e.Value) }

// Machine runs one program.
type Machine struct {
	r    *Registry
	show func([]reflect.Value)
	line int
	col  int
}

// Run executes a program on the calling goroutine. show gets the values of the last
// expression. Panics of what the program calls are not recovered; Position then tells
// the statement.
func Run(p *Program, r *Registry, show func([]reflect.Value)) error {
	m := NewMachine(r, show)
	return m.Run(p)
}

// NewMachine returns a machine over r.
func NewMachine(r *Registry, show func([]reflect.Value)) *Machine { return &Machine{r: r, show: show} }

// Position returns line and column of what runs or ran last.
func (m *Machine) Position() (line, col int) { return m.line, m.col }

// Run executes a program.
func (m *Machine) Run(p *Program) error {
	if err := m.check(p); err != nil {
		return err
	}
	for i := range p.Stmts {
		st := &p.Stmts[i]
		m.line, m.col = st.Line, st.Col
		if err := m.stmt(st); err != nil {
			return err
		}
	}
	return nil
}

// check finds what is missing before the first statement runs.
func (m *Machine) check(p *Program) error {
	made := map[string]bool{}
	for i := range p.Stmts {
		st := &p.Stmts[i]
		for _, list := range [][]Expr{st.Right, st.Left} {
			for j := range list {
				if err := m.checkExpr(&list[j], made); err != nil {
					return err
				}
			}
		}
		for _, n := range st.Names {
			made[n] = true
		}
	}
	return nil
}

func (m *Machine) checkExpr(e *Expr, made map[string]bool) error {
	ok := true
	switch e.Op {
	case OpVar:
		if _, ok = m.r.Variable(e.Name); !ok {
			ok = made[e.Name]
		}
	case OpFunc:
		_, ok = m.r.Function(e.Name)
	case OpConst, OpConvert:
		_, ok = m.r.TypeNamed(e.Type)
	}
	if !ok {
		return fmt.Errorf("%s%s: %w", e.Name, e.Type, ErrUnsupported)
	}
	for i := range e.Args {
		if err := m.checkExpr(&e.Args[i], made); err != nil {
			return err
		}
	}
	return nil
}

func (m *Machine) stmt(st *Stmt) error {
	values := m.values(st.Right)
	switch st.Op {
	case StmtShow:
		m.show(values)
	case StmtAssign:
		m.assign(st.Left, values)
	case StmtDefine:
		for i, name := range st.Names {
			if name == "" {
				continue
			}
			v, err := m.r.define(name, values[i].Type())
			if err != nil {
				return err
			}
			set(v, values[i])
		}
	}
	return nil
}

// values evaluates a list; one call may give several values. Values are copies: assigning
// a, b = b, a is safe.
func (m *Machine) values(list []Expr) []reflect.Value {
	if len(list) == 1 && list[0].Op == OpCall {
		return m.call(&list[0])
	}
	out := make([]reflect.Value, len(list))
	for i := range list {
		out[i] = snapshot(m.eval(&list[i]))
	}
	return out
}

func snapshot(v reflect.Value) reflect.Value {
	if !v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

func (m *Machine) assign(left []Expr, values []reflect.Value) {
	type place struct{ v, key reflect.Value }
	places := make([]place, len(left))
	for i := range left {
		switch e := &left[i]; e.Op {
		case OpNone:
		case OpIndex:
			x := deref(m.eval(&e.Args[0]))
			if x.Kind() == reflect.Map {
				places[i] = place{v: x, key: snapshot(m.eval(&e.Args[1]))}
				continue
			}
			places[i] = place{v: m.element(x, m.eval(&e.Args[1]))}
		default:
			places[i] = place{v: m.eval(e)}
		}
	}
	for i, p := range places {
		switch {
		case !p.v.IsValid():
		case p.key.IsValid():
			elem := reflect.New(p.v.Type().Elem()).Elem()
			set(elem, values[i])
			key := reflect.New(p.v.Type().Key()).Elem()
			set(key, p.key)
			p.v.SetMapIndex(key, elem)
		default:
			set(p.v, values[i])
		}
	}
}

func set(to, from reflect.Value) { to.Set(from) }

func (m *Machine) eval(e *Expr) reflect.Value {
	switch e.Op {
	case OpConst:
		t, _ := m.r.TypeNamed(e.Type)
		v, err := decodeConstant(e.Const, t)
		if err != nil {
			panic(err)
		}
		return v
	case OpVar:
		v, _ := m.r.Variable(e.Name)
		return v
	case OpFunc:
		f, _ := m.r.Function(e.Name)
		return f
	case OpCall:
		out := m.call(e)
		if len(out) == 0 {
			return reflect.Value{}
		}
		return out[0]
	case OpMethod:
		return m.method(e)
	case OpField:
		return m.field(m.eval(&e.Args[0]), e.Index)
	case OpIndex:
		return m.index(e)
	case OpSlice:
		return m.slice(e)
	case OpDeref:
		return deref(m.eval(&e.Args[0]))
	case OpLen:
		return reflect.ValueOf(length(m.eval(&e.Args[0])))
	case OpCap:
		return reflect.ValueOf(capacity(m.eval(&e.Args[0])))
	case OpConvert:
		t, _ := m.r.TypeNamed(e.Type)
		return m.eval(&e.Args[0]).Convert(t)
	case OpUnary:
		return unary(token.Token(e.Token), m.eval(&e.Args[0]))
	case OpBinary:
		return m.binary(e)
	}
	panic(fmt.Sprintf("direct: operation %d", e.Op))
}

func (m *Machine) call(e *Expr) []reflect.Value {
	f := m.eval(&e.Args[0])
	if f.IsNil() {
		panic(nilDereference)
	}
	args := make([]reflect.Value, len(e.Args)-1)
	for i := range args {
		args[i] = snapshot(m.eval(&e.Args[i+1]))
	}
	m.line, m.col = e.Line, e.Col
	if e.Spread {
		return f.CallSlice(args)
	}
	return f.Call(args)
}

func (m *Machine) method(e *Expr) reflect.Value {
	x := m.eval(&e.Args[0])
	if x.Kind() == reflect.Interface && x.IsNil() {
		panic(nilDereference)
	}
	if f := x.MethodByName(e.Name); f.IsValid() {
		return f
	}
	if !x.CanAddr() {
		x = addressable(x)
	}
	if f := x.Addr().MethodByName(e.Name); f.IsValid() {
		return f
	}
	panic("direct: no method " + e.Name + " on " + x.Type().String())
}

func addressable(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// field follows a field path through pointers; unexported fields are read like any other.
func (m *Machine) field(x reflect.Value, path []int) reflect.Value {
	for _, i := range path {
		x = deref(x)
		if !x.CanAddr() {
			x = addressable(x)
		}
		f := x.Field(i)
		x = reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem()
	}
	return x
}

// deref follows a pointer; other values stay.
func deref(x reflect.Value) reflect.Value {
	if x.Kind() != reflect.Pointer {
		return x
	}
	if x.IsNil() {
		panic(nilDereference)
	}
	return x.Elem()
}
