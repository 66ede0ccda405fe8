package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"mobula/cluster/inspect"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// taskFilter says which tasks are wanted. What is empty does not matter.
type taskFilter struct {
	job               id.Job
	name, state, node string
	search            string // a part of the name, the id or the error, in lower case
}

func (r request) taskFilter() (f taskFilter, err error) {
	if text := r.params["job"]; text != "" {
		if f.job, err = id.Parse[id.Job](text); err != nil {
			return f, &badRequest{http.StatusBadRequest, fmt.Sprintf("job=%.40q is no id of a job: give all 32 digits", text)}
		}
	}
	f.name, f.state, f.node = r.params["name"], r.params["state"], r.params["node"]
	f.search = strings.ToLower(r.params["search"])
	return f, nil
}

func (f *taskFilter) matches(x *inspect.Tracked) bool {
	return (f.name == "" || x.Name == f.name) && (f.state == "" || x.State.String() == f.state) && (f.node == "" || x.Node == f.node) &&
		(f.search == "" || strings.Contains(strings.ToLower(x.Name), f.search) || strings.Contains(x.Task.Task.String(), f.search) ||
			strings.Contains(x.Task.Task.Short(), f.search) || strings.Contains(strings.ToLower(x.Error), f.search))
}

// tasksMeta is the meta of the topic tasks.
type tasksMeta struct {
	Counts  []taskCount `json:"counts"`  // of all tasks, or of all of the job
	Total   int         `json:"total"`   // the same
	Matched int         `json:"matched"` // by the filter; rows are the newest of them
}

// taskCount counts the tasks of a name.
type taskCount struct {
	Name   string         `json:"name"`
	States map[string]int `json:"states"`
	Tasks  int            `json:"tasks"`
}

// Bounds of what a page gets.
const (
	usualTasks = 1000
	maxCounts  = 200 // names; of the others there are fewer tasks
)

func lookTasks(ctx context.Context, s *Server, r request) (v view, err error) {
	limit, err := r.limit(usualTasks, maxRows)
	if err != nil {
		return v, err
	}
	f, err := r.taskFilter()
	if err != nil {
		return v, err
	}
	tasks, err := s.source.taskTracker(ctx)
	if err != nil {
		return v, err
	}
	v.without(tasks.Missing())
	v.cursor = fmt.Sprint(tasks.Version(), v.missing)
	if v.same = v.cursor == r.cursor; v.same {
		return v, nil
	}
	meta := tasksMeta{}
	counts := map[string]map[wire.TaskState]int{}
	var found []inspect.Task
	tasks.Each(func(x *inspect.Tracked) bool {
		if !f.job.IsZero() && x.Job != f.job {
			return true
		}
		meta.Total++
		of := counts[x.Name]
		if of == nil {
			of = map[wire.TaskState]int{}
			counts[x.Name] = of
		}
		of[x.State]++
		if f.matches(x) {
			if meta.Matched++; len(found) < limit {
				found = append(found, x.Task)
			}
		}
		return true
	})
	meta.Counts = sortedCounts(counts)
	for _, x := range found {
		if err := v.add(x.Identity(), x); err != nil {
			return v, err
		}
	}
	return v, v.setMeta(meta)
}

// sortedCounts lists the names with the most tasks first.
func sortedCounts(counts map[string]map[wire.TaskState]int) []taskCount {
	all := []taskCount{}
	for name, states := range counts {
		c := taskCount{Name: name, States: map[string]int{}}
		for state, n := range states {
			c.States[state.String()] = n
			c.Tasks += n
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b taskCount) int { return cmp.Or(cmp.Compare(b.Tasks, a.Tasks), cmp.Compare(a.Name, b.Name)) })
	return all[:min(maxCounts, len(all))]
}

// taskMeta is the meta of the topic task.
type taskMeta struct {
	inspect.Tracked
	LogMarker string `json:"log_marker"` // what its lines in a worker's log hold
}

func lookTask(ctx context.Context, s *Server, r request) (v view, err error) {
	which, err := id.Parse[id.Task](r.params["task"])
	if err != nil {
		return v, &badRequest{http.StatusBadRequest, fmt.Sprintf("task=%.40q is no id of a task: give all 32 digits", r.params["task"])}
	}
	tasks, err := s.source.taskTracker(ctx)
	if err != nil {
		return v, err
	}
	x, ok := tasks.Get(which)
	if !ok {
		return v, &badRequest{http.StatusNotFound, "no node knows this task: it may have ended long ago"}
	}
	v.without(tasks.Missing())
	return v, v.setMeta(taskMeta{x, x.LogMarker()})
}

// span is a row of the topic timeline: an attempt that has begun to run. Times are in ms since 1970.
type span struct {
	Task    id.Task        `json:"task"`
	Name    string         `json:"name"`
	Job     id.Job         `json:"job,omitzero"`
	Worker  id.Worker      `json:"worker,omitzero"`
	Node    string         `json:"node,omitempty"`
	Attempt uint64         `json:"attempt"`
	State   wire.TaskState `json:"state"`
	Begin   float64        `json:"begin"`
	End     float64        `json:"end,omitzero"` // 0: it runs
}

// usualSpans is how many attempts a timeline shows.
const usualSpans = 3000

func lookTimeline(ctx context.Context, s *Server, r request) (v view, err error) {
	limit, err := r.limit(usualSpans, maxRows)
	if err != nil {
		return v, err
	}
	f, err := r.taskFilter()
	if err != nil {
		return v, err
	}
	tasks, err := s.source.taskTracker(ctx)
	if err != nil {
		return v, err
	}
	v.without(tasks.Missing())
	v.cursor = fmt.Sprint(tasks.Version(), v.missing)
	if v.same = v.cursor == r.cursor; v.same {
		return v, nil
	}
	var spans []span
	tasks.Each(func(x *inspect.Tracked) bool {
		if (f.job.IsZero() || x.Job == f.job) && f.matches(x) {
			for i := range x.Attempts {
				if a := &x.Attempts[i]; !a.Begin.IsZero() {
					spans = append(spans, spanOf(x, a))
				}
			}
		}
		return len(spans) < limit
	})
	for _, x := range spans {
		if err := v.add(x.Task.String()+"/"+strconv.FormatUint(x.Attempt, 10), x); err != nil {
			return v, err
		}
	}
	return v, nil
}

func spanOf(x *inspect.Tracked, a *inspect.Attempt) span {
	ms := func(t time.Time) float64 {
		if t.IsZero() {
			return 0
		}
		return float64(t.UnixMicro()) / 1000
	}
	return span{
		Task: x.Task.Task, Name: x.Name, Job: x.Job, Worker: a.Worker, Node: a.Node, Attempt: a.Attempt, State: a.State, Begin: ms(a.Begin), End: ms(a.End),
	}
}
