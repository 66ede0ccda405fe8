package reach_test

import (
	"net"
	"os"
	"testing"

	"mobula/internal/reach"
)

func TestHere(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{"127.0.0.1": true, "::1": true, "[::1]": true, "localhost": true, name: true, "": false, "203.0.113.7": false, "head.example": false} {
		if got := reach.Here(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && !reach.Here(n.IP.String()) {
			t.Errorf("%v is of this machine", n.IP)
		}
	}
	for host, want := range map[string]bool{"127.1.2.3": true, "localhost": true, "0.0.0.0": false, "": false, name + ".example": false} {
		if got := reach.Loopback(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestLogin(t *testing.T) {
	for _, c := range []struct{ connection, user, want string }{
		{"", "", ""}, {"10.0.0.9 5000 10.0.0.1 22", "", "10.0.0.1"}, {"10.0.0.9 5000 10.0.0.1 22", "alice", "alice@10.0.0.1"},
		{"10.0.0.9 5000 10.0.0.1 2222", "alice", "-p 2222 alice@10.0.0.1"}, {"10.0.0.9 5000 10.0.0.1 22", "a; rm", "10.0.0.1"}, {"a b c d", "", ""}, {"nonsense", "", ""},
	} {
		got := reach.Login(func(name string) string {
			return map[string]string{"SSH_CONNECTION": c.connection, "USER": c.user}[name]
		})
		if got != c.want {
			t.Errorf("%q, %q: %q", c.connection, c.user, got)
		}
	}
	if got := reach.Tunnel("8265", "alice@head"); got != "ssh -L 8265:127.0.0.1:8265 alice@head" {
		t.Error(got)
	}
}
