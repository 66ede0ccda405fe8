package core

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobula"
	"mobula/cluster/headwire"
	agent "mobula/cluster/node"
	sessions "mobula/cluster/session"
)

var (
	rounds  = flag.Int("rounds", 10, "kills of TestKills")
	seed    = flag.Uint64("seed", 1, "of TestKills")
	victims = flag.String("victims", "", "what TestKills kills, as in node,head; all if empty")
)

// kind is what can be killed. See docs/failures.md, whose rows these are.
type kind struct {
	name string
	// strike kills one, and returns what must hold once the programs that ran meanwhile have ended.
	strike func(ctx context.Context, c *killCluster, r *rand.Rand) (check func() error)
	// spares: actors elsewhere do not notice.
	spares bool
}

var kinds = []kind{
	{"worker", strikeWorker(func(w agent.WorkerInfo) bool { return w.Shared }), false},
	{"own process", strikeWorker(func(w agent.WorkerInfo) bool { return !w.Shared && w.Class.Resources["cpu"] > 0 }), true}, // named actors have one, too
	{"actor", strikeActor, false},
	{"node", strikeNode, false},
	{"head", strikeHead, true},
	{"driver", strikeDriver, true},
	{"embedded", strikeEmbedded, true},
}

// deck returns n kinds: each comes up as often as the others, in an order of chance.
func deck(t *testing.T, r *rand.Rand, n int) (list []kind) {
	t.Helper()
	all := kinds
	if *victims != "" {
		names := strings.Split(*victims, ",")
		all = slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool { return !slices.Contains(names, k.name) })
	}
	if len(all) == 0 {
		t.Fatalf("-victims %s: there are none", *victims)
	}
	for len(list) < n {
		for _, i := range r.Perm(len(all)) {
			list = append(list, all[i])
		}
	}
	return list[:n]
}

// TestKills: whatever process is killed, tasks give right results, actors follow their rules, what can be made again is not lost, and nothing
// leaks.
func TestKills(t *testing.T) {
	c := startKillCluster(t)
	run := "XDG_RUNTIME_DIR=" + c.dir // of all that this test starts but programs with a cluster of their own
	t.Run("rounds", func(t *testing.T) {
		c.t = t
		connect(t, mobula.Config{Address: c.first.Address(), Namespace: "kills"})
		if err := errors.Join(round(t.Context(), 1), round(t.Context(), 2)); err != nil {
			t.Fatal("without kills:", err)
		}
		before := heldNow(t)
		killAll(t, c)
		awaitFlat(t, before)
	})
	c.t = t
	c.close()
	awaitOnly(t, run)
	for _, pattern := range []string{filepath.Join(c.dir, "mobula-*"), "/dev/shm/*mobula*"} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) != 0 {
			t.Errorf("left: %q, %v", left, err)
		}
	}
	if left := children(t); len(left) != 0 {
		t.Errorf("nobody has waited for the processes %q", left)
	}
}

func killAll(t *testing.T, c *killCluster) {
	t.Helper()
	r := rand.New(rand.NewPCG(*seed, 0))
	k := newKeeper(t)
	counts, began, early := map[string]int{}, time.Now(), int64(0)
	for n, victim := range deck(t, r, *rounds) {
		if n == *rounds/4 {
			early = ownMemory(t)
		}
		start := time.Now()
		killRound(t, c, k, victim, r, n)
		t.Logf("round %d: %s, %v", n, victim.name, time.Since(start).Round(time.Millisecond))
		if t.Failed() {
			t.Fatalf("round %d with seed %d: %s", n, *seed, victim.name)
		}
		counts[victim.name]++
	}
	if err := k.actor.Kill(); err != nil {
		t.Error(err)
	}
	t.Logf("seed %d, %v: %v; %d actors died that were not to be made again", *seed, time.Since(began).Round(time.Second), counts, actorDeaths.Load())
	if late := ownMemory(t); late > early+32*mib && !underRace {
		t.Errorf("the memory of a node and a driver grew from %d MiB to %d MiB", early/mib, late/mib)
	} else {
		t.Logf("memory of a node and a driver: %d MiB, at first %d MiB", late/mib, early/mib)
	}
}

