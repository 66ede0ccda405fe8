package node

import (
	"cmp"
	"context"
	"os"
	"slices"
	"syscall"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/crash"
	"mobula/internal/id"
)

// taskLabel is the label of the goroutines of a task, in the crash reports of workers.
const taskLabel = "task"

const (
	streamOut   = "stdout"
	streamError = "stderr"
)

// proc is a worker's process. Node.mu guards it, but for what is set when it is made.
type proc struct {
	spec   WorkerSpec
	cancel context.CancelFunc
	out    [2]*rawOutput
	log    *logFile
	origin *origin       // of its program; nil for one of this machine
	gone   chan struct{} // the process has ended

	process     Process // nil before it has started
	pid         int
	client      *client // its connection
	address     string
	planned     bool // the book wants it to end
	ending      bool
	killed      bool
	reason      string // why it was stopped, where that is a failure
	outOfMemory bool
}

// startLocked starts a worker; run goes on with it.
func (n *Node) startLocked(a startWorker) {
	if n.closing {
		return
	}
	p := &proc{gone: make(chan struct{}), log: n.logs.open(workerLog + a.worker.String())}
	p.spec = WorkerSpec{Worker: a.worker, Node: n.address, Dir: n.dir.path, Class: a.class, Devices: a.devices, HasGPUs: len(n.book.ledger.Pool().Devices) > 0}
	if r := n.programs[a.class.Program]; r != nil {
		p.spec.Path, p.spec.Args, p.spec.Env, p.origin = r.path, r.args, r.env, r.origin
	}
	for i, stream := range []string{streamOut, streamError} {
		p.out[i] = &rawOutput{stream: stream, log: p.log, pass: func(stream, text string) { n.passOutput(p, stream, text) }}
	}
	p.spec.Stdout, p.spec.Stderr = p.out[0], p.out[1]
	ctx, cancel := context.WithCancel(n.ctx)
	p.cancel = cancel
	n.procs[a.worker] = p
	n.counted.started++
	n.running.Go(func() { n.run(ctx, p) })
}

// run is a worker process from its begin to its end.
func (n *Node) run(ctx context.Context, p *proc) {
	defer p.cancel()
	how := ended{}
	var process Process
	var err error
	if p.origin != nil && p.spec.Path != "" {
		p.spec.Path, err = n.executable(ctx, p.origin)
	}
	if err == nil {
		process, err = n.conf.Starter.Start(ctx, p.spec)
	}
	if err != nil {
		how.reason = err.Error()
	} else {
		n.mu.Lock()
		p.process, p.pid = process, process.PID()
		if p.killed {
			process.Kill()
		}
		n.book.started(p.spec.Worker, p.pid)
		n.mu.Unlock()
		how = p.explain(process.Wait())
	}
	close(p.gone)
	if err := p.log.close(); err != nil {
		n.logger.Warn("close a worker's log", "worker", p.spec.Worker, "error", err)
	}
	n.finish(p, how)
}

// finish tells of a worker's end.
func (n *Node) finish(p *proc, how ended) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.reason != "" {
		how.reason, how.outOfMemory = p.reason, p.outOfMemory
	}
	how.killed = how.killed && !p.planned
	delete(n.procs, p.spec.Worker)
	n.counted.ended(p, how)
	if p.address != "" && p.pid != n.pid {
		_ = os.Remove(p.address) // a killed worker leaves its socket
	}
	if !p.planned && !n.closing {
		n.logger.Warn("a worker has ended", "worker", p.spec.Worker, "pid", p.pid, "reason", how.reason)
	}
	n.book.workerEnded(p.spec.Worker, how, time.Now())
	n.carryOutLocked()
}

// explain says how a process ended, from its exit status and what the runtime has reported.
func (p *proc) explain(exit crash.End) ended {
	how := ended{reason: exit.Reason, killed: exit.Signal == int(syscall.SIGKILL)}
	const goCrash = 2 // the exit status of Go's runtime
	p.out[0].finish(false)
	text, tail := p.out[1].finish(exit.Code == goCrash || exit.Signal != 0)
	how.output = string(tail)
	if len(text) == 0 {
		return how
	}
	report := crash.Parse(text)
	if report.Cause != "" {
		how.reason = report.Cause
	}
	how.output = string(text[:min(len(text), headShow)])
	if g, ok := report.Culprit(taskLabel); ok {
		if task, err := id.Parse[id.Task](g.Labels[taskLabel]); err == nil {
			how.culprits = []id.Task{task}
		}
	}
	return how
}

