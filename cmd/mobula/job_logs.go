package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"mobula/internal/bytesize"
	"mobula/jobs"
)

// jobLogsCommand is  mobula job logs.
func jobLogsCommand() *cobra.Command {
	var c clusterFlags
	var tail, attempt int
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs ID",
		Short: "show what a job has printed",
		Long: `Show what a job that was submitted has printed, to standard output and to standard error, also after its
end. Of a long log the first lines are gone.`,
		Example: `  mobula job logs job-1a2b3c4d --follow
  mobula job logs train --tail 20
  mobula job logs train --attempt 1`,
		Args:              oneJob,
		ValidArgsFunction: c.completeJobs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilInterrupted(cmd.Context())
			defer stop()
			return c.withJobs(ctx, func(client *jobs.Client) error {
				job, err := jobNamed(ctx, client, args[0])
				if err != nil {
					return err
				}
				l := &jobLog{out: cmd.OutOrStdout(), errs: cmd.ErrOrStderr(), attempt: len(job.Attempts)}
				if l.options = (jobs.LogOptions{Attempt: attempt, Follow: follow}); tail > 0 {
					l.lines = &lastLines{keep: tail}
				}
				err = l.show(ctx, client, job.ID)
				if ctx.Err() != nil && cmd.Context().Err() == nil {
					return exitError{exitInterrupted}
				}
				return err
			})
		},
	}
	c.registerAddress(cmd)
	countFlag(cmd, &tail, "tail", 0, "last lines to show; 0: all that there are (default 0)")
	countFlag(cmd, &attempt, "attempt", 0, "attempt to show, 1 is the first; 0: the last one (default 0)")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is printed, until the job ends")
	noCompletion(cmd, "tail", "attempt")
	return cmd
}

// exitInterrupted is what mobula exits with where it is interrupted while it shows something, as a shell says it.
const exitInterrupted = 130

// jobLog shows the log of a job.
type jobLog struct {
	out, errs io.Writer
	options   jobs.LogOptions
	lines     *lastLines // nil: all is shown, as it comes
	attempt   int        // that was read last
}

// show shows it to its end.
func (l *jobLog) show(ctx context.Context, c *jobs.Client, id string) error {
	o := l.options
	if l.lines != nil && o.Follow { // what there is, before what comes
		o.Follow = false
		next, err := l.read(ctx, c, id, o)
		if err != nil {
			return err
		}
		if err := l.lines.flush(l.out, false); err != nil {
			return err
		}
		l.options.Offset, l.options.Attempt = next.Next, max(next.Attempt, l.options.Attempt)
		o = l.options
	}
	_, err := l.read(ctx, c, id, o)
	if l.lines != nil && err == nil {
		err = l.lines.flush(l.out, true)
	}
	return err
}

// read shows parts until there are no more, and returns the last one.
func (l *jobLog) read(ctx context.Context, c *jobs.Client, id string, o jobs.LogOptions) (last jobs.LogPart, err error) {
	for part, err := range c.Logs(ctx, id, o) {
		if err != nil {
			return last, err
		}
		if part.Attempt > l.attempt && l.attempt > 0 {
			fmt.Fprintf(l.errs, "mobula: attempt %d of job %s\n", part.Attempt, id)
		}
		if part.Skipped > 0 {
			fmt.Fprintf(l.errs, "mobula: %s of the log of job %s are gone\n", bytesize.Format(part.Skipped), id)
		}
		l.attempt, last = part.Attempt, part
		if l.lines == nil {
			if _, err := l.out.Write(part.Text); err != nil {
				return last, err
			}
			continue
		}
		l.lines.add(part.Text)
		if l.lines.shown {
			if err := l.lines.flush(l.out, false); err != nil {
				return last, err
			}
		}
	}
	return last, nil
}
