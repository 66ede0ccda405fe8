package headwire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"mobula/cluster/wire"
	"mobula/internal/frame"
)

// ErrDisconnected is returned by calls whose connection ended before the reply came: whether they were carried out is not known.
var ErrDisconnected = errors.New("the connection ended before the answer came")

// Handler answers a call. ctx ends when the caller gives up, or its connection ends.
type Handler func(ctx context.Context, method string, body json.RawMessage) (any, error)

// Caller is what calls can be made on: a Peer, or a client that finds one.
type Caller interface {
	Call(ctx context.Context, method string, in, out any) error
}

// call is the body of a call, a notification (Number is 0) or a cancellation (without Method).
type call struct {
	Number uint64          `json:"n,omitzero"`
	Method string          `json:"m,omitempty"`
	Body   json.RawMessage `json:"b,omitempty"`
}

type reply struct {
	Number uint64          `json:"n"`
	Error  *Error          `json:"e,omitempty"`
	Body   json.RawMessage `json:"b,omitempty"`
}

// Peer is one end of a connection.
type Peer struct {
	conn     *frame.Conn
	handler  Handler
	notified func(method string, body json.RawMessage) error
	ctx      context.Context
	stop     context.CancelFunc
	handlers sync.WaitGroup

	mu      sync.Mutex // guards below
	last    uint64
	waiting map[uint64]chan reply
	serving map[uint64]context.CancelFunc
	ended   error
}

// NewPeer returns an end over a connection after its handshake. Without a handler all calls are refused; without notified, notifications are
// dropped; its error ends the connection.
func NewPeer(ctx context.Context, conn *frame.Conn, handler Handler, notified func(method string, body json.RawMessage) error) *Peer {
	p := &Peer{conn: conn, handler: handler, notified: notified, waiting: map[uint64]chan reply{}, serving: map[uint64]context.CancelFunc{}}
	p.ctx, p.stop = context.WithCancel(ctx)
	return p
}

// Serve handles what comes until the connection ends, and says why it did.
func (p *Peer) Serve() error {
	err := p.conn.Serve(p.Take)
	p.End(err)
	return err
}

// Take takes a frame of the connection, for those who serve other messages on it, too. An error means that the connection must end.
func (p *Peer) Take(kind byte, body []byte) error {
	switch kind {
	case wire.KindCall:
		return p.takeCall(body)
	case wire.KindReply:
		m, err := wire.ParseJSON[reply](body)
		if err != nil {
			return err
		}
		p.mu.Lock()
		waiting := p.waiting[m.Number]
		delete(p.waiting, m.Number)
		p.mu.Unlock()
		if waiting != nil {
			waiting <- m
		}
		return nil
	case wire.KindNotify:
		m, err := wire.ParseJSON[call](body)
		if err == nil && p.notified != nil {
			err = p.notified(m.Method, m.Body)
		}
		return err
	case wire.KindCancelCall:
		m, err := wire.ParseJSON[call](body)
		if err != nil {
			return err
		}
		p.mu.Lock()
		cancel := p.serving[m.Number]
		p.mu.Unlock()
		if cancel != nil {
			cancel()
		}
		return nil
	}
	return fmt.Errorf("a message of kind %d, which is no call", kind)
}

// maxServing bounds the calls of one connection that are handled at a time.
const maxServing = 4096

