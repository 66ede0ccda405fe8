package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mobula/cluster/jobline"
	"mobula/jobs"
)

// submitOptions are the flags of  mobula job submit.
type submitOptions struct {
	clusterFlags
	jobline.Options
	wait, noWait bool
}

// jobSubmitCommand is  mobula job submit.
func jobSubmitCommand() *cobra.Command {
	o := &submitOptions{}
	cmd := &cobra.Command{
		Use:   "submit [flags] (NOTEBOOK | PROGRAM | FOLDER) [ARGS...] | submit [flags] -- COMMAND [ARGS...]",
		Short: "have a cluster run a notebook, a program or a command",
		Long: `Have a cluster run a notebook, a program or a command on one of its nodes. It shows what the job prints, and
exits with what the job exits with. Ctrl-C does not end the job.

  NOTEBOOK  is run by  mobula notebook run , which gets the ARGS, as in  train.ipynb -p lr=0.1 ; the executed
            notebook is kept: mobula job output gets it
  PROGRAM   is an executable file, which is sent along
  FOLDER    is that of a Go program: it is built here as by  mobula build , and sent along
  COMMAND   is one of the cluster's machines, or of the working directory, as in  ./run.sh ; no shell
            is between, so  sh -c "a && b"  is one

The job's working directory is a copy of --working-dir, with what is submitted in it; what .gitignore and
.mobulaignore files exclude is not sent. It finds the cluster by MOBULA_ADDRESS: a program that uses package
mobula joins it. When the entrypoint ends, all that it has started ends, but for detached actors.

Flags stand before what is submitted: all words after that are its own.`,
		Example: `  mobula job submit train.ipynb -p lr=0.1
  mobula job submit --gpus 1 --retries 2 --no-wait ./cmd/train -epochs 3
  mobula job submit --working-dir . -- ./run.sh
  mobula job submit --env KEY=value -- python3 -c "print(1)"`,
		Args:                  cobra.ArbitraryArgs,
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault // files
		},
		RunE: o.run,
	}
	o.registerAddress(cmd)
	o.Register(cmd.Flags())
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().BoolVar(&o.wait, "wait", true, "wait for its end, and show what it prints")
	cmd.Flags().BoolVar(&o.noWait, "no-wait", false, "print its id, and do not wait")
	completeFlag(cmd, "working-dir", completeDirs)
	noCompletion(cmd, "id", "name", "env", "metadata", "cpus", "gpus", "memory", "resources", "labels", "retries", "grace", "keep", "parameter")
	return cmd
}

func (o *submitOptions) run(cmd *cobra.Command, args []string) error {
	target, err := jobline.TargetOf(args, cmd.ArgsLenAtDash() == 0)
	if err != nil {
		return misuse("%v", err)
	}
	if target.Kind == jobline.Module {
		program, remove, err := buildProgram(cmd.Context(), target.Path, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		defer remove()
		target.Kind, target.Path = jobline.Program, program
	}
	spec, err := o.Spec(target)
	if err != nil {
		return misuse("%v", err)
	}
	errs := cmd.ErrOrStderr()
	spec.OnNotice = func(text string) { fmt.Fprintln(errs, "mobula: "+text) }
	return o.withJobs(cmd.Context(), func(client *jobs.Client) error {
		job, err := client.Submit(cmd.Context(), spec)
		if err != nil {
			return err
		}
		if o.noWait || !o.wait {
			fmt.Fprintln(cmd.OutOrStdout(), job.ID)
			fmt.Fprintf(errs, "mobula: see it with  mobula job logs %[1]s --follow , and end it with  mobula job stop %[1]s\n", job.ID)
			return nil
		}
		fmt.Fprintf(errs, "mobula: job %s is submitted\n", job.ID)
		return followJob(cmd.Context(), client, job, cmd.OutOrStdout(), errs)
	})
}

// buildProgram builds the program of a folder, as one that others can run.
func buildProgram(ctx context.Context, dir string, errs io.Writer) (program string, remove func(), err error) {
	into, err := os.MkdirTemp("", "mobula-build-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(into) } // a left-over harms nobody
	at, err := filepath.Abs(dir)
	if err == nil {
		program = filepath.Join(into, filepath.Base(at))
		fmt.Fprintf(errs, "mobula: building %s\n", dir)
		err = runGo(ctx, dir, errs, "build", []string{"-o", program, "."})
	}
	if err == nil {
		if _, missing := os.Stat(program); missing != nil {
			err = fmt.Errorf("%s is no program: its package is not main", dir)
		}
	}
	if err != nil {
		remove()
		return "", nil, err
	}
	return program, remove, nil
}

// followJob shows a job until it ends, and fails as it does.
func followJob(ctx context.Context, c *jobs.Client, job jobs.Job, out, errs io.Writer) error {
	within, stop := untilInterrupted(ctx)
	defer stop()
	err := awaitBegin(within, c, &job, errs)
	if err == nil {
		err = (&jobLog{out: out, errs: errs, options: jobs.LogOptions{Attempt: 1, Follow: true}}).show(within, c, job.ID)
	}
	if err == nil {
		job, err = c.Wait(within, job.ID)
	}
	switch {
	case within.Err() != nil && ctx.Err() == nil:
		fmt.Fprintf(errs, "\nmobula: job %[1]s goes on: see it with  mobula job logs %[1]s --follow , end it with  mobula job stop %[1]s\n", job.ID)
		return exitError{exitInterrupted}
	case err != nil:
		return fmt.Errorf("follow job %s, which may go on: %w", job.ID, err)
	}
	return tellEnd(job, errs)
}

// What begins within pendingFirst has not waited; after that it is asked every pendingEvery why a job waits.
const (
	pendingFirst = 500 * time.Millisecond
	pendingEvery = 2 * time.Second
)

// awaitBegin tells why a job waits, until it does not.
func awaitBegin(ctx context.Context, c *jobs.Client, job *jobs.Job, errs io.Writer) (err error) {
	told, wait := "", pendingFirst
	for job.State == jobs.Pending && len(job.Attempts) == 0 {
		soon, cancel := context.WithTimeout(ctx, wait)
		now, failed := c.WaitChange(soon, *job)
		cancel()
		if failed != nil && ctx.Err() == nil { // nothing has changed but, perhaps, why it waits
			now, failed = c.Status(ctx, job.ID)
		}
		if failed != nil {
			return failed
		}
		if *job, wait = now, pendingEvery; job.State == jobs.Pending && len(job.Attempts) == 0 && job.Message != told {
			told = job.Message
			fmt.Fprintf(errs, "mobula: job %s waits: %s\n", job.ID, oneLine(told))
		}
	}
	return nil
}

// tellEnd says how a job has ended, and makes its exit code this command's.
func tellEnd(j jobs.Job, errs io.Writer) error {
	message, _, _ := strings.Cut(j.Message, "\n")
	how := j.State
	if how == jobs.Stopped {
		how, message = "was stopped", strings.TrimPrefix(message, "stopped: ")
	}
	fmt.Fprintf(errs, "mobula: job %s %s: %s\n", j.ID, how, oneLine(message))
	for _, f := range j.Outputs {
		fmt.Fprintf(errs, "mobula: it has left %s: get it with  mobula job output %s\n", oneLine(f.Name), j.ID)
	}
	if j.State == jobs.Succeeded {
		return nil
	}
	code := exitFailed
	if n := len(j.Attempts); n > 0 {
		last := j.Attempts[n-1]
		switch {
		case last.Signal != 0:
			code = 128 + last.Signal
		case last.ExitCode != nil:
			code = cmp.Or(*last.ExitCode, exitFailed)
		}
	}
	return exitError{code}
}
