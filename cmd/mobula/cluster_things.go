package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/internal/bytesize"
)

// quantityOf writes a quantity as Resources.Get gives it.
func quantityOf(name string, n int64) string {
	if name == sched.Memory {
		return bytesize.Format(n)
	}
	return sched.Amount(n).String()
}

type actorRow struct {
	headwire.ActorInfo
	NodeName string `json:"node_name,omitempty"`
}

func (r actorRow) identity() string { return r.ID.String() }

func listActors(ctx context.Context, c headwire.Caller, now time.Time) (*table, error) {
	all, err := ask(ctx, c, headwire.ListActors, headwire.None{})
	if err != nil {
		return nil, err
	}
	nodes, err := ask(ctx, c, headwire.ListNodes, headwire.None{})
	if err != nil {
		return nil, err
	}
	t := &table{columns: []string{"ACTOR", "NAME", "NAMESPACE", "CLASS", "STATE", "RESTARTS", "NODE", "DETACHED", "AGE", "REASON"}}
	for _, a := range all {
		at, detached, reason := "", "no", a.Cause
		if i := slices.IndexFunc(nodes, func(n headwire.NodeInfo) bool { return n.ID == a.Node }); i >= 0 {
			at = nodes[i].Name
		}
		if a.Detached {
			detached = "yes"
		}
		if a.State == "alive" {
			reason = ""
		}
		t.add(actorRow{a, at}, short(a.ID), a.Name, a.Namespace, a.Class, a.State, strconv.Itoa(a.Restarts), at, detached, since(now, a.Created), reason)
	}
	return t, addOwnedActors(ctx, c, t, nodes, now)
}

// addOwnedActors adds the actors that no head knows: they live for a driver, and end with it.
func addOwnedActors(ctx context.Context, c headwire.Caller, t *table, nodes []headwire.NodeInfo, now time.Time) error {
	answers, err := fromNodes[[]node.OwnedActorInfo](ctx, c, headwire.Query{What: "actors"})
	if err != nil {
		return err
	}
	names := namesIn(nodes)
	for _, answer := range answers {
		for _, a := range answer.data {
			row := actorRow{headwire.ActorInfo{ID: a.ID, Job: a.Job, Class: a.Class, State: "pending", Restarts: a.Restarts, Worker: a.Worker, Created: a.Created}, names.of(a.Worker)}
			if a.Alive {
				row.State = "alive"
			}
			t.add(row, short(a.ID), "", "", a.Class, row.State, strconv.Itoa(a.Restarts), row.NodeName, "no", since(now, a.Created), "")
		}
	}
	return nil
}

type jobRow struct{ headwire.JobInfo }

func (r jobRow) identity() string { return r.ID.String() }

func listJobs(ctx context.Context, c headwire.Caller, now time.Time) (*table, error) {
	all, err := ask(ctx, c, headwire.ListJobs, headwire.None{})
	if err != nil {
		return nil, err
	}
	t := &table{columns: []string{"JOB", "NAME", "STATE", "NAMESPACE", "PID", "AGE", "MESSAGE"}}
	for _, j := range all {
		pid := ""
		if j.PID != 0 {
			pid = strconv.Itoa(j.PID)
		}
		t.add(jobRow{j}, short(j.ID), j.Name, j.State, j.Namespace, pid, since(now, j.Created), j.Message)
	}
	return t, nil
}

type groupRow struct{ headwire.GroupInfo }

func (r groupRow) identity() string { return r.ID.String() }

func listGroups(ctx context.Context, c headwire.Caller, now time.Time) (*table, error) {
	all, err := ask(ctx, c, headwire.ListGroups, headwire.None{})
	if err != nil {
		return nil, err
	}
	t := &table{columns: []string{"GROUP", "NAME", "STRATEGY", "STATE", "BUNDLES", "JOB", "AGE", "REASON"}}
	for _, g := range all {
		var bundles []string
		for _, b := range g.Bundles {
			at := "?"
			if !b.Node.IsZero() {
				at = b.Node.Short()
			}
			bundles = append(bundles, fmt.Sprintf("%v at %s", b.Resources, at))
		}
		t.add(groupRow{g}, short(g.ID), g.Name, g.Strategy, g.State, strings.Join(bundles, "; "), short(g.Job), since(now, g.Created), g.Reason)
	}
	return t, nil
}

