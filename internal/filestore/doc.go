// Package filestore keeps files in a directory under the SHA-256 of their content, within a bound.
//
// A file comes as a whole (Put) or in parts (PutPart): then one that was begun is gone on with, also by another sender, since what they send has the
// same name. It is there once all of it has come and is what its name says.
//
// What nobody needs any more stays as long as there is room, so that it need not be sent again; what was not used for the longest time goes first.
//
// # Usage
//
//	s, err := filestore.Open(dir, filestore.Config{Bound: 2 << 30, Needed: func(sum string) bool { ... }})
//	have, err := s.PutPart(filestore.Ref{Sum: sum, Size: size}, 0, data)
//	text, err := s.ReadAt(sum, 0, 1<<20)
//
// # Concurrency
//
// All methods may be called from any goroutine. Config.Needed is called with the store's lock held, and must not call back. One process uses a directory at a time.
//
// # Testing
//
// Files are written, damaged, cut off and crowded out in real directories; a model checks random parts.
package filestore
