package head

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"mobula/cluster/headwire"
	"mobula/internal/id"
)

const (
	authorityFile = "ca.pem" // certificate and key
	authorityLife = 20 * 365 * 24 * time.Hour
	nodeLife      = 5 * 365 * 24 * time.Hour // a node gets a new one each time that it starts
	serverLife    = 398 * 24 * time.Hour     // browsers take none that lives longer; it gets a new one, too
	clockSkew     = time.Hour
)

// authority gives out the certificates of a cluster.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// openAuthority reads the authority of a directory, or makes one; without a directory it is in memory.
func openAuthority(dir string) (*authority, error) {
	if dir == "" {
		return newAuthority()
	}
	name := filepath.Join(dir, authorityFile)
	data, err := os.ReadFile(name)
	if err == nil {
		a, err := parseAuthority(data)
		if err != nil {
			return nil, fmt.Errorf("read the certificate authority in %s: %w: restore the file, or remove it and have all nodes join anew", name, err)
		}
		return a, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	a, err := newAuthority()
	if err != nil {
		return nil, err
	}
	text, err := a.text()
	if err != nil {
		return nil, err
	}
	return a, writeSecret(name, text)
}

// text is the authority with its key, as parseAuthority reads it.
func (a *authority) text() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), nil
}

// writeSecret writes a file that only its owner reads, as a whole or not at all, also where the machine stops: a head that starts again with half
// an authority knows none of its nodes.
func writeSecret(name string, data []byte) error {
	temporary := name + ".new"
	_ = os.Remove(temporary) // a head that was killed may have left it
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// syncDir has a directory's entries written to disk, where the system can do that.
func syncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a certificate authority: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "mobula cluster"}, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, NotBefore: time.Now().Add(-clockSkew), NotAfter: time.Now().Add(authorityLife),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	return &authority{certificate, key}, err
}

func parseAuthority(data []byte) (*authority, error) {
	first, rest := pem.Decode(data)
	second, _ := pem.Decode(rest)
	if first == nil || second == nil {
		return nil, errors.New("it holds no certificate and key")
	}
	certificate, err := x509.ParseCertificate(first.Bytes)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(second.Bytes)
	if err != nil {
		return nil, err
	}
	own, ok := key.(*ecdsa.PrivateKey)
	if !ok || !own.PublicKey.Equal(certificate.PublicKey) {
		return nil, errors.New("its key is not that of its certificate")
	}
	return &authority{certificate, own}, nil
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // its reader never fails
	return n
}

// fingerprint is how tokens name the authority.
func (a *authority) fingerprint() [sha256.Size]byte { return sha256.Sum256(a.certificate.Raw) }

// sign makes a certificate for a name, and further ones.
func (a *authority) sign(key any, name string, more ...string) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, DNSNames: append([]string{name}, more...), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore:   time.Now().Add(-clockSkew), NotAfter: time.Now().Add(nodeLife),
	}
	return x509.CreateCertificate(rand.Reader, template, a.certificate, key, a.key)
}

// certifyServer makes a certificate for a server that people and programs reach by these names and addresses. No client can show it.
func (a *authority) certifyServer(hosts []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a server's key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "mobula dashboard"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: time.Now().Add(-clockSkew), NotAfter: time.Now().Add(serverLife),
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if host != "" {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a server's certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key}, nil
}

// certify answers the request of a node.
func (a *authority) certify(node id.Node, request []byte) ([]byte, error) {
	r, err := x509.ParseCertificateRequest(request)
	if err == nil {
		err = r.CheckSignature()
	}
	if err != nil {
		return nil, headwire.Errorf(headwire.Invalid, "the certificate request cannot be read: %v", err)
	}
	return a.sign(r.PublicKey, headwire.NodeName(node), headwire.NodesName)
}

// server is what the head shows, and whom it lets in: those with a certificate or, as the handshake says, a token.
func (a *authority) server() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the head's key: %w", err)
	}
	own, err := a.sign(&key.PublicKey, headwire.HeadName)
	if err != nil {
		return nil, fmt.Errorf("make the head's certificate: %w", err)
	}
	known := x509.NewCertPool()
	known.AddCert(a.certificate)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: known,
		Certificates: []tls.Certificate{{Certificate: [][]byte{own, a.certificate.Raw}, PrivateKey: key}}, NextProtos: []string{protocolLog, protocolForward, protocolFiles},
	}, nil
}
