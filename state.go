package mobula

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/session"
)

// Worker is a process that runs tasks.
type Worker struct {
	ID       WorkerID  `json:"worker"`
	PID      int       `json:"pid"`
	State    string    `json:"state"`
	Shared   bool      `json:"shared"`  // many tasks run in it at a time
	Devices  []string  `json:"devices"` // GPUs that it sees
	Started  time.Time `json:"started"`
	Resident int64     `json:"resident"` // bytes of memory
}

// Workers lists the worker processes of the node that this process is connected to.
func Workers(ctx context.Context) ([]Worker, error) {
	s, err := current()
	if err != nil {
		return nil, err
	}
	data, err := session.Ask(ctx, s, headwire.QueryNode, headwire.Query{What: "workers"})
	if err != nil {
		return nil, fmt.Errorf("list workers: %w", err)
	}
	var list []Worker
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("list workers: the node's answer: %w", err)
	}
	return list, nil
}

// Node is a machine of the cluster.
type Node struct {
	ID      NodeID
	Name    string
	State   string // alive, suspect, draining or dead
	PID     int    // of its agent
	Labels  map[string]string
	Total   Amounts
	Free    Amounts
	Workers int
}

// Amounts are resources by name: cpu and gpu in units, memory in bytes, custom ones.
type Amounts map[string]float64

// Nodes lists the nodes of the cluster.
func Nodes(ctx context.Context) ([]Node, error) {
	s, err := current()
	if err != nil {
		return nil, err
	}
	infos, err := session.Ask(ctx, s, headwire.ListNodes, headwire.None{})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	var list []Node
	for _, n := range infos {
		list = append(list, Node{
			ID: n.ID, Name: n.Name, State: n.State, PID: n.PID, Labels: n.Labels, Total: amountsOf(n.Total), Free: amountsOf(n.Free), Workers: n.Workers,
		})
	}
	return list, nil
}

// Resources returns what all live nodes have, and what of it is free.
func Resources(ctx context.Context) (total, free Amounts, err error) {
	nodes, err := Nodes(ctx)
	if err != nil {
		return nil, nil, err
	}
	total, free = Amounts{}, Amounts{}
	for _, n := range nodes {
		if n.State == sched.Dead.String() {
			continue
		}
		for name, amount := range n.Total {
			total[name] += amount
		}
		for name, amount := range n.Free {
			free[name] += amount
		}
	}
	return total, free, nil
}

func amountsOf(r sched.Resources) Amounts {
	a := Amounts{}
	for _, name := range r.Names() {
		switch name {
		case sched.Memory:
			a[name] = float64(r.Memory)
		default:
			a[name] = float64(r.Get(name)) / float64(sched.One)
		}
	}
	return a
}
