package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/internal/bytesize"
	"mobula/internal/id"
)

// lister makes the table of one kind of things. now is what ages are counted from.
type lister func(ctx context.Context, c headwire.Caller, now time.Time) (*table, error)

// kinds are the things that there are, and by which columns they are counted.
var kinds = map[string]struct {
	list lister
	by   []string
}{
	"nodes": {listNodes, []string{"STATE"}}, "workers": {listWorkers, []string{"NODE", "STATE"}}, "leases": {listLeases, []string{"NODE"}},
	"tasks": {listTasks, []string{"NAME", "STATE"}}, "actors": {listActors, []string{"CLASS", "STATE"}}, "objects": {listObjects, []string{"OWNER", "STATE"}},
	"jobs": {listJobs, []string{"STATE"}}, "groups": {listGroups, []string{"STRATEGY", "STATE"}},
}

// kindOf finds the kind that a word names, also as one thing: mobula get node ...
func kindOf(command, word string) (string, error) {
	for _, name := range []string{word, word + "s"} {
		if _, ok := kinds[name]; ok {
			return name, nil
		}
	}
	names := slices.Sorted(maps.Keys(kinds))
	return "", usageError{fmt.Sprintf("%s: %q is nothing to list%s: there are %s", command, word, meant(word, names, ""), strings.Join(names, ", "))}
}

// listCommand is  mobula list KIND  and  mobula get KIND ID.
func listCommand(ctx context.Context, command string, args []string, out io.Writer) error {
	var c clusterFlags
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	c.register(f)
	limit := f.Int("limit", 100, "")
	filter := f.String("filter", "", "")
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	want := 1
	if command == "get" {
		want = 2
	}
	if len(words) != want {
		return usageError{map[string]string{"list": "list: name one kind of things, as in  mobula list tasks", "get": "get: name a kind and an id, as in  mobula get task 1a2b3c4d"}[command]}
	}
	kind, err := kindOf(command, words[0])
	if err != nil {
		return err
	}
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	t, err := kinds[kind].list(ctx, client, time.Now())
	if err != nil {
		return err
	}
	if command == "get" {
		if err := t.pick("mobula list "+kind+" --limit 0", words[1]); err != nil {
			return err
		}
		return t.writeOne(out, c.format)
	}
	if err := t.filter(*filter); err != nil {
		return err
	}
	return t.write(out, c.format, *limit)
}

// pick keeps the one row whose id or name it is; the start of an id, or its short form, will do. list is the command that shows them all.
func (t *table) pick(list, name string) error {
	var found []row
	for _, r := range t.rows {
		full := idOf(r.thing)
		if r.cells[0] == name || full != "" && strings.HasPrefix(full, name) || slices.Contains(r.cells[:2], name) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("nothing has the name or id %q: see  %s", name, list)
	case 1:
		t.rows = found
		return nil
	}
	return fmt.Errorf("%q is the name, or the start of the id, of %d of them: give more of an id", name, len(found))
}

// identified is what lists show.
type identified interface{ identity() string }

func idOf(thing any) string {
	if i, ok := thing.(identified); ok {
		return i.identity()
	}
	return ""
}

// parseMixed reads flags and other words in any order.
func parseMixed(f *flag.FlagSet, args []string) (words []string, err error) {
	f.SetOutput(io.Discard)
	for len(args) > 0 {
		if err := f.Parse(args); err != nil {
			return nil, flagMistake(f, err)
		}
		if args = f.Args(); len(args) > 0 {
			words, args = append(words, args[0]), args[1:]
		}
	}
	return words, nil
}

func short(i interface {
	IsZero() bool
	Short() string
}) string {
	if i.IsZero() {
		return ""
	}
	return i.Short()
}

func since(now time.Time, ms int64) string {
	if ms == 0 {
		return ""
	}
	return age(now.Sub(time.UnixMilli(ms)))
}

type nodeRow struct{ headwire.NodeInfo }

func (r nodeRow) identity() string { return r.ID.String() }

func listNodes(ctx context.Context, c headwire.Caller, now time.Time) (*table, error) {
	all, err := ask(ctx, c, headwire.ListNodes, headwire.None{})
	if err != nil {
		return nil, err
	}
	t := &table{columns: []string{"NODE", "NAME", "STATE", "CPU", "GPU", "MEMORY", "WORKERS", "WAITING", "ADDRESS", "LABELS", "AGE", "REASON"}}
	for _, n := range all {
		use := func(name string) string {
			total := n.Total.Get(name)
			if total == 0 {
				return ""
			}
			return quantityOf(name, total-n.Free.Get(name)) + "/" + quantityOf(name, total)
		}
		workers, waiting, address := strconv.Itoa(n.Workers), strconv.Itoa(n.Waiting), n.Address
		if n.State == sched.Dead.String() { // what it had is no more
			use, workers, waiting, address = func(string) string { return "" }, "", "", ""
		}
		t.add(nodeRow{n}, short(n.ID), n.Name, n.State, use("cpu"), use("gpu"), use("memory"), workers, waiting, address, labelsOf(n.Labels), since(now, n.Joined), n.Reason)
	}
	return t, nil
}

