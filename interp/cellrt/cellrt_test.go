package cellrt_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"mobula/internal/cellio"
	"mobula/interp/cellrt"
)

// owned makes r the run of all goroutines until the test ends.
func owned(t *testing.T, r *cellrt.Run) {
	t.Helper()
	old := cellrt.Owner
	cellrt.Owner = func() unsafe.Pointer { return unsafe.Pointer(r) }
	t.Cleanup(func() { cellrt.Owner = old })
}

// stopped runs f until it is blocked, stops the run, and reports whether f ended by the stop.
func stopped(t *testing.T, f func()) bool {
	t.Helper()
	r := cellrt.NewRun(1)
	owned(t, r)
	result := make(chan any, 1)
	go func() {
		defer func() { result <- recover() }()
		f()
	}()
	synctest.Wait()
	r.Stop()
	_, ok := (<-result).(cellrt.Interrupt)
	return ok
}

func TestStopEndsWaits(t *testing.T) {
	tests := map[string]func(){
		"receive": func() { cellrt.Recv(make(chan int)) },
		"nil":     func() { cellrt.Recv2[int](nil) },
		"send":    func() { cellrt.Send(make(chan int), 1) },
		"range": func() {
			for range cellrt.Range(make(chan int)) {
				panic("a value")
			}
		},
		"sleep":   func() { cellrt.Sleep(time.Hour) },
		"forever": cellrt.Forever,
		"wait": func() {
			var wg sync.WaitGroup
			wg.Add(1)
			time.AfterFunc(time.Hour, wg.Done) // lets the helper end
			cellrt.Wait(&wg)
		},
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if !stopped(t, f) {
					t.Error("not ended by the stop")
				}
				time.Sleep(2 * time.Hour) // of the bubble
			})
		})
	}
}

func TestStoppedLockIsFree(t *testing.T) {
	var m sync.Mutex
	r := cellrt.NewRun(1)
	owned(t, r)
	m.Lock()
	result := make(chan any, 1)
	go func() {
		defer func() { result <- recover() }()
		cellrt.Lock(&m)
	}()
	r.Stop()
	if _, ok := (<-result).(cellrt.Interrupt); !ok {
		t.Error("not ended by the stop")
	}
	m.Unlock()
	if !m.TryLock() {
		t.Fatal("the stopped Lock has kept the mutex")
	}
	m.Unlock()
}

func TestStoppedCondHoldsLock(t *testing.T) {
	var m sync.Mutex
	c := sync.NewCond(&m)
	r := cellrt.NewRun(1)
	owned(t, r)
	result := make(chan any, 1)
	go func() {
		defer func() { result <- recover() }()
		m.Lock()
		defer m.Unlock() // fatal if the lock is not held
		for {
			cellrt.CondWait(c)
		}
	}()
	r.Stop()
	if _, ok := (<-result).(cellrt.Interrupt); !ok {
		t.Error("not ended by the stop")
	}
}

func TestWaitsWork(t *testing.T) {
	c := make(chan int)
	go func() {
		defer close(c)
		for i := range 1000 {
			cellrt.SendTo(c)(i)
		}
	}()
	sum := 0
	for v := range cellrt.Range(c) {
		sum += v
	}
	if v, ok := cellrt.Recv2(c); v != 0 || ok || sum != 499500 {
		t.Error(v, ok, sum)
	}
	var m sync.RWMutex
	n := 0
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 100 {
				cellrt.RWLock(&m)
				n++
				m.Unlock()
				cellrt.RWRLock(&m)
				_ = n
				m.RUnlock()
			}
		})
	}
	cellrt.Wait(&wg)
	if n != 5000 {
		t.Error(n)
	}
}

type recorder struct {
	cellio.Discard
	shown []cellio.Display
}

func (r *recorder) Display(d cellio.Display) error {
	r.shown = append(r.shown, d)
	return nil
}

func TestResult(t *testing.T) {
	r := &recorder{}
	cellio.Install(r)
	cellrt.Result()
	cellrt.Result(1, "a")
	cellrt.Result(7)
	if len(r.shown) != 2 || string(r.shown[0].Data["text/plain"]) != `"1, a"` || string(r.shown[1].Data["text/plain"]) != `"7"` || !r.shown[1].Result {
		t.Errorf("%+v", r.shown)
	}
}

func BenchmarkPingPong(b *testing.B) {
	for name, ops := range map[string]struct {
		send func(chan int)
		recv func(chan int)
	}{
		"plain":  {func(c chan int) { c <- 1 }, func(c chan int) { <-c }},
		"cellrt": {func(c chan int) { cellrt.Send(c, 1) }, func(c chan int) { cellrt.Recv(c) }},
	} {
		b.Run(name, func(b *testing.B) {
			there, back := make(chan int), make(chan int)
			go func() {
				for range b.N {
					ops.recv(there)
					ops.send(back)
				}
			}()
			for range b.N {
				ops.send(there)
				ops.recv(back)
			}
		})
	}
}
