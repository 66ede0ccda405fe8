package headclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"mobula/cluster/headwire"
	"mobula/internal/frame"
)

// Config says which head, who asks, and what is done with what the head says.
type Config struct {
	// Addresses are tried in turn: host:port, or unix: and a path. Where there are several heads, their addresses are learnt from the first that answers.
	Addresses []string
	// Dial takes the place of Addresses, for a head in this process.
	Dial func(ctx context.Context) (net.Conn, error)
	// Token opens a TCP connection; a socket of this machine needs none.
	Token *headwire.Token
	// Identity is shown in place of a token, by nodes.
	Identity *Identity
	Role     string // headwire.RoleClient where it is empty
	Build    string
	Values   map[string]string // for the other end, in the handshake
	// Handler answers calls of the head; Notified takes its notifications in order and must not block.
	Handler  headwire.Handler
	Notified func(method string, body json.RawMessage)
	// OnConnect is called with each new connection before calls go out on it. OnDisconnect when it has ended.
	OnConnect    func(ctx context.Context, peer *headwire.Peer) error
	OnDisconnect func(why error)
	Logger       *slog.Logger
}

// Client keeps a connection to a head.
type Client struct {
	conf Config
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex // guards below
	peer    *headwire.Peer
	local   net.Addr
	failed  error         // of the last attempt to connect
	changed chan struct{} // closed and made anew with each change of peer
	known   []string      // addresses that a head has told
	next    int           // of the addresses
	last    uint64        // watch
	watches map[uint64]*watch
}

// Limits of waiting for a connection.
const (
	firstBackoff  = 20 * time.Millisecond
	lastBackoff   = 2 * time.Second
	manyBackoff   = 200 * time.Millisecond // where there are several addresses
	handshakeTime = 10 * time.Second
	dialTime      = time.Second // where there are several addresses
)

// Connect connects to a head. The first connection must succeed; later ones are tried until Close.
func Connect(ctx context.Context, c Config) (*Client, error) {
	c.Role = cmp.Or(c.Role, headwire.RoleClient)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	client := &Client{conf: c, changed: make(chan struct{}), watches: map[uint64]*watch{}}
	client.ctx, client.stop = context.WithCancel(context.WithoutCancel(ctx))
	session, err := client.first(ctx)
	if err != nil {
		client.stop()
		return nil, err
	}
	client.wg.Go(func() { client.keep(session) })
	return client, nil
}

