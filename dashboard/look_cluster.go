package dashboard

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"mobula/cluster/headwire"
	"mobula/cluster/inspect"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
	"mobula/objstore"
)

// resource is one resource with what of it is in use: bytes of memory, whole units of all others.
type resource struct {
	Name  string  `json:"name"`
	Used  float64 `json:"used"`
	Total float64 `json:"total"`
}

// resourcesOf lists them, CPUs first.
func resourcesOf(total, free sched.Resources) []resource {
	all := []resource{}
	for _, name := range slices.Backward(total.Names()) {
		unit := float64(sched.One)
		if name == sched.Memory {
			unit = 1
		}
		all = append(all, resource{name, float64(total.Get(name)-free.Get(name)) / unit, float64(total.Get(name)) / unit})
	}
	return all
}

// overview is the meta of the topic of that name.
type overview struct {
	Cluster   headwire.ClusterInfo     `json:"cluster"`
	Resources []resource               `json:"resources"`
	Store     *storeUse                `json:"store,omitempty"` // nil where no node has told of one
	Nodes     map[string]int           `json:"nodes"`           // by state
	Jobs      map[string]int           `json:"jobs"`
	Tasks     map[string]int           `json:"tasks"`
	Workers   int                      `json:"workers"`
	Waiting   int                      `json:"waiting"` // slots that are wanted and not given
	Demand    []headwire.WaitingDemand `json:"demand"`  // of those, what nodes could not place themselves
	Recent    []inspect.Job            `json:"recent"`
	Failures  []inspect.Task           `json:"failures"`
}

// storeUse adds up the object stores. Sizes are in bytes.
type storeUse struct {
	Used     int64 `json:"used"`
	Capacity int64 `json:"capacity"`
	OnDisk   int64 `json:"on_disk"`
}

// What the overview shows at most.
const (
	maxRecent   = 8
	maxFailures = 8
	maxDemand   = 20
)

func lookOverview(ctx context.Context, s *Server, _ request) (v view, err error) {
	status, err := fetch(ctx, s.source, "status", usual/2, inspect.GetStatus)
	if err != nil {
		return v, err
	}
	jobs, err := fetch(ctx, s.source, "jobs", usual/2, inspect.Jobs)
	if err != nil {
		return v, err
	}
	tasks, err := s.source.taskTracker(ctx)
	if err != nil {
		return v, err
	}
	told, err := fetch(ctx, s.source, "figures", busyEvery/2, askFigures)
	if err != nil {
		return v, err
	}
	o := overview{Cluster: status.Cluster, Nodes: status.States(), Jobs: map[string]int{}, Recent: recentJobs(jobs.Rows), Failures: []inspect.Task{}}
	o.Resources = resourcesOf(status.Resources())
	o.Demand = append([]headwire.WaitingDemand{}, status.Cluster.Demand[:min(maxDemand, len(status.Cluster.Demand))]...)
	o.Cluster.Demand = nil
	for _, n := range status.Nodes {
		o.Workers += n.Workers
		o.Waiting += n.Waiting
	}
	for _, j := range jobs.Rows {
		o.Jobs[j.State]++
	}
	for _, f := range told.figures {
		o.addStore(f.Store)
	}
	o.addTasks(tasks)
	v.without(tasks.Missing())
	return v, v.setMeta(o)
}

func (o *overview) addStore(s *objstore.Stats) {
	if s == nil {
		return
	}
	if o.Store == nil {
		o.Store = &storeUse{}
	}
	o.Store.Used += s.Busy
	o.Store.Capacity += s.Capacity
	o.Store.OnDisk += s.SpilledBytes
}

func recentJobs(all []inspect.Job) []inspect.Job {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b inspect.Job) int { return cmp.Compare(b.Created, a.Created) })
	return all[:min(maxRecent, len(all))]
}

