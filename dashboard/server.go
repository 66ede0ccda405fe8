package dashboard

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"mobula/cluster/headwire"
	"mobula/internal/reach"
)

// Config says what a dashboard shows, and to whom.
type Config struct {
	Caller headwire.Caller // the head
	// Accepts reports whether a text is the token of a user. nil: nobody has one, and one-time codes alone open the dashboard.
	Accepts func(token string) bool
	Jobs    http.Handler // for /api/jobs/, behind the same credentials; nil: there is nothing
	// Process has /metrics tell of this process, too.
	Process bool
	Version string // of mobula
	Logger  *slog.Logger
}

// Server is a running dashboard.
type Server struct {
	conf    Config
	logger  *slog.Logger
	handler http.Handler
	gate    *gate
	source  *source
	sampler *sampler
	live    liveCount
	ctx     context.Context
	stop    context.CancelFunc
	wg      sync.WaitGroup

	mu      sync.Mutex // guards below
	address string     // URL
	cookie  string     // its name
	servers []*http.Server
	closed  bool
}

// New returns a dashboard. Close ends it.
func New(c Config) *Server {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := newServer(c)
	s.source = newSource(s.ctx, c.Caller)
	s.sampler = newSampler(c.Caller)
	s.handler = s.routes()
	s.wg.Go(func() { s.sampler.run(s.ctx) })
	return s
}

// newServer returns one that serves nothing yet.
func newServer(c Config) *Server {
	s := &Server{conf: c, logger: c.Logger, gate: newGate(c.Accepts), cookie: cookiePrefix + "0"}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// ServeHTTP serves a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Endpoint is where a dashboard listens.
type Endpoint struct {
	Listen string // host:port; port 0 takes a free one
	Host   string // by which others reach it; "": that of Listen
	// Certificate is shown to browsers. Without one only this machine is listened to.
	Certificate *tls.Certificate
}

// Limits of requests.
const (
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	maxHeader  = 64 << 10 // bytes; a hub's cookies come along
)

// Start listens and serves, until Close. The error of a port that is taken is syscall.EADDRINUSE.
func (s *Server) Start(ctx context.Context, e Endpoint) error {
	host, _, err := net.SplitHostPort(e.Listen)
	if err != nil {
		return fmt.Errorf("listen for the dashboard: %q is not HOST:PORT: %w", e.Listen, err)
	}
	if e.Certificate == nil && !e.Local() {
		return fmt.Errorf("listen for the dashboard: %s is reached from other machines, so it needs a certificate", e.Listen)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", e.Listen)
	if err != nil {
		return fmt.Errorf("listen for the dashboard: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	scheme := "http"
	if e.Certificate != nil {
		scheme = "https"
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*e.Certificate}, NextProtos: []string{"http/1.1"}})
	}
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug), BaseContext: func(net.Listener) context.Context { return s.ctx },
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.Join(errors.New("the dashboard was closed"), l.Close())
	}
	s.address = scheme + "://" + net.JoinHostPort(cmp.Or(e.Host, host), port) + "/"
	s.cookie = cookiePrefix + port
	s.servers = append(s.servers, server)
	s.wg.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("the dashboard ends", "error", err)
		}
	})
	return nil
}

// Local reports whether only this machine reaches it.
func (e Endpoint) Local() bool {
	host, _, err := net.SplitHostPort(e.Listen)
	return err == nil && reach.Loopback(host)
}

// Address is its URL, "" before Start.
func (s *Server) Address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// cookieName tells the dashboards of one host apart: cookies do not know ports.
func (s *Server) cookieName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cookie
}

// Link opens the dashboard once; it is for those who may use the cluster. It fits head.SetDashboard.
func (s *Server) Link(context.Context) (headwire.DashboardLink, error) {
	address := s.Address()
	if address == "" {
		return headwire.DashboardLink{}, headwire.Errorf(headwire.Unavailable, "the dashboard does not listen yet")
	}
	return headwire.DashboardLink{Address: address, Code: s.gate.newCode(), Seconds: int(codeLife / time.Second)}, nil
}

// Close ends all connections and waits for what serves them.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	servers := s.servers
	s.servers = nil
	s.mu.Unlock()
	s.stop()
	var err error
	for _, server := range servers {
		err = errors.Join(err, server.Close())
	}
	s.wg.Wait()
	s.live.wait()
	return err
}
