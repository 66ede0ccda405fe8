package node

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"mobula/cluster/headwire"
	"mobula/internal/id"
)

// run is an attempt of a submitted job on this node: its entrypoint is a process of the node, with a process group of its own.
// Node.mu guards what follows granted; the rest is set when it is made.
type run struct {
	spec    headwire.JobRun
	slot    id.Lease // its account
	log     *logFile
	dir     string          // its working directory
	ctx     context.Context // ends when the attempt must end at once
	end     context.CancelCauseFunc
	stop    chan struct{} // closed when it is to end in order
	stopped sync.Once

	granted chan struct{} // closed when it has its resources
	devices []string
	pid     int // 0 before and after its process
}

// errUnwanted is why an attempt ends that the cluster does not count on any more: another one may run elsewhere.
var errUnwanted = errors.New("the cluster does not count on it any more")

// holdTime bounds how long an attempt waits here for the resources that the head saw free.
const holdTime = 5 * time.Second

// runJob takes an attempt on. It answers when the attempt holds what it needs; of its begin and its end the head hears later.
func (n *Node) runJob(ctx context.Context, in headwire.JobRun) error {
	r, err := n.takeOn(in)
	if r == nil || err != nil {
		return err
	}
	late := time.NewTimer(holdTime)
	defer late.Stop()
	select {
	case <-r.granted:
		return nil
	case <-late.C:
	case <-ctx.Done():
	case <-r.ctx.Done():
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-r.granted:
		return nil
	default:
	}
	delete(n.runs, in.ID)
	r.end(errUnwanted)
	_ = r.log.close() // nothing was written
	n.book.unhold(r.slot, time.Now())
	n.carryOutLocked()
	return headwire.Errorf(headwire.Unavailable, "%s has no %v free any more", n.conf.Name, in.Resources)
}

// takeOn makes an attempt, which begins when it has its resources; nil where it is here already.
func (n *Node) takeOn(in headwire.JobRun) (*run, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		return nil, headwire.Errorf(headwire.Unavailable, "the node ends")
	}
	if have := n.runs[in.ID]; have != nil {
		if have.spec.Attempt == in.Attempt && have.ctx.Err() == nil {
			return nil, nil
		}
		have.end(errUnwanted)
		return nil, headwire.Errorf(headwire.Unavailable, "an earlier attempt still ends on %s", n.conf.Name)
	}
	r := &run{
		spec: in, slot: id.Lease{ID: n.book.conf.ids.Next()}, granted: make(chan struct{}), stop: make(chan struct{}), log: n.logs.open(runLog(in.JobLife)),
		dir: filepath.Join(n.dir.path, jobsName, in.ID+"-"+strconv.Itoa(in.Attempt)),
	}
	r.ctx, r.end = context.WithCancelCause(n.ctx)
	n.runs[in.ID] = r
	n.link.sawLocked([]uint64{in.Assignment})
	n.book.hold(r.slot, in.Resources, time.Now())
	n.carryOutLocked()
	return r, nil
}

// runGrantedLocked begins the attempt that has got what it wants.
func (n *Node) runGrantedLocked(g holdGranted) {
	for _, r := range n.runs {
		if r.slot == g.slot {
			r.devices = g.devices
			close(r.granted)
			n.running.Go(func() { n.runUntilTold(r) })
		}
	}
}

// runUntilTold is an attempt from its begin until the head has heard of its end.
func (n *Node) runUntilTold(r *run) {
	over := n.runToEnd(r)
	text, start := n.logs.end(runLog(r.spec.JobLife), keptLog)
	n.mu.Lock()
	r.pid = 0
	n.dropDriversLocked(r)
	n.book.unhold(r.slot, time.Now())
	n.carryOutLocked()
	n.mu.Unlock()
	if err := r.log.close(); err != nil {
		n.logger.Warn("close the log of a job", "job", r.spec.ID, "error", err)
	}
	n.logger.Info("an attempt of a job has ended", "job", r.spec.ID, "attempt", r.spec.Attempt, "how", over.Message)
	if r.ctx.Err() == nil {
		n.keepOf(r, &over, text, start)
	}
	if r.ctx.Err() != nil {
		n.forgetRun(r)
		return
	}
	n.link.tasks.add(func(ctx context.Context) {
		if _, err := headwire.Ask(ctx, n.link.client, headwire.JobEnded, over); err != nil && ctx.Err() == nil {
			n.logger.Warn("the end of a job is not told", "job", r.spec.ID, "error", err)
		}
		n.forgetRun(r)
	})
}

// runToEnd gets an attempt ready, and runs its process until nothing is left of it.
func (n *Node) runToEnd(r *run) headwire.JobOver {
	over := headwire.JobOver{JobLife: r.spec.JobLife}
	if err := n.getReady(r); err != nil {
		over.Message = err.Error()
		return over
	}
	end, err := n.execute(r)
	switch {
	case err != nil:
		over.Message = err.Error()
	default:
		over.Message, over.Signal = end.Reason, end.Signal
		if end.Signal == 0 && end.Code >= 0 {
			over.ExitCode = &end.Code
		}
	}
	return over
}

// forgetRun removes what is left of an attempt but its log.
func (n *Node) forgetRun(r *run) {
	if err := os.RemoveAll(r.dir); err != nil {
		n.logger.Warn("remove the working directory of a job", "job", r.spec.ID, "error", err)
	}
	r.end(nil)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.runs[r.spec.ID] == r {
		delete(n.runs, r.spec.ID)
	}
}

// stopInOrder ends an attempt by SIGTERM, and after its grace time by SIGKILL.
func (r *run) stopInOrder() { r.stopped.Do(func() { close(r.stop) }) }

// stopRun hears that an attempt is to end.
func (n *Node) stopRun(life headwire.JobLife) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.runs[life.ID]; r != nil && r.spec.JobLife == life {
		r.stopInOrder()
	}
}

// runsLocked lists the attempts that are here.
func (n *Node) runsLocked() (all []headwire.JobLife) {
	for _, r := range n.runs {
		if r.ctx.Err() == nil {
			all = append(all, r.spec.JobLife)
		}
	}
	slices.SortFunc(all, func(x, y headwire.JobLife) int { return cmp.Compare(x.ID, y.ID) })
	return all
}

// keepRunsLocked ends the attempts that the cluster does not count on.
func (n *Node) keepRunsLocked(list []headwire.JobKeep) {
	for _, r := range n.runs {
		i := slices.IndexFunc(list, func(k headwire.JobKeep) bool { return k.JobLife == r.spec.JobLife })
		switch {
		case i < 0:
			r.end(errUnwanted)
		case list[i].Stop:
			r.stopInOrder()
		}
	}
}

// pauseRunsLocked stops the processes of attempts that another one may follow, or lets them go on: see pauseActorsLocked.
func (n *Node) pauseRunsLocked(pause bool) {
	for _, r := range n.runs {
		if r.spec.Retried && r.pid != 0 {
			n.logger.Info("a job", "job", r.spec.ID, "pid", r.pid, "paused", pause)
			pauseGroup(r.pid, pause)
		}
	}
}

// dropDriversLocked ends the connections of the drivers that an attempt has started, also of those that have left its process group.
func (n *Node) dropDriversLocked(r *run) {
	for _, c := range n.sortedClients() {
		if c.submission == r.spec.ID && c.stream != nil {
			_ = c.stream.Close() // its connection's end is noticed where it is read
		}
	}
}