// addTasks counts the tasks and finds the last failures.
func (o *overview) addTasks(tasks *inspect.TaskTracker) {
	states := map[wire.TaskState]int{}
	tasks.Each(func(x *inspect.Tracked) bool {
		states[x.State]++
		if x.State == wire.TaskFailed && (len(o.Failures) < maxFailures || x.Last.After(o.Failures[maxFailures-1].Last)) {
			o.Failures = append(o.Failures, x.Task)
			slices.SortStableFunc(o.Failures, func(a, b inspect.Task) int { return b.Last.Compare(a.Last) })
			o.Failures = o.Failures[:min(maxFailures, len(o.Failures))]
		}
		return true
	})
	o.Tasks = make(map[string]int, len(states))
	for state, n := range states {
		o.Tasks[state.String()] = n
	}
}

// figuresOfNodes are those of each node that has answered.
type figuresOfNodes struct {
	figures map[id.Node]node.Figures
}

func askFigures(ctx context.Context, c headwire.Caller) (told figuresOfNodes, err error) {
	answers, err := headwire.Ask(ctx, c, headwire.AskNodes, headwire.Query{What: "figures"})
	told.figures = make(map[id.Node]node.Figures, len(answers))
	for _, a := range answers {
		var f node.Figures
		if a.Error == "" && json.Unmarshal(a.Data, &f) == nil {
			told.figures[a.Node] = f
		}
	}
	return told, err
}

// nodeRow is a row of the topic nodes.
type nodeRow struct {
	inspect.Node
	Resources []resource    `json:"resources"`
	Figures   *node.Figures `json:"figures,omitempty"` // nil where it has not answered
}

func lookNodes(ctx context.Context, s *Server, _ request) (v view, err error) {
	nodes, err := fetch(ctx, s.source, "nodes", usual/2, inspect.Nodes)
	if err != nil {
		return v, err
	}
	told, err := fetch(ctx, s.source, "figures", busyEvery/2, askFigures)
	if err != nil {
		return v, err
	}
	for _, n := range nodes.Rows {
		r := nodeRow{Node: n, Resources: resourcesOf(n.Total, n.Free)}
		if f, ok := told.figures[n.ID]; ok {
			r.Figures = &f
		} else if n.State != sched.Dead.String() {
			v.missing = append(v.missing, "node "+n.Name+": it does not answer")
		}
		if err := v.add(n.Identity(), r); err != nil {
			return v, err
		}
	}
	return v, nil
}

func lookWorkers(ctx context.Context, s *Server, r request) (v view, err error) {
	l, err := fetch(ctx, s.source, "workers", usual/2, inspect.Workers)
	if err != nil {
		return v, err
	}
	name := r.params["node"]
	return v, addRows(&v, l, func(w inspect.Worker) bool { return name == "" || w.Node == name })
}

func lookActors(ctx context.Context, s *Server, r request) (v view, err error) {
	l, err := fetch(ctx, s.source, "actors", usual/2, inspect.Actors)
	if err != nil {
		return v, err
	}
	job := r.params["job"]
	return v, addRows(&v, l, func(a inspect.Actor) bool { return job == "" || a.Job.String() == job })
}

func lookGroups(ctx context.Context, s *Server, _ request) (v view, err error) {
	l, err := fetch(ctx, s.source, "groups", usual/2, inspect.Groups)
	if err != nil {
		return v, err
	}
	return v, addRows(&v, l, nil)
}

// jobRow is a row of the topic jobs.
type jobRow struct {
	inspect.Job
	Node  string         `json:"node_name,omitempty"`
	Tasks map[string]int `json:"tasks"` // by state, of those that are known
}

