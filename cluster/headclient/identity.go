package headclient

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"time"

	"mobula/cluster/headwire"
	"mobula/internal/bulktls"
	"mobula/internal/id"
)

// Identity is a node's certificate, with which both ends of its connections know each other.
type Identity struct {
	Node    id.Node
	Cluster string
	own     tls.Certificate
	roots   *x509.CertPool
}

// Certify has the head that a caller is connected to give a node a certificate.
func Certify(ctx context.Context, c headwire.Caller, node id.Node) (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a node's key: %w", err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: headwire.NodeName(node)}}, key)
	if err != nil {
		return nil, fmt.Errorf("make a node's certificate request: %w", err)
	}
	joined, err := headwire.Ask(ctx, c, headwire.Join, headwire.JoinRequest{Node: node, Request: request})
	if err != nil {
		return nil, fmt.Errorf("join the cluster: %w", err)
	}
	ca, err := x509.ParseCertificate(joined.CA)
	if err != nil {
		return nil, fmt.Errorf("join the cluster: the head's certificate authority: %w", err)
	}
	i := &Identity{Node: node, Cluster: joined.Cluster, roots: x509.NewCertPool()}
	i.own = tls.Certificate{Certificate: [][]byte{joined.Certificate, joined.CA}, PrivateKey: key}
	i.roots.AddCert(ca)
	return i, nil
}

// Dial connects to the head, or to another node, by mutual TLS. name is headwire.HeadName or of headwire.NodeName: no other one is accepted.
func (i *Identity) Dial(ctx context.Context, address, name string) (net.Conn, error) {
	return i.DialProtocol(ctx, address, name, "")
}

// DialProtocol is Dial for a protocol that the other end must speak.
func (i *Identity) DialProtocol(ctx context.Context, address, name, protocol string) (net.Conn, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: name, RootCAs: i.roots, Certificates: []tls.Certificate{i.own}}
	if protocol != "" {
		conf.NextProtos = []string{protocol}
	}
	stream, err := (&net.Dialer{KeepAliveConfig: KeepAlive}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	secure := bulktls.Client(stream, conf)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = stream.Close()
		return nil, err
	}
	return secure, nil
}

// KeepAlive finds a machine that is gone without a word in about 15 seconds.
var KeepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 5}

// Certificate is that of the node, with the authority's behind it, for servers of the node that clients without a certificate reach.
func (i *Identity) Certificate() tls.Certificate { return i.own }

// Server is for a listener that takes connections of nodes of the cluster only.
func (i *Identity) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{i.own}, ClientCAs: i.roots, ClientAuth: tls.RequireAndVerifyClientCert,
	}
}

// NodeOf tells which node has shown its certificate on a connection that has shaken hands.
func NodeOf(state tls.ConnectionState) (id.Node, error) {
	if len(state.VerifiedChains) == 0 {
		return id.Node{}, errors.New("it has shown no certificate")
	}
	for _, name := range state.PeerCertificates[0].DNSNames {
		if node, err := headwire.ParseNodeName(name); err == nil {
			return node, nil
		}
	}
	return id.Node{}, errors.New("its certificate is not of a node")
}

// dialByFingerprint connects to the head whose certificate comes from the authority with the fingerprint.
func dialByFingerprint(ctx context.Context, address string, ca [sha256.Size]byte) (net.Conn, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{KeepAliveConfig: KeepAlive}, Config: &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: headwire.HeadName,
		InsecureSkipVerify: true, // the system's authorities do not know it: VerifyConnection checks instead
		VerifyConnection:   func(s tls.ConnectionState) error { return verifyByFingerprint(s, ca) },
	}}
	return d.DialContext(ctx, "tcp", address)
}

func verifyByFingerprint(s tls.ConnectionState, ca [sha256.Size]byte) error {
	for _, c := range s.PeerCertificates[1:] {
		if sha256.Sum256(c.Raw) != ca {
			continue
		}
		roots := x509.NewCertPool()
		roots.AddCert(c)
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: headwire.HeadName, Roots: roots})
		return err
	}
	return errors.New("another head answers than the one that the token is of: check the address, or get the token of this one")
}
