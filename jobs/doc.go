// Package jobs submits jobs to a cluster from a program: an entrypoint with its working files runs on a node of the cluster, without the program
// that has submitted it. The command mobula job does the same from a terminal.
//
// An entrypoint is a command line. It is not given to a shell; its working directory is a copy of the working files, and it finds the cluster
// by MOBULA_ADDRESS, so a program that uses package mobula joins it. When the entrypoint ends, all that it has started ends: its processes, its
// tasks and its actors, but for detached ones.
//
// # Usage
//
//	c, err := jobs.Connect(ctx, jobs.Config{})
//	job, err := c.Submit(ctx, jobs.Spec{Entrypoint: []string{"./train", "-epochs", "3"}, WorkingDir: "build", CPUs: 1})
//	for part, err := range c.Logs(ctx, job.ID, jobs.LogOptions{Follow: true}) { os.Stdout.Write(part.Text) }
//	job, err = c.Wait(ctx, job.ID)
//
// # Concurrency
//
// All methods of a Client may be called from any goroutine.
//
// # Testing
//
// The tests start a head and nodes in their process, with real processes as entrypoints.
package jobs
