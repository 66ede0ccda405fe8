package node

import (
	"encoding/json"
	"runtime"
	"time"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// Info is the answer to the query "node".
type Info struct {
	Node    id.Node `json:"node"`
	Name    string  `json:"name"`
	Address string  `json:"address"`
	PID     int     `json:"pid"`
	Version string  `json:"version,omitempty"`
	// Platform is that of its programs, as linux/amd64.
	Platform string            `json:"platform,omitempty"`
	Started  time.Time         `json:"started"`
	Labels   map[string]string `json:"labels,omitempty"`
	Total    sched.Resources   `json:"total"`
	Free     sched.Resources   `json:"free"` // CPU is below 0 while tasks that waited run again
	Devices  []sched.Device    `json:"devices,omitempty"`
	Workers  int               `json:"workers"`
	// Embedded: it belongs to a notebook or a program, and ends with it.
	Embedded bool `json:"embedded,omitzero"`
	Head     bool `json:"head,omitzero"` // it belongs to a cluster with a head
	Leases   int  `json:"leases"`
	Waiting  int  `json:"waiting"` // slots that are wanted and not given
}

// WorkerInfo is a worker in the answer to the query "workers".
type WorkerInfo struct {
	Worker   id.Worker  `json:"worker"`
	PID      int        `json:"pid,omitzero"`
	State    string     `json:"state"`
	Class    wire.Class `json:"class"`
	Shared   bool       `json:"shared"`
	Devices  []string   `json:"devices,omitempty"`
	Address  string     `json:"address,omitempty"`
	Leases   []id.Lease `json:"leases"`
	Started  time.Time  `json:"started"`
	Resident int64      `json:"resident,omitzero"` // bytes
}

// LeaseInfo is a lease in the answer to the query "leases".
type LeaseInfo struct {
	Lease     id.Lease   `json:"lease"`
	Client    uint64     `json:"client"`
	Request   uint64     `json:"request"`
	Job       id.Job     `json:"job,omitzero"`
	Worker    id.Worker  `json:"worker"`
	Class     wire.Class `json:"class"`
	Slots     int        `json:"slots"`
	Blocked   int        `json:"blocked,omitzero"` // slots whose task waits
	Depth     int        `json:"depth,omitzero"`
	Granted   bool       `json:"granted"` // false: its worker starts
	Reclaimed bool       `json:"reclaimed,omitzero"`
	Since     time.Time  `json:"since"`
}

// RequestInfo is a request that waits, in the answer to the query "clients".
type RequestInfo struct {
	Request uint64    `json:"request"`
	Slots   int       `json:"slots"`
	Since   time.Time `json:"since"`
	Reason  string    `json:"reason,omitempty"`
}

// ClientInfo is a client in the answer to the query "clients".
type ClientInfo struct {
	Client   uint64        `json:"client"`
	Role     string        `json:"role"`
	PID      int           `json:"pid"`
	Job      id.Job        `json:"job,omitzero"`
	Worker   id.Worker     `json:"worker,omitzero"`
	Since    time.Time     `json:"since"`
	Leases   int           `json:"leases"`
	Requests []RequestInfo `json:"requests,omitempty"`
}

// answer answers a query.
func (n *Node) answer(q wire.Query) wire.Answer {
	data, err := n.query(q.What)
	if err != nil {
		return wire.Answer{Request: q.Request, Error: err.Error()}
	}
	text, err := json.Marshal(data)
	if err != nil {
		return wire.Answer{Request: q.Request, Error: err.Error()}
	}
	return wire.Answer{Request: q.Request, Data: text}
}

func (n *Node) query(what string) (any, error) {
	switch what {
	case "tasks", "task-summary", "events", "figures":
		n.gather(wire.Report{})
	case "actors":
		n.gather(wire.Report{Actors: true})
		return n.ownedActors(), nil
	}
	switch what {
	case "node":
		return n.info(), nil
	case "workers":
		return n.workerInfos(), nil
	case "leases":
		return n.leaseInfos(), nil
	case "clients":
		return n.clientInfos(), nil
	case "tasks":
		return n.events.tasks(), nil
	case "task-summary":
		return n.events.summary(), nil
	case "figures":
		return n.Figures(), nil
	}
	return n.report(what)
}

// OwnedActorInfo is an actor in the answer to the query "actors": one that lives for a driver of this machine.
type OwnedActorInfo struct {
	wire.OwnedActor
	Job id.Job `json:"job,omitzero"`
}

func (n *Node) ownedActors() []OwnedActorInfo {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := []OwnedActorInfo{}
	for _, c := range n.sortedClients() {
		for _, a := range c.actors {
			all = append(all, OwnedActorInfo{a, c.job})
		}
	}
	return all
}

func (n *Node) info() Info {
	n.mu.Lock()
	defer n.mu.Unlock()
	pool := n.book.ledger.Pool()
	info := Info{
		Node: n.conf.ID, Name: n.conf.Name, Address: n.address, PID: n.pid, Version: n.conf.Version, Platform: runtime.GOOS + "/" + runtime.GOARCH, Started: n.began, Labels: n.conf.Labels,
		Total: pool.Total, Free: pool.Free, Devices: pool.Devices, Workers: len(n.book.workers), Leases: len(n.book.leases),
		Embedded: n.conf.Embedded, Head: n.link != nil,
	}
	for _, d := range n.book.demands {
		info.Waiting += d.want
	}
	return info
}

func (n *Node) workerInfos() []WorkerInfo {
	all := n.workersNow()
	for i := range all {
		if all[i].PID != 0 {
			all[i].Resident, _ = n.conf.Memory.Resident(all[i].PID) // 0 where it is not known
		}
	}
	return all
}

// workersNow lists the workers, without what they hold.
func (n *Node) workersNow() []WorkerInfo {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := []WorkerInfo{}
	for _, w := range n.book.sortedWorkers() {
		info := WorkerInfo{
			Worker: w.id, PID: w.pid, State: w.state.String(), Class: w.class, Shared: w.shared, Devices: w.devices, Address: w.address,
			Leases: []id.Lease{}, Started: w.since,
		}
		for _, l := range w.sortedLeases() {
			info.Leases = append(info.Leases, l.id)
		}
		all = append(all, info)
	}
	return all
}

func (n *Node) leaseInfos() []LeaseInfo {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := []LeaseInfo{}
	for _, l := range n.book.sortedLeases() {
		all = append(all, LeaseInfo{
			Lease: l.id, Client: uint64(l.from.client), Request: l.from.number, Job: l.job, Worker: l.worker.id, Class: l.class.wire,
			Slots: l.count, Blocked: l.blocked, Depth: l.depth, Granted: l.granted, Reclaimed: !l.reclaimed.IsZero(), Since: l.since,
		})
	}
	return all
}

func (n *Node) clientInfos() []ClientInfo {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := []ClientInfo{}
	for _, c := range n.sortedClients() {
		info := ClientInfo{Client: uint64(c.id), Role: c.role, PID: c.pid, Job: c.job, Worker: c.worker, Since: c.since}
		for _, l := range n.book.leases {
			if l.from.client == c.id {
				info.Leases++
			}
		}
		for _, d := range n.book.allDemands() {
			if d.client == c.id && d.want > 0 {
				info.Requests = append(info.Requests, RequestInfo{d.number, d.want, d.since, d.reason})
			}
		}
		all = append(all, info)
	}
	return all
}
