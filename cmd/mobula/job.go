package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mobula/cluster/headwire"
	"mobula/cluster/inspect"
	"mobula/internal/bytesize"
	"mobula/jobs"
)

// jobCommand is  mobula job ...
func jobCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job",
		Short: "submit programs and notebooks to a cluster, and see what becomes of them",
		Long: `Submit programs, notebooks and command lines to a cluster, which runs them on one of its nodes, and see
what becomes of them. A job runs on where the command line that has submitted it ends.`,
		Example: `  mobula job submit train.ipynb -p lr=0.1
  mobula job list
  mobula job logs job-1a2b3c4d --follow`,
	}
	cmd.AddCommand(jobSubmitCommand(), jobListCommand(), jobStatusCommand(), jobLogsCommand(), jobStopCommand(), jobOutputCommand(), jobDeleteCommand())
	return cmd
}

// submittedKind is that of jobs that were submitted, for their completion.
var submittedKind = kindOf(inspect.SubmittedJobs, jobCells, "STATE", jobColumns)

// oneJob wants the id of a job.
func oneJob(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return misuse("name one job by its id, as  mobula job list  shows it")
	}
	return nil
}

func someJobs(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return misuse("name one job, or several, by their ids, as  mobula job list  shows them")
	}
	return nil
}

// completeJobs completes the ids of jobs.
func (c *clusterFlags) completeJobs(most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.completeThings(cmd.Context(), submittedKind, begin)
	}
}

// withJobs connects to the cluster for as long as f takes.
func (c *clusterFlags) withJobs(ctx context.Context, f func(c *jobs.Client) error) error {
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return f(jobs.New(client))
}

// jobNamed finds the job of an id, of which the begin will do, or of a name that no other one has.
func jobNamed(ctx context.Context, c *jobs.Client, name string) (jobs.Job, error) {
	job, err := c.Status(ctx, name)
	if !headwire.HasCode(err, headwire.NotFound) {
		return job, err
	}
	all, failed := c.List(ctx)
	if failed != nil {
		return job, failed
	}
	found := slices.DeleteFunc(slices.Clone(all), func(j jobs.Job) bool { return j.Name != name })
	if len(found) == 0 {
		found = slices.DeleteFunc(all, func(j jobs.Job) bool { return !strings.HasPrefix(j.ID, name) })
	}
	switch len(found) {
	case 0:
		return job, err
	case 1:
		return found[0], nil
	}
	return job, fmt.Errorf("%q is the name, or the start of the id, of %d jobs: give the id of one", name, len(found))
}

// jobListCommand is  mobula job list.
func jobListCommand() *cobra.Command {
	list := listCommand()
	run := list.RunE
	list.Use, list.Short = "list", "list the jobs: those that were submitted, and the drivers that run by themselves"
	list.Long = `List the jobs, the oldest first: those that were submitted, with the drivers that they have started, and
the drivers of notebooks and programs that run by themselves. It is  mobula list jobs .

Jobs that were submitted are forgotten a week after their end, drivers a day after it.`
	list.Example = `  mobula job list
  mobula job list --filter state=running
  mobula job list -o json`
	list.Args = noArgs
	list.ValidArgsFunction = cobra.NoFileCompletions
	list.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd, []string{"jobs"}) }
	return list
}

// jobStatusCommand is  mobula job status.
func jobStatusCommand() *cobra.Command {
	var c clusterFlags
	cmd := &cobra.Command{
		Use:   "status ID",
		Short: "show what is known of a job that was submitted",
		Long: `Show what is known of a job that was submitted: its state, why it waits or how it ended, its attempts, the
drivers that it has started, and the files that it has left. Of its variables only the names are shown.`,
		Example: `  mobula job status job-1a2b3c4d
  mobula job status train -o json`,
		Args:              oneJob,
		ValidArgsFunction: c.completeJobs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withJobs(cmd.Context(), func(client *jobs.Client) error {
				job, err := jobNamed(cmd.Context(), client, args[0])
				if err != nil {
					return err
				}
				if c.output == asJSON {
					return writeJSON(cmd.OutOrStdout(), job)
				}
				return writeJob(cmd.OutOrStdout(), job, time.Now())
			})
		},
	}
	c.register(cmd)
	return cmd
}

// writeJob shows a job for people.
func writeJob(w io.Writer, j jobs.Job, now time.Time) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		if text := oneLine(fmt.Sprintf(format, args...)); text != "" {
			fmt.Fprintf(columns, "%s\t%s\n", name, text)
		}
	}
	message, tail, _ := strings.Cut(j.Message, "\n")
	line("job", "%s", j.ID)
	line("name", "%s", j.Name)
	line("state", "%s", map[bool]string{true: j.State + ", it was asked to end", false: j.State}[j.Stopping])
	line("message", "%s", message)
	line("entrypoint", "%s", commandLine(j.Entrypoint))
	line("variables", "%s", strings.Join(j.Env, ", "))
	line("metadata", "%s", labelsOf(j.Metadata))
	if !j.Resources.IsZero() {
		line("takes", "%v", j.Resources)
	}
	line("runs on", "%s", j.Selector.String())
	line("submitted", "%s ago", since(now, j.Created))
	for _, a := range j.Attempts {
		line(fmt.Sprintf("attempt %d", a.Number), "%s", attemptLine(a, now))
		for _, d := range a.Drivers {
			line("  driver", "%s", d.Short())
		}
	}
	for _, f := range j.Outputs {
		line("left", "%s (%s): get it with  mobula job output %s %s", f.Name, bytesize.Format(f.Size), j.ID, f.Name)
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	if tail == "" {
		return nil
	}
	fmt.Fprintln(w, "\nThe end of its log:")
	for part := range strings.SplitSeq(tail, "\n") {
		if _, err := fmt.Fprintln(w, "  "+oneLine(part)); err != nil {
			return err
		}
	}
	return nil
}