type objectRow struct {
	Node string `json:"node"`
	node.ObjectInfo
}

func (r objectRow) identity() string { return r.Object }

func listObjects(ctx context.Context, c headwire.Caller, _ time.Time) (*table, error) {
	answers, err := fromNodes[[]node.ObjectInfo](ctx, c, headwire.Query{What: "objects"})
	if err != nil {
		return nil, err
	}
	t := &table{columns: []string{"OBJECT", "NODE", "SIZE", "STATE", "REFS", "PINS", "OWNER"}}
	for _, a := range answers {
		for _, o := range a.data {
			t.add(objectRow{a.node, o}, o.Object, a.node, bytesize.Format(o.Size), o.State, strconv.Itoa(o.Refs), strconv.Itoa(o.Pins), o.Owner.String())
		}
	}
	return t, nil
}

// countRow is a line of a summary.
type countRow struct {
	By    map[string]string `json:"by"`
	Count int               `json:"count"`
}

// summarize counts the rows that are equal in some columns.
func (t *table) summarize(by []string) *table {
	counts := map[string]*countRow{}
	var keys []string
	for _, r := range t.rows {
		cells := map[string]string{}
		var parts []string
		for _, name := range by {
			cell := r.cells[slices.Index(t.columns, name)]
			cells[strings.ToLower(name)] = cell
			parts = append(parts, cell)
		}
		key := strings.Join(parts, "\x00")
		if counts[key] == nil {
			counts[key] = &countRow{By: cells}
			keys = append(keys, key)
		}
		counts[key].Count++
	}
	slices.Sort(keys)
	sum := &table{columns: append(slices.Clone(by), "COUNT")}
	for _, key := range keys {
		var cells []string
		for _, name := range by {
			cells = append(cells, counts[key].By[strings.ToLower(name)])
		}
		sum.add(*counts[key], append(cells, strconv.Itoa(counts[key].Count))...)
	}
	return sum
}

func summaryCommand(ctx context.Context, args []string, out io.Writer) error {
	var c clusterFlags
	f := flag.NewFlagSet("summary", flag.ContinueOnError)
	c.register(f)
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return usageError{"summary: name one kind of things, as in  mobula summary tasks"}
	}
	kind, err := kindOf("summary", words[0])
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
	return t.summarize(kinds[kind].by).write(out, c.format, 0)
}

// memoryCommand shows what holds memory, on each node.
func memoryCommand(ctx context.Context, args []string, out io.Writer) error {
	var c clusterFlags
	f := flag.NewFlagSet("memory", flag.ContinueOnError)
	c.register(f)
	if err := parse(f, args); err != nil {
		return err
	}
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	answers, err := fromNodes[node.MemoryInfo](ctx, client, headwire.Query{What: "memory"})
	if err != nil {
		return err
	}
	if c.format == "json" {
		all := map[string]node.MemoryInfo{}
		for _, a := range answers {
			all[a.node] = a.data
		}
		return writeJSON(out, all)
	}
	return writeMemory(out, answers)
}

func writeMemory(w io.Writer, answers []nodeAnswer[node.MemoryInfo]) error {
	slices.SortStableFunc(answers, func(x, y nodeAnswer[node.MemoryInfo]) int { return cmp.Compare(x.node, y.node) })
	for i, a := range answers {
		if i > 0 {
			fmt.Fprintln(w)
		}
		m := a.data
		fmt.Fprintf(w, "%s: %s of %s are available\n", a.node, bytesize.Format(m.Available), bytesize.Format(m.Total))
		if s := m.Store; s != nil {
			fmt.Fprintf(w, "object store: %s of %s in use, %s pinned by readers, %s on disk\n",
				bytesize.Format(s.Busy), bytesize.Format(s.Capacity), bytesize.Format(s.Pinned), bytesize.Format(s.SpilledBytes))
		}
		t := &table{columns: []string{"WORKER", "PID", "MEMORY", "LEASES"}}
		slices.SortStableFunc(m.Workers, func(x, y node.WorkerInfo) int { return cmp.Compare(y.Resident, x.Resident) })
		for _, x := range m.Workers {
			t.add(x, short(x.Worker), strconv.Itoa(x.PID), bytesize.Format(x.Resident), strconv.Itoa(len(x.Leases)))
		}
		if len(t.rows) > 0 {
			if err := t.write(w, "table", 0); err != nil {
				return err
			}
		}
	}
	return nil
}
