package program

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unsafe"

	"mobula/internal/closure"
	"mobula/internal/codec"
	"mobula/internal/memo"
)

// Names are names of what lies in the program's memory: functions, and the dictionaries of generic ones.
type Names interface {
	Name(p uintptr) (string, error)
	Address(name string) (uintptr, error)
}

// Code takes func values apart and puts them together, by the names that Names has. It is a part of a codec.Host.
type Code struct {
	Names
	known  memo.Table[codeID, string]
	shapes codec.Shapes
	found  sync.Map // string to *foundCode
}

// Shapes has those of the program's funcs: names stand for the same code as long as the process lives.
func (c *Code) Shapes() *codec.Shapes { return &c.shapes }

// foundCode is what a code names.
type foundCode struct {
	entry, dictionary uintptr
	layout            reflect.Type // of the objects that its func values point to; nil where they capture nothing
}

type codeID struct{ entry, dictionary uintptr }

// A function that captures nothing has its name as code; else a mark precedes it, and the dictionary's name may follow.
const (
	captureMark    = "+"
	dictionaryMark = "|"
)

// DescribeFunc takes a func value apart.
func (c *Code) DescribeFunc(f reflect.Value) (codec.Func, error) {
	parts, err := closure.Open(f)
	if err != nil {
		return codec.Func{}, refusal(err)
	}
	key := codeID{parts.Entry, parts.Dictionary}
	code, ok := c.known.Load(key.entry, key)
	if !ok {
		if code, err = c.codeOf(&parts); err != nil {
			return codec.Func{}, err
		}
		code = c.known.Store(key.entry, key, code)
	}
	d := codec.Func{Code: code}
	if parts.Layout != nil {
		d.Captures, d.Layout = parts.Object(), parts.Layout
		d.Dictionary = *(*unsafe.Pointer)(unsafe.Pointer(&parts.Dictionary))
	}
	return d, nil
}

func (c *Code) codeOf(p *closure.Parts) (string, error) {
	code, err := c.Name(p.Entry)
	if err != nil {
		return "", &codec.Error{Reason: closure.Name(p.Entry) + " is no code that another process has", Hint: "use a function of the program"}
	}
	if p.Layout == nil {
		return code, nil
	}
	code = captureMark + code
	if p.Dictionary != 0 {
		name, err := c.Name(p.Dictionary)
		if err != nil {
			return "", refusal(err)
		}
		code += dictionaryMark + name
	}
	return code, nil
}

// refusal says in the user's terms why a func value cannot leave.
func refusal(err error) error {
	hint := "wrap it in a func literal"
	if errors.Is(err, closure.ErrReflect) {
		hint = "call it through a func literal"
	}
	return &codec.Error{Reason: err.Error(), Hint: hint}
}

// find returns what code names.
func (c *Code) find(code string) (*foundCode, error) {
	if f, ok := c.found.Load(code); ok {
		return f.(*foundCode), nil
	}
	name, captures := strings.CutPrefix(code, captureMark)
	name, second, generic := strings.Cut(name, dictionaryMark)
	f := &foundCode{}
	var err error
	if f.entry, err = c.Address(name); err != nil {
		return nil, fmt.Errorf("a function: %w", err)
	}
	if generic {
		if f.dictionary, err = c.Address(second); err != nil {
			return nil, fmt.Errorf("the types of a function: %w", err)
		}
	}
	if captures {
		if f.layout, err = closure.Layout(f.entry, f.dictionary); err != nil {
			return nil, err
		}
	}
	c.found.Store(strings.Clone(code), f)
	return f, nil
}

// CaptureType returns the type of the objects that func values of this code point to, nil where they capture nothing.
func (c *Code) CaptureType(code string, _ reflect.Type) (reflect.Type, error) {
	f, err := c.find(code)
	if err != nil {
		return nil, err
	}
	return f.layout, nil
}

// MakeFunc makes a func of type t of its code and the object that it captures.
func (c *Code) MakeFunc(code string, t reflect.Type, captures unsafe.Pointer) (reflect.Value, error) {
	f, err := c.find(code)
	if err != nil {
		return reflect.Value{}, err
	}
	if captures != nil {
		return closure.Of(f.entry, captures).Func(t), nil
	}
	parts, err := closure.New(f.entry)
	if err != nil {
		return reflect.Value{}, err
	}
	return parts.Func(t), nil
}

// Addresses returns where what a Func or TypeName names lies: the code or the type, and a generic function's dictionary.
func (c *Code) Addresses(name string) ([]uintptr, error) {
	f, err := c.find(name)
	switch {
	case err != nil:
		return nil, err
	case f.dictionary == 0:
		return []uintptr{f.entry}, nil
	}
	return []uintptr{f.entry, f.dictionary}, nil
}
