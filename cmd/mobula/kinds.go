package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/inspect"
	"mobula/cluster/sched"
	"mobula/internal/bytesize"
)

// kind is a kind of things that can be listed.
type kind struct {
	columns []string
	by      []string // the columns by which a summary counts
	list    func(ctx context.Context, c headwire.Caller, now time.Time) (*table, error)
}

// kinds are the things that there are.
var kinds = map[string]kind{
	"heads":   kindOf(inspect.Heads, headCells, "STATE", "HEAD STATE ADDRESS"),
	"nodes":   kindOf(inspect.Nodes, nodeCells, "STATE", "NODE NAME STATE CPU GPU MEMORY WORKERS WAITING ADDRESS LABELS AGE REASON"),
	"workers": kindOf(inspect.Workers, workerCells, "NODE STATE", "WORKER NODE PID STATE KIND LEASES MEMORY DEVICES AGE"),
	"leases":  kindOf(inspect.Leases, leaseCells, "NODE", "LEASE NODE JOB WORKER SLOTS WAITING RESOURCES AGE"),
	"tasks":   kindOf(inspect.Tasks, taskCells, "NAME STATE", "TASK NAME STATE ATTEMPT JOB NODE WORKER RAN AGE"),
	"actors":  kindOf(inspect.Actors, actorCells, "CLASS STATE", "ACTOR NAME NAMESPACE CLASS STATE RESTARTS NODE DETACHED AGE REASON"),
	"objects": kindOf(inspect.Objects, objectCells, "OWNER STATE", "OBJECT NODE SIZE STATE REFS PINS OWNER"),
	"jobs":    kindOf(inspect.Jobs, jobCells, "KIND STATE", jobColumns),
	"groups":  kindOf(inspect.Groups, groupCells, "STRATEGY STATE", "GROUP NAME STRATEGY STATE BUNDLES JOB AGE REASON"),
}

// kindOf makes a kind of what lists its rows, and what writes one as the cells of a table.
func kindOf[Row identified](ask func(context.Context, headwire.Caller) (inspect.List[Row], error), cells func(Row, time.Time) []string, by, columns string) kind {
	k := kind{columns: strings.Fields(columns), by: strings.Fields(by)}
	k.list = func(ctx context.Context, c headwire.Caller, now time.Time) (*table, error) {
		l, err := ask(ctx, c)
		if err != nil {
			return nil, err
		}
		t := &table{columns: k.columns, missing: l.Missing}
		for _, r := range l.Rows {
			t.add(r, cells(r, now)...)
		}
		return t, nil
	}
	return k
}

// identified is what lists show.
type identified interface{ Identity() string }

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

// quantityOf writes a quantity as Resources.Get gives it.
func quantityOf(name string, n int64) string {
	if name == sched.Memory {
		return bytesize.Format(n)
	}
	return sched.Amount(n).String()
}

func nodeCells(n inspect.Node, now time.Time) []string {
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
	return []string{
		short(n.ID), n.Name, n.State, use(sched.CPU), use(sched.GPU), use(sched.Memory), workers, waiting, address, labelsOf(n.Labels), since(now, n.Joined), n.Reason,
	}
}

func labelsOf(labels map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, name+"="+labels[name])
	}
	return strings.Join(parts, ",")
}

func workerCells(w inspect.Worker, now time.Time) []string {
	kind, pid := "own", strconv.Itoa(w.PID)
	if w.Shared {
		kind = "shared"
	}
	if w.PID == 0 {
		pid = ""
	}
	return []string{
		short(w.Worker), w.Node, pid, w.State, kind, strconv.Itoa(len(w.Leases)), bytesize.Format(w.Resident), strings.Join(w.Devices, ","), age(now.Sub(w.Started)),
	}
}

func leaseCells(l inspect.Lease, now time.Time) []string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(l.Class.Resources)) {
		parts = append(parts, fmt.Sprintf("%s=%g", name, l.Class.Resources[name]))
	}
	return []string{
		short(l.Lease), l.Node, short(l.Job), short(l.Worker), strconv.Itoa(l.Slots), strconv.Itoa(l.Blocked), strings.Join(parts, ","), age(now.Sub(l.Since)),
	}
}

func taskCells(t inspect.Task, now time.Time) []string {
	ran := ""
	if !t.Run.IsZero() {
		ran = age(t.Last.Sub(t.Run))
	}
	return []string{
		short(t.Task), t.Name, t.State.String(), strconv.FormatUint(t.Attempt, 10), short(t.Job), t.Node, short(t.Worker), ran, age(now.Sub(t.Begin)),
	}
}

func actorCells(a inspect.Actor, now time.Time) []string {
	detached, reason := "no", a.Cause
	if a.Detached {
		detached = "yes"
	}
	if a.State == "alive" { // its cause is that of an earlier end
		reason = ""
	}
	return []string{
		short(a.ID), a.Name, a.Namespace, a.Class, a.State, strconv.Itoa(a.Restarts), a.NodeName, detached, since(now, a.Created), reason,
	}
}

const jobColumns = "JOB NAME KIND STATE NAMESPACE DRIVERS PID AGE MESSAGE"

func jobCells(j inspect.Job, now time.Time) []string {
	pid, ref := "", j.Ref
	if j.PID != 0 {
		pid = strconv.Itoa(j.PID)
	}
	if j.Kind == inspect.JobDriver {
		ref = short(j.ID)
	}
	var drivers []string
	for _, d := range j.Drivers {
		drivers = append(drivers, d.ID.Short())
	}
	if most := 3; len(drivers) > most {
		drivers = append(drivers[:most], fmt.Sprintf("%d more", len(drivers)-most))
	}
	return []string{ref, j.Name, j.Kind, j.State, j.Namespace, strings.Join(drivers, ","), pid, since(now, j.Created), j.Message}
}

func headCells(h inspect.Head, _ time.Time) []string {
	return []string{h.ID, h.State, h.Address}
}

func groupCells(g inspect.Group, now time.Time) []string {
	var bundles []string
	for _, b := range g.Bundles {
		at := "?"
		if !b.Node.IsZero() {
			at = b.Node.Short()
		}
		bundles = append(bundles, fmt.Sprintf("%v at %s", b.Resources, at))
	}
	return []string{short(g.ID), g.Name, g.Strategy, g.State, strings.Join(bundles, "; "), short(g.Job), since(now, g.Created), g.Reason}
}

func objectCells(o inspect.Object, _ time.Time) []string {
	return []string{o.Object, o.Node, bytesize.Format(o.Size), o.State, strconv.Itoa(o.Refs), strconv.Itoa(o.Pins), o.Owner.String()}
}
