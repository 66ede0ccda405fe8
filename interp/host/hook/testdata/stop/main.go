// Program stop interrupts goroutines in many kinds of code, over and over, and checks that each ends by the stop.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"mobula/interp/host/hook"
)

type stopError struct{}

func (stopError) Error() string { return "interrupted" }

var (
	errStop  = stopError{}
	panicked atomic.Int64 // stops that reached the end of their goroutine
	others   atomic.Int64 // other uncaught panics
	sink     any
	total    int
	pair     struct{ s string }
)

func loopEmpty() {
	for {
	}
}

func loopTight() {
	x := 0
	for {
		x += x<<1 ^ 7
		total = x
	}
}

//go:noinline
func leaf(x int) int { return x*3 + 1 }

func loopCalls() {
	for i := 0; ; i++ {
		total = leaf(i)
	}
}

func loopAlloc() {
	for i := 0; ; i++ {
		sink = make([]byte, 100+i%1000)
	}
}

func loopInterface() {
	for i := 0; ; i++ {
		if i%2 == 0 {
			sink = i
		} else {
			sink = "text"
		}
	}
}

func loopStrings() {
	long := strings.Repeat("y", 4096)
	for i := 0; ; i++ {
		pair.s = "a"
		pair.s = long
	}
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func loopFib() {
	for {
		total = fib(32)
	}
}

func deep(n int) int {
	var pad [20]int
	pad[n%20] = n
	if n == 0 {
		for {
			pad[1]++
		}
	}
	return deep(n-1) + pad[3]
}

func loopDeep() { total = deep(2000) }

func loopRecover() {
	for {
		func() {
			defer func() {
				if r := recover(); r != nil {
					fmt.Println("swallowed", r)
				}
			}()
			for {
				total++
			}
		}()
	}
}

func named(n int) (s string, err error) {
	defer func() {
		if n > 0 {
			err = errors.Join(err, errors.New(s))
		}
	}()
	m := map[int]string{}
	for i := 0; i < n; i++ {
		m[i] = s
		s = fmt.Sprint(i, len(m))
	}
	return s, nil
}

func loopDefer() {
	for i := 0; ; i++ {
		s, _ := named(i % 10)
		pair.s = s
	}
}

func loopDeferInLoop() {
	for {
		func() {
			var mu sync.Mutex
			for range 5 {
				mu.Lock()
				defer func() { total++ }()
				mu.Unlock()
			}
		}()
	}
}

func loopMap() {
	m := map[string][]int{}
	for i := 0; ; i++ {
		k := fmt.Sprint(i % 5000)
		m[k] = append(m[k], i)
		if len(m[k]) > 10 {
			delete(m, k)
		}
	}
}

func loopSort() {
	for {
		s := make([]int, 1000)
		for i := range s {
			s[i] = (i * 7919) % 1000
		}
		sort.Slice(s, func(i, j int) bool { return s[i] < s[j] })
	}
}

func loopFloat() {
	a := [64]float64{}
	for {
		for i := range a {
			a[i] = a[i]*1.01 + float64(i)
		}
		if a[3] > 1e9 {
			a = [64]float64{}
		}
	}
}

func loopSprintf() {
	for i := 0; ; i++ {
		sink = fmt.Sprintf("%v %v %T", i, pair, sink)
	}
}

type node struct {
	l, r *node
	v    int
}

func tree(d int) *node {
	if d == 0 {
		return nil
	}
	return &node{tree(d - 1), tree(d - 1), d}
}

func loopTree() {
	for {
		sink = tree(12)
	}
}

var loops = map[string]func(){
	"empty": loopEmpty, "tight": loopTight, "calls": loopCalls, "alloc": loopAlloc, "interface": loopInterface,
	"strings": loopStrings, "fib": loopFib, "deep": loopDeep, "recover": loopRecover, "defer": loopDefer,
	"deferinloop": loopDeferInLoop, "map": loopMap, "sort": loopSort, "float": loopFloat, "sprintf": loopSprintf, "tree": loopTree,
}

// interrupt runs f in a goroutine and stops it; it returns how long that took and how often it was asked.
func interrupt(f func(), after time.Duration) (time.Duration, int, map[hook.Verdict]int) {
	owner := new(int64)
	done := make(chan struct{})
	started := make(chan struct{})
	go func() {
		hook.SetOwner(unsafe.Pointer(owner))
		defer close(done)
		close(started)
		f()
	}()
	<-started
	begin := time.Now()
	for time.Since(begin) < after {
		runtime.Gosched()
	}
	begin = time.Now()
	seen := map[hook.Verdict]int{}
	var buf []hook.Goroutine
	for n := 1; ; n++ {
		buf = hook.Goroutines(buf)
		for _, g := range buf {
			if g.Owner == unsafe.Pointer(owner) {
				v, _ := hook.Stop(g, 0)
				seen[v]++
			}
		}
		select {
		case <-done:
			return time.Since(begin), n, seen
		case <-time.After(200 * time.Microsecond):
		}
		if time.Since(begin) > 10*time.Second {
			fmt.Println("not stopped:", seen)
			os.Exit(1)
		}
	}
}

func main() {
	rounds := flag.Int("rounds", 20, "rounds over all loops")
	only := flag.String("only", "", "one loop")
	flag.Parse()
	hook.Install(hook.Hooks{
		StopValue: errStop,
		Panicked: func(v any) bool {
			if v == errStop {
				panicked.Add(1)
			} else {
				others.Add(1)
				fmt.Println("panic:", v)
			}
			return true
		},
	})
	worst, n := map[string]time.Duration{}, int64(0)
	for r := range *rounds {
		for name, f := range loops {
			if *only != "" && name != *only {
				continue
			}
			took, _, _ := interrupt(f, time.Duration(r*37%1000)*time.Microsecond)
			worst[name] = max(worst[name], took)
			n++
			fmt.Fprint(nothing{}, sink, pair.s)
		}
	}
	fmt.Println(worst)
	runtime.GC()
	if panicked.Load() != n || others.Load() != 0 {
		fmt.Println("stops", panicked.Load(), "of", n, "other panics", others.Load())
		os.Exit(1)
	}
	fmt.Println("ok", n)
}

type nothing struct{}

func (nothing) Write(b []byte) (int, error) { return len(b), nil }
