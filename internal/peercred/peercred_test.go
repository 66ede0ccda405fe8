package peercred

import (
	"net"
	"path/filepath"
	"testing"
)

func TestOwnConnection(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := Check(s); err != nil {
		t.Error(err)
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if err := Check(a); err != nil {
		t.Error(err)
	}
}
