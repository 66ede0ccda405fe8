package sched

import (
	"iter"
	"slices"

	"mobula/internal/id"
)

// turns is the fair order of a queue.
type turns struct {
	jobs [][]int // indexes into the queue by job, first in first; the job whose turn it is comes first
}

// newTurns lets jobs take turns in the order of their ids, beginning after the one that came last.
func newTurns(queue []Request, last id.Job) turns {
	place := map[id.Job]int{}
	var ids []id.Job
	var jobs [][]int
	for i := range queue {
		job := queue[i].Job
		at, ok := place[job]
		if !ok {
			at = len(jobs)
			place[job] = at
			ids, jobs = append(ids, job), append(jobs, nil)
		}
		jobs[at] = append(jobs[at], i)
	}
	slices.SortFunc(ids, func(a, b id.Job) int { return a.Compare(b.ID) })
	first, found := slices.BinarySearchFunc(ids, last, func(a, b id.Job) int { return a.Compare(b.ID) })
	if found {
		first++
	}
	var t turns
	for i := range ids {
		t.jobs = append(t.jobs, jobs[place[ids[(first+i)%len(ids)]]])
	}
	return t
}

// order gives one request of each job, again and again.
func (t turns) order() iter.Seq[int] {
	return func(yield func(int) bool) {
		left := slices.Clone(t.jobs)
		for len(left) > 0 {
			rest := left[:0]
			for _, job := range left {
				if !yield(job[0]) {
					return
				}
				if len(job) > 1 {
					rest = append(rest, job[1:])
				}
			}
			left = rest
		}
	}
}
