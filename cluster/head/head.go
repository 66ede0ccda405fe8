package head

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/state"
	"mobula/cluster/statelog"
	"mobula/internal/filelock"
	"mobula/internal/id"
)

// Config says what a head is. All may be empty: then it is in memory, and for this process only.
type Config struct {
	Dir string // of its credentials, socket and files
	// Log keeps the state. nil: nothing does, and the head is for this process only.
	Log statelog.Open
	// Join makes this a further head of a cluster that others have made. nil: it makes one, or goes on as what Dir says it is.
	Join   *Join
	Listen string // TCP address for nodes and clients, as in :10001
	Host   string // by which others reach what listens; "": that of Listen
	Name   string // of the cluster, for people
	// Restore is a file that  mobula head backup  wrote. The head begins with what is in it; Dir must be new.
	Restore string
	Version string // of mobula
	Logger  *slog.Logger
	Timing  Timing
	// FilesBytes bounds the files of submitted jobs: 4 GiB.
	FilesBytes int64
}

// Timing is when what is done about nodes that are not heard from.
type Timing struct {
	Heartbeat time.Duration // between two of a node: 500 ms
	Suspect   time.Duration // after so long without one a node gets no new work: 3 s
	Dead      time.Duration // and after so long what it had is lost: 10 s
	Lease     time.Duration // for so long a node may run registered actors without hearing from a head: 15 s
	Margin    time.Duration // after that until they may run elsewhere: 1 s; it is fixed when the cluster is made
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Log == nil {
		c.Log = statelog.Local
	}
	c.FilesBytes = cmp.Or(c.FilesBytes, filesBytes)
	t := &c.Timing
	t.Heartbeat = cmp.Or(t.Heartbeat, 500*time.Millisecond)
	t.Suspect = cmp.Or(t.Suspect, 3*time.Second)
	t.Dead = cmp.Or(t.Dead, 10*time.Second)
	t.Lease = cmp.Or(t.Lease, 15*time.Second)
	t.Margin = cmp.Or(t.Margin, time.Second)
	return c
}

// Names of files in Config.Dir.
const (
	SocketName    = "head.sock"
	JoinTokenFile = "join-token"
	UserTokenFile = "user-token"
	HeadTokenFile = "head-token"
	lockName      = "lock"
	idName        = "head-id"
)

// Head is a running head. One of a cluster's heads leads: it takes calls, watches nodes and decides. The others carry connections to it.
type Head struct {
	conf    Config
	logger  *slog.Logger
	lock    *os.File
	log     statelog.Log // set before opened is closed
	self    statelog.Member
	ca      *authority // nil without a TCP listener
	network *network   // the same
	methods map[string]method
	hub     hub
	files   fileKeeper
	backup  []byte // the state to begin with; nil for none
	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup
	opened  chan struct{}
	once    sync.Once
	done    chan struct{}
	err     error // set before done is closed
	wake    chan struct{}
	led     chan error // room for one: how the first time of leading has begun

	// Of the time in which this head leads; see term.go.
	ctx   context.Context
	stop  context.CancelFunc
	wg    sync.WaitGroup
	began time.Time

	proposed  atomic.Uint64
	listeners []net.Listener

	mu        sync.Mutex // guards below
	leads     bool
	tokens    map[headwire.TokenKind]headwire.Token
	sessions  map[*session]bool
	links     map[id.Node]*link
	placing   map[id.PlacementGroup]*placing  // groups whose bundles are being reserved
	starting  map[id.Actor]context.CancelFunc // lives that nodes are asked to begin
	verdicts  map[id.ID]verdict               // of groups and actors that wait
	launching map[string]bool                 // submitted jobs that are being given to a node
	reasons   map[string]string               // why submitted jobs wait
	last      uint64                          // assignment
	found     found                           // in the last state that was looked at
	counted   counted
	pages     pages  // the dashboard
	turn      id.Job // whose turn the last pass ended with
	pruned    time.Time
	unhook    func() bool // of the context that Start was given
	closing   bool
}

// startTime bounds how long a head that starts waits until one leads.
const startTime = 30 * time.Second

