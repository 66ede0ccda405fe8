// A sort of two million numbers with a closure.
package main

import "slices"

func run() int {
	xs, x := make([]int, 2_000_000), uint32(1)
	for i := range xs {
		x = x*1664525 + 1013904223
		xs[i] = int(x >> 8)
	}
	pivot := xs[0]
	slices.SortFunc(xs, func(a, b int) int { return (a ^ pivot) - (b ^ pivot) })
	return xs[len(xs)/2]
}
