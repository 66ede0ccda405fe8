package node

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/id"
)

// maxEvents bounds the task events that a node keeps.
const maxEvents = 100_000

// eventLog keeps the last events of tasks, in parts without pointers, which the collector does not look into.
type eventLog struct {
	mu     sync.Mutex // guards below
	parts  [][]taskEvent
	count  int
	total  uint64 // of events, also of those that are gone
	names  []string
	number map[string]uint32 // of names
	errors [keptErrors]string
	failed uint64                  // how many errors there were: the last ones are in errors
	states [wire.TaskStates]uint64 // how often a task has entered each, since the start
	counts []TaskCount             // of a moment ago; nil where events have come since
}

// keptErrors is how many texts of errors are kept.
const keptErrors = 1000

// eventsPerPart is how many events are let go at a time.
const eventsPerPart = 4000

type taskEvent struct {
	task    id.Task
	worker  id.Worker
	job     id.Job
	nanos   int64
	attempt uint64
	failure uint64 // the number of its error; 0 for none
	name    uint32 // its number
	state   wire.TaskState
}

// add keeps events, in place of the oldest.
func (l *eventLog) add(m wire.Events) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range m.List {
		e := &m.List[i]
		l.makeRoom()
		last := &l.parts[len(l.parts)-1]
		*last = append(*last, taskEvent{
			task: e.Task, worker: e.Worker, job: m.Job, nanos: e.Nanos, attempt: e.Attempt, failure: l.keepError(e.Error), name: l.numberOf(e.Name), state: e.State,
		})
		l.count++
		l.total++
		l.states[e.State]++
	}
	for state, n := range m.Dropped {
		l.states[state] += n
	}
	l.counts = nil
}

// keepError keeps the text of an error, in place of the oldest, and returns its number.
func (l *eventLog) keepError(text string) uint64 {
	if text == "" {
		return 0
	}
	l.failed++
	l.errors[l.failed%keptErrors] = text
	return l.failed
}

// errorOf returns the text of an error; "" where it is not kept any more.
func (l *eventLog) errorOf(number uint64) string {
	if number == 0 || number+keptErrors <= l.failed {
		return ""
	}
	return l.errors[number%keptErrors]
}

// makeRoom begins another part where the last is full, and lets the first go where there is enough without it.
func (l *eventLog) makeRoom() {
	if n := len(l.parts); n > 0 && len(l.parts[n-1]) < eventsPerPart {
		return
	}
	part := make([]taskEvent, 0, eventsPerPart)
	if l.count >= maxEvents+eventsPerPart {
		part = l.parts[0][:0]
		l.parts = slices.Delete(l.parts, 0, 1)
		l.count -= eventsPerPart
		l.forgetNames()
	}
	l.parts = append(l.parts, part)
}

// numberOf returns the number of a name.
func (l *eventLog) numberOf(name string) uint32 {
	if last := len(l.names) - 1; last >= 0 && l.names[last] == name {
		return uint32(last)
	}
	n, ok := l.number[name]
	if !ok {
		if l.number == nil {
			l.number = map[string]uint32{}
		}
		n = uint32(len(l.names))
		l.number[name] = n
		l.names = append(l.names, name)
	}
	return n
}

// forgetNames drops the names that no event has any more, once they may be many.
func (l *eventLog) forgetNames() {
	if len(l.names) < eventsPerPart {
		return
	}
	before := l.names
	l.names, l.number = nil, nil
	for _, part := range l.parts {
		for i := range part {
			part[i].name = l.numberOf(before[part[i].name])
		}
	}
}

// each calls f with the last maxEvents events, the oldest first; l.mu is held.
func (l *eventLog) each(f func(job id.Job, e wire.TaskEvent)) {
	l.eachFrom(max(0, l.count-maxEvents), maxEvents, f)
}

