package transfer

import (
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

// pool keeps connections that nobody uses, by node.
type pool struct {
	most int // for a node
	keep time.Duration

	mu     sync.Mutex // guards below
	idle   map[string][]*idleConn
	closed bool
}

type idleConn struct {
	stream net.Conn
	timer  *time.Timer // ends it
}

func newPool(most int, keep time.Duration) *pool {
	return &pool{most: most, keep: keep, idle: map[string][]*idleConn{}}
}

// get returns a connection that was kept, or nil.
func (p *pool) get(name string) net.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.idle[name]
	if len(all) == 0 {
		return nil
	}
	c := all[len(all)-1]
	p.remove(name, c)
	return c.stream
}

// put keeps a connection for a while.
func (p *pool) put(name string, stream net.Conn) {
	if !p.add(name, stream) {
		stream.Close()
	}
}

func (p *pool) add(name string, stream net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle[name]) >= p.most {
		return false
	}
	c := &idleConn{stream: stream}
	p.idle[name] = append(p.idle[name], c)
	c.timer = time.AfterFunc(p.keep, func() {
		p.mu.Lock()
		old := p.remove(name, c)
		p.mu.Unlock()
		if old {
			c.stream.Close()
		}
	})
	return true
}

// remove tells whether the connection was there. p.mu must be held.
func (p *pool) remove(name string, c *idleConn) bool {
	all := p.idle[name]
	i := slices.Index(all, c)
	if i < 0 {
		return false
	}
	c.timer.Stop()
	if all = slices.Delete(all, i, i+1); len(all) > 0 {
		p.idle[name] = all
	} else {
		delete(p.idle, name)
	}
	return true
}

// forget closes the connections to a node.
func (p *pool) forget(name string) {
	for stream := p.get(name); stream != nil; stream = p.get(name) {
		stream.Close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	names := slices.Collect(maps.Keys(p.idle))
	p.mu.Unlock()
	for _, name := range names {
		p.forget(name)
	}
}
