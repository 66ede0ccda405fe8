package worker

import (
	"context"
	"encoding/hex"
	"sync"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/golocal"
	"mobula/internal/id"
)

// Outcome is how a task ended.
type Outcome struct {
	Value   wire.Payload
	Failure *wire.Failure // nil where it succeeded
	Actor   any           // what an actor's constructor made
	Keep    any           // what must stay reachable until the driver holds what Value refers to
}

// Executor runs the closures of tasks. It is called on the goroutine of the task.
type Executor interface {
	Execute(t *Task) Outcome
}

// Loader is an Executor that takes code and the values of variables from drivers.
type Loader interface {
	// Load adds a part of the program's code, by its number. A part may come again.
	Load(part int, code []byte) error
	// Loaded is how many parts are here.
	Loaded() int
	// SetEnvironment sets variables for tasks of a job. It is called before any task that reads them.
	SetEnvironment(job id.Job, digest string, values wire.Payload) error
}

// Holder is an Executor whose outcomes may be in an object store: it holds them until the driver does.
type Holder interface{ Release(object id.Object) }

// Task is a task that runs here.
type Task struct {
	wire.Push
	Node   id.Node
	Worker id.Worker
	Lease  id.Lease
	Job    id.Job
	// Devices are the GPUs that it was given.
	Devices []string
	// State is the actor of a call.
	State any

	worker *Worker
	conn   *conn

	mu       sync.Mutex // guards below
	ctx      context.Context
	cancel   context.CancelCauseFunc
	canceled bool
	blocked  int // how many waits of the task's goroutines are under way
	atEnd    func()
	yielded  uint64
	consumed uint64
	taken    sync.Cond
}

// errCanceled is the cause of the context of a canceled task.
type errCanceled struct{}

func (errCanceled) Error() string { return "the task was canceled" }

var labelKey = golocal.Key("task")

// Current returns the task that the calling goroutine belongs to, nil outside tasks.
func Current() *Task {
	t, _ := golocal.Value().(*Task)
	return t
}

type taskKey struct{}

// FromContext returns the task that a context was made for.
func FromContext(ctx context.Context) *Task {
	t, _ := ctx.Value(taskKey{}).(*Task)
	return t
}

// Context is the task's own: it ends when the task is canceled or the worker ends.
func (t *Task) Context() context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx == nil {
		t.ctx, t.cancel = context.WithCancelCause(context.WithValue(t.worker.ctx, taskKey{}, t))
		if t.canceled {
			t.cancel(errCanceled{})
		}
	}
	return t.ctx
}

// Executor is what runs the task.
func (t *Task) Executor() Executor { return t.worker.exec }

// Address is where other processes reach the worker, and the actors that live in it.
func (t *Task) Address() string { return t.worker.address }

func (t *Task) cancelNow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.canceled = true
	if t.cancel != nil {
		t.cancel(errCanceled{})
	}
}

func (t *Task) wasCanceled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.canceled
}

// Block tells the node that the task waits for others and needs no processor until Resume. Waits may overlap: the first gives the
// processor up.
func (t *Task) Block() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.blocked++; t.blocked == 1 {
		t.worker.processors.end()
		t.slotLocked(wire.KindSlotBlocked)
	}
}

// Resume is the end of a wait: the last takes the processor back.
func (t *Task) Resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.blocked--; t.blocked == 0 {
		t.worker.processors.begin()
		t.slotLocked(wire.KindSlotResumed)
	}
}

// slotLocked tells the node; t.mu is held, so that it hears of the changes in order.
func (t *Task) slotLocked(kind byte) {
	if !t.Lease.IsZero() {
		_ = t.worker.node.Send(kind, wire.JSON(wire.LeaseID{Lease: t.Lease})) // without a node the worker is ending
	}
}

// streamWindow is how many items of a stream may be on their way.
const streamWindow = 256

// Yield sends an item of a stream. It waits while too many have not been taken, and fails when the driver has gone or the
// task is canceled.
func (t *Task) Yield(v wire.Payload, keep any) error {
	ctx := t.Context()
	stop := context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.taken.Broadcast()
	})
	defer stop()
	t.mu.Lock()
	for t.yielded-t.consumed >= streamWindow && ctx.Err() == nil {
		t.taken.Wait()
	}
	m := wire.Yield{Task: t.Task, Index: t.yielded, Value: v}
	t.yielded++
	t.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t.conn.keep(v, keep)
	return t.conn.Send(wire.KindYield, m.Append)
}

func (t *Task) consume(count uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.consumed = max(t.consumed, count)
	t.taken.Broadcast()
}

// errEnded is how a task fails whose goroutine ends.
var errEnded = &wire.Failure{Message: "it ended its goroutine (runtime.Goexit, or FailNow of a test)", Panic: true}

// run executes the task on the calling goroutine and reports how it ended, to then as well, unless that is nil.
func (t *Task) run(e Executor, then func(Outcome)) {
	var text [32]byte
	hex.Encode(text[:], t.Task.ID[:])
	golocal.Set(golocal.New(labelKey, string(text[:]), t))
	start := time.Now()
	t.worker.processors.begin()
	out := Outcome{Failure: errEnded}
	defer func() {
		t.finish(start, out)
		if then != nil {
			then(out)
		}
	}()
	out = e.Execute(t)
}

// finish reports how the task has ended.
func (t *Task) finish(start time.Time, out Outcome) {
	t.worker.processors.end()
	golocal.Set(nil)
	t.ended()
	m := wire.Result{Task: t.Task, Status: wire.StatusOK, Nanos: uint64(time.Since(start)), Value: out.Value}
	switch {
	case out.Failure != nil && t.wasCanceled():
		m.Status, m.Value = wire.StatusCanceled, wire.Payload{}
	case out.Failure != nil:
		m.Status, m.Failure = wire.StatusError, out.Failure
	}
	t.conn.keep(m.Value, out.Keep)
	if out.Failure == nil || t.worker.ctx.Err() == nil {
		t.send(&m) // else the end of the worker is why it failed: the driver tries it again
	}
	t.conn.done(t)
	t.mu.Lock() // goroutines that the task has left may ask for its context
	defer t.mu.Unlock()
	if t.ctx != nil {
		t.cancel(nil)
	}
}

// refuse reports the result of a task that does not run.
func (t *Task) refuse(status wire.Status, why *wire.Failure) {
	t.send(&wire.Result{Task: t.Task, Status: status, Failure: why})
	t.conn.done(t)
}

// send reports a result. One that is too large for a message is a failure.
func (t *Task) send(m *wire.Result) {
	err := t.conn.Send(wire.KindResult, m.Append)
	if err != nil && t.conn.Err() == nil {
		*m = wire.Result{Task: t.Task, Status: wire.StatusError, Failure: &wire.Failure{Message: "send the result: " + err.Error()}}
		_ = t.conn.Send(wire.KindResult, m.Append) // the driver has gone, then
	}
}
