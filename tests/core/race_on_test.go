//go:build race

package core

// underRace says whether the race detector is on, which takes a multiple of the memory.
const underRace = true