// programs runs until the returned function is called, and once at least; that tells the first failure.
func programs(ctx context.Context, first int) (end func() error) {
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		var err error
		for n := first; err == nil; n++ {
			err = round(ctx, n)
			select {
			case <-stop:
				ended <- err
				return
			default:
			}
		}
		ended <- err
	}()
	return func() error {
		close(stop)
		return <-ended
	}
}

// killRound kills one process while programs run.
func killRound(t *testing.T, c *killCluster, k *keeper, victim kind, r *rand.Rand, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	deaths := actorDeaths.Load()
	end := programs(ctx, 1000*n)
	<-time.After(time.Duration(r.IntN(150)) * time.Millisecond) // the kills are spread over the programs
	check := victim.strike(ctx, c, r)
	if err := end(); err != nil {
		t.Error("programs: ", err)
	}
	if err := check(); err != nil {
		t.Error(err)
	}
	if err := k.check(ctx, victim.spares); err != nil {
		t.Error(err)
	}
	if died := actorDeaths.Load() - deaths; victim.spares && died != 0 {
		t.Errorf("%d actors died that had nothing to do with it", died)
	}
	c.settled(ctx)
}

// keeper is a program's lasting state: an actor that the cluster makes again, an object, and results.
type keeper struct {
	actor mobula.Actor[counter]
	last  seen
	put   mobula.Ref[[]float64]
	made  []mobula.Ref[[]float64] // on nodes that are killed
}

// seen is what a call of a keeper's actor tells.
type seen struct{ n, pid int }

