// Command core measures the runtime of Mobula, from a program and from cells, and Ray in turn, on one machine, in one run: tasks, actors, objects, starts and memory.
//
// # Usage
//
//	make bench-core                                 # everything, at most 15 minutes
//	make bench-core ARGS="-quick"                   # fewer samples and no long ones, about 5 minutes
//	make bench-core ARGS="-side mobula -only tasks,actors -profiles out/profiles"
//
// It prints a line of JSON for each figure: {"name", "unit", "mobula", "peer", "ratio", "limit"}. A ratio above 1 means that Mobula is better. The limit is
// what the machine can do at most, measured in the same run. A note says what is different about a line, and lines of memory name the processes that they
// sum. Lines whose name ends with "(from a cell)" are of cells of the kernel, beside the same samples of Ray. Progress and failures go to stderr.
//
// The program starts the sides as processes: itself, as a driver of an embedded cluster; cell_side.py, which has a kernel's cells declare the very files that
// this driver is made of; and ray_side.py. Each gets the same requests in turn, a line of JSON each, and answers with samples. What tasks get and return
// depends on the request, and is checked on all sides; each result tells the process that made it, which is never the driver.
//
// # Concurrency
//
// One side works at a time; the others are idle: before each request the machine has to get quiet. Each side has one goroutine that reads its answers, which
// ends with it.
//
// # Testing
//
// The requests of Mobula's side are run in small, as are the checks with wrong results; the sums of memory are compared with what was allocated.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

type config struct {
	quick    bool
	only     []string
	side     string
	profiles string
	python   string // with Ray
	mobula   string

	cellPython string // with jupyter_client
	budget     time.Duration
}

func main() {
	role := flag.String("role", "", "what this process is: of the program's own use")
	c := config{}
	flag.BoolVar(&c.quick, "quick", false, "fewer samples, and not what takes long")
	only := flag.String("only", "", "suites to run, with commas between them: "+strings.Join(suiteNames(), ","))
	flag.StringVar(&c.side, "side", "", "run one side only: mobula, cell or ray")
	flag.StringVar(&c.profiles, "profiles", "", "directory for CPU profiles of Mobula's driver and worker, two files for each request, of which there are then more")
	flag.StringVar(&c.python, "python", ".tools/ray/bin/python", "Python with Ray, which scripts/ray.sh installs")
	flag.StringVar(&c.cellPython, "cell-python", ".venv/bin/python", "Python with jupyter_client, which scripts/bench-core.sh installs")
	flag.StringVar(&c.mobula, "mobula", "bin/mobula", "the command mobula, which starts nodes")
	flag.DurationVar(&c.budget, "budget", 15*time.Minute, "suites that have not begun by then are left out")
	flag.Parse()
	if *only != "" {
		c.only = strings.Split(*only, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := play(ctx, *role, c, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "core:", err)
		stop()
		os.Exit(1)
	}
}

// play is what the process does in its role.
func play(ctx context.Context, role string, c config, args []string) error {
	switch role {
	case "":
		return run(ctx, c, os.Stdout)
	case roleServe:
		return serveMobula(ctx, os.Stdin, os.Stdout, c.profiles)
	case roleNodes, roleApart:
		return serveNodes(ctx, os.Stdin, os.Stdout, c.mobula, role == roleApart)
	case roleFirst:
		return firstResult(ctx)
	case roleEcho:
		return echo(args[0])
	case roleNothing:
		return nil
	}
	return fmt.Errorf("there is no role %q", role)
}

// The roles of the program's processes; the first four are ray_side.py's too.
const (
	roleServe   = "serve"
	roleFirst   = "first"
	roleNodes   = "nodes"
	roleApart   = "apart"
	roleEcho    = "echo"
	roleNothing = "nothing"
)

// run measures, and writes figures to out.
func run(ctx context.Context, c config, out io.Writer) error {
	for _, name := range c.only {
		if !slices.Contains(suiteNames(), name) {
			return fmt.Errorf("there is no suite %q; there are %s", name, strings.Join(suiteNames(), ", "))
		}
	}
	if err := c.checkSides(); err != nil {
		return err
	}
	b, err := newBench(c, out)
	if err != nil {
		return err
	}
	defer b.end()
	start := time.Now()
	for _, s := range suites {
		switch {
		case len(c.only) > 0 && !slices.Contains(c.only, s.name) || c.quick && s.long:
			continue
		case time.Since(start) > c.budget:
			b.fail(s.name, fmt.Errorf("the time of %v is over", c.budget))
			continue
		}
		b.progress("%s; load %s; %.0f s", s.name, load(), time.Since(start).Seconds())
		if err := b.runSuite(ctx, s); err != nil {
			b.fail(s.name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	b.progress("%.0f s in all", time.Since(start).Seconds())
	if len(b.failed) > 0 {
		return fmt.Errorf("without a result: %s", strings.Join(b.failed, ", "))
	}
	return nil
}

// checkSides finds what is missing before anything is measured.
func (c *config) checkSides() error {
	switch c.side {
	case "", sideMobula, sideCell, sideRay:
	default:
		return fmt.Errorf("there is no side %q: give %s, %s or %s", c.side, sideMobula, sideCell, sideRay)
	}
	for name, p := range map[string]struct{ what, path string }{sideRay: {"Ray", c.python}, sideCell: {"jupyter_client", c.cellPython}} {
		if c.side != "" && c.side != name {
			continue
		}
		if _, err := os.Stat(p.path); err != nil {
			return fmt.Errorf("find Python with %s: %w; scripts/bench-core.sh installs it; or give -side mobula", p.what, err)
		}
	}
	return nil
}

// load is the machine's, over the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
