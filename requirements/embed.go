// Package requirements holds what pip installs for JupyterLab, as the binary carries it.
//
// # Concurrency
//
// Its content does not change.
//
// # Testing
//
// mobula lab installs it in the tests of kernel/lab; make lab does so from the file.
package requirements

import _ "embed"

// Lab is what JupyterLab needs, at exact versions, in pip's format.
//
//go:embed lab.txt
var Lab string
