package head

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/state"
	"mobula/internal/frame"
	"mobula/internal/id"
	"mobula/internal/peercred"
)

// rights are what a connection may ask for; each has those before it.
type rights int

const (
	mayJoin rights = iota
	mayUse
	mayServe // as a node: it speaks for its own clients, too
	mayAll   // a process of the head's own user
)

// session is a connection.
type session struct {
	h      *Head
	conn   *frame.Conn
	peer   *headwire.Peer
	rights rights
	node   id.Node // of a certificate
	link   *link   // once it has said hello as a node; Head.mu guards it
}

// handshakeTime bounds how long it may take to show a credential.
const handshakeTime = 10 * time.Second

// listen opens the sockets and makes the credentials that they need.
func (h *Head) listen(ctx context.Context) error {
	if path := h.Socket(); path != "" {
		_ = os.Remove(path) // of a killed head; mostly there is none
		l, err := net.Listen("unix", path)
		if err != nil {
			return fmt.Errorf("listen for this machine: %w (a socket's path has at most 107 bytes)", err)
		}
		h.listeners = append(h.listeners, l)
	}
	if h.conf.Listen != "" {
		l, err := h.listenTLS(ctx)
		if err != nil {
			return err
		}
		h.listeners = append(h.listeners, l)
	}
	for _, l := range h.listeners { // not before all that sessions look at is there
		base := mayJoin
		if l.Addr().Network() == "unix" {
			base = mayAll
		}
		h.wg.Go(func() { h.accept(l, base) })
	}
	return nil
}

func (h *Head) listenTLS(ctx context.Context) (net.Listener, error) {
	var err error
	if h.ca, err = openAuthority(h.conf.Dir); err != nil {
		return nil, err
	}
	if err := h.ownTokens(); err != nil {
		return nil, err
	}
	conf, err := h.ca.server()
	if err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", h.conf.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for nodes and clients: %w", err)
	}
	return tls.NewListener(l, conf), nil
}

// ownTokens makes the first tokens, or reads them.
func (h *Head) ownTokens() error {
	for kind, file := range map[headwire.TokenKind]string{headwire.JoinToken: JoinTokenFile, headwire.UserToken: UserTokenFile} {
		name := filepath.Join(h.conf.Dir, file)
		if h.conf.Dir != "" {
			data, err := os.ReadFile(name)
			if err == nil {
				if token, err := headwire.ParseToken(string(data)); err == nil && h.knows(token) {
					h.tokens[kind] = token
					continue
				}
			}
		}
		token := headwire.NewToken(kind, h.ca.fingerprint())
		var c state.Command = &state.TokenPut{Hash: token.Hash(), Uses: -1, Time: now()}
		if kind == headwire.UserToken {
			c = &state.UserPut{Name: "owner", Hash: token.Hash(), Role: "owner", Time: now()}
		}
		if _, err := h.propose(c); err != nil {
			return err
		}
		h.tokens[kind] = token
		if h.conf.Dir != "" {
			if err := writeSecret(name, []byte(token.Text()+"\n")); err != nil {
				return err
			}
		}
	}
	return nil
}

// knows reports whether a token is one of this cluster's.
func (h *Head) knows(token headwire.Token) bool {
	if h.ca == nil || token.CA != h.ca.fingerprint() {
		return false
	}
	hash := token.Hash()
	if token.Kind == headwire.JoinToken {
		known := false
		for t := range h.View().Tokens() {
			known = known || subtle.ConstantTimeCompare([]byte(t.Hash), []byte(hash)) == 1
		}
		return known
	}
	return h.knowsUser(hash)
}

// knowsUser reports whether a hash is that of a user's token.
func (h *Head) knowsUser(hash string) (known bool) {
	for u := range h.View().Users() {
		if subtle.ConstantTimeCompare([]byte(u.Hash), []byte(hash)) == 1 {
			known = true
		}
	}
	return known
}

// AcceptsUser reports whether a text is the token of a user of this cluster.
func (h *Head) AcceptsUser(text string) bool {
	token, err := headwire.ParseToken(text)
	return err == nil && token.Kind == headwire.UserToken && h.knows(token)
}

// Dial connects to the head from within its process.
func (h *Head) Dial(context.Context) (net.Conn, error) {
	mine, theirs := net.Pipe()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return nil, errors.New("the head was closed")
	}
	h.wg.Go(func() { h.serve(mine, mayAll) })
	return theirs, nil
}