// eachFrom calls f with at most so many events that are kept, from the one on with that place; l.mu is held.
func (l *eventLog) eachFrom(place, most int, f func(job id.Job, e wire.TaskEvent)) {
	for _, part := range l.parts {
		if place >= len(part) {
			place -= len(part)
			continue
		}
		for i := place; i < len(part) && most > 0; i++ {
			e := &part[i]
			f(e.job, wire.TaskEvent{
				Task: e.task, Name: l.names[e.name], State: e.state, Nanos: e.nanos, Worker: e.worker, Attempt: e.attempt, Error: l.errorOf(e.failure),
			})
			most--
		}
		place = 0
	}
}

// maxFeed bounds the events of one answer.
const maxFeed = 10_000

// EventFeed is the answer to the query "feed NODE:NUMBER NODE:NUMBER...", one question for many nodes: each tells its events from its number on, or all
// where it is not named. The first event that a node has ever noted has the number 0.
type EventFeed struct {
	Events []EventInfo `json:"events"`
	Next   uint64      `json:"next"`          // ask for it the next time
	More   bool        `json:"more,omitzero"` // there are more already
	Missed uint64      `json:"missed,omitzero"`
}

// feedFrom finds this node's number in such a question.
func (n *Node) feedFrom(text string) (uint64, error) {
	for part := range strings.FieldsSeq(text) {
		node, number, ok := strings.Cut(part, ":")
		if from, err := strconv.ParseUint(number, 10, 64); !ok || err != nil {
			return 0, fmt.Errorf("%.60q is not a node and the number of an event: give NODE:NUMBER", part)
		} else if node == n.conf.ID.String() {
			return from, nil
		}
	}
	return 0, nil
}

// FeedQuestion asks each node for its events from its number on.
func FeedQuestion(from map[id.Node]uint64) string {
	var text strings.Builder
	text.WriteString("feed")
	for node, number := range from {
		fmt.Fprintf(&text, " %s:%d", node, number)
	}
	return text.String()
}

// feed returns the events from a number on that are kept; Missed counts those that are not.
func (l *eventLog) feed(from uint64) EventFeed {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.total - uint64(min(l.count, maxEvents))
	f := EventFeed{Events: []EventInfo{}}
	if from > l.total {
		from = first // of another life of this node
	}
	if from < first {
		f.Missed, from = first-from, first
	}
	l.eachFrom(l.count-int(l.total-from), maxFeed, func(job id.Job, e wire.TaskEvent) { f.Events = append(f.Events, EventInfo{job, e}) })
	f.Next = from + uint64(len(f.Events))
	f.More = f.Next < l.total
	return f
}

// gatherTime bounds the wait for what drivers tell.
const gatherTime = 100 * time.Millisecond

// gather has the drivers of this machine tell what they have, before somebody looks at it.
func (n *Node) gather(m wire.Report) {
	var drivers []*client
	n.mu.Lock()
	for _, c := range n.sortedClients() {
		if c.role == wire.RoleDriver && c.reported != nil {
			drivers = append(drivers, c)
		}
	}
	n.mu.Unlock()
	for _, c := range drivers {
		select {
		case <-c.reported: // of an earlier question
		default:
		}
		_ = c.conn.Send(wire.KindReport, wire.JSON(m)) // one that goes is not waited for long
	}
	timer := time.NewTimer(gatherTime)
	defer timer.Stop()
	for _, c := range drivers {
		select {
		case <-c.reported:
		case <-timer.C:
			return
		case <-n.ctx.Done():
			return
		}
	}
}

// endJob records that the tasks of a job have ended with its driver, as far as it has not told how.
func (l *eventLog) endJob(job id.Job, now time.Time) {
	m := wire.Events{Job: job}
	for _, t := range l.tasks() {
		if t.Job == job && !t.State.Ended() {
			m.List = append(m.List, wire.TaskEvent{Task: t.Task, Name: t.Name, State: wire.TaskCanceled, Nanos: now.UnixNano(), Worker: t.Worker, Attempt: t.Attempt})
		}
	}
	l.add(m)
}