func attemptLine(a jobs.Attempt, now time.Time) string {
	on := "on " + a.NodeName
	if a.NodeName == "" {
		on = "on node " + a.Node.Short()
	}
	how, _, _ := strings.Cut(a.Message, "\n")
	switch {
	case a.Started == 0 && a.Ended == 0:
		return on + ", gets ready"
	case a.Started == 0:
		return on + ": " + how
	case a.Ended == 0:
		return fmt.Sprintf("%s, process %d, runs for %s", on, a.PID, since(now, a.Started))
	}
	return fmt.Sprintf("%s, ran for %s: %s", on, age(time.Duration(a.Ended-a.Started)*time.Millisecond), how)
}

// commandLine writes words as a shell would take them.
func commandLine(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		plain := strings.TrimLeft(word, "-")
		if i > 0 {
			plain = strings.ReplaceAll(plain, "=", "")
		}
		if quoted[i] = word; !isWord(plain) {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// jobStopCommand is  mobula job stop.
func jobStopCommand() *cobra.Command {
	var c clusterFlags
	var noWait bool
	cmd := &cobra.Command{
		Use:   "stop ID...",
		Short: "end jobs that were submitted",
		Long: `End jobs that were submitted, with all that they have started. Their processes get SIGTERM, and SIGKILL after
the grace time that they were submitted with. It waits for their ends.`,
		Example: `  mobula job stop job-1a2b3c4d
  mobula job stop first second --no-wait`,
		Args:              someJobs,
		ValidArgsFunction: c.completeJobs(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return c.withJobs(ctx, func(client *jobs.Client) error {
				return forEach(args, func(name string) error {
					job, err := jobNamed(ctx, client, name)
					if err == nil {
						job, err = client.Stop(ctx, job.ID)
					}
					if err == nil && !noWait {
						job, err = client.Wait(ctx, job.ID)
					}
					switch {
					case err != nil:
						return err
					case job.State == jobs.Stopped:
						fmt.Fprintf(cmd.OutOrStdout(), "Job %s is stopped.\n", job.ID)
					case jobs.Ended(job):
						fmt.Fprintf(cmd.OutOrStdout(), "Job %s has %s before.\n", job.ID, job.State)
					default:
						fmt.Fprintf(cmd.OutOrStdout(), "Job %s is asked to end.\n", job.ID)
					}
					return nil
				})
			})
		},
	}
	c.registerAddress(cmd)
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "ask only, and do not wait for the ends")
	return cmd
}

// forEach does something for each word, also after one has failed.
func forEach(words []string, f func(word string) error) (failed error) {
	for _, word := range words {
		failed = errors.Join(failed, f(word))
	}
	return failed
}

// jobDeleteCommand is  mobula job delete.
func jobDeleteCommand() *cobra.Command {
	var c clusterFlags
	cmd := &cobra.Command{
		Use:               "delete ID...",
		Short:             "forget jobs that have ended, with their logs and the files that they left",
		Example:           `  mobula job delete job-1a2b3c4d`,
		Args:              someJobs,
		ValidArgsFunction: c.completeJobs(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withJobs(cmd.Context(), func(client *jobs.Client) error {
				return forEach(args, func(name string) error {
					if err := client.Delete(cmd.Context(), name); err != nil { // by the whole id: it cannot be undone
						return err
					}
					fmt.Fprintf(cmd.OutOrStdout(), "Job %s is forgotten.\n", name)
					return nil
				})
			})
		},
	}
	c.registerAddress(cmd)
	return cmd
}

// jobOutputCommand is  mobula job output.
func jobOutputCommand() *cobra.Command {
	var c clusterFlags
	var dir string
	var force bool
	cmd := &cobra.Command{
		Use:   "output ID [FILE...]",
		Short: "get the files that a job has left, such as the executed notebook",
		Long: `Get the files that a job has left: the executed notebook, and what it was submitted to keep with --keep.
Without names it gets all of them. Those that are there already are not replaced, unless --force is given.`,
		Example: `  mobula job output job-1a2b3c4d
  mobula job output train train.out.ipynb --dir results`,
		Args: func(cmd *cobra.Command, args []string) error {
			return oneJob(cmd, args[:min(len(args), 1)])
		},
		ValidArgsFunction: c.completeJobs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withJobs(cmd.Context(), func(client *jobs.Client) error {
				job, err := jobNamed(cmd.Context(), client, args[0])
				if err != nil {
					return err
				}
				names := args[1:]
				for _, f := range job.Outputs {
					if len(args) == 1 {
						names = append(names, f.Name)
					}
				}
				if len(names) == 0 {
					return fmt.Errorf("job %s has left no files; what is kept is said by  mobula job submit --keep FILE", job.ID)
				}
				return forEach(names, func(name string) error {
					path, err := client.SaveOutput(cmd.Context(), job.ID, name, dir, force)
					if errors.Is(err, os.ErrExist) {
						return fmt.Errorf("%w: give another folder with --dir, or --force to replace it", err)
					}
					if err == nil {
						fmt.Fprintln(cmd.OutOrStdout(), path)
					}
					return err
				})
			})
		},
	}
	c.registerAddress(cmd)
	textFlag(cmd, &dir, "dir", "DIR", "folder to write to (default .)")
	completeFlag(cmd, "dir", completeDirs)
	cmd.Flags().BoolVar(&force, "force", false, "replace files that are there")
	return cmd
}

// untilInterrupted ends with Ctrl-C, or where the process is asked to end.
func untilInterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}
