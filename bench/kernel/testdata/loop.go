// A tight integer loop: three hundred million rounds.
package main

func run() int {
	x := 1
	for i := range 300_000_000 {
		x = x*31 + i
	}
	return x
}
