package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"mobula/internal/cellio"
	"mobula/interp"
	"mobula/kernel/evaluate"
	"mobula/kernel/magic"
	"mobula/notebook"
)

type jsonValue = json.RawMessage

// saveEvery is how often a notebook is saved while a cell runs.
const saveEvery = 30 * time.Second

// Options says how a notebook runs. Open is needed.
type Options struct {
	Open    func(ctx context.Context, sink interp.Sink) (interp.Engine, error)
	Magics  *magic.Registry // nil: magic.New()
	Log     *slog.Logger    // gets what is for nobody who reads the notebook; nil discards it
	Timeout time.Duration   // of one cell; 0: none
	// Save keeps the notebook as it is now. It is called before and after each cell, and now and then while one runs; its error ends the run.
	Save func() error
	// Observe is told of each cell that runs, when it begins and when it has ended.
	Observe func(Step)
	// Output gets the text that cells show as it comes, by the execution count of the cell; stream is stdout or stderr.
	Output func(cell int, stream, text string)
}

// Step tells how far a run is.
type Step struct {
	Cell    *notebook.Cell
	Number  int    // execution count
	Of      int    // so many cells will have run at the end
	Heading string // of the part of the notebook that the cell is in
	Ended   bool
	Took    time.Duration
	Failure *interp.Error // of a cell that has ended
}

// CellError is the failure of a cell that has ended a run.
type CellError struct {
	Number  int // execution count
	Failure *interp.Error
	cause   error // what has interrupted it
}

// Error tells the cell and what went wrong.
func (e *CellError) Error() string { return fmt.Sprintf("cell %d failed: %v", e.Number, e.Failure) }

// Unwrap returns the cell's failure, and what has interrupted it.
func (e *CellError) Unwrap() []error {
	if e.cause != nil {
		return []error{e.Failure, e.cause}
	}
	return []error{e.Failure}
}

// TimeoutError is what interrupts a cell after Options.Timeout.
type TimeoutError struct{ After time.Duration }

// Error tells the time.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("it was stopped after %v, the time that a cell may take", e.After)
}

