package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mobula/interp"
	"mobula/notebook"
	"mobula/notebook/batch"
)

// notebookCommand is  mobula notebook.
func notebookCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notebook",
		Short: "run notebooks as batch jobs, and make programs of them",
		Example: `  mobula notebook run train.ipynb -p lr=0.01 -o out.ipynb
  mobula notebook export train.ipynb -o train`,
	}
	cmd.AddCommand(notebookRunCommand(), notebookExportCommand(), notebookParametersCommand())
	return cmd
}

// words is the value of a flag that may be given several times.
type words struct {
	to   *[]string
	what string
}

func (w words) String() string { return strings.Join(*w.to, " ") }

func (w words) Set(s string) error { *w.to = append(*w.to, s); return nil }

func (w words) Type() string { return w.what }

// notebookRun are the flags of  mobula notebook run.
type notebookRun struct {
	input, output, dir    string
	parameters, files     []string
	timeout               time.Duration
	injectOnly, logOutput bool
}

// notebookRunCommand is  mobula notebook run.
func notebookRunCommand() *cobra.Command {
	o := &notebookRun{}
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "run a notebook from its first cell to its last",
		Long: `Run a notebook from its first cell to its last, without a front end, and write it with what its cells
have shown: after each cell, and twice a minute while one runs. A cell that fails ends the run; the
notebook up to there is kept, and the exit code is 1.

Parameters and tags are those of papermill. The cell tagged parameters declares the parameters with
their defaults, which give them their types; values that are given come into a cell after it, tagged
injected-parameters. Strings need no quotes, lists and maps are written as in YAML, durations as in 90s.
A cell tagged raises-exception may fail, one tagged skip-execution does not run.

SIGINT and SIGTERM interrupt the cell; the notebook is kept, and the exit code is 130 or 143.`,
		Example: `  mobula notebook run train.ipynb -p lr=0.01 -p layers=[64,32] -o out.ipynb
  mobula notebook run train.ipynb -f params.yaml --timeout 30m --log-output`,
		ValidArgsFunction: completeNotebook,
		Args: func(_ *cobra.Command, args []string) error {
			if err := oneNotebook(args); err != nil {
				return err
			}
			o.input = args[0]
			return o.check()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.register(cmd)
	return cmd
}

func (o *notebookRun) register(cmd *cobra.Command) {
	cmd.Flags().VarP(text{&o.output, "FILE"}, "output", "o", "where to write the notebook (default NAME.out.ipynb, in the working directory)")
	cmd.Flags().VarP(words{&o.parameters, "NAME=VALUE"}, "parameter", "p", "value of a parameter; may be given several times (default none)")
	cmd.Flags().VarP(words{&o.files, "FILE"}, "parameters-file", "f", "values of parameters, in YAML or JSON; -p comes after them (default none)")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "how long a cell may take, as in 90s or 2h (default forever)")
	textFlag(cmd, &o.dir, "cwd", "DIR", "working directory of the cells (default the notebook's folder)")
	cmd.Flags().BoolVar(&o.injectOnly, "inject-only", false, "write the notebook with its parameters, and do not run it")
	cmd.Flags().BoolVar(&o.logOutput, "log-output", false, "print what the cells show as it comes, as text")
	noCompletion(cmd, "parameter", "timeout")
	completeFlag(cmd, "cwd", completeDirs)
	completeFlag(cmd, "output", completeNotebook)
	completeFlag(cmd, "parameters-file", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return []string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt
	})
}

func completeNotebook(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []string{"ipynb"}, cobra.ShellCompDirectiveFilterFileExt
}

// oneNotebook checks the arguments of a command about one notebook.
func oneNotebook(args []string) error {
	switch {
	case len(args) == 0:
		return misuse("name the notebook, as in  train.ipynb")
	case len(args) > 1:
		return misuse("unexpected argument %q", args[1])
	}
	return nil
}

// check finds what is wrong before anything is read.
func (o *notebookRun) check() error {
	for _, p := range o.parameters {
		if name, _, ok := strings.Cut(p, "="); !ok || name == "" {
			return misuse("-p %s is not of the form NAME=VALUE", p)
		}
	}
	if o.timeout < 0 {
		return misuse("--timeout %v is less than no time", o.timeout)
	}
	return nil
}

