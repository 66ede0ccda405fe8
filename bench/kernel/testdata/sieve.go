// A sieve of the primes below twenty million.
package main

func run() int {
	composite := make([]bool, 20_000_000)
	count := 0
	for i := 2; i < len(composite); i++ {
		if composite[i] {
			continue
		}
		count++
		for j := i * i; j < len(composite); j += i {
			composite[j] = true
		}
	}
	return count
}