func labelsOf(labels map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, name+"="+labels[name])
	}
	return strings.Join(parts, ",")
}

type workerRow struct {
	Node string `json:"node"`
	node.WorkerInfo
}

func (r workerRow) identity() string { return r.Worker.String() }

func listWorkers(ctx context.Context, c headwire.Caller, now time.Time) (*table, error) {
	answers, err := fromNodes[[]node.WorkerInfo](ctx, c, headwire.Query{What: "workers"})
	if err != nil {
		return nil, err
	}
	t := &table{columns: []string{"WORKER", "NODE", "PID", "STATE", "KIND", "LEASES", "MEMORY", "DEVICES", "AGE"}}
	for _, a := range answers {
		for _, w := range a.data {
			kind, pid := "own", strconv.Itoa(w.PID)
			if w.Shared {
				kind = "shared"
			}
			if w.PID == 0 {
				pid = ""
			}
			t.add(workerRow{a.node, w}, short(w.Worker), a.node, pid, w.State, kind, strconv.Itoa(len(w.Leases)), bytesize.Format(w.Resident),
				strings.Join(w.Devices, ","), age(now.Sub(w.Started)))
		}
	}
	return t, nil
}

type leaseRow struct {
	Node string `json:"node"`
	node.LeaseInfo
}

func (r leaseRow) identity() string { return r.Lease.String() }

func listLeases(ctx context.Context, c headwire.Caller, now time.Time) (*table, error) {
	answers, err := fromNodes[[]node.LeaseInfo](ctx, c, headwire.Query{What: "leases"})
	if err != nil {
		return nil, err
	}
	t := &table{columns: []string{"LEASE", "NODE", "JOB", "WORKER", "SLOTS", "WAITING", "RESOURCES", "AGE"}}
	for _, a := range answers {
		for _, l := range a.data {
			var parts []string
			for _, name := range slices.Sorted(maps.Keys(l.Class.Resources)) {
				parts = append(parts, fmt.Sprintf("%s=%g", name, l.Class.Resources[name]))
			}
			t.add(leaseRow{a.node, l}, short(l.Lease), a.node, short(l.Job), short(l.Worker), strconv.Itoa(l.Slots), strconv.Itoa(l.Blocked),
				strings.Join(parts, ","), age(now.Sub(l.Since)))
		}
	}
	return t, nil
}

type taskRow struct {
	Node string `json:"node,omitempty"` // where it runs, or ran
	node.TaskInfo
}

func (r taskRow) identity() string { return r.Task.String() }

// nodeNames finds the node of a worker: the workers of one have ids that begin alike.
type nodeNames map[string]string

func namesOfNodes(ctx context.Context, c headwire.Caller) (nodeNames, error) {
	all, err := ask(ctx, c, headwire.ListNodes, headwire.None{})
	return namesIn(all), err
}

func namesIn(nodes []headwire.NodeInfo) nodeNames {
	names := nodeNames{}
	for _, n := range nodes {
		names[n.Prefix] = n.Name
	}
	return names
}

func (n nodeNames) of(worker id.Worker) string {
	if worker.IsZero() {
		return ""
	}
	return cmp.Or(n[worker.String()[:16]], "?")
}

// tasksOf joins what the nodes know of each task: drivers and workers may tell different ones.
func tasksOf(answers []nodeAnswer[[]node.TaskInfo], names nodeNames) []taskRow {
	all := map[id.Task]*taskRow{}
	for _, a := range answers {
		for _, t := range a.data {
			have := all[t.Task]
			if have == nil {
				all[t.Task] = &taskRow{TaskInfo: t}
				continue
			}
			older := t
			if t.Attempt > have.Attempt || t.Attempt == have.Attempt && t.Last.After(have.Last) {
				older, have.TaskInfo = have.TaskInfo, t
			}
			have.Name = cmp.Or(have.Name, older.Name)
			if have.Worker.IsZero() {
				have.Worker = older.Worker
			}
			if older.Begin.Before(have.Begin) {
				have.Begin = older.Begin
			}
		}
	}
	rows := []taskRow{}
	for _, t := range all {
		t.Node = names.of(t.Worker)
		rows = append(rows, *t)
	}
	slices.SortFunc(rows, func(x, y taskRow) int { return cmp.Or(x.Begin.Compare(y.Begin), x.Task.Compare(y.Task.ID)) })
	return rows
}

func listTasks(ctx context.Context, c headwire.Caller, now time.Time) (*table, error) {
	answers, err := fromNodes[[]node.TaskInfo](ctx, c, headwire.Query{What: "tasks"})
	if err != nil {
		return nil, err
	}
	t := &table{columns: []string{"TASK", "NAME", "STATE", "ATTEMPT", "JOB", "NODE", "WORKER", "RAN", "AGE"}}
	names, err := namesOfNodes(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, x := range tasksOf(answers, names) {
		ran := ""
		if !x.Run.IsZero() {
			ran = age(x.Last.Sub(x.Run))
		}
		t.add(x, short(x.Task), x.Name, x.State.String(), strconv.FormatUint(x.Attempt, 10), short(x.Job), x.Node, short(x.Worker), ran, age(now.Sub(x.Begin)))
	}
	return t, nil
}