// Run runs the cells of a notebook that is prepared (see notebook.Notebook.Prepare and Inject). The error is a *CellError where a cell has
// failed, ctx's cause where ctx ended between two cells, or tells why the notebook could not run or be saved.
func Run(ctx context.Context, nb *notebook.Notebook, o Options) (err error) {
	if language := nb.Language(); language != "" && language != "go" {
		return fmt.Errorf("this notebook is in %s: only notebooks in Go can run here", language)
	}
	if o.Magics == nil {
		o.Magics = magic.New()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &run{Options: o, nb: nb, sink: newRecorder(o.Output), ran: map[int]*notebook.Cell{}}
	r.engine, err = o.Open(ctx, r.sink)
	if err != nil {
		return fmt.Errorf("start the cell engine: %w", err)
	}
	r.runner = &evaluate.Runner{Magics: o.Magics, Log: o.Log, Engine: func(context.Context) (interp.Engine, error) { return r.engine, nil }}
	defer func() {
		if cerr := r.engine.Close(); cerr != nil {
			o.Log.Warn("close the cell engine", "err", cerr)
		}
	}()
	nb.Metadata.Set("language_info", evaluate.LanguageInfo())
	begin := time.Now()
	nb.Begin(begin)
	failed := r.all(ctx)
	nb.End(begin, time.Now())
	return errors.Join(failed, r.save())
}

// run is a run of a notebook.
type run struct {
	Options
	nb      *notebook.Notebook
	engine  interp.Engine
	runner  *evaluate.Runner
	sink    *recorder
	ran     map[int]*notebook.Cell // by execution count
	history []magic.Entry
}

// save takes over what cells have shown, those too that have ended, and saves the notebook.
func (r *run) save() error {
	for number, c := range r.ran {
		c.Outputs = r.sink.outputs(number)
	}
	if r.Save == nil {
		return nil
	}
	return r.Save()
}

// runs reports whether a cell is to run.
func runs(c *notebook.Cell) bool {
	return c.Kind == notebook.Code && !c.HasTag(notebook.TagSkipExecution) && !evaluate.Blank(c.Source)
}

func (r *run) all(ctx context.Context) error {
	of, heading := 0, ""
	for _, c := range r.nb.Cells {
		if runs(c) {
			of++
		}
	}
	for _, c := range r.nb.Cells {
		if h := c.Heading(); h != "" {
			heading = h
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !runs(c) {
			now := time.Now()
			c.BeginCell(now)
			r.nb.EndCell(c, now, now, false)
			continue
		}
		if err := r.one(ctx, c, Step{Cell: c, Number: len(r.ran) + 1, Of: of, Heading: heading}); err != nil {
			return err
		}
	}
	return nil
}

// one runs a cell, and saves the notebook before, while and after it runs.
func (r *run) one(ctx context.Context, c *notebook.Cell, step Step) error {
	begin := time.Now()
	c.BeginCell(begin)
	c.ExecutionCount = new(step.Number)
	r.sink.begin(step.Number)
	r.ran[step.Number] = c
	if err := r.save(); err != nil {
		return err
	}
	r.observe(step)
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.Timeout, &TimeoutError{r.Timeout})
		defer cancel()
	}
	failure, err := r.waitFor(ctx, c.Source, step.Number)
	if err != nil {
		return err
	}
	var interrupted error
	if failure != nil {
		if interrupted = context.Cause(ctx); interrupted != nil {
			said := &interp.Error{Name: "interrupted", Value: interrupted.Error()}
			said.Traceback = append(said.Lines(), failure.Lines()...)
			failure = said
		}
		r.sink.Fault(step.Number, failure)
	}
	_, late := errors.AsType[*TimeoutError](interrupted)
	tolerated := c.HasTag(notebook.TagRaisesException) && (interrupted == nil || late)
	step.Ended, step.Took, step.Failure = true, time.Since(begin), failure
	r.nb.EndCell(c, begin, begin.Add(step.Took), failure != nil && !tolerated)
	r.observe(step)
	if err := r.save(); err != nil {
		return err
	}
	r.history = append(r.history, magic.Entry{Line: step.Number, Source: c.Source})
	if failure != nil && !tolerated {
		return &CellError{Number: step.Number, Failure: failure, cause: interrupted}
	}
	return nil
}

func (r *run) observe(s Step) {
	if r.Observe != nil {
		r.Observe(s)
	}
}

// waitFor evaluates a cell. The error is that of saving; the cell is interrupted then.
func (r *run) waitFor(ctx context.Context, source string, number int) (*interp.Error, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan *interp.Error, 1)
	go func() { // always waited for below
		_, failure := r.runner.Run(ctx, r.env(number), source)
		ended <- failure
	}()
	ticks := time.NewTicker(saveEvery)
	defer ticks.Stop()
	for {
		select {
		case failure := <-ended:
			return failure, nil
		case <-ticks.C:
			if err := r.save(); err != nil {
				cancel(err)
				<-ended
				return nil, err
			}
		}
	}
}

// env is what the magics of a cell act on.
func (r *run) env(cell int) *magic.Env {
	earlier := r.history
	return &magic.Env{
		Cell:         cell,
		Stdout:       func(text string) { r.sink.Stream(cell, "stdout", text) },
		Stderr:       func(text string) { r.sink.Stream(cell, "stderr", text) },
		Display:      func(d cellio.Data) { r.sink.Display(cell, cellio.Display{Data: d}) },
		SetNextInput: func(string, bool) {}, // there is no next input
		History: func(n int) []magic.Entry {
			if n > 0 && n < len(earlier) {
				return earlier[len(earlier)-n:]
			}
			return earlier
		},
	}
}

// FirstLine is a line that stands for a cell in a list: the first one of its code that is no comment.
func FirstLine(source string) string {
	first := ""
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		if line != "" && first == "" {
			first = line
		}
		if line != "" && !strings.HasPrefix(line, "//") {
			return line
		}
	}
	return first
}