// first opens the first connection, to any of the addresses.
func (c *Client) first(ctx context.Context) (*session, error) {
	var failed []error
	for range max(1, len(c.conf.Addresses)) {
		s, err := c.open(ctx)
		if err == nil {
			return s, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

// Close ends the connection and all calls.
func (c *Client) Close() {
	c.stop()
	c.wg.Wait()
}

// LocalAddr is the address of this end, nil while there is no connection.
func (c *Client) LocalAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.local
}

// session is one connection.
type session struct {
	conn  *frame.Conn
	peer  *headwire.Peer
	local net.Addr
	ended chan error // of Serve
}

// keep replaces connections that end.
func (c *Client) keep(s *session) {
	for backoff := firstBackoff; ; {
		if s != nil {
			c.set(s)
			err := c.await(s)
			c.set(nil)
			if c.conf.OnDisconnect != nil {
				c.conf.OnDisconnect(err)
			}
			c.loseEvents()
			backoff = firstBackoff
		}
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(backoff/2 + rand.N(backoff)):
		}
		backoff = min(2*backoff, lastBackoff)
		if c.several() {
			backoff = min(backoff, manyBackoff) // another head will lead soon
		}
		var err error
		if s, err = c.open(c.ctx); err != nil {
			c.conf.Logger.Debug("no connection to the head", "error", err)
			c.mu.Lock()
			c.failed = err
			c.mu.Unlock()
		}
	}
}

// await waits for the end of a connection, and ends it with the client.
func (c *Client) await(s *session) error {
	stop := context.AfterFunc(c.ctx, s.conn.Abort)
	err := <-s.ended
	stop()
	s.conn.Abort()
	return err
}

func (c *Client) set(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peer, c.local = nil, nil
	if s != nil {
		c.peer, c.local, c.failed = s.peer, s.local, nil
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// open makes a connection that calls can go out on.
func (c *Client) open(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	stream, err := c.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the head: %w", err)
	}
	s := &session{conn: frame.New(stream), local: stream.LocalAddr(), ended: make(chan error, 1)}
	hello := frame.Hello{Role: c.conf.Role, Build: c.conf.Build, PID: os.Getpid(), Values: maps.Clone(c.conf.Values)}
	if hello.Values == nil {
		hello.Values = map[string]string{}
	}
	if c.conf.Identity == nil && c.conf.Token != nil {
		hello.Values[headwire.ValueToken] = c.conf.Token.Text()
	}
	peer, _, err := s.conn.Handshake(ctx, hello)
	if err == nil && peer.Role != headwire.RoleHead && peer.Role != headwire.RoleNode {
		err = fmt.Errorf("a %.20q answers, which is no head", peer.Role)
	}
	if err != nil {
		s.conn.Abort()
		return nil, fmt.Errorf("connect to the head: %w", err)
	}
	c.learn(peer.Values[headwire.ValueHeads])
	s.peer = headwire.NewPeer(c.ctx, s.conn, c.conf.Handler, c.notified)
	c.wg.Go(func() { s.ended <- s.peer.Serve() })
	if c.conf.OnConnect == nil {
		// The head's refusal, if there is one, comes before the answer to the first call.
		err = s.peer.Call(ctx, headwire.PingMethod, headwire.None{}, nil)
	} else {
		err = c.conf.OnConnect(ctx, s.peer)
	}
	if err != nil {
		s.conn.Abort()
		<-s.ended
		return nil, fmt.Errorf("connect to the head: %w", err)
	}
	return s, nil
}

// learn notes the addresses of all heads.
func (c *Client) learn(told string) {
	if told == "" || c.conf.Dial != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = strings.Split(told, ",")
}

// addresses are all that a head may be found at; c.mu is held.
func (c *Client) addresses() []string {
	all := slices.Clone(c.conf.Addresses)
	for _, a := range c.known {
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// several reports whether there is more than one head to try.
func (c *Client) several() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.addresses()) > 1
}

// turn is the address of the next attempt, and how many there are.
func (c *Client) turn() (address string, of int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.addresses()
	if len(all) == 0 {
		return "", 0
	}
	c.next++
	return all[(c.next-1)%len(all)], len(all)
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	if c.conf.Dial != nil {
		return c.conf.Dial(ctx)
	}
	address, of := c.turn()
	if of > 1 { // of several heads, one that does not answer is no reason to wait
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dialTime)
		defer cancel()
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	switch {
	case of == 0:
		return nil, errors.New("no address is given")
	case c.conf.Identity != nil:
		return c.conf.Identity.Dial(ctx, address, headwire.HeadName)
	case c.conf.Token != nil:
		return dialByFingerprint(ctx, address, c.conf.Token.CA)
	}
	return nil, fmt.Errorf("%s needs a token: the head wrote one to its directory", address)
}

func (c *Client) notified(method string, body json.RawMessage) error {
	if err := headwire.Refusal(method, body); err != nil {
		return err
	}
	if method == headwire.EventMethod {
		return c.event(body)
	}
	if c.conf.Notified != nil {
		c.conf.Notified(method, body)
	}
	return nil
}

// awaitPeer waits for a connection other than one that has ended.
func (c *Client) awaitPeer(ctx context.Context, ended *headwire.Peer) (*headwire.Peer, error) {
	for {
		c.mu.Lock()
		peer, changed := c.peer, c.changed
		c.mu.Unlock()
		if peer != nil && peer != ended {
			return peer, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, c.gaveUp(ctx)
		case <-c.ctx.Done():
			return nil, fmt.Errorf("no connection to the head: it was closed: %w", headwire.ErrDisconnected)
		}
	}
}

// gaveUp says why there is no connection.
func (c *Client) gaveUp(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := fmt.Errorf("no connection to the head: %w", context.Cause(ctx))
	if c.failed != nil {
		err = fmt.Errorf("%w (the last attempt: %s)", err, c.failed.Error()) // it is none of this call
	}
	return err
}

// Connected returns the present connection, nil for none.
func (c *Client) Connected() *headwire.Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peer
}

// Call calls a method of the head.
func (c *Client) Call(ctx context.Context, method string, in, out any) error {
	var ended *headwire.Peer
	for {
		peer, err := c.awaitPeer(ctx, ended)
		if err != nil {
			return err
		}
		err = peer.Call(ctx, method, in, out)
		if !errors.Is(err, headwire.ErrDisconnected) || c.ctx.Err() != nil {
			return err
		}
		ended = peer
	}
}