// prepare reads the notebook and gives it its parameters.
func (o *notebookRun) prepare(errs io.Writer) (*notebook.Notebook, error) {
	nb, err := notebook.ReadFile(o.input)
	if err != nil {
		return nil, err
	}
	declared, err := nb.Parameters()
	if err != nil {
		return nil, err
	}
	var given []notebook.Given
	for _, file := range o.files {
		values, err := notebook.ReadParameterFile(file)
		if err != nil {
			return nil, err
		}
		given = append(given, values...)
	}
	for _, p := range o.parameters {
		name, value, _ := strings.Cut(p, "=")
		given = append(given, notebook.Given{Name: name, Text: value})
	}
	assignments, err := notebook.Resolve(declared, given)
	if err != nil {
		return nil, misuse("%s: %v", o.input, err)
	}
	if len(given) > 0 && len(declared) == 0 {
		fmt.Fprintf(errs, "No cell of %s is tagged %s: what is given is declared at its top.\n", o.input, notebook.TagParameters)
	}
	nb.Prepare(notebook.Run{Input: o.input, Output: o.output, Version: "mobula " + version})
	nb.Inject(assignments)
	return nb, nil
}

func (o *notebookRun) run(cmd *cobra.Command) error {
	o.output = cmp.Or(o.output, strings.TrimSuffix(filepath.Base(o.input), ".ipynb")+".out.ipynb")
	nb, err := o.prepare(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	output, err := filepath.Abs(o.output)
	if err != nil {
		return err
	}
	if err := nb.WriteFile(output); err != nil || o.injectOnly {
		return err
	}
	log, closeLog, err := logger("", "")
	if err != nil {
		return err
	}
	defer closeLog()
	ctx, stop := signalled(cmd.Context())
	defer stop()
	p := &progress{to: cmd.ErrOrStderr(), whole: o.logOutput}
	b := batch.Options{
		Open: o.open, Log: log, Timeout: o.timeout, Observe: p.step,
		Save: func() error { return nb.WriteFile(output) },
	}
	if o.logOutput {
		b.Output = func(_ int, stream, text string) { p.output(cmd.OutOrStdout(), stream, text) }
	}
	return o.ended(cmd, batch.Run(ctx, nb, b))
}

func (o *notebookRun) open(ctx context.Context, sink interp.Sink) (interp.Engine, error) {
	return openEngineIn(ctx, cmp.Or(o.dir, filepath.Dir(o.input)), sink)
}

// ended says how a run has ended.
func (o *notebookRun) ended(cmd *cobra.Command, err error) error {
	if err == nil {
		_, err = fmt.Fprintf(cmd.ErrOrStderr(), "The notebook is in %s.\n", o.output)
		return err
	}
	if failed, ok := errors.AsType[*batch.CellError](err); ok {
		fmt.Fprintf(cmd.ErrOrStderr(), "mobula: cell %d failed\n%s\nThe notebook up to there is in %s.\n", failed.Number, plainText(strings.Join(failed.Failure.Lines(), "\n")), o.output)
	}
	if s, ok := errors.AsType[signalError](err); ok {
		return exitError{128 + int(s.Signal)}
	}
	if _, ok := errors.AsType[*batch.CellError](err); ok {
		return exitError{exitFailed}
	}
	return err
}

// signalError is why a context has ended: a signal came.
type signalError struct{ syscall.Signal }

func (s signalError) Error() string { return "it was interrupted: " + s.Signal.String() }

// signalled returns a context that ends with the first signal that wants this process to end; the second one ends the process.
func signalled(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case s := <-signals:
			signal.Stop(signals)
			number, _ := s.(syscall.Signal)
			cancel(signalError{number})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
		<-ended
	}
}

// progress tells how far a run is, a line for each cell.
type progress struct {
	to    io.Writer
	whole bool // lines come whole: other text comes between them
}

func (p *progress) step(s batch.Step) {
	title := fmt.Sprintf("cell %d of %d", s.Number, s.Of)
	switch {
	case !s.Ended:
		about := batch.FirstLine(s.Cell.Source)
		if r := []rune(about); len(r) > 60 {
			about = string(r[:57]) + "..."
		}
		end := " "
		if p.whole {
			end = "\n"
		}
		fmt.Fprintf(p.to, "%s: %s%s", title, about, end)
	case p.whole:
		fmt.Fprintf(p.to, "%s: %s\n", title, howLong(s))
	default:
		fmt.Fprintf(p.to, "(%s)\n", howLong(s))
	}
}

func howLong(s batch.Step) string {
	took := s.Took.Round(time.Millisecond)
	if s.Took > 10*time.Second {
		took = s.Took.Round(100 * time.Millisecond)
	}
	if s.Failure != nil {
		return fmt.Sprintf("failed after %v", took)
	}
	return took.String()
}

func (p *progress) output(out io.Writer, stream, text string) {
	if stream == "stderr" {
		out = p.to
	}
	_, _ = io.WriteString(out, text) // nobody reads it any more: the notebook has it all
}

var ansi = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// plainText is text without colours.
func plainText(text string) string { return ansi.ReplaceAllString(text, "") }
