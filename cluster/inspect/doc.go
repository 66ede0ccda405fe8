// Package inspect tells what a cluster has and does, as rows with JSON tags: it asks the head and all nodes and joins their answers.
// The command line, the dashboard and the widgets of a notebook show the same rows, each in its own way; nothing is formatted here.
//
// # Usage
//
//	tasks, err := inspect.Tasks(ctx, client)     // any headwire.Caller: a headclient.Client, or the head in this process
//	for _, t := range tasks.Rows { fmt.Println(t.Task, t.Name, t.State, t.Node) }
//	for _, n := range tasks.Missing { fmt.Println("without", n) }
//
// A node that hangs, or has lost the head, must not hide the others: its absence is told in List.Missing beside the rows. It is an error where
// no node has answered at all, and where the head does not within 10 s.
//
// Timeline gives the attempts of tasks with begin and end; ReadLog reads on in a worker's log. A TaskTracker follows all tasks: it asks for what is new only.
//
// # Concurrency
//
// All functions and methods may be called from any goroutine; functions keep nothing. What they return belongs to the caller.
//
// # Testing
//
// A table of answers stands for a cluster. The JSON of all rows is in testdata. The tests of cmd/mobula use real clusters.
package inspect
