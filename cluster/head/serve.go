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
	"strings"
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

// listen opens the sockets, and makes what they need. Who comes before the log is open waits for it.
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
	for _, l := range h.listeners { // not before all that connections look at is there
		h.running.Go(func() { h.accept(l) })
	}
	return nil
}

func (h *Head) listenTLS(ctx context.Context) (net.Listener, error) {
	if err := h.fetchAuthority(ctx); err != nil {
		return nil, err
	}
	var err error
	if h.ca, err = openAuthority(h.conf.Dir); err != nil {
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
	h.network = newNetwork(l.Addr(), h.ca, conf.Certificates[0])
	return tls.NewListener(l, conf), nil
}

// ownTokens reads the tokens of this head, or makes them. A head that has joined others has none.
func (h *Head) ownTokens() error {
	_, others := h.owner()
	for _, kind := range []headwire.TokenKind{headwire.UserToken, headwire.JoinToken, headwire.HeadToken} { // that of the owner tells whether the rest are this head's
		token, ok := h.readToken(kind)
		if !ok && others && h.token(headwire.UserToken) == (headwire.Token{}) {
			return nil
		}
		if !ok {
			var err error
			if token, err = h.makeToken(kind); err != nil {
				return err
			}
		}
		h.mu.Lock()
		h.tokens[kind] = token
		h.mu.Unlock()
	}
	return nil
}

// tokenFiles are where a head keeps its tokens.
var tokenFiles = map[headwire.TokenKind]string{headwire.JoinToken: JoinTokenFile, headwire.UserToken: UserTokenFile, headwire.HeadToken: HeadTokenFile}

// ownerName is the name of the user that a cluster is made with.
const ownerName = "owner"

func (h *Head) owner() (*state.User, bool) {
	for u := range h.View().Users() {
		if u.Name == ownerName {
			return u, true
		}
	}
	return nil, false
}

func (h *Head) readToken(kind headwire.TokenKind) (headwire.Token, bool) {
	if h.conf.Dir == "" {
		token := h.token(kind)
		return token, token != headwire.Token{}
	}
	data, err := os.ReadFile(filepath.Join(h.conf.Dir, tokenFiles[kind]))
	if err != nil {
		return headwire.Token{}, false
	}
	token, err := headwire.ParseToken(string(data))
	return token, err == nil && h.knows(token)
}

func (h *Head) makeToken(kind headwire.TokenKind) (headwire.Token, error) {
	token := headwire.NewToken(kind, h.ca.fingerprint())
	var c state.Command = &state.TokenPut{Hash: token.Hash(), Uses: -1, Time: now()}
	if kind == headwire.UserToken {
		c = &state.UserPut{Name: ownerName, Hash: token.Hash(), Role: "owner", Time: now()}
	}
	if _, err := h.propose(c); err != nil {
		return token, err
	}
	if h.conf.Dir == "" {
		return token, nil
	}
	return token, writeSecret(filepath.Join(h.conf.Dir, tokenFiles[kind]), []byte(token.Text()+"\n"))
}

// knows reports whether a token is one of this cluster's.
func (h *Head) knows(token headwire.Token) bool {
	if h.ca == nil || token.CA != h.ca.fingerprint() {
		return false
	}
	hash := token.Hash()
	if token.Kind != headwire.UserToken {
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

// Dial connects to the head from within its process, to that which leads.
func (h *Head) Dial(context.Context) (net.Conn, error) {
	mine, theirs := net.Pipe()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return nil, errors.New("the head was closed")
	}
	h.running.Go(func() { h.serve(mine, origin{Rights: mayAll, From: "this process"}) })
	return theirs, nil
}

func (h *Head) accept(l net.Listener) {
	for {
		stream, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			h.logger.Error("accept a connection", "error", err)
			select { // out of file descriptors, perhaps
			case <-h.life.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		h.mu.Lock()
		closing := h.closing
		if !closing {
			h.running.Go(func() { h.receive(stream) })
		}
		h.mu.Unlock()
		if closing {
			_ = stream.Close()
		}
	}
}

// receive finds out who has connected.
func (h *Head) receive(stream net.Conn) {
	o, protocol, err := h.identify(stream)
	if err != nil {
		h.logger.Warn("a connection is refused", "from", stream.RemoteAddr(), "error", err)
		_ = stream.Close()
		return
	}
	switch protocol {
	case protocolLog:
		h.network.take(h.life, stream)
	case protocolForward:
		h.takeForwarded(stream)
	case protocolFiles:
		h.serveFiles(stream)
	default:
		h.serve(stream, o)
	}
}

// identify has the other end show who it is, as far as that is known before it says a word.
func (h *Head) identify(stream net.Conn) (o origin, protocol string, err error) {
	ctx, cancel := context.WithTimeout(h.life, handshakeTime)
	defer cancel()
	o.From = stream.RemoteAddr().String()
	switch stream := stream.(type) {
	case *tls.Conn:
		if err := stream.HandshakeContext(ctx); err != nil {
			return o, "", err
		}
		shown := stream.ConnectionState()
		if shown.NegotiatedProtocol != "" {
			return o, shown.NegotiatedProtocol, ofHead(shown)
		}
		if len(shown.VerifiedChains) > 0 {
			if o.Node, err = headclient.NodeOf(shown); err != nil {
				return o, "", err
			}
			o.Rights = mayServe
		}
	case *net.UnixConn:
		o.Rights = mayAll
		return o, "", peercred.Check(stream)
	}
	return o, "", nil
}

// converse is a connection to this head, which leads, from its begin to its end.
func (h *Head) converse(stream net.Conn, o origin) {
	s, err := h.welcome(stream, o)
	if err != nil {
		h.logger.Warn("a connection is refused", "from", o.From, "error", err)
		h.refuse(s, err)
		return
	}
	err = s.peer.Serve()
	if !errors.Is(err, io.EOF) && h.ctx.Err() == nil {
		h.logger.Debug("a connection has broken", "from", o.From, "error", err)
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

// welcome lets a connection in. With an error, the other end can be told why not.
func (h *Head) welcome(stream net.Conn, o origin) (*session, error) {
	ctx, cancel := context.WithTimeout(h.ctx, handshakeTime)
	defer cancel()
	s := &session{h: h, rights: o.Rights, node: o.Node, conn: frame.New(stream)}
	stop := context.AfterFunc(h.ctx, s.conn.Abort)
	defer stop()
	hello, _, err := s.conn.Handshake(ctx, h.ownHello())
	if err != nil {
		return s, err
	}
	if s.rights == mayJoin {
		if err := s.admit(hello.Values[headwire.ValueToken]); err != nil {
			return s, err
		}
	}
	s.peer = headwire.NewPeer(h.ctx, s.conn, s.handle, s.notified)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.leads {
		return s, headwire.Errorf(headwire.Unavailable, "this head ends, or another one leads")
	}
	h.sessions[s] = true
	return s, nil
}

// ownHello is how a head introduces itself, with the addresses of all.
func (h *Head) ownHello() frame.Hello {
	hello := frame.Hello{Role: headwire.RoleHead, Build: h.conf.Version, PID: os.Getpid()}
	if addresses := h.addresses(); len(addresses) > 1 {
		hello.Values = map[string]string{headwire.ValueHeads: strings.Join(addresses, ",")}
	}
	return hello
}

// admit looks at the token of a client.
func (s *session) admit(text string) error {
	token, err := headwire.ParseToken(text)
	switch {
	case text == "":
		return headwire.Errorf(headwire.Denied, "this head wants a token: nodes use that in its file %s, clients that in %s", JoinTokenFile, UserTokenFile)
	case err != nil:
		return headwire.Errorf(headwire.Denied, "%v", err)
	case token.Kind != headwire.UserToken:
		if _, err := s.h.propose(&state.TokenUse{Hash: token.Hash(), Time: now()}); err != nil {
			return headwire.Errorf(headwire.Denied, "%v", err)
		}
		if token.Kind == headwire.HeadToken {
			s.rights = mayAll // it gets the authority's key, with which it could have all else
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
	return s.dispatch(ctx, s.h.methods, name, body)
}

func (s *session) dispatch(ctx context.Context, methods map[string]method, name string, body json.RawMessage) (any, error) {
	m, ok := methods[name]
	switch {
	case !ok:
		return nil, headwire.Errorf(headwire.NotFound, "this head (mobula %s) has no method %.40q: use the same release of mobula on both sides", s.h.conf.Version, name)
	case s.rights < m.needs:
		return nil, headwire.Errorf(headwire.Denied, "the credential of this connection does not allow %s", name)
	}
	return m.call(ctx, s, body)
}
