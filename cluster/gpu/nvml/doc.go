// Package nvml is the child process in which NVIDIA's management library is loaded: see package gpu, which starts it.
//
// It needs Linux, cgo and the build tag nvml; built otherwise, Main answers that it cannot tell. The tag is there because the linker
// has to bind symbols lazily: where the C compiler's default is otherwise (Ubuntu), a program without the flag does not even start.
//
//	go build -tags nvml -ldflags=-extldflags=-Wl,-z,lazy ./cmd/mobula
//
// # Usage
//
//	func main() {
//		nvml.Main() // does not return in a probe
//		...
//	}
//
// # Concurrency
//
// A probe is one goroutine, and a timer that ends the process.
//
// # Testing
//
// With the tag: go-nvml's mocks for what a GPU may answer, and real children with a shared library that the tests compile from
// testdata/library.c, which also crashes, hangs and lacks functions. Without it: that Main says so.
package nvml

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"mobula/cluster/gpu"
)

// Main makes this process a probe if its environment says so: it prints a report and exits.
func Main() {
	if limit, ok := os.LookupEnv(gpu.EnvProbe); ok {
		os.Exit(probe(limit, os.Stdout, os.Stderr))
	}
}

// probe prints the report as one line, after whatever the library may have printed.
func probe(limit string, out, errs io.Writer) (status int) {
	d, err := time.ParseDuration(limit)
	if err != nil || d <= 0 {
		fmt.Fprintf(errs, "%s is %q: it must be a time, as in 10s\n", gpu.EnvProbe, limit)
		return 2
	}
	// Who started it may have ended. It gets a moment more, so that the one who waits is first to say that it hangs.
	time.AfterFunc(d+time.Second, func() { os.Exit(3) })
	line, err := json.Marshal(report())
	if err == nil {
		_, err = fmt.Fprintf(out, "\n%s\n", line)
	}
	if err != nil {
		fmt.Fprintf(errs, "print the report: %v\n", err)
		return 1
	}
	return 0
}
