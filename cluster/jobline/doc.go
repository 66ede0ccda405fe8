// Package jobline reads what submits a job: the words behind  mobula job submit  and behind  %job submit  in a notebook. Both take the same flags, and
// a notebook, a program, the folder of one, or a command line.
//
// # Usage
//
//	var o jobline.Options
//	o.Register(flags)
//	target, err := jobline.TargetOf(flags.Args(), dashed)
//	spec, err := o.Spec(target)       // for package jobs
//
// # Concurrency
//
// Options belong to their command.
//
// # Testing
//
// A table of lines with what they submit, and of mistakes with what is said of them, in testdata.
package jobline
