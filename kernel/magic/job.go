package magic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"mobula/internal/bytesize"
	"mobula/interp"
	"mobula/jobs"
)

// jobMagics are the line magics about jobs that run without the notebook.
func jobMagics() []Magic {
	return []Magic{{
		Name: "job", Usage: "%job [submit | status | logs | output | stop | list | export]",
		Help: "Submits this notebook, or something else, to the cluster as a job that runs without it, and shows jobs. %job help tells how.", Run: runJob,
	}}
}

// jobVerbs are all but help, which lists them.
var jobVerbs = map[string]verb{
	"submit": {"submit [--wait] [flags of  mobula job submit] [NOTEBOOK [-p NAME=VALUE] | PROGRAM | -- COMMAND]", "runs a notebook, this one where none is named, as it was last saved; or a program, or a command", submitJob},
	"status": {"status ID", "tells what has become of a job", onJobs(1, jobStatus)},
	"logs":   {"logs ID [--tail N] [--follow]", "shows what a job has printed", jobLogs},
	"output": {"output ID [FILE...] [--force]", "gets the files that a job has left into the working directory", jobOutput},
	"stop":   {"stop ID", "ends a job", onJobs(1, stopJob)},
	"export": {"export [DIR]", "makes a Go program of this notebook, as  mobula notebook export  does", exportJob},
	"list":   {"list", "lists the jobs that were submitted", onJobs(0, listJobs)},
}

func runJob(ctx context.Context, env *Env, c Call) error {
	words, err := splitWords(c.Args)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		words = []string{"help"}
	}
	return runVerb(ctx, env, "job", jobVerbs, words)
}

// splitWords splits a line as a shell does, with quotes and backslashes, and nothing else.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	quote, begun, escaped := rune(0), false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, begun = true, true
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '"' || r == '\'':
			quote, begun = r, true
		case r == ' ' || r == '\t':
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("a %c has no other end", quote)
	case escaped:
		return nil, errors.New("nothing follows the backslash")
	case begun:
		words = append(words, word.String())
	}
	return words, nil
}

// withJobs connects to the cluster that the notebook uses for as long as f takes.
func withJobs(ctx context.Context, env *Env, f func(c *jobs.Client) error) error {
	engine, ok := env.Engine.(interp.Clusters)
	if !ok {
		return errors.New("this engine cannot run tasks on a cluster, nor jobs")
	}
	st, used, err := engine.ClusterStatus(ctx)
	if err != nil {
		return err
	}
	if !used {
		return errors.New("this notebook uses no cluster: connect to one with  %cluster connect  (one of this notebook alone ends with it, and its jobs, too)")
	}
	c, err := jobs.Connect(ctx, jobs.Config{Address: st.Address})
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c)
}

// onJobs is a verb without flags that takes so many words.
func onJobs(words int, f func(ctx context.Context, env *Env, c *jobs.Client, args []string) error) func(context.Context, *Env, []string) error {
	return func(ctx context.Context, env *Env, args []string) error {
		switch {
		case len(args) > words:
			return misuse{fmt.Sprintf("%q is one word too many", args[words])}
		case len(args) < words:
			return misuse{"name one job"}
		}
		return withJobs(ctx, env, func(c *jobs.Client) error { return f(ctx, env, c, args) })
	}
}

// followJob shows what a job prints until it ends.
func followJob(ctx context.Context, env *Env, c *jobs.Client, id string) error {
	err := showJobLog(ctx, env, c, id, jobs.LogOptions{Attempt: 1, Follow: true})
	var job jobs.Job
	if err == nil {
		job, err = c.Wait(ctx, id)
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("job %[1]s goes on: see it with  %%job logs %[1]s --follow , end it with  %%job stop %[1]s", id)
	case err != nil:
		return err
	case job.State != jobs.Succeeded:
		message, _, _ := strings.Cut(job.Message, "\n")
		return fmt.Errorf("job %s %s: %s", id, job.State, message)
	}
	env.Stdout(fmt.Sprintf("Job %s has succeeded.\n", id))
	return nil
}

