// Package crash reads what Go's runtime prints when a program ends by a fatal error, an uncaught panic or a signal: the cause in
// words, and the goroutines with their labels and frames. EndOf says how a process ended that printed nothing.
//
// A program that runs with GODEBUG=tracebacklabels=1 and labels its goroutines (runtime/pprof) is told by a report
// which of them is at fault.
//
// # Usage
//
//	if crash.Begins(stderr) {
//		report := crash.Parse(stderr)
//		g, ok := report.Culprit("task")
//		fmt.Println(report.Cause, g.Labels["task"], g.Frames)
//	}
//
// # Concurrency
//
// All functions are pure.
//
// # Testing
//
// The reports in the tests were printed by Go 1.26; FuzzParse feeds damaged ones. Package node crashes real processes.
package crash
