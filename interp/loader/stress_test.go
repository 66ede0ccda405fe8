//go:build linux && amd64

package loader_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mobula/interp/loader"
)

const busySource = `package main
import ("fmt"; "runtime"; "runtime/debug"; "sync"; "sync/atomic"; "strings")
type node struct{ next *node; name string; m map[int]*node }
type area interface{ area() int }
type sq struct{ side int; p *int }
func (s *sq) area() int { return s.side * *s.p }
var stop atomic.Bool
var wg sync.WaitGroup
var list [1000]*node
var bad atomic.Int64
var rounds [4]int
//go:noinline
func f(i int) int { return i }
//go:noinline
func fail(i int) (r int) {
	defer func() { if e := recover(); e != nil { r = i } }()
	var a []int
	return a[i]
}
func work(id int) {
	for !stop.Load() {
		rounds[id]++
		i := rounds[id]
		n := &node{name: fmt.Sprint(i), m: map[int]*node{i: nil}}
		n.next = &node{name: strings.Repeat("x", i%50)}
		list[(i*4+id)%1000] = n
		if o := list[(i*7)%1000]; o != nil { if len(o.next.name) > 50 { bad.Add(1) } }
		one := 1
		var a area = &sq{i, &one}
		if a.area() != i || fail(i) != i { bad.Add(1) }
		if x := f(i); x != i && x != i+1000 { bad.Add(1) }
		if i%500 == 0 { buf := make([]byte, 1<<14); runtime.Stack(buf, true); debug.FreeOSMemory() }
	}
}
func cell_1() { for id := range 4 { wg.Go(func() { work(id) }) } }
`

// TestStress loads units, that redefine a function, while goroutines of a former unit
// allocate, panic, call it and walk stacks.
func TestStress(t *testing.T) {
	b := testBench(t)
	define := []string{"main.cell_1", "main.f", "main.fail", "main.work", "main.(*sq).area"}
	first := b.compile(t, "busy", busySource)
	again := b.compile(t, "again", `package main
import "runtime"
var rounds [4]int
type extra struct{ p *int; s []string }
func (e *extra) String() string { return "extra" }
var keep [100]*extra
//go:noinline
func f(i int) int { keep[i%100] = &extra{p: new(i), s: []string{"a"}}; return i + 1000 }
var x interface{ String() string } = &extra{}
func cell_2() { for r := rounds[0] + 20; rounds[0] < r; { runtime.Gosched() }; for i := range keep { keep[i] = &extra{}; x = keep[i]; if x.String() != "extra" { panic("wrong") }; f(i) } }`)
	last := b.compile(t, "last", `package main
import ("fmt"; "sync"; "sync/atomic")
var stop atomic.Bool
var wg sync.WaitGroup
var bad atomic.Int64
var rounds [4]int
func cell_3() { stop.Store(true); wg.Wait(); fmt.Println("bad:", bad.Load(), rounds[0] > 0, rounds[3] > 0) }`)
	times := 60
	if os.Getenv("MOBULA_TEST_LONG") != "" {
		times = 2000
	}
	for _, debug := range []string{"", "gccheckmark=1", "clobberfree=1", "gcstoptheworld=2"} {
		t.Run(debug, func(t *testing.T) {
			steps := []step{{Unit: &loader.Unit{Archive: first, Define: define}, Run: []string{"main.cell_1"}}}
			for range times {
				steps = append(steps, step{Quiet: true, Unit: &loader.Unit{Archive: again, Define: []string{"main.cell_2", "main.f"}}, Run: []string{"main.cell_2"}})
			}
			steps = append(steps, step{Unit: &loader.Unit{Archive: last, Define: []string{"main.cell_3"}}, Run: []string{"main.cell_3"}})
			out, err := b.run(t, []string{"GOGC=5", "GODEBUG=" + debug}, steps...)
			if err != nil || out != "bad: 0 true true\n" {
				t.Errorf("%v\n%s", err, out[:min(len(out), 4000)])
			}
		})
	}
}

// TestManyLoads measures what a small compiled cell costs, and that unwinding stays as fast
// after 1,000 loads.
func TestManyLoads(t *testing.T) {
	b := testBench(t)
	probe := b.compile(t, "probe", `package main
import ("fmt"; "runtime"; "time")
//go:noinline
func deep(n int, pcs []uintptr) int { if n == 0 { return runtime.Callers(0, pcs) }; return deep(n-1, pcs) + 1 }
//go:noinline
func fail() { defer func() { recover() }(); panic("x") }
func cell_p() {
	best := time.Hour
	for range 9 {
		t := time.Now()
		deep(2000, make([]uintptr, 3000))
		for range 200 { fail() }
		best = min(best, time.Since(t))
	}
	fmt.Println("probe", best.Microseconds())
}`)
	small := b.compile(t, "small", `package main
import "fmt"
type point struct{ x, y int }
func (p point) String() string { return fmt.Sprintf("(%d, %d)", p.x, p.y) }
var total int
func cell_s() { for i := range 10 { total += i }; if s := fmt.Sprint(point{total, 1}); s == "" { panic(s) } }`)
	unwind := step{Unit: &loader.Unit{Archive: probe, Define: []string{"main.cell_p", "main.deep", "main.fail"}}, Run: []string{"main.cell_p"}}
	load := step{Quiet: true, Unit: &loader.Unit{Archive: small, Define: []string{"main.cell_s", "main.point.String"}}, Run: []string{"main.cell_s"}}
	warm, many := load, load
	warm.Times, warm.Stats = 20, true
	many.Times, many.Stats = 1000, true
	out, err := b.run(t, nil, warm, unwind, many, unwind)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n := numbers(t, out)
	perCell, before, after := float64(n[2]-n[0])/1000, n[1], n[3]
	t.Logf("%.1f KB a cell; unwinding took %d µs before, %d µs after", perCell, before, after)
	if perCell > 30 {
		t.Errorf("a small cell costs %.1f KB", perCell)
	}
	if after > 3*before+200 {
		t.Errorf("unwinding took %d µs after 1,000 loads, %d µs before", after, before)
	}
}

var measured = regexp.MustCompile(`(?m)^(?:probe (\d+)|stats \d+ VmRSS: (\d+) kB)$`)

// numbers returns the measured values in order; there must be four.
func numbers(t *testing.T, out string) []int {
	var n []int
	for _, m := range measured.FindAllStringSubmatch(out, -1) {
		v, err := strconv.Atoi(strings.Join(m[1:], ""))
		if err != nil {
			t.Fatal(err)
		}
		n = append(n, v)
	}
	if len(n) != 4 {
		t.Fatal(fmt.Sprint("measurements are missing: ", out))
	}
	return n
}