func newKeeper(t *testing.T) *keeper {
	t.Helper()
	k := &keeper{
		actor: mobula.NewActor(func() *counter { return &counter{} }, mobula.Name("keeper"), mobula.Restarts(-1), mortal),
		put:   mobula.Put(ramp(large)),
		made:  mobula.Map(slices.Collect(seq(4)), func(int) []float64 { return ramp(large) }, mortal, retryAlways),
	}
	err := k.actor.Wait(t.Context())
	if err == nil {
		err = k.check(t.Context(), false)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// check finds everything as it was, but for an actor that was made again because its process ended.
func (k *keeper) check(ctx context.Context, spared bool) error {
	a, err := mobula.FindActor[counter](ctx, "keeper")
	if err != nil {
		return err
	}
	now, err := mobula.Call(a, func(c *counter) seen { return seen{increment(c), os.Getpid()} }, retryAlways).Get(ctx)
	if err != nil {
		return fmt.Errorf("the actor that is kept: %w", err)
	}
	lives := now.pid == k.last.pid
	if lives && now.n != k.last.n+1 || !lives && now.n != 1 || !lives && spared && k.last.pid != 0 {
		return fmt.Errorf("the actor that is kept tells %+v after %+v", now, k.last)
	}
	k.last = now
	for i, r := range append([]mobula.Ref[[]float64]{k.put}, k.made...) {
		// A task reads it too: elsewhere than here.
		there, err := mobula.Go(func() float64 { return r.Value()[large-1] }, retryAlways).Get(ctx)
		here, second := r.Get(ctx)
		if err := errors.Join(err, second); err != nil || there != large-1 || len(here) != large || here[large-1] != large-1 {
			return fmt.Errorf("object %d that is kept has %d values, the last is %v: %w", i, len(here), there, err)
		}
	}
	return nil
}

// askNodes asks all live nodes.
func askNodes[V any](ctx context.Context, what string) (map[string]V, error) {
	answers, err := sessions.Ask(ctx, sessions.Process(), headwire.AskNodes, headwire.Query{What: what})
	all := map[string]V{}
	for _, a := range answers {
		var v V
		if a.Error != "" { // it was killed just now
			continue
		}
		if err := json.Unmarshal(a.Data, &v); err != nil {
			return nil, err
		}
		all[a.Name] = v
	}
	return all, err
}

// killOne kills one of the processes that find finds, as soon as there are some.
func killOne(ctx context.Context, r *rand.Rand, find func() ([]int, error)) error {
	for {
		pids, err := find()
		if err != nil {
			return err
		}
		if len(pids) > 0 && syscall.Kill(pids[r.IntN(len(pids))], syscall.SIGKILL) == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("there is nothing to kill: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

func strikeWorker(of func(w agent.WorkerInfo) bool) func(context.Context, *killCluster, *rand.Rand) func() error {
	return func(ctx context.Context, _ *killCluster, r *rand.Rand) func() error {
		err := killOne(ctx, r, func() (pids []int, err error) {
			all, err := askNodes[[]agent.WorkerInfo](ctx, "workers")
			for _, name := range slices.Sorted(maps.Keys(all)) {
				for _, w := range all[name] {
					if of(w) && w.PID != 0 {
						pids = append(pids, w.PID)
					}
				}
			}
			return pids, err
		})
		return func() error { return err }
	}
}

func strikeActor(ctx context.Context, _ *killCluster, r *rand.Rand) func() error {
	err := killOne(ctx, r, func() ([]int, error) {
		actorProcesses.Lock()
		defer actorProcesses.Unlock()
		return slices.Clone(actorProcesses.pids), nil
	})
	return func() error { return err }
}

// strikeNode kills a node on which there are results, which are made again, and something that was put, which is not.
func strikeNode(ctx context.Context, c *killCluster, r *rand.Rand) func() error {
	made := mobula.Map(slices.Collect(seq(3)), func(int) []float64 { return ramp(large) }, mortal, retryAlways)
	put := mobula.Go(func() mobula.Ref[[]float64] { return mobula.Put(ramp(large)) }, mortal, retryAlways)
	if r.IntN(2) == 0 { // else it may be killed before
		if _, _, err := mobula.Wait(ctx, made, len(made)); err != nil {
			return func() error { return err }
		}
	}
	names := slices.Sorted(maps.Keys(c.nodes))
	name := names[r.IntN(len(names))]
	c.nodes[name].kill()
	delete(c.nodes, name)
	return func() error {
		awaitOnly(c.t, envMark+"="+name)
		c.startNode()
		if left, err := filepath.Glob(filepath.Join(c.dir, "mobula-node-*")); err != nil || len(left) != 3 {
			return fmt.Errorf("three nodes have the directories %q, %w", left, err)
		}
		return afterNode(ctx, made, put)
	}
}

// afterNode checks what is left of what was on a node that was killed.
func afterNode(ctx context.Context, made []mobula.Ref[[]float64], put mobula.Ref[mobula.Ref[[]float64]]) error {
	list, err := mobula.All(ctx, made)
	if err != nil {
		return fmt.Errorf("results that can be made again: %w", err)
	}
	for _, v := range list {
		if len(v) != large || v[large-1] != large-1 {
			return fmt.Errorf("a result has %d values", len(v))
		}
	}
	ref, err := put.Get(ctx)
	if err != nil {
		return fmt.Errorf("a task that puts: %w", err)
	}
	_, err = ref.Get(ctx)
	if _, lost := errors.AsType[*mobula.ObjectLostError](err); err != nil && !lost {
		return fmt.Errorf("what was put: %w", err)
	}
	return nil
}

// strikeHead kills the head, and starts it again after a while in which tasks run without it.
func strikeHead(ctx context.Context, c *killCluster, r *rand.Rand) func() error {
	c.head.kill()
	err := plainTasks(ctx, 7)
	<-time.After(time.Duration(r.IntN(300)) * time.Millisecond) // it may be away for longer than that takes
	c.startHead()
	return func() error { return err }
}
