package node

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// job is a job whose driver is a client of this node. Node.mu guards it.
type job struct {
	spec    headwire.JobSpec
	drivers int
	refused error         // of the head
	told    chan struct{} // closed when the head has answered for the first time
	isTold  bool
}

// countDriverLocked notes that a driver has come or gone. Workers that submit tasks for a job are none of its drivers.
func (n *Node) countDriverLocked(c *client, values map[string]string, by int) {
	l := n.link
	if l == nil || c.role != wire.RoleDriver || c.job.IsZero() {
		return
	}
	if by > 0 {
		close(l.welcomed)
		l.welcomed = make(chan struct{})
	}
	if by > 0 {
		c.counted = !n.isWorkerLocked(c.pid)
	}
	if !c.counted { // when a worker's connection ends, its process may not be known any more
		return
	}
	j := l.jobs[c.job]
	if j == nil {
		j = &job{told: make(chan struct{})}
		j.spec = headwire.JobSpec{
			ID: c.job, Name: values[wire.ValueName], Namespace: values[wire.ValueNamespace], Node: n.conf.ID, PID: c.pid, Entrypoint: values[wire.ValuePath], Submission: c.submission,
		}
		l.jobs[c.job] = j
		l.startJobLocked(j)
	}
	if j.drivers += by; j.drivers > 0 {
		return
	}
	delete(l.jobs, c.job)
	l.tasks.add(func(ctx context.Context) {
		end := headwire.JobEnd{ID: j.spec.ID, Node: n.conf.ID, Message: "its driver has gone"}
		if _, err := headwire.Ask(ctx, l.client, headwire.EndJob, end); err != nil && ctx.Err() == nil {
			n.logger.Warn("the end of a job is not told", "job", j.spec.ID, "error", err)
		}
	})
}

// hasDriverLocked reports whether a driver of a job is here, or a worker that submits tasks for it.
func (n *Node) hasDriverLocked(of id.Job) bool {
	for _, c := range n.clients {
		if c.role == wire.RoleDriver && c.job == of {
			return true
		}
	}
	return false
}

func (n *Node) isWorkerLocked(pid int) bool {
	for _, p := range n.procs {
		if p.pid == pid && pid != n.pid && pid != 0 {
			return true
		}
	}
	return false
}

// startJobLocked tells the head of a job, once for each connection.
func (l *link) startJobLocked(j *job) {
	l.tasks.add(func(ctx context.Context) {
		_, err := headwire.Ask(ctx, l.client, headwire.StartJob, j.spec)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.n.logger.Warn("the head refuses a job", "job", j.spec.ID, "error", err)
		}
		l.n.mu.Lock()
		defer l.n.mu.Unlock()
		j.refused = err
		if !j.isTold {
			j.isTold = true
			close(j.told)
		}
	})
}

func (n *Node) sortedJobsLocked() []*job {
	return slices.SortedFunc(maps.Values(n.link.jobs), func(x, y *job) int { return cmp.Compare(x.spec.ID.String(), y.spec.ID.String()) })
}

// welcomeTime bounds how long the connection of a driver may take to be welcomed that has opened another one for its calls already.
const welcomeTime = 5 * time.Second

// awaitJob waits until the head knows the job of a client, if it has one, or refuses it. Where its driver is a worker, or on another node, it knows
// it already.
func (n *Node) awaitJob(ctx context.Context, of id.Job) error {
	if of.IsZero() {
		return nil
	}
	late := time.NewTimer(welcomeTime)
	defer late.Stop()
	for {
		n.mu.Lock()
		j, welcomed := n.link.jobs[of], n.link.welcomed
		var told chan struct{}
		switch {
		case j != nil && j.isTold:
			defer n.mu.Unlock()
			return j.refused
		case j != nil:
			told = j.told
		case n.hasDriverLocked(of):
			n.mu.Unlock()
			return nil
		}
		n.mu.Unlock()
		select {
		case <-told:
		case <-welcomed:
		case <-late.C:
			if j == nil {
				return nil // the head says what it lacks
			}
			late.Reset(welcomeTime)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
