// Command lang runs Go's own test programs as notebook cells, whole and cut up, and reports
// how many do what the go command's build of them does.
//
//	go run ./tests/lang                       # all of them, as far as an earlier run has not
//	go run ./tests/lang -sample 5m -seed 7    # as many as five minutes allow, drawn by the seed
//	go run ./tests/lang -only 'fixedbugs/bug0.*'
package main

import (
	"context"
	"flag"
	"fmt"
	"go/build"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"mobula/internal/langtest"
	"mobula/interp"
	"mobula/interp/yaegi"
)

type options struct {
	sample, timeout time.Duration
	seed            uint64
	only            string
	report, journal string
	yaegi           bool
	fresh, retry    bool
	workers         int
}

func main() {
	if slices.Equal(os.Args[1:], []string{"host", "--interpreted"}) { // the process that interprets cells is this program again
		if err := yaegi.Main(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "lang:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.DurationVar(&o.sample, "sample", 0, "stop after this `time`, with programs in an order drawn by -seed; 0: all")
	flag.Uint64Var(&o.seed, "seed", 1, "`seed` of the sample")
	flag.StringVar(&o.only, "only", "", "only programs whose name matches this regular `expression`")
	flag.StringVar(&o.report, "report", "", "write the report to `BASE`.json and BASE.md")
	flag.StringVar(&o.journal, "journal", "out/lang/results.jsonl", "`file` of results; what it holds is not run again")
	flag.BoolVar(&o.yaegi, "yaegi", false, "also count what the tier without a compiler does")
	flag.BoolVar(&o.fresh, "fresh", false, "forget the results of earlier runs")
	flag.BoolVar(&o.retry, "retry", false, "run again what failed in earlier runs")
	flag.IntVar(&o.workers, "workers", 2, "programs at a time")
	flag.DurationVar(&o.timeout, "timeout", time.Minute, "`limit` for one program")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "lang:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	programs, skipped, err := langtest.Collect(build.Default.GOROOT, langtest.Folders)
	if err != nil {
		return err
	}
	if o.only != "" {
		want, err := regexp.Compile(o.only)
		if err != nil {
			return err
		}
		var some []langtest.Program
		for _, p := range programs {
			if want.MatchString(p.Name) {
				some = append(some, p)
			}
		}
		programs = some
	}
	if o.sample > 0 {
		o.journal, o.fresh = "out/lang/sample.jsonl", true
		rand.New(rand.NewPCG(o.seed, 0)).Shuffle(len(programs), func(i, j int) { programs[i], programs[j] = programs[j], programs[i] })
	}
	keep := langtest.KeepAll
	switch {
	case o.fresh:
		keep = langtest.KeepNone
	case o.retry:
		keep = langtest.KeepPasses
	}
	journal, err := langtest.OpenJournal(o.journal, keep)
	if err != nil {
		return err
	}
	defer journal.Close()
	if err := runAll(ctx, o, programs, journal); err != nil {
		return err
	}
	return report(o, langtest.NewReport(journal.Results(), skipped))
}

// runAll runs programs on o.workers goroutines until all are done or the sample's time is up.
func runAll(ctx context.Context, o options, programs []langtest.Program, journal *langtest.Journal) error {
	runner := &langtest.Runner{Cutter: new(langtest.Cutter), Timeout: o.timeout, Open: func(ctx context.Context, dir string, sink interp.Sink) (interp.Engine, error) {
		return interp.Open(ctx, interp.Options{Dir: dir, Sink: sink})
	}}
	reference := &langtest.Reference{Go: filepath.Join(build.Default.GOROOT, "bin", "go"), Dir: "out/lang/expected", Timeout: o.timeout}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue, start := make(chan langtest.Program), time.Now()
	var workers sync.WaitGroup
	for range o.workers {
		workers.Go(func() {
			for p := range queue {
				if err := runOne(ctx, o, p, runner, reference, journal); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i, p := range programs {
		if ctx.Err() != nil || o.sample > 0 && time.Since(start) > o.sample {
			break
		}
		queue <- p
		if i%50 == 49 {
			fmt.Printf("%d of %d programs, %s\n", i+1, len(programs), time.Since(start).Round(time.Second))
		}
	}
	close(queue)
	workers.Wait()
	return context.Cause(ctx)
}

func runOne(ctx context.Context, o options, p langtest.Program, runner *langtest.Runner, reference *langtest.Reference, journal *langtest.Journal) error {
	ways := []langtest.Way{langtest.Whole, langtest.Cut}
	if o.yaegi {
		ways = append(ways, langtest.Yaegi)
	}
	for _, way := range ways {
		if journal.Has(p.Name, way) {
			continue
		}
		want, err := reference.Expect(ctx, p)
		if err != nil {
			return fmt.Errorf("find what the program prints: %w", err)
		}
		result := runner.Run(ctx, p, way, want)
		if ctx.Err() != nil {
			return nil // interrupted: it is run again next time
		}
		if !result.Pass && way != langtest.Yaegi {
			fmt.Printf("FAIL %s (%s): %s\n", p.Name, way, result.Reason)
		}
		if err := journal.Add(result); err != nil {
			return err
		}
	}
	return nil
}

func report(o options, r *langtest.Report) error {
	passed, failed := 0, 0
	for way, tally := range r.Ways {
		fmt.Printf("%-6s %d of %d pass (%.1f %%), %.2f s each\n", way, tally.Passed, tally.Total, 100*tally.Share, tally.Seconds)
		passed, failed = passed+tally.Passed, failed+tally.Total-tally.Passed
	}
	if o.report != "" {
		if err := r.Write(o.report); err != nil {
			return err
		}
	}
	known, err := langtest.Known("docs/lang-results")
	if err != nil {
		return err
	}
	fresh := 0
	if known != nil {
		for _, f := range r.New(known) {
			fmt.Printf("NEW: %s (%s) is no known failure: %s\n", f.Program, f.Way, f.Reason)
			fresh++
		}
	}
	fmt.Printf("\n%d passed, %d failed\n", passed, failed)
	if o.sample > 0 && passed > 0 { // shares of a sample wander: what counts is what is new
		if fresh > max(2, (passed+failed)/100) {
			return fmt.Errorf("%d programs fail that did not before", fresh)
		}
		return nil
	}
	if missed := r.Missed(); len(missed) > 0 {
		return fmt.Errorf("goals missed: %q", missed)
	}
	if passed == 0 {
		return fmt.Errorf("no program was run")
	}
	return nil
}
