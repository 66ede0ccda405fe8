// Package notebooks holds the notebooks that teach Mobula, as the binary carries them.
//
// # Concurrency
//
// Its content does not change.
//
// # Testing
//
// tests/kernel executes each of them.
package notebooks

import "embed"

// Files are the notebooks.
//
//go:embed *.ipynb
var Files embed.FS
