package driver

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/frame"
)

const dialPatience = 10 * time.Second

// dial connects to a worker, and returns how many parts of the code that has; cpus are those of the lease.
func (d *Driver) dial(g wire.LeaseGrant, cpus float64) (conn *frame.Conn, parts int, err error) {
	stream, err := net.Dial("unix", g.Address)
	if err != nil {
		return nil, 0, fmt.Errorf("connect to worker %s: %w", g.Worker.Short(), err)
	}
	conn = frame.NewBlocking(stream)
	ctx, cancel := context.WithTimeout(d.ctx, dialPatience)
	defer cancel()
	worker, _, err := conn.Handshake(ctx, frame.Hello{Role: "driver", Build: d.conf.Build, PID: os.Getpid()})
	if err != nil {
		conn.Abort()
		return nil, 0, fmt.Errorf("connect to worker %s: %w", g.Worker.Short(), err)
	}
	if err := conn.Send(wire.KindAttach, wire.JSON(wire.Attach{Lease: g.Lease, Job: d.conf.Job, Slots: g.Slots, CPUs: cpus, Devices: g.Devices})); err != nil {
		conn.Abort()
		return nil, 0, err
	}
	parts, _ = strconv.Atoi(worker.Values[wire.ValueParts]) // else it has none
	return conn, max(0, parts), nil
}

// prepare sends what the worker needs before the task; Driver.mu is held. An error of the connection is found by serve.
func (l *lease) prepare(t *task) {
	for ; l.parts < t.spec.Parts; l.parts++ {
		data, err := l.d.conf.Part(l.parts)
		if err != nil {
			panic(fmt.Sprintf("driver: part %d of the code: %v", l.parts, err)) // a bug: the task needs it, so it exists
		}
		m := wire.Code{Part: uint64(l.parts), Data: data}
		_ = l.conn.Send(wire.KindCode, m.Append)
	}
	if digest := t.spec.Class.Environment; digest != "" && !l.prepared[digest] {
		if l.prepared == nil {
			l.prepared = map[string]bool{}
		}
		l.prepared[digest] = true
		m := wire.Environment{Digest: digest, Values: *t.spec.Values}
		m.Values.Refs = t.refs()
		_ = l.conn.Send(wire.KindEnvironment, m.Append)
	}
}
