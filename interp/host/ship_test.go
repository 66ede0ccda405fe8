//go:build linux && amd64

package host_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mobula/cluster/node"
	"mobula/interp/hostrpc"
	"mobula/interp/toolchain"
)

// startNode starts a node of this process, whose workers are session hosts.
func startNode(t *testing.T) *node.Node {
	t.Helper()
	n, err := node.Start(context.WithoutCancel(t.Context()), node.Config{Starter: node.Processes{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// unit compiles and loads a cell that defines functions, and runs it. It returns what the cell has written.
func (s *session) unit(define []string, decls, body string) string {
	s.t.Helper()
	s.n++
	imports := []string{"fmt", "mobula", "mobula/interp/cellrt"}
	fn := fmt.Sprintf("cell_%d", s.n)
	source := fmt.Sprintf("package main\nimport (\n\"fmt\"\n\"mobula\"\n\"mobula/interp/cellrt\"\n)\nvar _, _, _ = fmt.Print, mobula.Nodes, cellrt.Nop\n%s\nfunc %s() {\n//line cell[%d]:1:1\n%s\n}\n", decls, fn, s.n, body)
	archive, err := s.packages.Compile(s.t.Context(), toolchain.Unit{Source: source, Imports: imports})
	if err != nil {
		s.t.Fatal(err)
	}
	defer archive.Close()
	l := &hostrpc.Load{Cell: s.n, Archive: toolchain.Path(archive), Define: append(slices.Clip(define), "main."+fn)}
	if r := s.call(&hostrpc.Request{Load: l}); r.Fault != nil {
		s.t.Fatalf("load: %s", r.Fault.Message)
	}
	if r := s.call(&hostrpc.Request{Run: &hostrpc.Run{Cell: s.n, Func: "main." + fn}}); r.Fault != nil {
		return fmt.Sprintf("%s: %s", r.Fault.Name, r.Fault.Message)
	}
	return s.text(s.n, "stdout")
}

const shipped = `
var N int
var Big, Tail []int32
var Keep func(int) int
type pair[T any] struct{ a, b T }
func (p pair[T]) sum(add func(T, T) T) T { return add(p.a, p.b) }

//go:noinline
func scale(x int) int
func both[T any](p pair[T], add func(T, T) T) func() T { return func() T { return p.sum(add) } }
`

func TestShip(t *testing.T) {
	buildHost(t)
	n := startNode(t)
	s := open(t)
	if r := s.call(&hostrpc.Request{Cluster: &hostrpc.Cluster{Address: n.Address()}}); r.Fault != nil {
		t.Fatal(r.Fault.Message)
	}
	withScale := func(body string) string {
		return strings.Replace(shipped, "func scale(x int) int", "func scale(x int) int "+body, 1)
	}
	cells := []struct {
		define      []string
		decls, body string
		want        string
	}{
		{[]string{"main.scale"}, withScale("{ return x * N }"), `cellrt.Register("N", &N); cellrt.Register("Keep", &Keep)
			N = 3
			Keep = func(x int) int { return scale(x) + 1 }
			fmt.Print(mobula.Go(func() int { return scale(14) }).Value())`, "42"},
		{nil, withScale("{ return x * N }"), `fmt.Print(mobula.Go(both(pair[string]{"a", "b"}, func(x, y string) string { return x + y })).Value())`, "ab"},
		{nil, withScale("{ return x * N }"), `N = 4; fmt.Print(mobula.Go(func() int { return Keep(10) }).Value())`, "41"},
		{[]string{"main.scale"}, withScale("{ return -x }"), `fmt.Print(mobula.Go(func() int { return Keep(10) }).Value())`, "-9"},
		{nil, withScale("{ return -x }"), `fmt.Print(mobula.Go(func() int { N++; return N }).Value())`, "task failed: submit cell[5]:1: at cell[5]:1 it assigns to the session variable N, of which a task has its own copy; return the value, or keep it in an actor"},
		{nil, withScale("{ return -x }"), `cellrt.Register("Big", &Big); cellrt.Register("Tail", &Tail)
			Big = make([]int32, 1<<20); Tail = Big[1<<19:]
			Big[1<<20-1] = 5
			last := func() int32 { return Big[len(Big)-1] - Tail[0] }
			first := mobula.Go(last).Value()
			Big[1<<20-1] = 6
			fmt.Print(first, mobula.Go(last).Value())`, "5 6"},
		{nil, withScale("{ return -x }"), `fmt.Print(mobula.Go(func() string { panic(fmt.Sprint("no ", 1)) }).Value())`, "panicked at cell[7]:1: no 1"},
	}
	for i, c := range cells {
		if got := s.unit(c.define, c.decls, c.body); !strings.Contains(got, c.want) {
			t.Errorf("cell %d: %q, want %q", i+1, got, c.want)
		}
	}
	if r := s.call(&hostrpc.Request{Cluster: &hostrpc.Cluster{}}); r.Fault != nil {
		t.Error(r.Fault.Message)
	}
}

// TestShipByItself: the first task asks the kernel for a cluster.
func TestShipByItself(t *testing.T) {
	buildHost(t)
	n := startNode(t)
	s := open(t)
	printed := make(chan struct{}, 1)
	s.on = func(e *hostrpc.Event) {
		if q := e.Address; q != nil {
			go func() { // the host waits for it
				_ = s.p.Tell(&hostrpc.Request{Address: &hostrpc.Address{Token: q.Token, Address: n.Address()}})
			}()
		}
		if o := e.Output; o != nil && strings.Contains(string(o.Text), "(cell[1]:1) in the task\n") {
			printed <- struct{}{}
		}
	}
	if got := s.unit(nil, "", `fmt.Print(mobula.Go(func() int { fmt.Println("in the task"); return 5 }).Value())`); !strings.Contains(got, "5") {
		t.Errorf("%q", got)
	}
	select {
	case <-printed:
	case <-time.After(5 * time.Second):
		t.Fatalf("%q", s.text(1, "stdout"))
	}
}

// TestShipRefused: the kernel says why there is no cluster.
func TestShipRefused(t *testing.T) {
	s := open(t)
	s.on = func(e *hostrpc.Event) {
		if q := e.Address; q != nil {
			go func() { // the host waits for it
				_ = s.p.Tell(&hostrpc.Request{Address: &hostrpc.Address{Token: q.Token, Err: "no memory for a cluster"}})
			}()
		}
	}
	if got := s.unit(nil, "", `fmt.Print(mobula.Go(func() int { return 5 }).Value())`); !strings.Contains(got, "no memory for a cluster") {
		t.Errorf("%q", got)
	}
}
