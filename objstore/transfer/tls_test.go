//go:build linux

package transfer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"mobula/objstore/internal/storetest"
	"mobula/objstore/transfer"
)

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	plan := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"node"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, plan, plan, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(made)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	source, here := newNode(t, "source", nodeConfig{}), newNode(t, "here", nodeConfig{})
	own, pool := certificate(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { serveAll(ctx, l, source.server, &serving, false) })
	defer serving.Wait()
	defer l.Close()
	defer cancel()
	peer := transfer.Peer{Name: "source", Dial: func(ctx context.Context) (net.Conn, error) {
		d := tls.Dialer{Config: &tls.Config{Certificates: []tls.Certificate{own}, RootCAs: pool, ServerName: "node"}}
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}}
	object := put(t, source.client, 20*mib+5)
	if err := here.fetcher.Fetch(t.Context(), object, breaking(peer, 7*mib, 3)); err != nil {
		t.Fatal(err)
	}
	storetest.Check(t, connect(t, here.store), object, 20*mib+5)
	if got := here.fetcher.Stats(); got.Resumed != 2 {
		t.Errorf("%+v", got)
	}
}
