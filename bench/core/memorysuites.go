package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// starts measures new processes until their first result, and what the processes of a cluster take at rest.
func starts(ctx context.Context, b *bench) error {
	rounds := map[string]int{sideMobula: 7, sideCell: 7, sideRay: 3}
	if b.conf.quick {
		rounds = map[string]int{sideMobula: 3, sideCell: 3, sideRay: 1}
	}
	pooled := map[string]map[string][]float64{}
	for _, name := range b.chosen(sideMobula, sideCell, sideRay) {
		measure := b.startProcesses
		if name == sideCell {
			measure = b.startFromCell
		}
		samples, err := measure(ctx, name, rounds[name])
		if err != nil {
			return err
		}
		pooled[name] = map[string][]float64{"start": samples}
	}
	f := lower("start until the first result", "ms", median).by("start").within(limitProcess).but("a new process that starts a cluster and gets the result of a task, or from %cluster " +
		"connect in a warm kernel until a cell has it; Ray's with the import; limit: this program started and ended, doing nothing")
	if err := b.figure(ctx, f, test{}, pooled); err != nil {
		return err
	}
	return b.restMemory(ctx)
}

// startProcesses starts a side again and again, and returns how long each took until its first result.
func (b *bench) startProcesses(ctx context.Context, name string, rounds int) (ms []float64, err error) {
	for range rounds {
		if err := b.settle(ctx, name+": start"); err != nil {
			return nil, err
		}
		start := time.Now()
		s, err := openSide(ctx, name, b.command(name, roleFirst))
		if err != nil {
			return nil, err
		}
		ms = append(ms, time.Since(start).Seconds()*1000)
		if err := s.close(); err != nil {
			return nil, err
		}
	}
	return ms, nil
}

// startFromCell starts clusters from one kernel.
func (b *bench) startFromCell(ctx context.Context, name string, rounds int) (ms []float64, err error) {
	s, err := openSide(ctx, name, b.command(name, roleFirst))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for round := range rounds {
		r, err := b.ask(ctx, s, request{Do: "start", N: 1, Seed: 1000*round + 7})
		if err != nil {
			return nil, err
		}
		ms = append(ms, r.Samples["start"]...)
	}
	return ms, nil
}

func (b *bench) restMemory(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.open(ctx, b.chosen(sideMobula, sideCell, sideRay), roleServe); err != nil {
		return err
	}
	processes := map[string]map[string]usage{}
	for _, s := range b.sides {
		if _, err := b.ask(ctx, s, request{Do: "warm", N: warmTasks}); err != nil {
			return err
		}
		if processes[s.name], err = atRest(s.root()); err != nil {
			return err
		}
	}
	for _, own := range b.owns() {
		values, shown := map[string]float64{}, map[string]map[string]usage{}
		for _, name := range b.chosen(own, sideRay) {
			values[name], shown[name] = total(processes[name]), processes[name]
		}
		l := lineOf(figure{name: "memory at rest", unit: "MB", note: "PSS of all processes without the arena, after 50 tasks and a call of an actor"}, own, values, nil)
		l.Processes = shown
		b.emit(l)
	}
	return nil
}

const (
	queuePeerSeconds = 45
	warmTasks        = 50
)

// queue submits tasks while all CPUs are taken, and then has them run.
func queue(ctx context.Context, b *bench) error {
	n, seconds := 1_000_000, float64(queuePeerSeconds)
	if b.conf.quick {
		n, seconds = 100_000, 10
	}
	return b.grow(ctx, growth{
		n: n, seconds: seconds, before: "hold", fill: "fill", after: "drain", each: "queued task",
		figures: []figure{
			{name: fmt.Sprintf("%s queued tasks: submit them", thousands(n)), unit: "tasks/s", key: "submitted", more: true},
			{name: fmt.Sprintf("%s queued tasks: run them and get the results", thousands(n)), unit: "tasks/s", key: "drained", more: true},
			{name: fmt.Sprintf("%s queued tasks: submit, run, get", thousands(n)), unit: "s", key: "seconds"},
		},
	})
}

