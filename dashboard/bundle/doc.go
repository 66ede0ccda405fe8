// Command bundle makes the folder dashboard/dist, which package dashboard embeds, of the sources in dashboard/ui, with esbuild. Node is not needed, nor a network:
// what the page imports lies in ui/vendor.
//
// # Usage
//
//	go run ./dashboard/bundle        # in the module's root: make ui
//
// dist is committed, so that the module builds with the go command alone. A test compares it with what the sources give.
//
// # Concurrency
//
// None of its own.
//
// # Testing
//
// The test bundles, compares, and holds the result to its bound.
package main
