//go:build linux && amd64

package loader_test

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"mobula/interp/loader"
)

var timed = regexp.MustCompile(`(?m)^(start|load) (\S+)`)

// BenchmarkLoad reports the start-up of the linker and the load of a small unit, both within the host.
func BenchmarkLoad(b *testing.B) {
	h := testBench(b)
	a := h.compile(b, "small", `package main
import "fmt"
type point struct{ x, y int }
func (p point) String() string { return fmt.Sprintf("(%d, %d)", p.x, p.y) }
var total int
func cell_s() { for i := range 10 { total += i }; fmt.Sprint(point{total, 1}) }`)
	var start, load []time.Duration
	for b.Loop() {
		out, err := h.run(b, []string{"HOST_TIME=1"}, step{Times: 100, Unit: &loader.Unit{Archive: a, Define: []string{"main.cell_s", "main.point.String"}}})
		if err != nil {
			b.Fatal(err, out)
		}
		for _, m := range timed.FindAllStringSubmatch(out, -1) {
			d, err := time.ParseDuration(m[2])
			if err != nil {
				b.Fatal(err)
			}
			if m[1] == "start" {
				start = append(start, d)
			} else {
				load = append(load, d)
			}
		}
	}
	for name, d := range map[string][]time.Duration{"start": start, "load": load} {
		slices.Sort(d)
		b.ReportMetric(float64(d[len(d)/2].Microseconds()), name+"-µs")
	}
}