// TaskInfo is a task in the answer to the query "tasks".
type TaskInfo struct {
	Task    id.Task        `json:"task"`
	Job     id.Job         `json:"job,omitzero"`
	Name    string         `json:"name"`
	State   wire.TaskState `json:"state"`
	Attempt uint64         `json:"attempt"`
	Worker  id.Worker      `json:"worker,omitzero"`
	Begin   time.Time      `json:"begin,omitzero"` // first event that is known
	Run     time.Time      `json:"run,omitzero"`   // when the last attempt began to run
	Last    time.Time      `json:"last"`
	Error   string         `json:"error,omitempty"` // of the last attempt; of older failures it may be gone
}

// tasks lists what is known of tasks, in the order of their first events.
func (l *eventLog) tasks() []TaskInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	place := map[id.Task]int{}
	all := []TaskInfo{}
	l.each(func(job id.Job, e wire.TaskEvent) {
		at, ok := place[e.Task]
		if !ok {
			at = len(all)
			place[e.Task] = at
			all = append(all, TaskInfo{Task: e.Task, Job: job, Begin: time.Unix(0, e.Nanos)})
		}
		all[at].update(&e)
	})
	return all
}

func (t *TaskInfo) update(e *wire.TaskEvent) {
	when := time.Unix(0, e.Nanos)
	if e.Name != "" {
		t.Name = e.Name
	}
	if !e.Worker.IsZero() {
		t.Worker = e.Worker
	}
	t.Begin = earliest(t.Begin, when)
	if e.Error != "" && e.Attempt >= t.Attempt {
		t.Error = e.Error
	}
	// Events of one task may come from two processes, in any order.
	if e.Attempt < t.Attempt || e.Attempt == t.Attempt && when.Before(t.Last) {
		return
	}
	t.State, t.Attempt, t.Last = e.State, e.Attempt, when
	if e.State == wire.TaskRunning {
		t.Run = when
	}
}

func earliest(x, y time.Time) time.Time {
	if y.Before(x) {
		return y
	}
	return x
}

// latestEvent is what update would take of a task's events.
type latestEvent struct {
	nanos   int64
	attempt uint64
	name    uint32
	state   wire.TaskState
}

// latest finds the state of each task, at a tenth of what tasks costs; l.mu is held.
func (l *eventLog) latest() map[id.Task]latestEvent {
	last := make(map[id.Task]latestEvent, min(l.count, maxEvents)/3)
	skip := l.count - maxEvents
	unnamed, some := l.number[""]
	for _, part := range l.parts {
		for i := range part {
			if skip--; skip >= 0 {
				continue
			}
			e := &part[i]
			have, known := last[e.task]
			name := e.name
			if some && name == unnamed && known {
				name = have.name
			}
			if have.name = name; !known || e.attempt > have.attempt || e.attempt == have.attempt && e.nanos >= have.nanos {
				have.nanos, have.attempt, have.state = e.nanos, e.attempt, e.state
			}
			last[e.task] = have
		}
	}
	return last
}

// TaskCount is a line in the answer to the query "task-summary".
type TaskCount struct {
	Name  string         `json:"name"`
	State wire.TaskState `json:"state"`
	Tasks int            `json:"tasks"`
}

// summary counts tasks by name and state. The caller does not change it.
func (l *eventLog) summary() []TaskCount {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts != nil {
		return l.counts
	}
	type kind struct {
		name  uint32
		state wire.TaskState
	}
	counts := map[kind]int{}
	for _, e := range l.latest() {
		counts[kind{e.name, e.state}]++
	}
	all := []TaskCount{}
	for k, n := range counts {
		all = append(all, TaskCount{l.names[k.name], k.state, n})
	}
	slices.SortFunc(all, func(x, y TaskCount) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.State, y.State))
	})
	l.counts = all
	return all
}
