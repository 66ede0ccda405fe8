package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"

	"mobula/cluster/driver"
	"mobula/cluster/wire"
	"mobula/cluster/worker"
	"mobula/internal/id"
	"mobula/internal/program"
)

// Execution is a task that runs, for its Run.
type Execution interface {
	// Context is the task's.
	Context() context.Context
	// Actor is the actor of a call: what the constructor gave to Made.
	Actor() any
	// Made hands over the actor that a constructor made.
	Made(actor any)
	// Return hands over the result, which p points to.
	Return(p any) error
	// Yield hands over an item of a stream, which p points to. It fails when nobody wants more.
	Yield(p any) error
}

type execution struct {
	task   *worker.Task
	s      *Session
	result wire.Payload
	actor  any
	keep   any   // what the result refers to
	system error // the result could not be sent
}

func (x *execution) Context() context.Context { return x.task.Context() }

func (x *execution) Actor() any { return x.task.State }

func (x *execution) Made(actor any) {
	x.actor, x.result = actor, wire.ActorPlace{Actor: x.task.Actor, Node: x.task.Node, Worker: x.task.Worker, Address: x.task.Address()}.Payload()
}

func (x *execution) Return(p any) error {
	x.result, x.keep, x.system = x.payload(p)
	return nil
}

func (x *execution) Yield(p any) error {
	item, keep, err := x.payload(p)
	if err != nil {
		x.system = err
		return err
	}
	return x.task.Yield(item, keep)
}

// payload encodes a result. What it refers to goes along, once it is there, and is to be kept until the driver holds it.
func (x *execution) payload(p any) (value wire.Payload, keep any, err error) {
	v := reflect.ValueOf(p).Elem()
	e, t, err := x.s.encode(v, "result")
	if err != nil {
		return value, nil, fmt.Errorf("send the result: %w", err)
	}
	value, inline := x.s.inline(e, InlineMax)
	if !inline {
		if value, err = x.s.stow(x.Context(), e, typeOwner(v.Type()), InlineMax); err != nil {
			return value, nil, fmt.Errorf("store the result: %w", err)
		}
	}
	if value.Refs, err = x.refs(t.objects); err != nil {
		x.s.giveUp(value.Place)
		return value, nil, err
	}
	return value, t.objects, nil
}

// refs waits for what a result refers to.
func (x *execution) refs(objects []*driver.Object) (list []wire.Ref, err error) {
	for _, o := range objects {
		if err := x.s.wrap(o).Wait(x.Context()); err != nil {
			return nil, err
		}
		inner, err := o.Result()
		if err != nil {
			return nil, fmt.Errorf("the result refers to %s, which failed: %w", o.ID.Short(), err)
		}
		list = append(list, wire.Ref{Object: o.ID, Value: inner})
	}
	return list, nil
}

// executor runs closures in this process, for the jobs of its drivers.
type executor struct {
	conf Config
	// process returns the session of this process, where the driver is in it; nil: there is one for each job.
	process func() *Session
	// collections are those that tasks of this worker have begun. A process may have several workers.
	collections sync.WaitGroup

	mu       sync.Mutex // guards below
	sessions map[id.Job]*Session
}

// session returns the session by which tasks of a job start tasks.
func (e *executor) session(job id.Job) (*Session, error) {
	if e.process != nil {
		return e.process(), nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.sessions[job]; s != nil && s.Err() == nil {
		return s, nil
	}
	c := e.conf
	c.Job = job
	s, err := Connect(context.Background(), c)
	if err == nil {
		e.sessions[job] = s
	}
	return s, err
}

// all are the sessions that tasks have used.
func (e *executor) all() []*Session {
	if e.process != nil {
		if s := e.process(); s != nil {
			return []*Session{s}
		}
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.sessions))
}

func (e *executor) close() {
	e.collections.Wait()
	if e.process != nil {
		return // it is the driver's
	}
	for _, s := range e.all() {
		_ = s.Close() // the process ends
	}
}

// Load adds a part of the program's code.
func (e *executor) Load(part int, code []byte) error { return e.conf.Program.Load(part, code) }

