package sched

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"mobula/internal/nearest"
)

// shown is how many things a message lists.
const shown = 3

func filter(nodes []*node, keep func(*node) bool) []*node {
	var kept []*node
	for _, n := range nodes {
		if keep(n) {
			kept = append(kept, n)
		}
	}
	return kept
}

// largest returns the node that has most of a resource; of equals, the first.
func largest(nodes []*node, name string) *node {
	most := nodes[0]
	for _, n := range nodes {
		if n.real.Total.Get(name) > most.real.Total.Get(name) {
			most = n
		}
	}
	return most
}

func total(nodes []*node, name string) (sum int64) {
	for _, n := range nodes {
		sum += n.real.Total.Get(name)
	}
	return sum
}

// count writes a number with its noun: "1 node", "3 nodes".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// String says who uses something: " by 2 tasks and 1 placement group".
func (h Holders) String() string {
	var parts []string
	if h.Tasks > 0 {
		parts = append(parts, count(h.Tasks, "task"))
	}
	if h.Groups > 0 {
		parts = append(parts, count(h.Groups, "bundle")+" of placement groups")
	}
	if len(parts) == 0 {
		return ""
	}
	return " by " + sentence(parts, "and")
}

// some lists the first few.
func some(words []string) string {
	if len(words) <= shown {
		return sentence(words, "and")
	}
	return sentence(append(slices.Clone(words[:shown]), strconv.Itoa(len(words)-shown)+" more"), "and")
}

func names(nodes []*node) string {
	words := make([]string, len(nodes))
	for i, n := range nodes {
		words[i] = n.Name
	}
	return some(words)
}

func distinct(words []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(words)))
}

func labelKeys(nodes []*node) []string {
	var keys []string
	for _, n := range nodes {
		keys = slices.AppendSeq(keys, maps.Keys(n.Labels))
	}
	return distinct(keys)
}

func customNames(nodes []*node) []string {
	var found []string
	for _, n := range nodes {
		found = slices.AppendSeq(found, maps.Keys(n.real.Total.Custom))
	}
	return distinct(found)
}

// lostDevices mentions GPUs that are there but do not work.
func (p *Pool) lostDevices(name string) string {
	lost := 0
	for _, d := range p.Devices {
		if d.Lost {
			lost++
		}
	}
	if name != GPU || lost == 0 {
		return ""
	}
	if lost == 1 {
		return " and 1 that does not work"
	}
	return fmt.Sprintf(" and %d that do not work", lost)
}

// nearName suggests the known name that was probably meant, or lists what is known.
func nearName(name string, known []string) string {
	meant, ok := nearest.Name(name, known, max(1, len(name)/2))
	switch {
	case ok:
		return "; did you mean " + meant + "?"
	case len(known) > 0:
		return "; known here: " + some(known)
	}
	return ""
}
