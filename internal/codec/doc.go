// Package codec takes any graph of Go values apart into bytes and puts it together again in
// another process that runs the same code at other addresses. What is shared stays shared:
// pointers, maps and closures keep their identity, slices of one array go on sharing it, and
// a pointer into a struct, array or slice points into the copy of that very one. What cannot
// leave a process is an error that names it, never a silent copy.
//
// # Usage
//
// A Host knows what reflection does not: names of types, the code and captured variables of
// a func value, names of package variables.
//
//	message, err := codec.Encode(host, reflect.ValueOf(&x).Elem(), codec.Options{Name: "x"})
//	err = codec.Decode(host, message, reflect.ValueOf(&y).Elem())
//
// The value may be addressable: then pointers in the graph may point into it, and point into
// the decoded variable afterwards. Append writes behind what the caller has already. Large
// pointer-free arrays are not copied: they come apart from the head, as Buffers that alias
// the value's memory on one side and become memory of the decoded value on the other. So
// the value must not change until they are sent, and nobody else may write to what Decode got.
//
// Both sides have a type by the same name, and its structure must be the same: a difference
// is an error that shows both. Elements between a slice's length and its capacity travel
// only where another slice or pointer shows them; a slice without elements arrives without
// capacity. Values of no size have no identity. Pointers that StaticName knows travel as
// names. Errors of the standard library that programs compare with keep their identity.
//
// What a Host remembers (Shapes) makes funcs of code that was sent before cheap, where they capture plain values and other such funcs.
//
// A type whose values are more than their fields is registered with a Custom, which may hand over large memory as buffers, too.
//
// # Concurrency
//
// All functions may be called from any goroutine. Encode reads the value as its user would:
// who writes to it meanwhile races. Types of sync and sync/atomic are read as they
// ask for. A value seen to change between the two passes is an error.
//
// # Safety
//
// Decode takes damaged input for what it is: an error wraps ErrDamaged; no panic, no memory
// beyond a small multiple of the input's size, no pointer to where its type has no value. The
// Host must be as strict about the names and codes that it is given.
//
// # Testing
//
// Tests use a Host over registries of types, functions and variables. Random graphs are
// encoded, decoded and compared as graphs; testdata/errors.txt holds the exact texts of the
// errors (go test -run TestErrorTexts -update); FuzzDecode damages messages.
package codec
