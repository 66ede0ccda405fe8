package main

import "context"

// suite is what runs on a fresh pair of sides.
type suite struct {
	name  string
	long  bool // not in a quick run
	tests []test
	role  string                                    // of the sides; empty: roleServe
	alone func(ctx context.Context, b *bench) error // instead of tests: it starts what it needs
}

// test is a request, and what is told of its samples.
type test struct {
	do      string
	n       int
	rounds  int
	long    bool
	figures []figure
}

// The limits that are measured apart.
const (
	limitRoundTrip = "round trip"
	limitProcess   = "process"
)

var suites []suite

func init() {
	suites = []suite{
		{name: "start", alone: starts},
		{name: "tasks", tests: taskTests},
		{name: "actors", tests: actorTests},
		{name: "objects", tests: objectTests},
		{name: "queue", alone: queue},
		{name: "many", alone: manyActors},
		{name: "transfer", role: roleNodes, tests: transferTests("1 GiB between two nodes of a machine")},
		{name: "network", role: roleApart, tests: transferTests("1 GiB between nodes as of two machines")},
	}
}

func suiteNames() (names []string) {
	for _, s := range suites {
		names = append(names, s.name)
	}
	return names
}

func lower(name, unit string, of func([]float64) float64) figure {
	return figure{name: name, unit: unit, of: of}
}

func higher(name, unit string) figure {
	return figure{name: name, unit: unit, of: median, more: true}
}

func (f figure) by(key string) figure       { f.key = key; return f }
func (f figure) within(limit string) figure { f.limit = limit; return f }
func (f figure) but(note string) figure     { f.note = note; return f }

const roundTripNote = "limit: bare round trip over a unix socket between two processes"

var taskTests = []test{
	{do: "warm", n: 50, rounds: 1},
	{do: "sync", n: 500, rounds: 4, figures: []figure{
		lower("task, submit and get, p50", "us", median).within(limitRoundTrip).but(roundTripNote),
		lower("task, submit and get, p99", "us", p99),
		lower("the first task of new code, p50", "us", median).by("first").but("in each round of those above: workers load what the cell declares, and the cell itself"),
	}},
	{do: "async", n: 1000, rounds: 5, figures: []figure{higher("1,000 tasks", "tasks/s")}},
	{do: "async", n: 10_000, rounds: 3, figures: []figure{higher("10,000 tasks", "tasks/s")}},
	{do: "async", n: 100_000, rounds: 1, long: true, figures: []figure{higher("100,000 tasks", "tasks/s")}},
	{do: "wait each", n: 1000, rounds: 3, figures: []figure{lower("wait for 1,000 refs, one at a time", "ms", median)}},
	{do: "wait ready", n: 1000, rounds: 3, figures: []figure{lower("wait for 1,000 refs that are ready", "us", median)}},
	{do: "chain", n: 100, rounds: 5, figures: []figure{lower("chain of 100 dependent tasks", "ms", median)}},
	{do: "nested", n: 100, rounds: 5, figures: []figure{lower("task that runs 100 tasks", "ms", median)}},
	{do: "fib", n: 35, rounds: 3, figures: []figure{lower("fib(35) in a task", "ms", median).within(ownLimit + "fib").
		but("limit: the same function in a program that go build made; Ray's is Python")}},
}

var actorTests = []test{
	{do: "warm", n: 50, rounds: 1},
	{do: "call sync", n: 500, rounds: 4, figures: []figure{
		lower("actor call, p50", "us", median).within(limitRoundTrip).but(roundTripNote),
		lower("actor call, p99", "us", p99),
	}},
	{do: "call async", n: 5000, rounds: 4, figures: []figure{higher("calls of one actor", "calls/s")}},
	{do: "call four", n: 8000, rounds: 4, figures: []figure{higher("calls of four actors", "calls/s")}},
}

var objectTests = []test{
	{do: "warm", n: 50, rounds: 1},
	{do: "put 100 B", n: 500, rounds: 4, figures: []figure{lower("put 100 B, p50", "us", median).within(ownLimit + "memcpy 100 B").
		but("limit: memcpy; Mobula keeps values of up to 100 KB in the process until a task needs them; Ray puts all into the store")}},
	{do: "put 1 MiB", n: 50, rounds: 4, figures: []figure{lower("put 1 MiB, p50", "us", median).within(ownLimit + "memcpy 1 MiB").but("limit: memcpy by one thread")}},
	{do: "put 1 GiB", n: 1, rounds: 9, figures: []figure{
		higher("put 1 GiB, the first", "GB/s").by("first").within(ownLimit + "memcpy fresh").but("limit: memcpy by one thread into fresh memory"),
		higher("put 1 GiB, later", "GB/s").by("later").within(ownLimit + "memcpy").but("limit: memcpy by one thread into used memory"),
	}},
	{do: "get 1 GiB", n: 12, rounds: 4, figures: []figure{
		lower("get 1 GiB, p50", "us", median).by("get"),
		lower("get 1 GiB and sum it, p50", "ms", median).by("sum").within(ownLimit + "sum").but("limit: the same sum over the process's own memory"),
	}},
	{do: "read 1 GiB", n: 20, rounds: 4, figures: []figure{lower("task that reads from a ref of 1 GiB, p50", "us", median)}},
	{do: "argument", n: 50, rounds: 4, figures: []figure{lower("task with 1 MB captured, p50", "us", median).within(ownLimit + "memcpy 1 MB").but("limit: memcpy of as much")}},
	{do: "result", n: 50, rounds: 4, figures: []figure{lower("task that returns 1 MB, p50", "us", median).within(ownLimit + "memcpy 1 MB").but("limit: memcpy of as much")}},
}
