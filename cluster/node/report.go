package node

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"mobula/cluster/wire"
	"mobula/internal/id"
	"mobula/objstore"
)

// EventInfo is an event in the answer to the query "events".
type EventInfo struct {
	Job id.Job `json:"job,omitzero"`
	wire.TaskEvent
}

// MemoryInfo is the answer to the query "memory". Sizes are in bytes.
type MemoryInfo struct {
	Total     int64           `json:"total"`
	Available int64           `json:"available"`
	Workers   []WorkerInfo    `json:"workers"`
	Store     *objstore.Stats `json:"store,omitempty"` // nil where the node has none
}

// ObjectInfo is an object in the answer to the query "objects".
type ObjectInfo struct {
	Object string         `json:"object"`
	Owner  objstore.Owner `json:"owner"`
	Size   int64          `json:"size"` // bytes
	State  string         `json:"state"`
	Refs   int            `json:"refs"`
	Pins   int            `json:"pins"` // readers' mappings in use
	OnDisk bool           `json:"on_disk,omitzero"`
}

// LogInfo is a log in the answer to the query "logs".
type LogInfo struct {
	Worker id.Worker `json:"worker"`
	Size   int64     `json:"size"` // bytes that were written; the oldest may be gone
	Ended  bool      `json:"ended,omitzero"`
}

// LogPart is the answer to the query "log WORKER OFFSET".
type LogPart struct {
	Text  []byte `json:"text"`
	Next  int64  `json:"next"` // the offset that follows
	Ended bool   `json:"ended,omitzero"`
}

// maxObjects bounds the objects of an answer.
const maxObjects = 10_000

// report answers the queries for figures and logs.
func (n *Node) report(what string) (any, error) {
	word, rest, _ := strings.Cut(what, " ")
	switch word {
	case "events":
		return n.events.all(), nil
	case "feed":
		from, err := n.feedFrom(rest)
		if err != nil {
			return nil, err
		}
		n.gather(wire.Report{})
		return n.events.feed(from), nil
	case "memory":
		return n.memoryInfo(), nil
	case "objects":
		return n.objectInfos()
	case "logs":
		return n.logs.list(), nil
	case "log":
		worker, text, _ := strings.Cut(rest, " ")
		offset, err := strconv.ParseInt(text, 10, 64)
		which, wrong := id.Parse[id.Worker](worker)
		if err := errors.Join(err, wrong); err != nil {
			return nil, fmt.Errorf("a log is asked for by its worker and an offset: %w", err)
		}
		return n.logs.read(which, offset)
	}
	return nil, fmt.Errorf("a node knows nothing of %.40q: ask for node, workers, leases, clients, tasks, task-summary, actors, events, feed, figures, memory, objects, logs or log", what)
}

// all lists the events that are kept, in the order in which they came.
func (l *eventLog) all() []EventInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]EventInfo, 0, l.count)
	l.each(func(job id.Job, e wire.TaskEvent) { all = append(all, EventInfo{job, e}) })
	return all
}

func (n *Node) memoryInfo() MemoryInfo {
	info := MemoryInfo{Workers: n.workerInfos()}
	if left, err := n.conf.Memory.Left(); err == nil {
		info.Total, info.Available = left.Total, left.Available
	}
	if n.objects.store != nil {
		stats := n.objects.store.Stats()
		info.Store = &stats
	}
	return info
}

func (n *Node) objectInfos() ([]ObjectInfo, error) {
	if n.objects.store == nil {
		return nil, errors.New("this node has no object store")
	}
	all := []ObjectInfo{}
	list := n.objects.store.List()
	for _, o := range list[:min(len(list), maxObjects)] {
		all = append(all, ObjectInfo{
			Object: o.ID.String(), Owner: o.Owner, Size: o.Size, State: o.State.String(), Refs: o.Refs, Pins: o.Pins, OnDisk: o.OnDisk,
		})
	}
	return all, nil
}

// keepLog writes what a task says to the log of its worker, each line with the task's name.
func (n *Node) keepLog(m *wire.Log) {
	n.mu.Lock()
	p := n.procs[m.Worker]
	n.mu.Unlock()
	if p == nil {
		return
	}
	var text strings.Builder
	for line := range strings.Lines(m.Text) {
		fmt.Fprintf(&text, "[%s %s] %s\n", m.Name, m.Task.Short(), strings.TrimSuffix(line, "\n"))
	}
	_, _ = p.log.Write([]byte(text.String())) // a full disk costs the log
}
