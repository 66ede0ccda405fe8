package wire

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/go-zeromq/zmq4"
)

const (
	drainBytes = 64 << 20         // Drain waits until a subscriber's queue is below it
	drainStall = 10 * time.Second // and cuts off one that takes nothing for so long
)

// Router is a ROUTER socket: shell, control or stdin.
type Router struct{ socket }

// ListenRouter binds a Router. handle gets each message, its first frame the sender's identity.
func ListenRouter(name string, at Endpoint, log *slog.Logger, handle func(frames [][]byte)) (*Router, error) {
	r := &Router{socket{name: name, typ: zmq4.Router, log: log}}
	r.receive = func(p *peer, frames [][]byte) {
		handle(append([][]byte{[]byte(p.identity)}, frames...))
	}
	if err := r.listen(at); err != nil {
		return nil, err
	}
	return r, nil
}

// Send queues a message to the client that its first frame names. It reports whether there is such a client.
func (r *Router) Send(frames [][]byte) bool {
	r.mu.Lock()
	p := r.byID[string(frames[0])]
	r.mu.Unlock()
	if p == nil {
		return false
	}
	if !p.push(packet{frames: frames[1:]}, maxPeerQueue) {
		p.kill()
		return false
	}
	return true
}

// SendWhenConnected is Send, but it waits for the client to connect, until ctx ends.
func (r *Router) SendWhenConnected(ctx context.Context, frames [][]byte) bool {
	for {
		r.mu.Lock()
		admitted := r.admitted
		r.mu.Unlock()
		if r.Send(frames) {
			return true
		}
		select {
		case <-admitted:
		case <-ctx.Done():
			return false
		}
	}
}

// Publisher is an XPUB socket: iopub.
type Publisher struct{ socket }

// ListenPublisher binds a Publisher. Whoever subscribes is sent what welcome returns for the subscription.
func ListenPublisher(at Endpoint, log *slog.Logger, welcome func(subscription string) [][]byte) (*Publisher, error) {
	b := &Publisher{socket{name: "iopub", typ: zmq4.XPub, log: log}}
	b.receive = func(p *peer, frames [][]byte) {
		if len(frames) != 1 || len(frames[0]) == 0 || frames[0][0] > 1 {
			return // XPUB takes messages from subscribers, a kernel has no use for them
		}
		b.subscribe(p, string(frames[0][1:]), frames[0][0] == 1, welcome)
	}
	b.command = func(p *peer, name string, data []byte) { // how ZMTP 3.1 subscribes
		if name == "SUBSCRIBE" || name == "CANCEL" {
			b.subscribe(p, string(data), name == "SUBSCRIBE", welcome)
		}
	}
	if err := b.listen(at); err != nil {
		return nil, err
	}
	return b, nil
}

// subscribe queues the welcome under the lock that Publish takes: it is the first message after the subscription.
func (b *Publisher) subscribe(p *peer, topic string, on bool, welcome func(string) [][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if on {
		p.topics[topic]++
		p.push(packet{frames: welcome(topic)}, maxPeerQueue)
		return
	}
	if p.topics[topic]--; p.topics[topic] <= 0 {
		delete(p.topics, topic)
	}
}

// Publish queues a message to all whose subscription is a prefix of its first frame, in one order for all.
func (b *Publisher) Publish(frames [][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	topic := string(frames[0])
	for p := range b.peers {
		for t := range p.topics {
			if strings.HasPrefix(topic, t) {
				if !p.push(packet{frames: frames}, maxPeerQueue) {
					p.kill()
				}
				break
			}
		}
	}
}

// Drain waits, until ctx ends, for subscribers that are behind, so that bulk output is bounded
// by the pace of who reads it. A subscriber that takes nothing for ten seconds is cut off; ZeroMQ clients connect again by themselves.
func (b *Publisher) Drain(ctx context.Context) {
	b.mu.Lock()
	peers := make([]*peer, 0, len(b.peers))
	for p := range b.peers {
		peers = append(peers, p)
	}
	b.mu.Unlock()
	for _, p := range peers {
		if !p.below(ctx, drainBytes, drainStall) {
			b.log.Warn("a subscriber of iopub has stopped reading and is cut off")
			p.kill()
		}
	}
}

// Heartbeat is a REP socket that answers each message with itself.
type Heartbeat struct{ socket }

// ListenHeartbeat binds a Heartbeat.
func ListenHeartbeat(at Endpoint, log *slog.Logger) (*Heartbeat, error) {
	h := &Heartbeat{socket{name: "heartbeat", typ: zmq4.Rep, log: log}}
	h.receive = func(p *peer, frames [][]byte) {
		p.push(packet{frames: frames}, 1<<20)
	}
	if err := h.listen(at); err != nil {
		return nil, err
	}
	return h, nil
}
