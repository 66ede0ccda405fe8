package mobula_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"mobula"
)

// TestMain gives all examples one cluster in this process; without it, the first use of the package would start worker processes.
func TestMain(m *testing.M) {
	if err := mobula.Connect(context.Background(), mobula.Config{InProcess: true, CPUs: 4, Resources: map[string]float64{"license": 1}, Labels: map[string]string{"zone": "eu"}}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := mobula.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// counter is what the examples' actors are.
type counter struct{ n int }

func square(n int) int { return n * n }

func ExampleGo() {
	corpus, alpha := []float64{1, 2, 3}, 0.5
	r := mobula.Go(func() float64 {
		total := 0.0
		for _, v := range corpus {
			total += alpha * v
		}
		return total
	})
	fmt.Println(r.Value())
	// Output: 3
}

func ExampleRun() {
	_, err := mobula.Run(func() { _ = square(3) }).Get(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

func ExampleTry() {
	r := mobula.Try(func(ctx context.Context) (int, error) { return 0, errors.New("no such model") }, mobula.Name("fit"))
	_, err := r.Get(context.Background())
	task, _ := errors.AsType[*mobula.TaskError](err)
	fmt.Println(task.Name, task.Message)
	// Output: fit no such model
}

func ExampleMap() {
	squares := mobula.Map([]int{1, 2, 3}, square)
	total := mobula.Go(func() int {
		sum := 0
		for _, v := range mobula.Values(squares) { // a dependency: the task starts when all are there
			sum += v
		}
		return sum
	})
	fmt.Println(mobula.Values(squares), total.Value())
	// Output: [1 4 9] 14
}

func ExampleTryMap() {
	refs := mobula.TryMap([]string{"a", "bb"}, func(ctx context.Context, s string) (int, error) { return len(s), nil }, mobula.Limit(1))
	fmt.Println(mobula.Values(refs))
	// Output: [1 2]
}

func ExampleStream() {
	lines := mobula.Stream(func(ctx context.Context, yield func(string) bool) error {
		for _, line := range []string{"first", "second"} {
			if !yield(line) {
				break
			}
		}
		return nil
	})
	for line, err := range lines {
		fmt.Println(line, err)
	}
	// Output:
	// first <nil>
	// second <nil>
}

func ExamplePut() {
	matrix := make([]float32, 1<<20)
	matrix[5] = 5
	big := mobula.Put(matrix) // once; the tasks of a node read the same memory
	parts := mobula.Map([]int{0, 5}, func(i int) float32 { return big.Value()[i] })
	fmt.Println(mobula.Values(parts))
	// Output: [0 5]
}

func ExampleAll() {
	values, err := mobula.All(context.Background(), mobula.Map([]int{1, 2}, square))
	fmt.Println(values, err)
	// Output: [1 4] <nil>
}

func ExampleValues() {
	fmt.Println(mobula.Values(mobula.Map([]int{3, 4}, square)))
	// Output: [9 16]
}

func ExampleWait() {
	never := mobula.Try(func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
	refs := []mobula.Ref[int]{never, mobula.Go(func() int { return 7 })}
	ready, rest, err := mobula.Wait(context.Background(), refs, 1)
	fmt.Println(ready[0].Value(), len(rest), err)
	never.Cancel()
	// Output: 7 1 <nil>
}

func ExampleRef() {
	inner := mobula.Go(func() int { return 20 })
	outer := mobula.Go(func() int { return inner.Value() + 1 })
	fmt.Println(outer.Value())
	// Output: 21
}

func ExampleRef_Get() {
	r := mobula.Try(func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err := r.Get(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	r.Kill()
	// Output: true
}

func ExampleRef_Value() {
	fmt.Println(mobula.Put("text").Value())
	// Output: text
}

func ExampleRef_Ready() {
	fmt.Println(mobula.Put(1).Ready())
	// Output: true
}

func ExampleRef_Done() {
	r := mobula.Go(func() int { return 1 })
	select {
	case <-r.Done():
		fmt.Println(r.Value())
	case <-time.After(time.Minute):
		fmt.Println("too late")
	}
	// Output: 1
}

func ExampleRef_Cancel() {
	r := mobula.Try(func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
	r.Cancel()
	_, err := r.Get(context.Background())
	_, canceled := errors.AsType[*mobula.CanceledError](err)
	fmt.Println(canceled)
	// Output: true
}

func ExampleRef_Kill() {
	r := mobula.Go(func() int { time.Sleep(20 * time.Millisecond); return 1 }) // its work
	r.Kill()                                                                   // does not wait for the task
	_, err := r.Get(context.Background())
	fmt.Println(err != nil)
	// Output: true
}

func ExampleRef_Free() {
	r := mobula.Put(make([]float32, 1<<20))
	r.Free()
	_, err := r.Get(context.Background())
	_, freed := errors.AsType[*mobula.FreedError](err)
	fmt.Println(freed)
	// Output: true
}

func ExampleRef_ID() {
	r := mobula.Put(1)
	same := r
	fmt.Println(r.ID() == same.ID(), r.ID() == mobula.Put(1).ID())
	// Output: true false
}

func ExampleNewActor() {
	hits := mobula.NewActor(func() *counter { return &counter{n: 10} })
	mobula.Call(hits, func(c *counter) int { c.n++; return c.n })
	fmt.Println(mobula.Call(hits, func(c *counter) int { c.n++; return c.n }).Value())
	// Output: 12
}

func ExampleTryActor() {
	a := mobula.TryActor(func(context.Context) (*counter, error) { return nil, errors.New("no database") })
	_, err := mobula.Call(a, func(c *counter) int { return c.n }).Get(context.Background())
	died, _ := errors.AsType[*mobula.ActorDiedError](err)
	task, _ := errors.AsType[*mobula.TaskError](died)
	fmt.Println(task.Message)
	// Output: no database
}

func ExampleCall() {
	a := mobula.NewActor(func() *counter { return &counter{} })
	mobula.Call(a, func(c *counter) int { c.n = 5; return c.n })
	double := mobula.Go(func() int { return 2 * mobula.Call(a, func(c *counter) int { return c.n }).Value() }) // handles travel
	fmt.Println(double.Value())
	// Output: 10
}

func ExampleSend() {
	a := mobula.NewActor(func() *counter { return &counter{} })
	for range 3 {
		mobula.Send(a, func(c *counter) { c.n++ })
	}
	fmt.Println(mobula.Call(a, func(c *counter) int { return c.n }).Value()) // after them: calls of one caller run in order
	// Output: 3
}

func ExampleTryCall() {
	a := mobula.NewActor(func() *counter { return &counter{} })
	_, err := mobula.TryCall(a, func(ctx context.Context, c *counter) (int, error) { return 0, errors.New("empty") }).Get(context.Background())
	task, _ := errors.AsType[*mobula.TaskError](err)
	fmt.Println(task.Message)
	// Output: empty
}

func ExampleActor_Wait() {
	fmt.Println(mobula.NewActor(func() *counter { return &counter{} }).Wait(context.Background()))
	// Output: <nil>
}

func ExampleActor_Kill() {
	a := mobula.NewActor(func() *counter { return &counter{} })
	a.Kill()
	_, err := mobula.Call(a, func(c *counter) int { return c.n }).Get(context.Background())
	died, _ := errors.AsType[*mobula.ActorDiedError](err)
	fmt.Println(died.Reason)
	// Output: it was killed
}

func ExampleActor_ID() {
	a := mobula.NewActor(func() *counter { return &counter{} })
	b := a
	fmt.Println(a.ID() == b.ID())
	// Output: true
}

func ExampleConcurrency() {
	a := mobula.NewActor(func() *counter { return &counter{} }, mobula.Concurrency(10))
	fmt.Println(mobula.Call(a, func(c *counter) int { return c.n }).Value())
	// Output: 0
}

func ExampleRestarts() {
	a := mobula.NewActor(func() *counter { return &counter{} }, mobula.Restarts(-1)) // made again wherever its worker ends
	fmt.Println(mobula.Call(a, func(c *counter) int { return c.n }, mobula.Retries(3)).Value())
	// Output: 0
}

func ExampleCPU() {
	_, err := mobula.Go(func() int { return 1 }, mobula.CPU(64)).Get(context.Background())
	_, infeasible := errors.AsType[*mobula.InfeasibleError](err) // at once: no node has so many
	fmt.Println(infeasible, mobula.Go(func() int { return 1 }, mobula.CPU(0.5)).Value())
	// Output: true 1
}

func ExampleGPU() {
	_, err := mobula.Go(func() int { return 1 }, mobula.GPU(1), mobula.Name("infer")).Get(context.Background())
	fmt.Println(err)
	// Output: infer cannot run here: can never be placed: needs 1 GPU; no node has any (1 node in all); ask for less, or add such a node
}

func ExampleMemory() {
	_, err := mobula.Go(func() int { return 1 }, mobula.Memory(1<<50)).Get(context.Background())
	_, infeasible := errors.AsType[*mobula.InfeasibleError](err)
	fmt.Println(infeasible)
	// Output: true
}

func ExampleResource() {
	fmt.Println(mobula.Go(func() string { return "licensed" }, mobula.Resource("license", 1)).Value())
	// Output: licensed
}

func ExampleLabel() {
	fmt.Println(mobula.Go(func() string { return "in Europe" }, mobula.Label("zone", "eu")).Value())
	// Output: in Europe
}

func ExampleSpread() {
	fmt.Println(len(mobula.Values(mobula.Map([]int{1, 2, 3}, square, mobula.Spread()))))
	// Output: 3
}

func ExampleOnNode() {
	where := mobula.Try(func(ctx context.Context) (mobula.NodeID, error) { t, _ := mobula.Task(ctx); return t.Node, nil }).Value()
	fmt.Println(mobula.Go(func() bool { return true }, mobula.OnNode(where)).Value())
	// Output: true
}

func ExampleNearNode() {
	where := mobula.Try(func(ctx context.Context) (mobula.NodeID, error) { t, _ := mobula.Task(ctx); return t.Node, nil }).Value()
	fmt.Println(mobula.Go(func() bool { return true }, mobula.NearNode(where)).Value())
	// Output: true
}

func ExampleIsolated() {
	fmt.Println(mobula.Go(func() int { return 1 }, mobula.Isolated()).Value())
	// Output: 1
}

func ExampleRetries() {
	fmt.Println(mobula.Go(func() int { return 1 }, mobula.Retries(-1)).Value()) // runs until no worker dies under it
	// Output: 1
}

var errBusy = errors.New("busy")

func ExampleRetryOn() {
	r := mobula.Try(func(ctx context.Context) (int, error) {
		t, _ := mobula.Task(ctx)
		if t.Attempt < 3 {
			return 0, errBusy
		}
		return t.Attempt, nil
	}, mobula.RetryOn(errBusy))
	fmt.Println(r.Value())
	// Output: 3
}

func ExampleRetryIf() {
	r := mobula.Try(func(ctx context.Context) (int, error) {
		if t, _ := mobula.Task(ctx); t.Attempt == 1 {
			return 0, errBusy
		}
		return 1, nil
	}, mobula.RetryIf(func(err error) bool { return errors.Is(err, errBusy) }))
	fmt.Println(r.Value())
	// Output: 1
}

func ExampleName() {
	fmt.Println(mobula.Try(func(ctx context.Context) (string, error) { t, _ := mobula.Task(ctx); return t.Name, nil }, mobula.Name("clean")).Value())
	// Output: clean
}

func ExampleLimit() {
	fmt.Println(len(mobula.Values(mobula.Map(slices.Repeat([]int{2}, 100), square, mobula.Limit(8)))))
	// Output: 100
}

func ExampleTask() {
	_, ok := mobula.Task(context.Background())
	inside := mobula.Try(func(ctx context.Context) (int, error) { t, _ := mobula.Task(ctx); return t.Attempt, nil })
	fmt.Println(ok, inside.Value())
	// Output: false 1
}

func ExampleConnect() {
	err := mobula.Connect(context.Background(), mobula.Config{})
	fmt.Println(err)
	// Output: this process is connected already: call Close first
}

func ExampleWorkers() {
	mobula.Go(func() int { return 1 }).Value()
	workers, err := mobula.Workers(context.Background())
	fmt.Println(len(workers) > 0, err)
	// Output: true <nil>
}
