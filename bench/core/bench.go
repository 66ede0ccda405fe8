package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// bench is one run.
type bench struct {
	conf   config
	out    io.Writer
	dir    string // of temporary files
	self   string // a copy of this program
	limits limits
	sides  []*side // that are open
	failed []string
	vain   int // waits for a quiet machine that were in vain
}

// profileTime is for how long a request is repeated under profiles, which need samples.
const profileTime = 4 * time.Second

// askPatience is for how long a side may work on one request.
const askPatience = 4 * time.Minute

func newBench(c config, out io.Writer) (*bench, error) {
	dir, err := os.MkdirTemp("", "core") // short: the paths of Ray's sockets are bounded
	if err != nil {
		return nil, err
	}
	self := filepath.Join(dir, "program")
	if err := copySelf(self); err != nil {
		return nil, errors.Join(fmt.Errorf("copy this program: %w", err), os.RemoveAll(dir))
	}
	if err := writeCell(filepath.Join(dir, "cell.txt")); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &bench{conf: c, out: out, dir: dir, self: self, limits: limits{self: self, dir: dir}}, nil
}

// copySelf copies this program: pages that a side shared with this process would count half.
func copySelf(path string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o700)
}

// writeCell writes what the cells' side declares.
func writeCell(path string) error {
	text, err := cellSource()
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

func (b *bench) end() {
	if err := os.RemoveAll(b.dir); err != nil {
		b.progress("remove temporary files: %v", err)
	}
}

func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "# "+format+"\n", args...)
}

func (b *bench) fail(what string, err error) {
	b.progress("%s failed: %v", what, err)
	b.failed = append(b.failed, what)
}

// chosen are those of the sides that are to run.
func (b *bench) chosen(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return b.conf.side != "" && b.conf.side != name })
}

// owns are the sides of Mobula that there are lines for; with Ray alone its figures stand in those of programs.
func (b *bench) owns() []string {
	if b.conf.side == sideRay {
		return []string{sideMobula}
	}
	return b.chosen(sideMobula, sideCell)
}

// command is how a side is started. Ray's workers have the priority of other processes: by default they starve on a busy machine.
func (b *bench) command(name, role string) command {
	switch name {
	case sideMobula:
		c := command{args: []string{b.self, "-role", role, "-mobula", b.conf.mobula}}
		if b.conf.profiles != "" {
			c.args = append(c.args, "-profiles", b.conf.profiles)
		}
		return c
	case sideCell:
		return command{args: []string{b.conf.cellPython, filepath.Join("bench", "core", "cell_side.py"), role, b.dir}}
	}
	script := filepath.Join("bench", "core", "ray_side.py")
	env := []string{"RAY_worker_niceness=0", "RAY_USAGE_STATS_ENABLED=0", "RAY_AUTH_MODE=disabled", "RAY_worker_register_timeout_seconds=180"}
	return command{[]string{b.conf.python, script, role, b.dir}, env}
}

// open starts the sides.
func (b *bench) open(ctx context.Context, names []string, role string) error {
	for _, name := range names {
		s, err := openSide(ctx, name, b.command(name, role))
		if err != nil {
			return err
		}
		b.sides = append(b.sides, s)
	}
	return nil
}

func (b *bench) close() error {
	var err error
	for _, s := range b.sides {
		err = errors.Join(err, s.close())
	}
	b.sides = nil
	return err
}

func (b *bench) runSuite(ctx context.Context, s suite) (err error) {
	if s.alone != nil {
		return s.alone(ctx, b)
	}
	defer func() { err = errors.Join(err, b.close()) }()
	role, names := roleServe, b.chosen(sideMobula, sideCell, sideRay)
	if s.role != "" {
		role, names = s.role, b.chosen(sideMobula, sideRay)
	}
	if err := b.open(ctx, names, role); err != nil {
		return err
	}
	for _, t := range s.tests {
		if b.conf.quick && t.long {
			continue
		}
		if err := b.turns(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// turns asks the sides in turn, so that a change of the machine's load meets both, and prints the figures.
func (b *bench) turns(ctx context.Context, t test) error {
	rounds, n := t.rounds, t.n
	if b.conf.quick {
		rounds = min(rounds, 3)
	}
	pooled := map[string]map[string][]float64{}
	var worked time.Duration
	for round := 0; round < rounds || b.conf.profiles != "" && worked < profileTime; round++ {
		for _, s := range b.sides {
			if err := b.settle(ctx, s.name+": "+t.do); err != nil {
				return err
			}
			start := time.Now()
			r, err := s.ask(ctx, request{Do: t.do, N: n, Seed: 1000*round + 7})
			if err != nil {
				return err
			}
			worked += time.Since(start)
			if pooled[s.name] == nil {
				pooled[s.name] = map[string][]float64{}
			}
			for key, samples := range r.Samples {
				pooled[s.name][key] = append(pooled[s.name][key], samples...)
			}
		}
	}
	for _, f := range t.figures {
		if err := b.figure(ctx, f, t, pooled); err != nil {
			return err
		}
	}
	return nil
}

// figure prints what was made of the samples, by side and key: a line for programs, and one for cells.
func (b *bench) figure(ctx context.Context, f figure, t test, pooled map[string]map[string][]float64) error {
	f.key = cmp.Or(f.key, t.do)
	for _, own := range b.owns() {
		values := map[string]float64{}
		for _, name := range []string{own, sideRay} {
			if samples := pooled[name][f.key]; len(samples) > 0 {
				values[name] = f.of(samples)
			}
		}
		if _, ok := values[own]; !ok && b.conf.side != sideRay || len(values) == 0 {
			continue
		}
		limit, err := b.limitOf(ctx, f, pooled[own])
		if err != nil {
			return err
		}
		b.emit(lineOf(f, own, values, limit))
	}
	return nil
}

// limitOf is a figure's limit, which may be among a side's own samples; nil where it has none.
func (b *bench) limitOf(ctx context.Context, f figure, own map[string][]float64) (*float64, error) {
	switch samples := own[f.limit]; {
	case f.limit == "", len(samples) == 0 && strings.HasPrefix(f.limit, ownLimit):
		return nil, nil
	case len(samples) > 0:
		v := f.of(samples)
		return &v, nil
	}
	v, err := b.limit(ctx, f.limit)
	if err != nil {
		return nil, fmt.Errorf("the limit of %s: %w", f.name, err)
	}
	return &v, nil
}

// limit measures a limit on a quiet machine, where it is not known yet.
func (b *bench) limit(ctx context.Context, name string) (float64, error) {
	if _, ok := b.limits.known[name]; !ok {
		if err := b.settle(ctx, name); err != nil {
			return 0, err
		}
	}
	return b.limits.get(name)
}

func (b *bench) emit(l line) { fmt.Fprintln(b.out, l.text()) }
