package inspect

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"mobula/cluster/headwire"
	"mobula/internal/id"
)

// The kinds of jobs.
const (
	JobDriver    = "driver"    // a notebook or a program that has connected by itself
	JobSubmitted = "submitted" // an entrypoint that the cluster runs
)

// Job is a driver that has connected by itself, or a job that was submitted, with the drivers that it has started.
type Job struct {
	headwire.JobInfo        // of a submitted job what it has in common with a driver, without ID
	Ref              string `json:"id"` // that of a driver in hex, that of a submitted job as its user knows it
	Kind             string `json:"kind"`
	// Submitted is nil for a driver.
	Submitted *headwire.SubmittedJob `json:"submitted,omitempty"`
	Drivers   []headwire.JobInfo     `json:"drivers,omitempty"` // that are not forgotten
}

// Identity is the job's id.
func (j Job) Identity() string { return j.Ref }

// DriverIDs yields the drivers that are the job's, or that it is.
func (j Job) DriverIDs() iter.Seq[id.Job] {
	return func(yield func(id.Job) bool) {
		if j.Kind == JobDriver {
			yield(j.ID)
			return
		}
		for _, d := range j.Drivers {
			if !yield(d.ID) {
				return
			}
		}
	}
}

// Is reports whether a name is the job's id, or the full one of a driver of it.
func (j Job) Is(name string) bool {
	if j.Ref == name {
		return true
	}
	for driver := range j.DriverIDs() {
		if driver.String() == name {
			return true
		}
	}
	return false
}

// Jobs lists the jobs that the head knows, the oldest first. The drivers of submitted jobs are in those.
func Jobs(ctx context.Context, c headwire.Caller) (List[Job], error) {
	drivers, err := askHead(ctx, c, headwire.ListJobs)
	if err != nil {
		return List[Job]{}, err
	}
	l, err := SubmittedJobs(ctx, c)
	if err != nil {
		return l, err
	}
	of := map[string]int{}
	for i, j := range l.Rows {
		of[j.Ref] = i
	}
	for _, d := range drivers {
		if i, ok := of[d.Submission]; ok {
			l.Rows[i].Drivers = append(l.Rows[i].Drivers, d)
			continue
		}
		l.Rows = append(l.Rows, Job{JobInfo: d, Ref: d.ID.String(), Kind: JobDriver})
	}
	slices.SortStableFunc(l.Rows, func(a, b Job) int { return cmp.Compare(a.Created, b.Created) })
	return l, nil
}

// SubmittedJobs lists the jobs that were submitted, without their drivers.
func SubmittedJobs(ctx context.Context, c headwire.Caller) (List[Job], error) {
	return rowsFromHead(ctx, c, headwire.ListSubmitted, submittedRow)
}

func submittedRow(s headwire.SubmittedJob) Job {
	j := Job{Ref: s.ID, Kind: JobSubmitted, Submitted: &s}
	j.Name, j.Entrypoint, j.State, j.Created, j.Ended = s.Name, strings.Join(s.Entrypoint, " "), s.State, s.Created, s.Ended
	j.Message, _, _ = strings.Cut(s.Message, "\n")
	if n := len(s.Attempts); n > 0 {
		j.Node, j.PID = s.Attempts[n-1].Node, s.Attempts[n-1].PID
	}
	return j
}
