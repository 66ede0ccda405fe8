package wire

import (
	"bufio"
	"context"
	"net"
	"sync"
	"time"
)

const batchBytes = 1 << 20 // written before the queue is looked at again

// packet is one queued message or command.
type packet struct {
	frames  [][]byte
	command bool
}

func (p packet) size() int {
	n := 0
	for _, f := range p.frames {
		n += len(f) + 9
	}
	return n
}

// outbox is the queue to one peer; its run method is the only writer of the connection.
type outbox struct {
	conn net.Conn
	wake chan struct{} // capacity 1

	mu       sync.Mutex // guards what follows
	packets  []packet
	bytes    int           // queued or being written
	progress chan struct{} // closed and replaced when bytes were written
	finish   bool          // write what is queued, then end
	dead     bool          // nothing is written any more
}

func newOutbox(conn net.Conn) *outbox {
	return &outbox{conn: conn, wake: make(chan struct{}, 1), progress: make(chan struct{})}
}

// push queues p. It returns false where the backlog exceeds limit (0: no limit) or the peer has gone.
func (o *outbox) push(p packet, limit int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead || o.finish || limit > 0 && o.bytes > limit {
		return false
	}
	o.packets = append(o.packets, p)
	o.bytes += p.size()
	o.signal()
	return true
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run writes until the connection fails, kill, or all is written after end.
func (o *outbox) run() error {
	defer o.kill()
	w := bufio.NewWriterSize(o.conn, 64<<10)
	for range o.wake {
		for {
			batch, size, last := o.take()
			if len(batch) == 0 {
				if last {
					return w.Flush()
				}
				break
			}
			for _, p := range batch {
				if err := writeFrames(w, p.frames, p.command); err != nil {
					return err
				}
			}
			if err := w.Flush(); err != nil {
				return err
			}
			o.wrote(size)
		}
	}
	return nil
}

// take removes about batchBytes from the queue; last tells that an empty queue stays so.
func (o *outbox) take() (batch []packet, size int, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for n < len(o.packets) && size < batchBytes {
		size += o.packets[n].size()
		n++
	}
	batch = o.packets[:n:n]
	o.packets = o.packets[n:]
	if len(o.packets) == 0 {
		o.packets = nil
	}
	return batch, size, o.finish || o.dead
}

func (o *outbox) wrote(size int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bytes -= size
	close(o.progress)
	o.progress = make(chan struct{})
}

// end lets run write what is queued, for at most linger, and return.
func (o *outbox) end(linger time.Duration) {
	o.conn.SetWriteDeadline(time.Now().Add(linger))
	o.mu.Lock()
	o.finish = true
	o.mu.Unlock()
	o.signal()
}

// kill closes the connection and forgets what is queued.
func (o *outbox) kill() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead {
		return
	}
	o.dead = true
	o.packets, o.bytes = nil, 0
	close(o.progress)
	o.progress = make(chan struct{})
	o.conn.Close()
	o.signal()
}

// below waits until at most limit bytes are queued. It returns false where the peer took nothing for the time stall.
func (o *outbox) below(ctx context.Context, limit int, stall time.Duration) bool {
	timer := time.NewTimer(stall)
	defer timer.Stop()
	for {
		o.mu.Lock()
		done, progress := o.dead || o.bytes <= limit, o.progress
		o.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-progress:
			timer.Reset(stall)
		case <-timer.C:
			return false
		case <-ctx.Done():
			return true
		}
	}
}
