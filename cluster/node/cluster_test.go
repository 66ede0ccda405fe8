//go:build unix

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mobula/cluster/driver"
	"mobula/cluster/wire"
	work "mobula/cluster/worker"
	"mobula/internal/eventually"
	"mobula/internal/fault"
	"mobula/internal/id"
)

// realWorker is a worker process as package worker makes it, whose tasks are the words of script.
func realWorker(which id.Worker) error {
	node := os.Getenv(wire.EnvNode)
	return work.Run(context.Background(), work.Config{Node: node, Worker: which, Dir: filepath.Dir(node), Executor: &script{node: node}})
}

// script executes closures that are words: "echo x", "crash", "nest job depth".
type script struct {
	node string

	mu    sync.Mutex // guards below
	inner *driver.Driver
}

func (s *script) Execute(t *work.Task) work.Outcome {
	words := strings.Fields(string(t.Closure.Head))
	if f := moreWords[words[0]]; f != nil {
		return f(t, words)
	}
	switch words[0] {
	case "crash":
		go func() { panic("on purpose") }()
		select {}
	case "nest":
		var depth int
		if _, err := fmt.Sscan(words[2], &depth); err != nil {
			return work.Outcome{Failure: &wire.Failure{Message: err.Error()}}
		}
		return s.nest(t, words[1], depth)
	}
	return work.Outcome{Value: wire.Payload{Head: []byte(words[1])}}
}

// nest submits two tasks one level down and waits for them.
func (s *script) nest(t *work.Task, job string, depth int) work.Outcome {
	if depth == 4 {
		return work.Outcome{Value: wire.Payload{Head: []byte(".")}}
	}
	d, err := s.driver(job)
	if err != nil {
		return work.Outcome{Failure: &wire.Failure{Message: err.Error()}}
	}
	var parts []*driver.Object
	for range 2 {
		spec := words("nest %s %d", job, depth+1)
		spec.Depth = depth + 1
		parts = append(parts, d.Submit(spec))
	}
	t.Block()
	defer t.Resume()
	var all strings.Builder
	all.WriteString("(")
	for _, p := range parts {
		if err := p.Wait(t.Context()); err != nil {
			return work.Outcome{Failure: &wire.Failure{Message: err.Error()}}
		}
		v, err := p.Result()
		if err != nil {
			return work.Outcome{Failure: &wire.Failure{Message: err.Error()}}
		}
		all.WriteString(string(v.Head))
	}
	return work.Outcome{Value: wire.Payload{Head: []byte(all.String() + ")")}}
}

// driver is the connection for the tasks of tasks.
func (s *script) driver(job string) (*driver.Driver, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inner != nil {
		return s.inner, nil
	}
	parsed, err := id.Parse[id.Job](job)
	if err != nil {
		return nil, err
	}
	d, err := driver.Connect(context.Background(), driver.Config{Node: s.node, Job: parsed, DecodeError: decode})
	if err != nil {
		return nil, err
	}
	s.inner = d
	return d, nil
}

func decode(f *wire.Failure) error { return errors.New(f.Message) }

func words(format string, args ...any) driver.Spec {
	text := fmt.Sprintf(format, args...)
	name, _, _ := strings.Cut(text, " ")
	return driver.Spec{
		Form: wire.FormValue, Name: name, Closure: wire.Payload{Head: []byte(text)}, Class: wire.Class{Program: "test", Resources: oneCPU}, Retries: 3,
	}
}

// realDriver connects package driver to a node.
func realDriver(t *testing.T, n *Node, job id.Job) *driver.Driver {
	t.Helper()
	d, err := driver.Connect(t.Context(), driver.Config{
		Node: n.Address(), Job: job, Values: driverHello(job, "NODE_TEST_START=real").Values, DecodeError: decode,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func result(t *testing.T, o *driver.Object) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := o.Wait(ctx); err != nil && ctx.Err() != nil {
		t.Fatalf("a task does not end: %v", err)
	}
	v, err := o.Result()
	return string(v.Head), err
}

func TestDriverNodeAndWorker(t *testing.T) {
	n := startNode(t, nil)
	d := realDriver(t, n, id.New[id.Job]())
	var all []*driver.Object
	for i := range 2000 {
		all = append(all, d.Submit(words("echo %d", i)))
	}
	own := words("echo own")
	own.Class.Isolated = true
	all = append(all, d.Submit(own))
	for i, o := range all[:2000] {
		if got, err := result(t, o); got != fmt.Sprint(i) || err != nil {
			t.Fatal(i, got, err)
		}
	}
	if got, err := result(t, all[2000]); got != "own" || err != nil {
		t.Error(got, err)
	}
	// A crash costs its own task an attempt, and nobody else any.
	crash := words("crash")
	crash.Retries = 0
	crashed := d.Submit(crash)
	all = all[:0]
	for i := range 100 {
		spec := words("echo %d", i)
		spec.Retries = 0
		all = append(all, d.Submit(spec))
	}
	_, err := result(t, crashed)
	if died, ok := errors.AsType[*fault.WorkerDiedError](err); !ok || !strings.Contains(died.Error(), "panic: on purpose") {
		t.Error(err)
	}
	for i, o := range all {
		if got, err := result(t, o); got != fmt.Sprint(i) || err != nil {
			t.Fatal(i, got, err)
		}
	}
	impossible := words("echo x")
	impossible.Class.Resources = map[string]float64{"cpu": 3}
	if _, err := result(t, d.Submit(impossible)); !strings.Contains(fmt.Sprint(err), "needs 3 CPU") {
		t.Error(err)
	}
}

// TestNestedTasksOfTheRealThing: on one processor two drivers' tasks start tasks, four levels down, and wait.
func TestNestedTasksOfTheRealThing(t *testing.T) {
	n := startNode(t, func(c *Config) { c.Resources = cpus(1) })
	var all []*driver.Object
	for range 2 {
		job := id.New[id.Job]()
		d := realDriver(t, n, job)
		for range 3 {
			all = append(all, d.Submit(words("nest %s 0", job)))
		}
	}
	want := "."
	for range 4 {
		want = "(" + want + want + ")"
	}
	for _, o := range all {
		if got, err := result(t, o); got != want || err != nil {
			t.Fatal(got, err)
		}
	}
	eventually.Holds(t, "all leases come back", func() bool { i := n.info(); return i.Free.CPU == i.Total.CPU && i.Leases == 0 })
}

// TestTasksAreListedAsTheyAre: who has a task's result finds it finished in the node's lists.
func TestTasksAreListedAsTheyAre(t *testing.T) {
	n := startNode(t, nil)
	d := realDriver(t, n, id.New[id.Job]())
	for i := range 20 {
		if _, err := result(t, d.Submit(words("node"))); err != nil {
			t.Fatal(err)
		}
		list, err := n.query("task-summary")
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprint(list); text != fmt.Sprintf("[{node finished %d}]", i+1) {
			t.Fatalf("after %d tasks: %s", i+1, text)
		}
	}
}