func lookJobs(ctx context.Context, s *Server, r request) (v view, err error) {
	jobs, err := fetch(ctx, s.source, "jobs", usual/2, inspect.Jobs)
	if err != nil {
		return v, err
	}
	nodes, err := fetch(ctx, s.source, "nodes", usual/2, inspect.Nodes)
	if err != nil {
		return v, err
	}
	tasks, err := s.source.taskTracker(ctx)
	if err != nil {
		return v, err
	}
	counts := map[id.Job]map[string]int{}
	tasks.Each(func(x *inspect.Tracked) bool {
		if counts[x.Job] == nil {
			counts[x.Job] = map[string]int{}
		}
		counts[x.Job][x.State.String()]++
		return true
	})
	want := r.params["job"]
	for _, j := range jobs.Rows {
		if want != "" && !j.Is(want) {
			continue
		}
		x := jobRow{Job: j, Tasks: map[string]int{}}
		for driver := range j.DriverIDs() {
			for state, n := range counts[driver] {
				x.Tasks[state] += n
			}
		}
		if i := slices.IndexFunc(nodes.Rows, func(n inspect.Node) bool { return n.ID == j.Node }); i >= 0 {
			x.Node = nodes.Rows[i].Name
		}
		if err := v.add(j.Identity(), x); err != nil {
			return v, err
		}
	}
	if want != "" && len(v.rows) == 0 {
		return v, &badRequest{http.StatusNotFound, "the cluster does not know this job: it keeps those that have ended for a day"}
	}
	v.without(tasks.Missing())
	return v, nil
}

// objectRow is an object with all copies of it.
type objectRow struct {
	Object  string   `json:"object"`
	Size    int64    `json:"size"` // bytes
	Job     string   `json:"job,omitempty"`
	Cell    int      `json:"cell,omitzero"`
	Type    string   `json:"type,omitempty"`
	Holders []holder `json:"holders"`
}

type holder struct {
	Node   string `json:"node"`
	State  string `json:"state"`
	Refs   int    `json:"refs"`
	Pins   int    `json:"pins"`
	OnDisk bool   `json:"on_disk,omitzero"`
}

// objectsMeta is the meta of the topic objects.
type objectsMeta struct {
	Objects int   `json:"objects"` // as many as there are; rows are the largest of them
	Bytes   int64 `json:"bytes"`   // of all copies
}

// usualObjects and maxRows bound the rows that a page gets.
const (
	usualObjects = 1000
	maxRows      = 5000
)

func lookObjects(ctx context.Context, s *Server, r request) (v view, err error) {
	limit, err := r.limit(usualObjects, maxRows)
	if err != nil {
		return v, err
	}
	l, err := fetch(ctx, s.source, "objects", seldom/2, inspect.Objects)
	if err != nil {
		return v, err
	}
	rows, meta := joinObjects(l.Rows, r.params["node"])
	slices.SortFunc(rows, func(a, b *objectRow) int { return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Object, b.Object)) })
	for _, x := range rows[:min(limit, len(rows))] {
		if err := v.add(x.Object, x); err != nil {
			return v, err
		}
	}
	v.without(l.Missing)
	return v, v.setMeta(meta)
}

// joinObjects joins the copies of each object.
func joinObjects(all []inspect.Object, onNode string) (rows []*objectRow, meta objectsMeta) {
	byID := map[string]*objectRow{}
	for _, o := range all {
		x := byID[o.Object]
		if x == nil {
			x = &objectRow{Object: o.Object}
			byID[o.Object] = x
			rows = append(rows, x)
		}
		x.Size = max(x.Size, o.Size)
		x.Job, x.Cell, x.Type = cmp.Or(x.Job, o.Owner.Job), cmp.Or(x.Cell, o.Owner.Cell), cmp.Or(x.Type, o.Owner.Type)
		x.Holders = append(x.Holders, holder{o.Node, o.State, o.Refs, o.Pins, o.OnDisk})
		if onNode == "" || o.Node == onNode {
			meta.Bytes += o.Size
		}
	}
	if onNode != "" {
		rows = slices.DeleteFunc(rows, func(x *objectRow) bool {
			return !slices.ContainsFunc(x.Holders, func(h holder) bool { return h.Node == onNode })
		})
	}
	meta.Objects = len(rows)
	return rows, meta
}
