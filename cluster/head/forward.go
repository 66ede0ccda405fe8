package head

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/statelog"
	"mobula/internal/frame"
	"mobula/internal/id"
)

// origin is who a connection is of, as the head knows that has taken it.
type origin struct {
	Rights rights  `json:"rights,omitzero"` // before a token is shown
	Node   id.Node `json:"node,omitzero"`   // of a certificate
	From   string  `json:"from"`            // for the log
}

const (
	leaderTime = 2 * time.Second        // for so long a connection waits until a head leads
	lookTime   = 50 * time.Millisecond  // between two looks at which one does
	watchTime  = 250 * time.Millisecond // the same, while connections go to it
	maxOrigin  = 4 << 10
)

// serve is a connection from its begin to its end: here if this head leads, else it is carried to that which does.
func (h *Head) serve(stream net.Conn, o origin) {
	select {
	case <-h.opened:
	case <-h.life.Done():
		_ = stream.Close()
		return
	}
	ctx, cancel := context.WithTimeout(h.life, leaderTime)
	defer cancel()
	for {
		leader, known := h.awaitLeader(ctx)
		switch {
		case h.enter():
			defer h.wg.Done()
			h.converse(stream, o)
			return
		case h.life.Err() != nil:
			_ = stream.Close()
			return
		case !known:
			h.sendAway(stream)
			return
		case !leader.Self && h.forward(ctx, stream, o, leader):
			return
		}
		select { // what led may have ended, and what leads next is not elected
		case <-ctx.Done():
		case <-time.After(lookTime):
		}
	}
}

// enter begins a connection of a head that leads; its end is told to h.wg.
func (h *Head) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.leads {
		h.wg.Add(1)
	}
	return h.leads
}

// awaitLeader waits until this head leads, or knows which one does.
func (h *Head) awaitLeader(ctx context.Context) (statelog.Member, bool) {
	for {
		h.mu.Lock()
		leads := h.leads
		h.mu.Unlock()
		leader, known := h.log.Leader()
		if ctx.Err() == nil && (leads || known && !leader.Self) {
			return leader, true
		}
		select {
		case <-ctx.Done():
			return leader, false
		case <-time.After(lookTime):
		}
	}
}

// sendAway says that no head leads.
func (h *Head) sendAway(stream net.Conn) {
	ctx, cancel := context.WithTimeout(h.life, handshakeTime)
	defer cancel()
	s := &session{h: h, conn: frame.New(stream)}
	if _, _, err := s.conn.Handshake(ctx, h.ownHello()); err != nil {
		s.conn.Abort()
		return
	}
	defer context.AfterFunc(ctx, s.conn.Abort)()
	headwire.Refuse(s.conn, headwire.Errorf(headwire.Unavailable, "no head leads at present: more than half of the heads must run (%s)", h.membersText()))
}

// forward carries a connection to the head that leads, for as long as it does. It returns false where that head is not reached.
func (h *Head) forward(ctx context.Context, stream net.Conn, o origin, leader statelog.Member) bool {
	onward, err := h.network.dial(ctx, leader.Address, protocolForward)
	if err == nil {
		err = writeOrigin(onward, o)
	}
	if err != nil {
		h.logger.Debug("the head that leads is not reached", "address", leader.Address, "error", err)
		return false
	}
	h.carry(stream, onward, leader)
	return true
}

// carry copies between two connections, and ends them.
func (h *Head) carry(stream, onward net.Conn, leader statelog.Member) {
	ctx, done := context.WithCancel(h.life)
	defer done()
	var copying sync.WaitGroup
	for _, way := range [][2]net.Conn{{stream, onward}, {onward, stream}} {
		copying.Go(func() {
			defer done()
			_, _ = io.Copy(way[0], way[1]) // its ends are told by both ends
		})
	}
	h.whileLeading(ctx, leader)
	_ = stream.Close()
	_ = onward.Close()
	copying.Wait()
}

// whileLeading returns when ctx ends, or another head leads than that.
func (h *Head) whileLeading(ctx context.Context, leader statelog.Member) {
	look := time.NewTicker(watchTime)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			if m, known := h.log.Leader(); !known || m != leader {
				return
			}
		}
	}
}

func writeOrigin(w io.Writer, o origin) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...))
	return err
}

func readOrigin(r io.Reader) (o origin, err error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return o, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxOrigin {
		return o, fmt.Errorf("%d bytes say who it is of", n)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return o, err
	}
	if err := json.Unmarshal(data, &o); err != nil {
		return o, err
	}
	if o.Rights < mayJoin || o.Rights > mayAll {
		return o, fmt.Errorf("rights of %d", o.Rights)
	}
	return o, nil
}

// takeForwarded takes a connection that another head has carried here. One that this head would have to carry on is ended: its client tries again.
func (h *Head) takeForwarded(stream net.Conn) {
	_ = stream.SetReadDeadline(time.Now().Add(handshakeTime))
	o, err := readOrigin(stream)
	_ = stream.SetReadDeadline(time.Time{})
	if err != nil || !h.enter() {
		h.logger.Debug("a connection that another head has taken is not served", "from", stream.RemoteAddr(), "error", err)
		_ = stream.Close()
		return
	}
	defer h.wg.Done()
	h.converse(stream, o)
}
