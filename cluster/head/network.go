package head

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
)

// What heads say to each other, beside the port that all connections come to.
const (
	protocolLog     = "mobula-log"     // the log's own messages
	protocolForward = "mobula-forward" // a connection that another head has taken, for that which leads
)

// network carries the log's messages between heads, by mutual TLS.
type network struct {
	address  net.Addr
	own      tls.Certificate
	roots    *x509.CertPool
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newNetwork(address net.Addr, ca *authority, own tls.Certificate) *network {
	n := &network{address: address, own: own, roots: x509.NewCertPool(), incoming: make(chan net.Conn), closed: make(chan struct{})}
	n.roots.AddCert(ca.certificate)
	return n
}

// take gives the log a connection of another head.
func (n *network) take(ctx context.Context, stream net.Conn) {
	select {
	case n.incoming <- stream:
	case <-n.closed:
		_ = stream.Close()
	case <-ctx.Done():
		_ = stream.Close()
	}
}

// Accept returns the next connection of another head's log.
func (n *network) Accept() (net.Conn, error) {
	select {
	case stream := <-n.incoming:
		return stream, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close ends it. The port is not its own.
func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

// Addr is the address of the port.
func (n *network) Addr() net.Addr { return n.address }

// Dial connects to another head's log.
func (n *network) Dial(address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return n.dial(ctx, address, protocolLog)
}

func (n *network) dial(ctx context.Context, address, protocol string) (net.Conn, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{KeepAliveConfig: headclient.KeepAlive}, Config: &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: headwire.HeadName, RootCAs: n.roots, Certificates: []tls.Certificate{n.own}, NextProtos: []string{protocol},
	}}
	return d.DialContext(ctx, "tcp", address)
}

// ofHead checks that the other end has shown a head's certificate.
func ofHead(s tls.ConnectionState) error {
	if len(s.VerifiedChains) > 0 && slices.Contains(s.PeerCertificates[0].DNSNames, headwire.HeadName) {
		return nil
	}
	return errors.New("it speaks as a head, and has no head's certificate")
}
