// Package mobula is the SDK core. So far it carries the source of the packages that cells
// import and that the session host is built from, so that one binary is enough.
//
// # Concurrency
//
// Source may be read from any goroutine.
//
// # Testing
//
// Whoever builds the host from Source tests that it is complete.
package mobula

import "embed"

// Source holds the Go files of the session host and of the packages that cells may import,
// at their paths in the module.
//
//go:embed display interp/cellrt interp/direct interp/host interp/hostrpc interp/loader internal/cellio
var Source embed.FS
