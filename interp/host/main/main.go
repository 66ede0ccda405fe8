// Command main is the session host: the process in which the cells of one notebook run. The kernel builds it
// (see package toolchain) and starts it.
package main

import (
	"mobula/interp/host"
	_ "mobula/widgets/controls" // for cells: it is there before one asks for it
)

func main() { host.Main() }
