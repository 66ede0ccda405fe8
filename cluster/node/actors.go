package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/frame"
	"mobula/internal/id"
)

// actor is a life of a registered actor on this node. It has a worker of its own, which the node drives: so it outlives the driver that made it.
// Node.mu guards it, but for what is set when it is made.
type actor struct {
	life    headwire.ActorLife
	run     headwire.ActorRun
	maker   headwire.Maker
	client  clientID // that has its lease
	granted chan wire.LeaseGrant
	refused chan wire.LeaseRefused
	exited  chan wire.WorkerExited
	ctx     context.Context
	stop    context.CancelCauseFunc
	result  chan wire.Result
	hungUp  chan struct{}
	made    chan struct{} // closed when the constructor has ended, or never will
	err     error         // set before made is closed

	place headwire.Place // once it was made
	pid   int
}

// errStopped is why an actor ends that the cluster wants ended.
var errStopped = errors.New("the cluster has ended it")

// runActor begins a life of an actor, and answers when its constructor has ended.
func (n *Node) runActor(ctx context.Context, run headwire.ActorRun) (headwire.Place, error) {
	a, err := n.beginActor(run)
	if err != nil {
		return headwire.Place{}, err
	}
	select {
	case <-a.made:
		n.mu.Lock()
		defer n.mu.Unlock()
		return a.place, a.err
	case <-ctx.Done():
		a.stop(errStopped) // the head has gone, and will say what to do when it is back
		<-a.made
		return headwire.Place{}, context.Cause(ctx)
	}
}

