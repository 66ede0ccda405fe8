package node

import (
	"os"
	"runtime"
	"runtime/metrics"
	"time"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/objstore"
	"mobula/objstore/transfer"
)

// Figures is the answer to the query "figures": what a node has counted since its start, and what it has now. Sizes are in bytes.
type Figures struct {
	Name    string    `json:"name"`
	Version string    `json:"version,omitempty"`
	Started time.Time `json:"started"`
	// Entered counts by state how often tasks have entered it. A task that is tried again enters some of them again.
	Entered map[string]uint64 `json:"entered"`
	// Tasks counts by state those that the node's list has: it holds the last 100,000 events.
	Tasks    map[string]int  `json:"tasks"`
	Total    sched.Resources `json:"total"`
	Free     sched.Resources `json:"free"` // CPU is below 0 while tasks that waited run again
	Leases   int             `json:"leases"`
	Slots    int             `json:"slots"`    // of leases: tasks that may run at a time
	Blocked  int             `json:"blocked"`  // slots whose task waits for others
	Waiting  int             `json:"waiting"`  // slots that are wanted and not given
	Requests int             `json:"requests"` // that wait for slots
	Oldest   float64         `json:"oldest"`   // seconds that the first of them has waited
	Bundles  int             `json:"bundles"`  // of placement groups
	Actors   int             `json:"actors"`   // registered ones that live here
	Clients  map[string]int  `json:"clients"`  // connections by role
	Workers  WorkerFigures   `json:"workers"`

	Memory  MemoryFigures   `json:"memory"`
	Store   *objstore.Stats `json:"store,omitempty"` // nil where the node has none
	Sent    transfer.Stats  `json:"sent"`            // objects to other nodes
	Fetched transfer.Stats  `json:"fetched"`         // objects of other nodes
	Logs    int64           `json:"logs"`            // bytes of logs on disk
	Process ProcessFigures  `json:"process"`         // of the node itself
}

// WorkerFigures count worker processes.
type WorkerFigures struct {
	States   map[string]int    `json:"states"`
	Resident int64             `json:"resident"` // bytes, of all together
	Started  uint64            `json:"started"`
	Ended    map[string]uint64 `json:"ended"` // by why: planned, memory, failed
}

// MemoryFigures are the machine's memory, or that of the control group.
type MemoryFigures struct {
	Total     int64 `json:"total"`
	Available int64 `json:"available"`
}

// ProcessFigures are those of one Go process.
type ProcessFigures struct {
	PID        int     `json:"pid"`
	CPU        float64 `json:"cpu"` // seconds, of user and system; 0 where the system does not tell
	Resident   int64   `json:"resident"`
	OpenFiles  int     `json:"open_files,omitzero"` // 0 where the system does not tell
	Goroutines uint64  `json:"goroutines"`
	Heap       uint64  `json:"heap"` // bytes of objects, also such that are garbage
	Runtime    uint64  `json:"runtime"`
	Collected  uint64  `json:"collected"` // cycles of the collector
}

// Why workers end, in WorkerFigures.Ended.
const (
	EndPlanned = "planned" // nobody needs it, or its client has gone
	EndMemory  = "memory"  // it was stopped because it held too much
	EndFailed  = "failed"  // it crashed, was killed, or did not start
)

// workerCounts count the begins and ends of workers. Node.mu guards it.
type workerCounts struct {
	started                 uint64
	planned, memory, failed uint64
}

func (c *workerCounts) ended(p *proc, how ended) {
	switch {
	case how.outOfMemory:
		c.memory++
	case p.planned, p.killed && p.reason == "":
		c.planned++
	default:
		c.failed++
	}
}

// Figures counts and measures.
func (n *Node) Figures() Figures {
	f := n.figuresOfBook(time.Now())
	f.Name, f.Version, f.Started = n.conf.Name, n.conf.Version, n.began
	f.Entered, f.Tasks = n.events.figures()
	for _, w := range n.workerInfos() {
		f.Workers.States[w.State]++
		f.Workers.Resident += w.Resident
	}
	if left, err := n.conf.Memory.Left(); err == nil {
		f.Memory = MemoryFigures{left.Total, left.Available}
	}
	if n.objects.store != nil {
		stats := n.objects.store.Stats()
		f.Store = &stats
	}
	if n.objects.server != nil {
		f.Sent = n.objects.server.Stats()
	}
	if n.objects.fetcher != nil {
		f.Fetched = n.objects.fetcher.Stats()
	}
	f.Logs = n.logs.bytes()
	f.Process = n.processFigures()
	return f
}

func (n *Node) figuresOfBook(now time.Time) Figures {
	n.mu.Lock()
	defer n.mu.Unlock()
	pool := n.book.ledger.Pool()
	f := Figures{
		Total: pool.Total, Free: pool.Free, Leases: len(n.book.leases), Bundles: len(n.book.sortedBundles()), Actors: len(n.actors), Clients: map[string]int{},
		Workers: WorkerFigures{States: map[string]int{}, Started: n.counted.started, Ended: map[string]uint64{
			EndPlanned: n.counted.planned, EndMemory: n.counted.memory, EndFailed: n.counted.failed,
		}},
	}
	for _, l := range n.book.leases {
		f.Slots += l.count
		f.Blocked += l.blocked
	}
	for _, d := range n.book.allDemands() {
		if d.want > 0 {
			f.Waiting += d.want
			f.Requests++
			f.Oldest = max(f.Oldest, now.Sub(d.since).Seconds())
		}
	}
	for _, c := range n.clients {
		if c.conn != nil {
			f.Clients[c.role]++
		}
	}
	return f
}

// figures counts by state what has happened, and the tasks that are known.
func (l *eventLog) figures() (entered map[string]uint64, tasks map[string]int) {
	entered, tasks = map[string]uint64{}, map[string]int{}
	for _, c := range l.summary() {
		tasks[c.State.String()] += c.Tasks
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for state := wire.TaskSubmitted; int(state) < wire.TaskStates; state++ {
		entered[state.String()] = l.states[state]
	}
	return entered, tasks
}

// bytes is what the logs take on disk.
func (s *logStore) bytes() (total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		total += f.size + f.oldSize
	}
	return total
}

// runtimeFigures are the names of what ProcessFigures has of the runtime, in its order.
var runtimeFigures = [...]string{
	"/sched/goroutines:goroutines", "/memory/classes/heap/objects:bytes", "/memory/classes/total:bytes", "/gc/cycles/total:gc-cycles",
}

func (n *Node) processFigures() ProcessFigures {
	var samples [len(runtimeFigures)]metrics.Sample
	for i, name := range runtimeFigures {
		samples[i].Name = name
	}
	metrics.Read(samples[:])
	f := ProcessFigures{PID: n.pid, CPU: cpuSeconds()}
	for i, to := range []*uint64{&f.Goroutines, &f.Heap, &f.Runtime, &f.Collected} {
		if samples[i].Value.Kind() == metrics.KindUint64 {
			*to = samples[i].Value.Uint64()
		}
	}
	f.Resident, _ = n.conf.Memory.Resident(n.pid) // 0 where it is not known
	if runtime.GOOS == "linux" {
		files, _ := os.ReadDir("/proc/self/fd") // the same
		f.OpenFiles = len(files)
	}
	return f
}
