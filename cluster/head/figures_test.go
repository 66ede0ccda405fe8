package head

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/internal/eventually"
	"mobula/internal/id"
)

func TestDashboardLink(t *testing.T) {
	h := start(t, Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	user, join := h.UserToken(), h.JoinToken()
	client, err := connectWith(t, h.Address(), &user)
	if err != nil {
		t.Fatal(err)
	}
	refusedAs(t, client, headwire.GetDashboard, headwire.None{}, headwire.Unavailable)
	made := 0
	if at := ask(t, client, headwire.GetCluster, headwire.None{}).Dashboard; at != "" {
		t.Errorf("a dashboard is at %s before there is one", at)
	}
	h.SetDashboard("http://h:1/", func(context.Context) (headwire.DashboardLink, error) {
		made++
		return headwire.DashboardLink{Address: "http://h:1/", Code: fmt.Sprint("c", made), Seconds: 300}, nil
	})
	for i := range 2 {
		if got := ask(t, client, headwire.GetDashboard, headwire.None{}); got.URL() != fmt.Sprintf("http://h:1/?code=c%d", i+1) || fmt.Sprint(got) != "http://h:1/" {
			t.Errorf("%s of %q", got.URL(), got)
		}
	}
	if at := ask(t, client, headwire.GetCluster, headwire.None{}).Dashboard; at != "http://h:1/" || made != 2 {
		t.Errorf("it is at %q, and telling so has used %d links", at, made-2)
	}
	joining, err := connectWith(t, h.Address(), &join)
	if err != nil {
		t.Fatal(err)
	}
	refusedAs(t, joining, headwire.GetDashboard, headwire.None{}, headwire.Denied)
	refusedAs(t, joining, headwire.CheckToken, headwire.TokenHash{Hash: user.Hash()}, headwire.Denied)
	ask(t, client, headwire.CheckToken, headwire.TokenHash{Hash: user.Hash()})
	refusedAs(t, client, headwire.CheckToken, headwire.TokenHash{Hash: join.Hash()}, headwire.Denied)
	for text, want := range map[string]bool{
		user.Text(): true, user.Text() + "\n": true, join.Text(): false, "": false, headwire.NewToken(headwire.UserToken, user.CA).Text(): false,
	} {
		if h.AcceptsUser(text) != want {
			t.Errorf("a token is accepted: %v, want %v", !want, want)
		}
	}
}

func TestCertificateOfServer(t *testing.T) {
	h := start(t, Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	made, err := h.Certificate("10.1.2.3", "head.example")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(made.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(h.ca.certificate)
	for _, name := range []string{"10.1.2.3", "head.example"} {
		if _, err := certificate.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	conn, err := tls.Dial("tcp", h.Address(), &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: headwire.HeadName, Certificates: []tls.Certificate{made}})
	if err == nil {
		_, err = conn.Read(make([]byte, 1)) // the head's word on the certificate comes after the handshake
		_ = conn.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("the head takes it from a client: %v", err)
	}
	if _, err := start(t, Config{}).Certificate("h"); err == nil {
		t.Error("a head without an authority makes a certificate")
	}
}

func TestFigures(t *testing.T) {
	h := start(t, Config{Version: "v"})
	c := inside(t, h)
	f := ask(t, c, headwire.GetFigures, headwire.None{})
	if n, ok := f.Nodes["alive"]; !ok || n != 0 || f.Version != "v" || f.Connections != 1 {
		t.Errorf("%+v", f)
	}
	n := joinNode(t, "a", h.Dial, nil)
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job})
	eventually.Holds(t, "the node is connected", func() bool { return n.client.Connected() != nil })
	if err := n.client.Connected().Notify(headwire.DemandMethod, headwire.Demand{Number: 1, Slots: 2, Resources: sched.Resources{CPU: sched.Whole(5)}}); err != nil {
		t.Fatal(err)
	}
	eventually.Holds(t, "the demand is refused", func() bool {
		f = ask(t, c, headwire.GetFigures, headwire.None{})
		return f.Refused > 0
	})
	if f.Nodes["alive"] != 1 || f.Jobs["running"] != 1 || f.Actors["alive"] != 0 || f.Total.CPU != sched.Whole(4) || f.Free.CPU != sched.Whole(4) || f.Passes == 0 || f.Index == 0 || f.Proposed == 0 {
		t.Errorf("%+v", f)
	}
}