// stopLocked carries out what the book wants.
func (n *Node) stopLocked(a stopWorker) {
	p := n.procs[a.worker]
	if p == nil {
		return
	}
	if a.reason != "" {
		p.reason = a.reason
		p.killLocked()
		return
	}
	p.planned = true
	n.endLocked(p, "")
}

// endLocked lets a worker end: its connection is closed, and the process is killed if it goes on for too long after that.
// reason says why it had to be, where that is a failure.
func (n *Node) endLocked(p *proc, reason string) {
	if p.ending || n.closing {
		return
	}
	p.ending = true
	stream, ok := half(p.client)
	if !ok {
		p.killLocked()
		return
	}
	_ = stream.CloseWrite() // it may have closed its end
	n.running.Go(func() {
		grace := time.NewTimer(n.conf.StopGrace)
		defer grace.Stop()
		select {
		case <-p.gone:
			return
		case <-grace.C:
		case <-n.ctx.Done():
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		p.reason = cmp.Or(p.reason, reason)
		p.killLocked()
	})
}

// half is the part of a client's connection that can be closed in one direction: so what it has still to say arrives.
func half(c *client) (stream interface{ CloseWrite() error }, ok bool) {
	if c == nil {
		return nil, false
	}
	stream, ok = c.stream.(interface{ CloseWrite() error })
	return stream, ok
}

func (p *proc) killLocked() {
	p.ending, p.killed = true, true
	p.cancel()
	if p.process != nil {
		p.process.Kill()
	}
}

// kill stops a worker for lack of memory.
func (n *Node) kill(worker id.Worker, reason string) {
	n.update(func(b *book, _ time.Time) {
		if p := n.procs[worker]; p != nil && !p.outOfMemory {
			p.reason, p.outOfMemory = reason, true
			b.condemn(worker)
			p.killLocked()
		}
	})
}

// passOutput hands what a worker's process wrote to the drivers that have leases on it. No task is known.
func (n *Node) passOutput(p *proc, stream, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.book.workers[p.spec.Worker]
	if w == nil {
		return
	}
	told := map[clientID]bool{}
	for _, l := range w.sortedLeases() {
		for _, to := range []clientID{l.from.client, n.drivers[l.job]} {
			c := n.clients[to]
			if c == nil || c.role != wire.RoleDriver && c.role != rolePeer || told[to] {
				continue
			}
			told[to] = true
			n.logLocked(c, wire.PassedLog{Log: wire.Log{Job: l.job, Worker: w.id, PID: w.pid, Stream: stream, Text: text}})
		}
	}
}

// forwardLog hands what a task wrote to the driver of its job, or to the node from which its tasks came here. Where the driver has gone nodes may name
// each other, since tasks of detached actors can come from either: then nobody wants it.
func (n *Node) forwardLog(m *wire.PassedLog) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.clients[n.drivers[m.Job]]; c != nil && (c.role != rolePeer || !slices.Contains(m.Via, c.node)) {
		n.logLocked(c, *m)
	}
}

// over has ended: Throttle with it says at once whether there is room.
var over = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// logLocked sends output to a driver. One that does not read loses output, not the node its memory.
func (n *Node) logLocked(c *client, m wire.PassedLog) {
	if c.role == rolePeer {
		m.Via = append(slices.Clip(m.Via), n.conf.ID)
	}
	if c.conn.Throttle(over) != nil {
		c.dropped++
		return
	}
	if c.dropped > 0 {
		note := m
		note.Task, note.Stream = id.Task{}, streamError
		note.Text = "mobula: output was dropped, because this program did not read it in time\n"
		c.dropped = 0
		_ = c.conn.Send(wire.KindLog, wire.JSON(note)) // as below
	}
	_ = c.conn.Send(wire.KindLog, wire.JSON(m)) // its connection's end is noticed where it is read
}
