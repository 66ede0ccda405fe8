// A generic sum over two hundred million floats.
package main

type number interface{ ~int | ~float64 }

func sum[N number](xs []N) (total N) {
	for _, x := range xs {
		total += x
	}
	return total
}

func run() int {
	xs := make([]float64, 2_000_000)
	for i := range xs {
		xs[i] = float64(i)
	}
	total := 0.0
	for range 100 {
		total += sum(xs)
	}
	return int(total)
}