// Loaded is how many parts are here.
func (e *executor) Loaded() int { return e.conf.Program.Parts() }

// SetEnvironment gives variables their values.
func (e *executor) SetEnvironment(job id.Job, digest string, values wire.Payload) error {
	s, err := e.session(job)
	if err != nil {
		return err
	}
	encoded, err := s.fetch(values)
	if err != nil {
		return fmt.Errorf("read the values of variables: %w", err)
	}
	return e.conf.Program.SetEnvironment(digest, encoded, s.reader(values))
}

// Release gives up the reference to a result that its driver holds now.
func (e *executor) Release(object id.Object) {
	if list := e.all(); len(list) > 0 { // all share one store
		list[0].store.Ref(object, -1)
	}
}

// Execute runs a task's closure.
func (e *executor) Execute(t *worker.Task) worker.Outcome {
	s, err := e.session(t.Job)
	if err != nil {
		return failed(wire.Failure{Message: "connect to the node: " + err.Error()})
	}
	var run Run
	if err := s.decode(t.Closure, reflect.ValueOf(&run).Elem()); err != nil {
		return failed(wire.Failure{Message: "read the closure: " + err.Error()})
	}
	t.Closure = wire.Payload{} // an actor may live long
	x := &execution{task: t, s: s}
	defer views.taskEnded(&e.collections)
	if f := x.run(run); f != nil {
		return failed(*f)
	}
	if x.system != nil {
		return failed(s.encodeError(x.system))
	}
	return worker.Outcome{Value: x.result, Actor: x.actor, Keep: x.keep}
}

func failed(f wire.Failure) worker.Outcome { return worker.Outcome{Failure: &f} }

// run calls the closure. What it returns says how the user's code failed.
func (x *execution) run(run Run) (f *wire.Failure) {
	defer func() {
		if v := recover(); v != nil {
			f = x.panicked(v)
		}
	}()
	err := run(x)
	if err == nil {
		return nil
	}
	failure := x.s.encodeError(err)
	return &failure
}

// panicked describes a panic; it is called while that unwinds.
func (x *execution) panicked(v any) *wire.Failure {
	err, ok := v.(error)
	if !ok {
		err = &PanicError{Value: fmt.Sprint(v), Type: fmt.Sprintf("%T", v)}
	}
	f := x.s.encodeError(err)
	f.Panic, f.Frames = true, userFrames()
	if p, ok := errors.AsType[*PanicError](err); ok {
		f.Type = p.Type
	}
	return &f
}

// PanicError is the error of a task that panicked with a value which is no error.
type PanicError struct {
	Value string // as fmt prints it
	Type  string // its Go type
}

// Error is the value.
func (e *PanicError) Error() string { return e.Value }

// maxFrames bounds the frames that an error shows.
const maxFrames = 32

// userFrames lists the frames of the user's code that panicked, innermost first.
func userFrames() (list []wire.Frame) {
	var pcs [128]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for len(list) < maxFrames {
		f, more := frames.Next()
		if f.Function == "mobula/cluster/session.(*execution).run" {
			break
		}
		if f.Function != "" && !hidden(f.Function) {
			list = append(list, wire.Frame{Func: f.Function, File: f.File, Line: uint64(f.Line)})
		}
		if !more {
			break
		}
	}
	return list
}

// hidden reports whether a function is between the user's code and its task.
func hidden(function string) bool {
	return strings.HasPrefix(function, "runtime.") || strings.HasPrefix(function, "mobula.") || strings.HasPrefix(function, "mobula/cluster/")
}

// RunWorker serves drivers in this process, which a node has started as a worker, until the node goes.
func RunWorker(ctx context.Context, p program.Program, build string) error {
	node := os.Getenv(wire.EnvNode)
	w, err := id.Parse[id.Worker](os.Getenv(wire.EnvWorker))
	if err != nil {
		return fmt.Errorf("the node says which worker this is in %s: %w", wire.EnvWorker, err)
	}
	return ServeWorker(ctx, Config{Node: node, Program: p, Build: build}, w, nil)
}