func (p *Peer) takeCall(body []byte) error {
	m, err := wire.ParseJSON[call](body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(p.ctx)
	p.mu.Lock()
	refused := p.handler == nil || len(p.serving) >= maxServing || p.serving[m.Number] != nil || p.ended != nil
	if !refused {
		p.serving[m.Number] = cancel
		p.handlers.Add(1) // under the lock: End waits
	}
	p.mu.Unlock()
	if refused {
		cancel()
		p.answer(m.Number, nil, Errorf(Unavailable, "too many calls, or none are taken here"))
		return nil
	}
	go func() { // End waits for it
		defer p.handlers.Done()
		out, err := p.handler(ctx, m.Method, m.Body)
		cancel()
		p.mu.Lock()
		delete(p.serving, m.Number)
		p.mu.Unlock()
		if p.ctx.Err() == nil { // else this end is what gave up: the caller finds the connection ended, and asks again
			p.answer(m.Number, out, err)
		}
	}()
	return nil
}

func (p *Peer) answer(number uint64, out any, err error) {
	m := reply{Number: number}
	if err == nil {
		m.Body, err = json.Marshal(out)
	}
	if err != nil {
		m.Body, m.Error = nil, ErrorOf(err)
	}
	if err := p.conn.Send(wire.KindReply, wire.JSON(m)); err != nil && !errors.Is(err, frame.ErrClosed) {
		m = reply{Number: number, Error: Errorf(Invalid, "send the answer: %v", err)}
		_ = p.conn.Send(wire.KindReply, wire.JSON(m)) // the caller has gone, then
	}
}

// Call calls a method of the other end. out may be nil.
func (p *Peer) Call(ctx context.Context, method string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("call %s: %w", method, err)
	}
	answered := make(chan reply, 1)
	p.mu.Lock()
	if p.ended != nil {
		p.mu.Unlock()
		return p.disconnected(method)
	}
	p.last++
	number := p.last
	p.waiting[number] = answered
	p.mu.Unlock()
	if err := p.conn.Send(wire.KindCall, wire.JSON(call{number, method, body})); err != nil {
		p.forget(number)
		if errors.Is(err, frame.ErrClosed) {
			return p.disconnected(method)
		}
		return fmt.Errorf("call %s: %w", method, err)
	}
	select {
	case m, ok := <-answered:
		switch {
		case !ok:
			return p.disconnected(method)
		case m.Error != nil:
			return m.Error
		case out == nil:
			return nil
		}
		if err := json.Unmarshal(m.Body, out); err != nil {
			return fmt.Errorf("call %s: a damaged answer: %w", method, err)
		}
		return nil
	case <-ctx.Done():
		p.forget(number)
		_ = p.conn.Send(wire.KindCancelCall, wire.JSON(call{Number: number})) // without a connection it has ended anyway
		return context.Cause(ctx)
	}
}

func (p *Peer) disconnected(method string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := errors.AsType[*Error](p.ended); ok {
		return e
	}
	return fmt.Errorf("call %s: %w (%w)", method, ErrDisconnected, p.ended)
}

func (p *Peer) forget(number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, number)
}

// Notify tells the other end something that has no answer.
func (p *Peer) Notify(method string, in any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("notify %s: %w", method, err)
	}
	return p.conn.Send(wire.KindNotify, wire.JSON(call{Method: method, Body: body}))
}

// End fails all calls and waits for the handlers. Serve does this; Take's callers must.
func (p *Peer) End(why error) {
	p.mu.Lock()
	if p.ended == nil {
		if why == nil {
			why = frame.ErrClosed
		}
		p.ended = why
		for _, waiting := range p.waiting {
			close(waiting)
		}
		p.waiting = nil
	}
	p.mu.Unlock()
	p.stop()
	p.handlers.Wait()
}

// Refuse tells the other end why it is not served, and closes the connection.
func Refuse(conn *frame.Conn, why error) {
	body, err := json.Marshal(ErrorOf(why))
	if err == nil {
		_ = conn.Send(wire.KindNotify, wire.JSON(call{Method: refusedMethod, Body: body})) // it is closed anyway
	}
	_ = conn.Close()
}

// refusedMethod is the last notification of a connection that is not served.
const refusedMethod = "refused"

// Refusal reads a notification of Refuse; nil for others.
func Refusal(method string, body json.RawMessage) error {
	if method != refusedMethod {
		return nil
	}
	e := &Error{}
	if err := json.Unmarshal(body, e); err != nil {
		return Errorf(Denied, "it gives no readable reason")
	}
	return e
}