// jobLogs is  %job logs.
func jobLogs(ctx context.Context, env *Env, args []string) error {
	f := pflag.NewFlagSet("logs", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	tail := f.Int("tail", 0, "")
	follow := f.Bool("follow", false, "")
	if err := f.Parse(args); err != nil {
		return misuse{err.Error()}
	}
	if f.NArg() != 1 || *tail < 0 {
		return misuse{"name one job"}
	}
	return withJobs(ctx, env, func(c *jobs.Client) error {
		o := jobs.LogOptions{}
		if *tail > 0 {
			var err error
			if o, err = showTail(ctx, env, c, f.Arg(0), *tail); err != nil || !*follow {
				return err
			}
		}
		o.Follow = *follow
		return showJobLog(ctx, env, c, f.Arg(0), o)
	})
}

// showJobLog shows what a job has printed, as it comes.
func showJobLog(ctx context.Context, env *Env, c *jobs.Client, id string, o jobs.LogOptions) error {
	out := &textWriter{mu: new(sync.Mutex), show: env.Stdout}
	defer out.flush()
	for part, err := range c.Logs(ctx, id, o) {
		if err != nil {
			return err
		}
		if part.Skipped > 0 {
			env.Stderr(fmt.Sprintf("%s before this are gone.\n", bytesize.Format(part.Skipped)))
		}
		_, _ = out.Write(part.Text) // it never fails
	}
	return nil
}

// showTail shows the last lines of what there is, and says where the rest begins.
func showTail(ctx context.Context, env *Env, c *jobs.Client, id string, lines int) (rest jobs.LogOptions, err error) {
	var text strings.Builder
	for part, err := range c.Logs(ctx, id, jobs.LogOptions{}) {
		if err != nil {
			return rest, err
		}
		text.Write(part.Text)
		rest.Attempt, rest.Offset = part.Attempt, part.Next
	}
	env.Stdout(strings.ToValidUTF8(lastLines(text.String(), lines), "?"))
	return rest, nil
}

// lastLines is the end of a text.
func lastLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

func jobStatus(ctx context.Context, env *Env, c *jobs.Client, args []string) error {
	job, err := c.Status(ctx, args[0])
	if err != nil {
		return err
	}
	env.Stdout(fmt.Sprintf("Job %s (%s) %s", job.ID, strings.Join(job.Entrypoint, " "), job.State))
	if job.Message != "" {
		env.Stdout(": " + job.Message)
	}
	env.Stdout("\n")
	for _, f := range job.Outputs {
		env.Stdout(fmt.Sprintf("It has left %s: get it with  %%job output %s\n", f.Name, job.ID))
	}
	return nil
}

// jobOutput is  %job output.
func jobOutput(ctx context.Context, env *Env, args []string) error {
	f := pflag.NewFlagSet("output", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	force := f.Bool("force", false, "")
	if err := f.Parse(args); err != nil {
		return misuse{err.Error()}
	}
	if f.NArg() == 0 {
		return misuse{"name one job"}
	}
	return withJobs(ctx, env, func(c *jobs.Client) error {
		job, err := c.Status(ctx, f.Arg(0))
		if err != nil {
			return err
		}
		names := f.Args()[1:]
		if len(names) == 0 {
			for _, file := range job.Outputs {
				names = append(names, file.Name)
			}
		}
		if len(names) == 0 {
			return fmt.Errorf("job %s has left no files", job.ID)
		}
		for _, name := range names {
			path, err := c.SaveOutput(ctx, job.ID, name, env.Engine.Dir(), *force)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%w: add --force to replace it", err)
			}
			if err != nil {
				return err
			}
			env.Stdout(path + "\n")
		}
		return nil
	})
}

func stopJob(ctx context.Context, env *Env, c *jobs.Client, args []string) error {
	if _, err := c.Stop(ctx, args[0]); err != nil {
		return err
	}
	job, err := c.Wait(ctx, args[0])
	if err == nil {
		message, _, _ := strings.Cut(strings.TrimPrefix(job.Message, "stopped: "), "\n")
		env.Stdout(fmt.Sprintf("Job %s %s: %s\n", job.ID, job.State, message))
	}
	return err
}

func listJobs(ctx context.Context, env *Env, c *jobs.Client, _ []string) error {
	all, err := c.List(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		env.Stdout("No job was submitted.\n")
		return nil
	}
	var text strings.Builder
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "JOB\tNAME\tSTATE\tSUBMITTED\tMESSAGE")
	for _, j := range all {
		message, _, _ := strings.Cut(j.Message, "\n")
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\n", j.ID, j.Name, j.State, time.UnixMilli(j.Created).Format(time.DateTime), message)
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	env.Stdout(text.String())
	return nil
}
