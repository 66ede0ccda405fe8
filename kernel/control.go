package kernel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"mobula/interp"
	"mobula/kernel/magic"
)

// controlTarget is the comm by which Mobula's JupyterLab extension asks the kernel to do what its buttons say, and hears of the cluster. No code
// can be run over it. The protocol is in widgets/labextension/README.md.
const controlTarget = "mobula.ctl"

// watchEvery is how often the cluster is asked while somebody looks.
const watchEvery = time.Second

// watchTime is how long the cluster is watched for who does not ask again: a page that was closed tells nobody.
const watchTime = 3 * time.Minute

// controlTime bounds what a button may take.
const controlTime = time.Minute

// control is one open comm of the extension.
type control struct {
	c *Comm
	k *Kernel

	mu    sync.Mutex // guards below
	watch context.CancelFunc
}

// controlRequest is what the extension asks.
type controlRequest struct {
	Op    string `json:"op"`
	Topic string `json:"topic"`
	ID    string `json:"id"`
	Nodes int    `json:"nodes"`
	Seq   int    `json:"seq"`
}

func openControl(c *Comm, _ CommMessage) error {
	x := &control{c: c, k: c.Kernel()}
	c.OnMessage(x.message)
	return nil
}

// message takes a request. What takes long is done on a goroutine of the comm's.
func (x *control) message(m CommMessage) {
	var q controlRequest
	if err := json.Unmarshal(m.Data, &q); err != nil {
		x.answer(0, nil, fmt.Errorf("a request is not understood: %w", err))
		return
	}
	switch q.Op {
	case "hello":
		x.answer(q.Seq, nil, nil) // at once, also while the engine starts
		return
	case "subscribe":
		x.subscribe(q)
		return
	}
	x.c.Go(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, controlTime)
		defer cancel()
		value, err := x.do(ctx, q)
		x.answer(q.Seq, value, err)
	})
}

func (x *control) answer(seq int, value any, err error) {
	m := object{"seq": seq, "ok": true, "value": value}
	if err != nil {
		m = object{"seq": seq, "error": err.Error()}
	}
	_ = x.c.Send(m, nil) // the front end has closed it, then
}

// clusters is the part of the engine that knows the cluster.
func (x *control) clusters(ctx context.Context) (interp.Clusters, error) {
	engine, err := x.k.ready(ctx)
	if err != nil {
		return nil, err
	}
	c, ok := engine.(interp.Clusters)
	if !ok {
		return nil, errors.New("this engine cannot run tasks on a cluster")
	}
	return c, nil
}

// do carries out what a button says.
func (x *control) do(ctx context.Context, q controlRequest) (any, error) {
	engine, err := x.clusters(ctx)
	if err != nil {
		return nil, err
	}
	switch q.Op {
	case "cancel":
		return nil, x.cancel(ctx, engine, q.ID)
	case "connect":
		st, err := engine.ConnectCluster(ctx, 0, interp.ClusterTarget{})
		return magic.ClusterWidget(&st).JSON(), err
	case "scale":
		st, err := engine.ScaleCluster(ctx, q.Nodes, func(string) {})
		return magic.ClusterWidget(&st).JSON(), err
	case "dashboard":
		link, err := engine.OpenDashboard(ctx)
		if err != nil {
			return nil, err
		}
		return magic.OpeningOf(link)
	case "stop":
		_, _, err := engine.StopCluster(ctx)
		return nil, err
	}
	return nil, fmt.Errorf("%.40q is nothing that this kernel does", q.Op)
}

// cancel ends the tasks of a cell, or asks code of a cell to end what its progress shows.
func (x *control) cancel(ctx context.Context, engine interp.Clusters, id string) error {
	if cell, ok := strings.CutPrefix(id, interp.ProgressPrefix); ok {
		n, err := strconv.Atoi(cell)
		if err != nil {
			return fmt.Errorf("there are no tasks of the name %.40q", id)
		}
		return engine.CancelTasks(n)
	}
	if e, ok := engine.(interp.ViewEngine); ok {
		return e.CancelView(ctx, id)
	}
	return fmt.Errorf("there are no tasks of the name %.40q", id)
}

// subscribe tells of the cluster from now on.
func (x *control) subscribe(q controlRequest) {
	if q.Topic != "cluster" {
		x.answer(q.Seq, nil, fmt.Errorf("there is no topic %.40q", q.Topic))
		return
	}
	x.c.Go(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, watchTime)
		defer cancel()
		x.mu.Lock()
		before := x.watch
		x.watch = cancel
		x.mu.Unlock()
		if before != nil {
			before()
		}
		x.follow(ctx)
	})
}

// follow sends the state of the cluster when it has changed, until nobody wants it.
func (x *control) follow(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var last []byte
	for first := true; ; first = false {
		state := x.state(ctx)
		if ctx.Err() != nil {
			return
		}
		if first || !bytes.Equal(state, last) {
			if x.c.Send(object{"topic": "cluster", "state": json.RawMessage(state)}, nil) != nil {
				return
			}
			last = state
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// state is the cluster in use as JSON, null where there is none or it does not answer.
func (x *control) state(ctx context.Context) []byte {
	engine, err := x.clusters(ctx)
	if err != nil {
		return []byte("null")
	}
	st, used, err := engine.ClusterStatus(ctx)
	if err != nil || !used {
		return []byte("null")
	}
	return magic.ClusterWidget(&st).JSON()
}
