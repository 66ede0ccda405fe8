//go:build race

package store_test

// underRace says that the race detector is on, which takes a multiple of the memory.
const underRace = true
