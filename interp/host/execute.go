package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"

	"mobula/interp/cellrt"
	"mobula/interp/direct"
	"mobula/interp/host/hook"
	"mobula/interp/hostrpc"
)

// serve executes one request.
func (h *Host) serve(run *cellrt.Run, req *hostrpc.Request) *hostrpc.Reply {
	switch {
	case req.Load != nil:
		return h.load(run, req.Load)
	case req.Run != nil:
		return h.run(run, req.Run)
	case req.Eval != nil:
		return h.eval(run, &req.Eval.Program)
	case req.Values != nil:
		return h.values(req.Values)
	case req.SetEnv != nil:
		return setEnv(req.SetEnv)
	case req.Cluster != nil:
		return h.cluster(run, req.Cluster)
	case req.Reset != nil:
		h.interrupt(0)
		direct.Default.Reset()
		return &hostrpc.Reply{}
	}
	return failed(run.Cell, "request", errors.New("this session host does not know the request: build it anew"))
}

func failed(cell int, name string, err error) *hostrpc.Reply {
	return &hostrpc.Reply{Fault: &hostrpc.Fault{Cell: cell, Name: name, Message: err.Error()}}
}

func (h *Host) load(run *cellrt.Run, l *hostrpc.Load) *hostrpc.Reply {
	start, err := h.code.Load(l)
	if err != nil {
		return failed(l.Cell, "link error", err)
	}
	h.functions.add(l.Functions)
	return h.execute(run, start)
}

func (h *Host) run(run *cellrt.Run, r *hostrpc.Run) *hostrpc.Reply {
	var list []func()
	for _, name := range append(slices.Clip(r.Also), r.Func) {
		if name == "" {
			continue
		}
		f, ok := h.code.Func(name)
		if !ok {
			return failed(r.Cell, "link error", fmt.Errorf("function %s is not loaded", name))
		}
		list = append(list, f)
	}
	dropped := migrate(r.Migrate)
	reply := h.execute(run, func() {
		for _, f := range list {
			f()
		}
	})
	reply.Dropped = dropped
	return reply
}

func (h *Host) eval(run *cellrt.Run, p *direct.Program) *hostrpc.Reply {
	m := direct.NewMachine(direct.Default, cellrt.ResultOf)
	var err error
	reply := h.execute(run, func() { err = m.Run(p) })
	if reply.Abandoned {
		return reply
	}
	if f := reply.Fault; f != nil {
		line, _ := m.Position()
		f.Frames = append(f.Frames, hostrpc.Frame{File: p.File, Line: line, User: true})
		return reply
	}
	if e, ok := errors.AsType[*direct.Error](err); ok {
		reply.Fault = newFault(run.Cell, e.Value)
		reply.Fault.Frames = []hostrpc.Frame{{File: p.File, Line: e.Line, User: true}}
	} else if err != nil {
		return failed(run.Cell, "direct", err)
	}
	return reply
}

// execute runs f on a goroutine of its own, owned by run, and waits until it ends or is abandoned.
func (h *Host) execute(run *cellrt.Run, f func()) *hostrpc.Reply {
	ids := make(chan uint64, 1)
	result := make(chan *hostrpc.Reply, 1)
	go func() { // ends with the cell; the stopper ends it where the cell is abandoned
		ids <- hook.ID()
		hook.SetOwner(owner(run))
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("cell", strconv.Itoa(run.Cell))))
		debug.SetPanicOnFault(true)
		ok := false
		defer func() { result <- h.ended(run, ok, recover()) }()
		f()
		ok = true
	}()
	left, forget := h.stops.abandoned(<-ids)
	defer forget()
	select {
	case r := <-result:
		return r
	case <-left:
		return &hostrpc.Reply{Interrupted: true, Abandoned: true}
	}
}

// ended tells how a cell's goroutine has ended. It runs deferred, with the frames of a panic in place.
func (h *Host) ended(run *cellrt.Run, ok bool, v any) *hostrpc.Reply {
	_, stop := v.(cellrt.Interrupt)
	switch {
	case ok:
		return &hostrpc.Reply{}
	case stop, v == nil && run.IsStopped():
		return &hostrpc.Reply{Interrupted: true}
	case v == nil: // runtime.Goexit
		return &hostrpc.Reply{}
	}
	f := newFault(run.Cell, v)
	f.Frames = append(taskFrames(v), callers()...)
	return &hostrpc.Reply{Fault: f}
}

// setEnv changes the environment and the working directory of this process.
func setEnv(s *hostrpc.SetEnv) *hostrpc.Reply {
	var errs []error
	for k, v := range s.Set {
		errs = append(errs, os.Setenv(k, v))
	}
	for _, k := range s.Unset {
		errs = append(errs, os.Unsetenv(k))
	}
	if s.Dir != "" {
		errs = append(errs, os.Chdir(s.Dir))
	}
	if err := errors.Join(errs...); err != nil {
		return failed(0, "environment", err)
	}
	return &hostrpc.Reply{}
}