// Start starts a head. It returns when the head takes calls. It ends with ctx or by Close.
func Start(ctx context.Context, c Config) (*Head, error) {
	c = c.withDefaults()
	h := &Head{
		conf: c, logger: c.Logger, done: make(chan struct{}), wake: make(chan struct{}, 1), opened: make(chan struct{}), led: make(chan error, 1),
		tokens: map[headwire.TokenKind]headwire.Token{},
	}
	h.files.h = h
	h.hub.changed = make(chan struct{})
	h.methods = h.table()
	h.forget()
	h.life, h.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := h.start(ctx); err != nil {
		_ = h.Close() // what failed first is told
		return nil, fmt.Errorf("start a head: %w", err)
	}
	unhook := context.AfterFunc(ctx, func() { _ = h.Close() }) // logged there
	h.mu.Lock()
	h.unhook = unhook
	h.mu.Unlock()
	return h, nil
}

func (h *Head) start(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if dir := h.conf.Dir; dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if h.lock, err = filelock.Open(filepath.Join(dir, lockName), false); err != nil {
			return fmt.Errorf("lock %s: %w: another head uses it", dir, err)
		}
	}
	if err := h.unpackBackup(); err != nil {
		return err
	}
	if err := h.listen(ctx); err != nil {
		return err
	}
	conf := statelog.Config{Applied: h.applied, Join: h.conf.Join != nil}
	if h.network != nil {
		conf.Network = h.network
		if h.self.ID, err = headID(h.conf.Dir); err != nil {
			return err
		}
		h.self.Address = h.Address()
	}
	conf.Self = h.self
	if h.log, err = h.conf.Log(conf); err != nil {
		return err
	}
	close(h.opened)
	h.running.Go(h.govern)
	if h.conf.Join != nil {
		if err := h.joinHeads(ctx); err != nil {
			return err
		}
	}
	return h.awaitGovernment(ctx)
}

// View is the state as this head knows it.
func (h *Head) View() *state.View { return h.log.View() }

// propose has a command replicated and applied. Its error is for whoever caused it.
func (h *Head) propose(c state.Command) (any, error) {
	h.proposed.Add(1)
	value, err := h.log.Propose(c)
	if errors.Is(err, statelog.ErrNotLeader) {
		<-h.ctx.Done() // the caller's connection ends with it: it asks again whoever leads
	}
	return value, answerable(err)
}

// now is the time in the state's unit.
func now() int64 { return time.Now().UnixMilli() }

// Address is the address of the TCP listener, "" without one.
func (h *Head) Address() string {
	for _, l := range h.listeners {
		if l.Addr().Network() == "tcp" {
			address := l.Addr().String()
			if _, port, err := net.SplitHostPort(address); err == nil && h.conf.Host != "" {
				return net.JoinHostPort(h.conf.Host, port)
			}
			return address
		}
	}
	return ""
}

// Socket is the path of the unix socket, "" for a head in memory.
func (h *Head) Socket() string {
	if h.conf.Dir == "" {
		return ""
	}
	return filepath.Join(h.conf.Dir, SocketName)
}

// JoinToken is what nodes are started with, for a head that listens on TCP.
func (h *Head) JoinToken() headwire.Token { return h.token(headwire.JoinToken) }

// UserToken is what clients and command lines show, for a head that listens on TCP.
func (h *Head) UserToken() headwire.Token { return h.token(headwire.UserToken) }

// HeadToken is what further heads are started with.
func (h *Head) HeadToken() headwire.Token { return h.token(headwire.HeadToken) }

func (h *Head) token(kind headwire.TokenKind) headwire.Token {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tokens[kind]
}

// Wait returns when the head has ended.
func (h *Head) Wait() { <-h.done }

// Close ends all connections and the log. What the state knows stays in the directory. A head that leads others has one of them lead first.
func (h *Head) Close() error {
	h.once.Do(func() {
		defer close(h.done)
		h.mu.Lock()
		h.closing = true
		if h.unhook != nil {
			h.unhook()
		}
		h.mu.Unlock()
		h.handOver()
		h.end()
		for _, l := range h.listeners {
			h.err = errors.Join(h.err, l.Close())
		}
		h.running.Wait()
		h.err = errors.Join(h.err, h.files.close())
		if h.log != nil {
			h.err = errors.Join(h.err, h.log.Close())
		}
		if h.lock != nil {
			h.err = errors.Join(h.err, h.lock.Close())
		}
		if h.err != nil {
			h.logger.Error("close the head", "error", h.err)
		}
	})
	<-h.done
	return h.err
}

// pause waits before something is tried again, or until this head leads no more.
func (h *Head) pause() {
	select {
	case <-h.ctx.Done():
	case <-time.After(retryTime):
	}
}

// poke has the deciding goroutine look again.
func (h *Head) poke() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}
