// Package program names the code of this process so that another process which runs the same program finds it: functions with
// what they capture, types, and memory that belongs to the program. Values whose graph holds such names can
// be sent (package codec).
//
// # Usage
//
//	p, err := program.Executable()
//	message, err := codec.Encode(p, reflect.ValueOf(&closure).Elem(), codec.Options{})
//
// In a session host, which loads code as cells are run, the engine has a Program of its own.
//
// # Concurrency
//
// A Program may be used by any number of goroutines.
//
// # Testing
//
// The tests send closures to a second process of the test binary.
package program

import "mobula/internal/codec"

// Program is the code of this process.
type Program interface {
	codec.Host
	// Digest identifies the program: processes of equal digests name things equally.
	Digest() string
	// Needs returns what another process of the program lacks to use a value that was encoded with h.
	// Values of variables that go along are encoded with h, which adds to its names.
	Needs(h NamingHost) (Needs, error)
	// Part returns a part of the code that was loaded since the start, by its number from 0.
	Part(n int) ([]byte, error)
	// Load adds the n-th part. It does nothing if that is here already.
	Load(n int, part []byte) error
	// Parts is how many parts are here.
	Parts() int
	// SetEnvironment gives variables the values that Needs has read. It is called once, before anything runs.
	SetEnvironment(digest string, values codec.Encoded, h codec.Host) error
}

// NamingHost is a Host that notes what a Program has named: the Code of functions, as DescribeFunc returned it, and the TypeNames
// of values in interfaces.
type NamingHost interface {
	codec.Host
	Names() []string
}

// Needs is what code needs beside the executable.
type Needs struct {
	Parts int // so many parts of code
	// Environment is the digest of the values of variables that the code reads, which Values holds; "" if it reads none.
	Environment string
	Values      codec.Encoded
}
