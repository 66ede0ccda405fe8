// Package arrowvalue lets Arrow data travel as Mobula's values: arrays, record batches, tables, chunked arrays and buffers, captured by tasks,
// returned, put, and inside other values. It is imported for its effect, by programs and cells that use Arrow:
//
//	import _ "mobula/arrowvalue"
//
// Without it such values are refused: an array holds the memory of its buffers twice, as bytes and as numbers.
//
// Buffers of 64 KiB and more are not copied when they are read: an array that was got lies in the node's shared memory. Of a slice
// of an array only the rows travel that it shows, up to 63 before them, and buffers that several arrays share are sent once.
// A dictionary travels with each array that has it.
//
// # References
//
// What is sent need not live longer than the call that sends it. What arrives has one reference, which may be released or not: the memory belongs
// to the garbage collector, and is not freed under a reader that has a part of it. Values that were released already are refused. Builders are,
// too: send the array that they make.
//
// # Types
//
// Data types travel as the Go values that they are. So extension types need no registration with Arrow, but the type, and its array, must be types
// of the program. What one consists of must be able to travel.
//
// # Concurrency
//
// Nothing is shared. Arrays are read as their users would read them.
//
// # Testing
//
// Arrays of all types, whole and as slices, nested and empty, are sent through the codec and compared; those of
// the SDK's tests go through processes, and lie where the object store is mapped.
package arrowvalue
