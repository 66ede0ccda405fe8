package mobula

import (
	"context"
	"reflect"
	"runtime"
	"strings"
	"sync"

	"mobula/cluster/session"
	"mobula/cluster/wire"
)

// Go runs f as a task. f must be a function of the program: a literal, a function, a method value.
func Go[R any](f func() R, opts ...Option) Ref[R] {
	return Ref[R]{submit(wire.FormValue, f, opts, func(x session.Execution) error {
		v := f()
		return x.Return(&v)
	})}
}

// Try runs f as a task that may fail, and be canceled: its context ends then, or when the cluster does.
func Try[R any](f func(context.Context) (R, error), opts ...Option) Ref[R] {
	return Ref[R]{submit(wire.FormTry, f, opts, func(x session.Execution) error {
		v, err := f(x.Context())
		if err != nil {
			return err
		}
		return x.Return(&v)
	})}
}

// Void is the result of what returns nothing.
type Void = struct{}

// Run is Go for a function without a result.
func Run(f func(), opts ...Option) Ref[Void] {
	return Ref[Void]{submit(wire.FormValue, f, opts, func(x session.Execution) error {
		f()
		return x.Return(&Void{})
	})}
}

// Map runs f as a task for each item, and returns the results' refs in the items' order.
func Map[T, R any](items []T, f func(T) R, opts ...Option) []Ref[R] {
	return mapItems[T, R](wire.FormValue, items, f, opts, func(item any) session.Run {
		return func(x session.Execution) error {
			v := f(item.(*box[T]).value)
			return x.Return(&v)
		}
	})
}

// TryMap is Map with tasks that may fail and be canceled.
func TryMap[T, R any](items []T, f func(context.Context, T) (R, error), opts ...Option) []Ref[R] {
	return mapItems[T, R](wire.FormTry, items, f, opts, func(item any) session.Run {
		return func(x session.Execution) error {
			v, err := f(x.Context(), item.(*box[T]).value)
			if err != nil {
				return err
			}
			return x.Return(&v)
		}
	})
}

// box keeps an item's type with it: a generic function's closures know values of type parameters only by their shape.
type box[T any] struct{ value T }

func mapItems[T, R any](form wire.Form, items []T, f any, opts []Option, run func(item any) session.Run) []Ref[R] {
	refs := make([]Ref[R], len(items))
	submit := submitter(form, f, opts, &session.Loop{})
	for i, item := range items {
		refs[i] = Ref[R]{submit(run(&box[T]{item}))}
	}
	return refs
}

// specOf says what a task is that runs f.
func specOf(form wire.Form, f any, o *options) (*session.Session, session.Spec, error) {
	name, err := nameOf(f, o)
	if err != nil {
		return nil, session.Spec{}, err
	}
	s, err := current()
	if err != nil {
		return nil, session.Spec{}, err
	}
	spec := session.Spec{Form: form, Name: name, Retries: o.retries, RetryOn: o.retry()}
	if form < wire.FormCall { // a call runs where its actor is
		spec.Class, spec.ClassKey = o.class()
	}
	return s, spec, nil
}

// nameOf is what a task is called that runs f.
func nameOf(f any, o *options) (string, error) {
	v := reflect.ValueOf(f)
	if v.IsNil() {
		return "", errNilFunc
	}
	if o.name != "" {
		return o.name, nil
	}
	return nameOfCode(v.Pointer()), nil
}

var codeNames sync.Map // uintptr to string

// nameOfCode is the name of a function as users write it: without the path of its package.
func nameOfCode(entry uintptr) string {
	if name, ok := codeNames.Load(entry); ok {
		return name.(string)
	}
	if h := session.Hosted(); h != nil && h.TaskName != nil {
		name := h.TaskName(entry)
		codeNames.Store(entry, name)
		return name
	}
	name := "function"
	if f := runtime.FuncForPC(entry); f != nil {
		name = f.Name()
		name = name[strings.LastIndexByte(name, '/')+1:]
		name = strings.TrimSuffix(name, "-fm") // a method value
	}
	codeNames.Store(entry, name)
	return name
}
