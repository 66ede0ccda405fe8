package worker

import (
	"runtime"
	"testing"
)

// TestProcessors: GOMAXPROCS follows what runs and what is leased, up to the machine's.
func TestProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	p := &processors{}
	p.own()
	p.most = 4 // whatever this machine has
	check := func(what string, want int) {
		t.Helper()
		if got := runtime.GOMAXPROCS(0); got != want {
			t.Errorf("%s: %d; want %d", what, got, want)
		}
	}
	check("at first", 1)
	p.begin()
	check("one task", 1)
	p.begin()
	p.begin()
	check("three at a time", 3)
	p.end()
	p.end()
	p.lower()
	check("just after", 3)
	p.lower()
	check("a while after", 1)
	p.lease(2.5)
	check("leased CPUs", 3)
	p.lease(10)
	check("more than the machine has", 4)
	p.lease(-12.5)
	p.lower()
	p.lower()
	check("without leases", 1)
}

// TestProcessorsAreLeftAlone: a process that is not the worker's own keeps its number.
func TestProcessorsAreLeftAlone(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	p := &processors{}
	p.lease(3)
	p.begin()
	p.lower()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("%d; it was %d", got, before)
	}
}
