//go:build !mobulahost

package mobula

import "embed"

// Source holds the Go files of the session host and of the packages that cells may import, at their paths in the module: one
// binary is enough. It takes no room in programs that do not use it.
//
//go:embed *.go go.mod go.sum cluster display internal interp/cellrt interp/direct interp/host interp/hostrpc interp/loader jobs objstore widgets/*.go widgets/controls
var Source embed.FS