const actorsPeerSeconds = 60

// manyActors makes ever more actors, on fresh clusters. Ray, with a process each, is asked once.
func manyActors(ctx context.Context, b *bench) error {
	counts, seconds := []int{1000, 10_000, 100_000}, float64(actorsPeerSeconds)
	if b.conf.quick {
		counts, seconds = counts[:2], 15
	}
	for i, n := range counts {
		g := growth{
			n: n, seconds: seconds, before: "warm", fill: "make", each: "actor", alone: i > 0,
			figures: []figure{
				{name: fmt.Sprintf("%s actors: make and call each", thousands(n)), unit: "actors/s", key: "made", more: true},
				{name: fmt.Sprintf("%s actors: make and call each", thousands(n)), unit: "s", key: "seconds"},
			},
		}
		if err := b.grow(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

// growth is a measurement of many things, and of what each takes.
type growth struct {
	n                   int
	seconds             float64 // Ray's
	before, fill, after string  // requests; memory is read before and after fill
	each                string
	alone               bool // without Ray
	figures             []figure
}

// grown is what a side did of it.
type grown struct {
	samples map[string]float64
	done    int
	bytes   float64 // for each thing
	memory  map[string]usage
}

func (b *bench) grow(ctx context.Context, g growth) (err error) {
	defer func() { err = errors.Join(err, b.close()) }()
	names := b.chosen(sideMobula, sideRay)
	if g.alone {
		names = b.chosen(sideMobula)
	}
	if len(names) == 0 {
		return nil
	}
	if err := b.open(ctx, names, roleServe); err != nil {
		return err
	}
	results := map[string]grown{}
	for _, s := range b.sides {
		if results[s.name], err = g.on(ctx, b, s); err != nil {
			return err
		}
	}
	b.report(g, results)
	return nil
}

// on runs the growth on one side.
func (g growth) on(ctx context.Context, b *bench, s *side) (r grown, err error) {
	seconds := g.seconds
	if s.name == sideMobula {
		seconds = 0
	}
	r.samples = map[string]float64{}
	ask := func(do string, n int) (got reply, err error) {
		if do == "" {
			return got, nil
		}
		got, err = b.ask(ctx, s, request{Do: do, N: n, Seed: 7, Seconds: seconds})
		for key, samples := range got.Samples {
			r.samples[key] += median(samples)
		}
		return got, err
	}
	if _, err := ask(g.before, warmTasks); err != nil {
		return r, err
	}
	before, err := atRest(s.pid())
	if err != nil {
		return r, err
	}
	filled, err := ask(g.fill, g.n)
	if err != nil {
		return r, err
	}
	r.memory = memoryOf(s.pid())
	r.done, r.bytes = filled.Done, 1e6*(total(r.memory)-total(before))/float64(max(1, filled.Done))
	_, err = ask(g.after, g.n)
	return r, err
}

// report prints the figures of a growth. Where Ray did less than all, what tells of all has no peer.
func (b *bench) report(g growth, results map[string]grown) {
	note := ""
	peer, both := results[sideRay]
	if both && peer.done < g.n {
		note = fmt.Sprintf("Ray did %s of %s in its time", thousands(peer.done), thousands(g.n))
	}
	if g.alone {
		note = "Ray: see the fewer ones"
	}
	for _, f := range g.figures {
		values := map[string]float64{}
		for name, r := range results {
			if f.unit == "s" && r.done < g.n {
				continue
			}
			values[name] = r.samples[f.key]
		}
		f.note = note
		b.emit(lineOf(f, sideMobula, values, nil))
	}
	values, processes := map[string]float64{}, map[string]map[string]usage{}
	for name, r := range results {
		values[name], processes[name] = r.bytes, r.memory
	}
	l := lineOf(figure{name: fmt.Sprintf("%s %ss: memory of each", thousands(g.n), g.each), unit: "B", note: note}, sideMobula, values, nil)
	l.Processes = processes
	b.emit(l)
}

// thousands writes a number with commas.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
