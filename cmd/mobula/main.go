// Command mobula is the Go Jupyter kernel, the cluster behind it, and what installs, starts and shows them. root.go says how its command line
// is put together.
package main

import (
	"context"
	"os"

	"mobula/cluster/gpu/nvml"
)

// version is set by the release build.
var version = "0.1.0"

func main() {
	nvml.Main() // where this process was started to look for GPUs
	os.Exit(execute(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