// beginActor starts what makes the actor, or finds that it was started already.
func (n *Node) beginActor(run headwire.ActorRun) (*actor, error) {
	maker, err := wire.ParseJSON[headwire.Maker](run.Maker)
	if err != nil {
		return nil, headwire.Errorf(headwire.Invalid, "how the actor is made cannot be read: %v", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		return nil, headwire.Errorf(headwire.Unavailable, "the node ends")
	}
	if have := n.actors[run.ID]; have != nil {
		if have.life == run.ActorLife && have.ctx.Err() == nil {
			return have, nil
		}
		have.stop(errStopped)
		return nil, headwire.Errorf(headwire.Unavailable, "an earlier life of the actor still ends")
	}
	a := &actor{
		life: run.ActorLife, run: run, maker: maker, granted: make(chan wire.LeaseGrant, 1), refused: make(chan wire.LeaseRefused, 1),
		exited: make(chan wire.WorkerExited, 1), made: make(chan struct{}),
		result: make(chan wire.Result, 1), hungUp: make(chan struct{}),
	}
	a.ctx, a.stop = context.WithCancelCause(n.ctx)
	a.client = n.internalLocked(wire.RoleNode, a.deliver)
	n.book.far.pins[a.client] = true
	n.actors[run.ID] = a
	m := &wire.Program{Digest: maker.Class.Program, Path: maker.Path, Args: maker.Args, Env: maker.Env}
	n.learnLocked(a.client, m, origin{digest: m.Digest, path: m.Path, sum: maker.Sum})
	n.link.sawLocked([]uint64{run.Assignment})
	n.book.request(a.client, &wire.LeaseRequest{Request: 1, Job: run.Job, Class: a.class(), Slots: 1}, time.Now())
	n.carryOutLocked()
	n.running.Go(func() { n.live(a) })
	return a, nil
}

// class is that of the actor's worker: always one of its own.
func (a *actor) class() wire.Class {
	c := a.maker.Class
	c.Isolated, c.Selector, c.Strategy, c.Resources = true, nil, "", map[string]float64{}
	for _, name := range a.run.Resources.Names() {
		c.Resources[name] = float64(a.run.Resources.Get(name))
		if name != sched.Memory {
			c.Resources[name] /= float64(sched.One)
		}
	}
	if !a.run.Group.IsZero() {
		c.Strategy = headwire.StrategyText(sched.InGroup(a.run.Group, a.run.Bundle, false))
	}
	return c
}

// deliver takes what the book says; Node.mu is held.
func (a *actor) deliver(_ byte, body any) {
	switch m := body.(type) {
	case wire.LeaseGrant:
		a.granted <- m // once: one slot was asked for
	case wire.LeaseRefused:
		a.refused <- m
	case wire.WorkerExited:
		a.exited <- m
	}
}

// live is a life of an actor from its begin to its end.
func (n *Node) live(a *actor) {
	conn, err := n.makeActor(a)
	n.mu.Lock()
	a.err = err
	close(a.made)
	n.mu.Unlock()
	end := headwire.ActorEnd{ActorLife: a.life, Kind: headwire.EndWorker}
	if err == nil {
		end.Message = a.serve()
	}
	if conn != nil {
		conn.Abort()
	}
	n.mu.Lock()
	n.disownLocked(a.client)
	delete(n.clients, a.client)
	delete(n.actors, a.life.ID)
	n.book.clientGone(a.client, time.Now())
	n.carryOutLocked()
	stopped := context.Cause(a.ctx)
	n.mu.Unlock()
	a.stop(nil)
	if err != nil || n.ctx.Err() != nil {
		return // it never lived, or the node ends
	}
	if errors.Is(stopped, errStopped) {
		end.Message = "it was killed"
	}
	n.link.tasks.add(func(ctx context.Context) {
		if _, err := headwire.Ask(ctx, n.link.client, headwire.ActorEnded, end); err != nil && ctx.Err() == nil {
			n.logger.Warn("the end of an actor is not told", "actor", a.life.ID, "error", err)
		}
	})
}

// makeActor gets a worker and runs the constructor there. The connection is the caller's, also with an error.
func (n *Node) makeActor(a *actor) (*frame.Conn, error) {
	var grant wire.LeaseGrant
	select {
	case grant = <-a.granted:
	case m := <-a.refused:
		if m.Infeasible {
			return nil, headwire.Errorf(headwire.Unavailable, "%s: %s", n.conf.Name, m.Reason)
		}
		return nil, headwire.Errorf(headwire.Invalid, "%s", m.Reason)
	case <-a.ctx.Done():
		return nil, headwire.Errorf(headwire.Unavailable, "%v", context.Cause(a.ctx))
	}
	code, err := n.codeOf(a)
	if err != nil {
		return nil, err
	}
	conn, err := a.connect(n, grant)
	if err != nil {
		return nil, headwire.Errorf(headwire.Unavailable, "connect to the actor's worker: %v", err)
	}
	n.running.Go(func() { a.read(conn) })
	a.push(conn, code)
	if err := a.construct(); err != nil {
		return conn, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	a.place = headwire.Place{Worker: grant.Worker, Lease: grant.Lease, Address: grant.Address, PID: grant.PID}
	a.pid = grant.PID
	return conn, nil
}

// codeOf gets the parts of the program's code that the constructor needs.
func (n *Node) codeOf(a *actor) (parts [][]byte, err error) {
	for _, key := range a.maker.Code {
		part, err := headwire.Ask(a.ctx, n.link.client, headwire.GetKey, headwire.KeyRef{Namespace: headwire.CodeNamespace, Key: key})
		if err != nil {
			return nil, headwire.Errorf(headwire.Unavailable, "get the actor's code: %v", err)
		}
		parts = append(parts, part.Value)
	}
	return parts, nil
}

func (a *actor) connect(n *Node, grant wire.LeaseGrant) (*frame.Conn, error) {
	ctx, cancel := context.WithTimeout(a.ctx, dialTime)
	defer cancel()
	stream, err := (&net.Dialer{}).DialContext(ctx, "unix", grant.Address)
	if err != nil {
		return nil, err
	}
	conn := frame.New(stream)
	if _, _, err := conn.Handshake(ctx, frame.Hello{Role: wire.RoleDriver, Build: a.maker.Build, PID: n.pid}); err != nil {
		conn.Abort()
		return nil, err
	}
	return conn, conn.Send(wire.KindAttach, wire.JSON(wire.Attach{Lease: grant.Lease, Job: a.run.Job, Slots: 1, Devices: grant.Devices}))
}

// push sends the constructor. An error of the connection is found where it is read.
func (a *actor) push(conn *frame.Conn, code [][]byte) {
	for i, part := range code {
		m := wire.Code{Part: uint64(i), Data: part}
		_ = conn.Send(wire.KindCode, m.Append)
	}
	if digest := a.maker.Class.Environment; digest != "" {
		m := wire.Environment{Digest: digest, Values: a.maker.Values}
		_ = conn.Send(wire.KindEnvironment, m.Append)
	}
	m := wire.Push{
		Task: id.New[id.Task](), Form: a.maker.Form, Attempt: a.life.Epoch, Actor: a.life.ID, Concurrency: uint64(a.maker.Concurrency), Name: a.maker.Name,
		Closure: a.maker.Closure,
	}
	_ = conn.Send(wire.KindPush, m.Append)
}

// read hears what the worker says, until it hangs up.
func (a *actor) read(conn *frame.Conn) {
	defer close(a.hungUp)
	_ = conn.Serve(func(kind byte, body []byte) error { // its end is all that matters
		if kind != wire.KindResult {
			return nil
		}
		m, err := wire.ParseResult(append([]byte(nil), body...)) // the frame's memory is used again
		if err == nil {
			select {
			case a.result <- m:
			default: // only the constructor was pushed
			}
		}
		return err
	})
}

// construct waits for the constructor's result.
func (a *actor) construct() error {
	select {
	case m := <-a.result:
		switch m.Status {
		case wire.StatusOK:
			return nil
		case wire.StatusError:
			return headwire.Errorf(headwire.Invalid, "the actor's constructor failed: %s", m.Failure.Message)
		}
		return headwire.Errorf(headwire.Invalid, "the actor's constructor was ended (status %d)", m.Status)
	case <-a.hungUp:
		how := a.awaitExit()
		code := headwire.Unavailable
		if len(how.Culprits) > 0 {
			code = headwire.Invalid // it would do so again
		}
		return headwire.Errorf(code, "the actor's worker ended in its constructor: %s", how.Reason)
	case <-a.ctx.Done():
		return headwire.Errorf(headwire.Unavailable, "%v", context.Cause(a.ctx))
	}
}

// exitPatience is how long the book's word on how a worker ended is waited for.
const exitPatience = 2 * time.Second

func (a *actor) awaitExit() wire.WorkerExited {
	select {
	case m := <-a.exited:
		return m
	case <-a.ctx.Done():
	case <-time.After(exitPatience):
	}
	return wire.WorkerExited{Reason: "the connection to it ended"}
}

// serve waits for the end of an actor that was made, and says why it was.
func (a *actor) serve() string {
	select {
	case m := <-a.exited:
		return m.Reason
	case <-a.hungUp:
		return a.awaitExit().Reason
	case <-a.ctx.Done():
		return fmt.Sprint(context.Cause(a.ctx))
	}
}

// livesLocked lists what registered actors live here.
func (n *Node) livesLocked() (all []headwire.ActorLife) {
	for _, a := range n.actors {
		if a.place.Address != "" && a.ctx.Err() == nil {
			all = append(all, a.life)
		}
	}
	slices.SortFunc(all, func(x, y headwire.ActorLife) int { return x.ID.Compare(y.ID.ID) })
	return all
}

// keepActorsLocked ends the actors that the cluster does not count on. One whose process is paused may run elsewhere by now: it does not go on.
func (n *Node) keepActorsLocked(list []headwire.ActorLife) {
	for _, a := range n.actors {
		if a.place.Address == "" || slices.Contains(list, a.life) {
			continue
		}
		a.stop(errStopped)
		if p := n.procs[a.place.Worker]; p != nil && n.link.paused {
			p.planned = true
			n.book.condemn(a.place.Worker)
			p.killLocked()
		}
	}
}

func (n *Node) stopActorLocked(life headwire.ActorLife) {
	if a := n.actors[life.ID]; a != nil && a.life == life {
		a.stop(errStopped)
	}
}

// pauseActorsLocked stops the processes of registered actors where the head has not been heard from for so long that they may run elsewhere soon.
func (n *Node) pauseActorsLocked(at time.Time) {
	l := n.link
	if l.paused || l.lease.IsZero() || at.Before(l.lease) {
		return
	}
	l.paused = true
	n.signalActorsLocked(true)
}

// resumeActorsLocked lets them go on.
func (n *Node) resumeActorsLocked() {
	if n.link.paused && time.Now().Before(n.link.lease) {
		n.link.paused = false
		n.signalActorsLocked(false)
	}
}

func (n *Node) signalActorsLocked(pause bool) {
	n.pauseRunsLocked(pause)
	for _, a := range n.actors {
		if a.pid == 0 || a.pid == n.pid {
			continue
		}
		n.logger.Info("a registered actor", "actor", a.life.ID, "pid", a.pid, "paused", pause)
		pauseGroup(a.pid, pause)
	}
}