func (h *Head) accept(l net.Listener, base rights) {
	for {
		stream, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			h.logger.Error("accept a connection", "error", err)
			h.pause(100 * time.Millisecond) // out of file descriptors, perhaps
			continue
		}
		h.mu.Lock()
		closing := h.closing
		if !closing {
			h.wg.Go(func() { h.serve(stream, base) })
		}
		h.mu.Unlock()
		if closing {
			_ = stream.Close()
		}
	}
}

// serve is a connection from its begin to its end.
func (h *Head) serve(stream net.Conn, base rights) {
	s, err := h.welcome(stream, base)
	if err != nil {
		h.logger.Warn("a connection is refused", "from", stream.RemoteAddr(), "error", err)
		if s == nil {
			_ = stream.Close()
			return
		}
		h.refuse(s, err)
		return
	}
	err = s.peer.Serve()
	if !errors.Is(err, io.EOF) && h.ctx.Err() == nil {
		h.logger.Debug("a connection has broken", "from", stream.RemoteAddr(), "error", err)
	}
	s.conn.Abort()
	h.mu.Lock()
	delete(h.sessions, s)
	if l := s.link; l != nil && l.session == s {
		l.disconnected()
	}
	h.mu.Unlock()
	h.poke()
}

// refuse tells the other end why it is not served, if it listens.
func (h *Head) refuse(s *session, why error) {
	ctx, cancel := context.WithTimeout(h.ctx, handshakeTime)
	defer cancel()
	defer context.AfterFunc(ctx, s.conn.Abort)()
	headwire.Refuse(s.conn, why)
}

// welcome lets a connection in. With an error and a session, the other end can be told why not.
func (h *Head) welcome(stream net.Conn, base rights) (*session, error) {
	ctx, cancel := context.WithTimeout(h.ctx, handshakeTime)
	defer cancel()
	s := &session{h: h, rights: base}
	switch stream := stream.(type) {
	case *tls.Conn:
		if err := stream.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		if len(stream.ConnectionState().VerifiedChains) > 0 {
			node, err := headclient.NodeOf(stream.ConnectionState())
			if err != nil {
				return nil, err
			}
			s.node, s.rights = node, mayServe
		}
	case *net.UnixConn:
		if err := peercred.Check(stream); err != nil {
			return nil, err
		}
	}
	s.conn = frame.New(stream)
	stop := context.AfterFunc(h.ctx, s.conn.Abort)
	defer stop()
	hello, _, err := s.conn.Handshake(ctx, frame.Hello{Role: headwire.RoleHead, Build: h.conf.Version, PID: os.Getpid()})
	if err != nil {
		return s, err
	}
	if base == mayJoin && s.rights == mayJoin {
		if err := s.admit(hello.Values[headwire.ValueToken]); err != nil {
			return s, err
		}
	}
	s.peer = headwire.NewPeer(h.ctx, s.conn, s.handle, s.notified)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return s, headwire.Errorf(headwire.Unavailable, "the head ends")
	}
	h.sessions[s] = true
	return s, nil
}

// admit looks at the token of a client.
func (s *session) admit(text string) error {
	token, err := headwire.ParseToken(text)
	switch {
	case text == "":
		return headwire.Errorf(headwire.Denied, "this head wants a token: nodes use that in its file %s, clients that in %s", JoinTokenFile, UserTokenFile)
	case err != nil:
		return headwire.Errorf(headwire.Denied, "%v", err)
	case token.Kind == headwire.JoinToken:
		if _, err := s.h.propose(&state.TokenUse{Hash: token.Hash(), Time: now()}); err != nil {
			return headwire.Errorf(headwire.Denied, "%v", err)
		}
	case !s.h.knows(token):
		return headwire.Errorf(headwire.Denied, "the user token is not known here: ask whoever runs the head for a new one")
	default:
		s.rights = mayUse
	}
	return nil
}

// handle answers a call.
func (s *session) handle(ctx context.Context, name string, body json.RawMessage) (any, error) {
	m, ok := s.h.methods[name]
	switch {
	case !ok:
		return nil, headwire.Errorf(headwire.NotFound, "this head (mobula %s) has no method %.40q: use the same release of mobula on both sides", s.h.conf.Version, name)
	case s.rights < m.needs:
		return nil, headwire.Errorf(headwire.Denied, "the credential of this connection does not allow %s", name)
	}
	return m.call(ctx, s, body)
}
