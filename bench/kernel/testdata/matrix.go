// The product of two matrices of 500 by 500.
package main

func run() int {
	const n = 500
	a, b, c := make([][]float64, n), make([][]float64, n), make([][]float64, n)
	for i := range n {
		a[i], b[i], c[i] = make([]float64, n), make([]float64, n), make([]float64, n)
		for j := range n {
			a[i][j], b[i][j] = float64(i+j), float64(i-j)
		}
	}
	for i := range n {
		for k := range n {
			v := a[i][k]
			for j := range n {
				c[i][j] += v * b[k][j]
			}
		}
	}
	return int(c[n/2][n/3])
}
