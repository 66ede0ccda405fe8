//go:build linux && amd64

package host_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"mobula/interp/hostrpc"
)

const cellrtPath = "mobula/interp/cellrt"

// TestInterrupt stops cells in all the places where they can be. It is a matter of time: each
// must end soon, and leave the host idle and usable.
func TestInterrupt(t *testing.T) {
	tests := []struct {
		name, decls, body string
		imports           []string
		abandoned         bool
	}{
		{"empty loop", "", "for {}", nil, false},
		{"tight loop", "var X int", "for { X++ }", nil, false},
		{"loop in a called function", "func f() { for { _ = g(3) } }\n//go:noinline\nfunc g(x int) int { return x }", "f()", nil, false},
		{"recursion", "func fib(n int) int { if n < 2 { return n }; return fib(n-1) + fib(n-2) }", "for { fib(30) }", nil, false},
		{"a goroutine's loop", "", "go func() { for {} }()\nfor {}", nil, false},
		{"many goroutines", "", "for range 200 { go func() { for i := 0; ; i++ { if i < 0 { println(i) } } }() }\nfor {}", nil, false},
		{"recover", "", "for { func() { defer func() { recover() }(); for { s := []int{1}; s[len(s)-1]++ } }() }", nil, false},
		{"deferred loop", "", "defer func() { for {} }()\nfor {}", nil, false},
		{"prints", "", "for { fmt.Println(\"x\") }", []string{"fmt"}, false},
		{"sleep", "", "cellrt.Sleep(1e12)", []string{cellrtPath}, false},
		{"receive", "", "cellrt.Recv(make(chan int))", []string{cellrtPath}, false},
		{"range over a channel", "", "for range cellrt.Range(make(chan int)) {}", []string{cellrtPath}, false},
		{"lock", "", "var m sync.Mutex; m.Lock(); cellrt.Lock(&m)", []string{"sync", cellrtPath}, false},
		{"wait", "", "var w sync.WaitGroup; w.Add(1); cellrt.Wait(&w)", []string{"sync", cellrtPath}, false},
		{"cond", "", "var m sync.Mutex; c := sync.NewCond(&m); m.Lock(); defer m.Unlock(); for { cellrt.CondWait(c) }", []string{"sync", cellrtPath}, false},
		{"select", "", "select { case <-make(chan int): case <-cellrt.StopChan(): panic(cellrt.Interrupt{}) }", []string{cellrtPath}, false},
		{"pipe", "", "r, w, _ := os.Pipe(); defer w.Close(); r.Read(make([]byte, 1))", []string{"os"}, true},
		{"foreign wait", "", "time.Sleep(time.Hour)", []string{"time"}, true},
	}
	s := open(t)
	for _, delay := range []time.Duration{0, 50 * time.Millisecond} {
		for _, tt := range tests {
			s.t = t
			fn := s.load(tt.decls, tt.body, tt.imports...)
			took, r := s.interrupted(fn, delay)
			// Without a delay the cell may be stopped before it begins: then nothing is left behind.
			abandoned := r.Abandoned || tt.abandoned && delay == 0
			if !r.Interrupted || abandoned != tt.abandoned || r.Fault != nil {
				t.Errorf("%s: %+v", tt.name, r)
			}
			limit := slow * 300 * time.Millisecond
			if tt.name == "recover" || tt.name == "deferred loop" {
				limit = slow * 2 * time.Second // it is asked again until it is, by chance, where the interrupt is not taken for something else
			}
			if took > limit {
				t.Errorf("%s: ended after %v", tt.name, took)
			}
			t.Logf("%-28s %v", tt.name, took)
		}
	}
	if r := s.run("", "println(1)"); r.Fault != nil || r.Interrupted {
		t.Errorf("the host is unusable: %+v", r)
	}
	before := cpuTime(t, s.p.PID())
	const window = time.Second
	time.Sleep(window) // measured: the host must do nothing all this time
	if used := cpuTime(t, s.p.PID()) - before; used > slow*20*time.Millisecond {
		t.Errorf("the host used %v of CPU in %v after all was stopped", used, window)
	}
}

// slow is a factor for times: other suites share the machine in CI.
var slow = func() time.Duration {
	if os.Getenv("CI") != "" {
		return 4
	}
	return 1
}()

// interrupted runs a loaded cell, interrupts it and returns how long it took to end.
func (s *session) interrupted(fn string, delay time.Duration) (time.Duration, *hostrpc.Reply) {
	s.t.Helper()
	cell := s.n
	done := make(chan *hostrpc.Reply, 1)
	go func() {
		r, err := s.p.Call(context.Background(), &hostrpc.Request{Run: &hostrpc.Run{Cell: cell, Func: fn}})
		if err != nil {
			r = &hostrpc.Reply{Fault: &hostrpc.Fault{Message: err.Error() + "\n" + s.p.Exit().Detail}}
		}
		done <- r
	}()
	time.Sleep(delay) // the point of the test is that no moment is special
	start := time.Now()
	for time.Since(start) < 8*time.Second {
		if err := s.p.Interrupt(cell); err != nil {
			<-s.p.Done() // the host has just ended, as some cells have it; the call is answered then
		}
		select {
		case r := <-done:
			return time.Since(start), r
		case <-time.After(50 * time.Millisecond): // the interrupt may have overtaken the call
		}
	}
	s.t.Fatal("the cell does not end")
	return 0, nil
}

// TestInterruptQueued stops a cell that waits for another.
func TestInterruptQueued(t *testing.T) {
	s := open(t)
	first := s.load("", "for {}")
	second := s.load("", "println(2)")
	replies := make(chan *hostrpc.Reply, 2)
	for i, fn := range []string{first, second} {
		go func() {
			r, err := s.p.Call(context.Background(), &hostrpc.Request{Run: &hostrpc.Run{Cell: i + 1, Func: fn}})
			if err != nil {
				r = &hostrpc.Reply{Fault: &hostrpc.Fault{Message: err.Error()}}
			}
			replies <- r
		}()
		time.Sleep(20 * time.Millisecond) // the order of the calls
	}
	if err := s.p.Interrupt(0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r := <-replies; !r.Interrupted || r.Fault != nil {
			t.Errorf("%+v", r)
		}
	}
	if got := s.text(2, "stderr"); got != "" {
		t.Errorf("the queued cell ran: %q", got)
	}
}

func TestBusyForeignCode(t *testing.T) {
	s := open(t)
	fn := s.load("", `pbkdf2.Key(sha256.New, "p", make([]byte, 8), 1<<30, 32)`, "crypto/pbkdf2", "crypto/sha256")
	_, r := s.interrupted(fn, 50*time.Millisecond)
	if r.Fault == nil {
		t.Fatalf("%+v", r)
	}
	if e := s.p.Exit(); e.Cell != 1 || e.Code != 86 || !strings.Contains(e.Reason, "interrupted") {
		t.Errorf("%+v", e)
	}
}

// cpuTime returns what a process has used, in steps of 10 ms.
func cpuTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	var ticks int
	for _, i := range []int{11, 12} {
		n, err := strconv.Atoi(string(f[i]))
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
