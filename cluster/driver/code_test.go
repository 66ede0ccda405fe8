package driver

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"mobula/cluster/wire"
	"mobula/internal/id"
)

// loading is a script that notes which parts of the code come.
type loading struct {
	script
	mu    sync.Mutex // guards below
	here  int
	came  []int
	wrong error
}

func (l *loading) Load(part int, code []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if want := fmt.Sprint("part ", part); string(code) != want {
		l.wrong = fmt.Errorf("%q comes as part %d", code, part)
	}
	l.came, l.here = append(l.came, part), max(l.here, part+1)
	return l.wrong
}

func (l *loading) Loaded() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.here
}

func (*loading) SetEnvironment(id.Job, string, wire.Payload) error { return nil }

// TestCodeIsSentOnce: a worker gets the parts that it lacks, by whatever lease the first ones came.
func TestCodeIsSentOnce(t *testing.T) {
	exec := &loading{}
	n := startNode(t, 3, exec) // a lease for each driver
	part := func(n int) ([]byte, error) { return fmt.Append(nil, "part ", n), nil }
	for _, parts := range []int{3, 2, 5} {
		d, err := Connect(context.Background(), Config{Node: n.address, Job: id.New[id.Job](), Part: part})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			s := call("a task")
			s.Parts = parts
			value(t, d.Submit(s))
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	exec.mu.Lock()
	defer exec.mu.Unlock()
	if want := []int{0, 1, 2, 3, 4}; !slices.Equal(exec.came, want) || exec.wrong != nil {
		t.Errorf("parts %v have come, not %v; %v", exec.came, want, exec.wrong)
	}
}
