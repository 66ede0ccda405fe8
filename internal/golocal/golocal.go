// Package golocal ties a value to a goroutine and to all goroutines that it starts, under a label that the runtime prints
// where it reports a crash.
//
// It is the profiler's label set, which goroutines inherit: the value lies behind the set. What replaces the labels
// (runtime/pprof.Do) hides the value for as long.
//
// # Usage
//
//	defer golocal.Bind(golocal.New("task", id.String(), running))()
//	running, ok := golocal.Value().(*running)
//
// # Concurrency
//
// A Binding may be bound on many goroutines at a time. Bind and Value concern the calling goroutine.
//
// # Testing
//
// The tests crash a child process and look for the label.
package golocal

import "unsafe"

// label is how package runtime/pprof keeps one.
type label struct{ key, value string }

// Binding is a value with its label. The runtime knows its head as a set of labels.
type Binding struct {
	list  []label
	one   [1]label
	value any
}

// mark is the start of the key of all bindings: by its address they are told from other sets of labels.
var mark = []byte("                ")

// New returns a binding of v. key has at most 16 bytes.
func New(key, text string, v any) *Binding {
	b := &Binding{value: v}
	b.one[0] = label{key, text}
	b.list = b.one[:]
	return b
}

// Key makes the key of a kind of bindings, once per program: only those whose key was made here are found again.
func Key(name string) string {
	n := copy(mark, name)
	return unsafe.String(&mark[0], n)
}

// Bind binds b to the calling goroutine; the returned function binds again what was bound before.
func Bind(b *Binding) (restore func()) {
	before := getLabels()
	setLabels(unsafe.Pointer(b))
	return func() { setLabels(before) }
}

// Set binds b, or nothing where it is nil, to the calling goroutine.
func Set(b *Binding) { setLabels(unsafe.Pointer(b)) }

// Value returns what is bound to the calling goroutine, nil if nothing is.
func Value() any {
	p := getLabels()
	if p == nil {
		return nil
	}
	list := *(*[]label)(p)
	if len(list) != 1 || unsafe.StringData(list[0].key) != &mark[0] {
		return nil
	}
	return (*Binding)(p).value
}

//go:linkname setLabels runtime/pprof.runtime_setProfLabel
func setLabels(unsafe.Pointer)

//go:linkname getLabels runtime/pprof.runtime_getProfLabel
func getLabels() unsafe.Pointer
