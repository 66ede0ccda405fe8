package bulktls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func configs(t testing.TB) (client, server *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"there"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	own, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(own)
	return &tls.Config{RootCAs: roots, ServerName: "there", MinVersion: tls.VersionTLS13},
		&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS13}
}

// counting counts the writes that reach a socket.
type counting struct {
	net.Conn
	writes atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// connected returns both ends of a connection that has shaken hands, and what the client's writes go through.
func connected(t testing.TB) (client, server *Conn, below *counting) {
	t.Helper()
	forClient, forServer := configs(t)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewListener(tcp, forServer)
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	below = &counting{Conn: dialed}
	client = Client(below, forClient)
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server = accepted.(*Conn)
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
	})
	var wg sync.WaitGroup
	for _, c := range []*Conn{client, server} {
		wg.Go(func() {
			if err := c.HandshakeContext(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return client, server, below
}

func TestBothWays(t *testing.T) {
	client, server, _ := connected(t)
	random := mathrand.New(mathrand.NewPCG(1, 2))
	sizes := []int{0, 1, record - 1, record, record + 1, batchSize - 1, batchSize, 3*batchSize + 7, 100, 2 << 20}
	want := make([]byte, 0, 4<<20)
	for _, n := range sizes {
		for range n {
			want = append(want, byte(random.Uint32()))
		}
	}
	var wg sync.WaitGroup
	for _, ends := range [][2]*Conn{{client, server}, {server, client}} {
		wg.Go(func() {
			rest := want
			for _, n := range sizes {
				if got, err := ends[0].Write(rest[:n]); err != nil || got != n {
					t.Errorf("%d of %d bytes, %v", got, n, err)
				}
				rest = rest[n:]
			}
		})
		wg.Go(func() {
			got := make([]byte, len(want))
			if _, err := io.ReadFull(ends[1], got); err != nil || !bytes.Equal(got, want) {
				t.Errorf("what came differs: %v", err)
			}
		})
	}
	wg.Wait()
}

// TestManyWriters: writes of several goroutines come whole.
func TestManyWriters(t *testing.T) {
	client, server, _ := connected(t)
	const writers, each, size = 4, 20, 5 * record
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for range each {
				if _, err := client.Write(bytes.Repeat([]byte{byte(w)}, size)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var seen [writers]int
	part := make([]byte, size)
	for range writers * each {
		if _, err := io.ReadFull(server, part); err != nil {
			t.Fatal(err)
		}
		if bytes.Count(part, part[:1]) != size {
			t.Fatal("two writes are mixed")
		}
		seen[part[0]]++
	}
	wg.Wait()
	if seen != [writers]int{each, each, each, each} {
		t.Error(seen)
	}
}

// TestFewWrites: a large write reaches the socket in few parts, a small one at once.
func TestFewWrites(t *testing.T) {
	client, server, below := connected(t)
	for _, c := range []struct{ size, most int }{{100, 1}, {record, 1}, {1 << 20, 6}} {
		before := below.writes.Load()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := client.Write(make([]byte, c.size)); err != nil {
				t.Error(err)
			}
		})
		if _, err := io.ReadFull(server, make([]byte, c.size)); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if n := int(below.writes.Load() - before); n > c.most {
			t.Errorf("%d bytes take %d writes", c.size, n)
		}
	}
}

func TestBrokenConnection(t *testing.T) {
	client, _, below := connected(t)
	_ = below.Close()
	if _, err := client.Write(make([]byte, 3*batchSize)); err == nil {
		t.Error("nobody was told")
	}
}

func BenchmarkWrite(b *testing.B) {
	client, server, _ := connected(b)
	part := make([]byte, 512<<10)
	go func() { _, _ = io.Copy(io.Discard, server) }() // ends with the connection
	b.SetBytes(int64(len(part)))
	for b.Loop() {
		if _, err := client.Write(part); err != nil {
			b.Fatal(err)
		}
	}
}
