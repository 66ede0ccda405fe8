// Package closure takes func values apart and puts them together again.
//
// A func value points to an object that begins with the address of its code and goes on with the captured
// variables. The type of that object is nowhere beside it, but the code that creates one allocates it by
// that type: so the type is found by reading the machine code that mentions the closure's entry (the
// last mention of a type before it). It says exactly how each variable is captured: by value, or, where it is
// assigned or its address is taken, by a pointer to it. So any literal and any method value of any Go program can be
// taken apart, generic and inlined ones too, and nothing is added to the code.
//
// # Usage
//
//	p, err := closure.Open(reflect.ValueOf(f))   // p.Entry, p.Captured()
//	q, err := closure.New(entry, true)           // in the other process: the same code, captured variables zero
//	q.Captured.Field(1).Set(...)
//	f := q.Func(reflect.TypeFor[func() int]())
//
// The executable's own code is known; code that is loaded later is added by Register.
//
// # Concurrency
//
// All functions may be called from any goroutine.
//
// # Testing
//
// The tests take apart every kind of literal, and hold the types found for all closures of a large
// executable against what its debugging information tells.
package closure
