package hostrpc

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"reflect"
	"sync"
	"testing"

	"mobula/internal/cellio"
	"mobula/interp/direct"
)

// ends returns both ends of a conversation.
func ends(t *testing.T) (*KernelConn, *HostConn) {
	t.Helper()
	a, b := net.Pipe()
	k, h := New[Request, Event](a), New[Event, Request](b)
	t.Cleanup(func() {
		k.Close()
		h.Close()
	})
	return k, h
}

func TestFramesArriveAsSent(t *testing.T) {
	k, h := ends(t)
	requests := []*Request{
		{ID: 1, Load: &Load{Cell: 3, Archive: "a", Define: []string{"main.f"}, Redirect: []Pair{{"main.f", "main.g"}}, Packages: []Package{{"fmt", "f.a"}}}},
		{ID: 2, Run: &Run{Cell: 3, Func: "main.cell", Migrate: []Migration{{Name: "x", Old: "x", New: "y"}}}},
		{ID: 3, Eval: &Eval{Cell: 4, Program: direct.Program{File: "cell[4]", Stmts: []direct.Stmt{{Op: direct.StmtShow, Right: []direct.Expr{{Op: direct.OpVar, Name: "x"}}}}}}},
		{Interrupt: &Interrupt{Cell: 4}},
		{ID: 4, Comm: &cellio.CommEvent{Op: cellio.CommSend, Cell: 4, ID: "c", Message: cellio.CommMessage{Data: json.RawMessage(`{}`), Buffers: [][]byte{{1, 0, 2}}}}},
	}
	var sent sync.WaitGroup
	sent.Go(func() {
		for _, r := range requests {
			if err := k.Send(r); err != nil {
				t.Error(err)
			}
		}
	})
	for _, want := range requests {
		got, err := h.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	sent.Wait()
}

// TestManySenders: frames of several goroutines do not mix.
func TestManySenders(t *testing.T) {
	k, h := ends(t)
	const senders, each = 8, 50
	var sent sync.WaitGroup
	for range senders {
		sent.Go(func() {
			for range each {
				data := cellio.Data{"text/plain": json.RawMessage(`"x"`)}
				if err := h.Send(&Event{Display: &Display{Cell: 1, Display: cellio.Display{Data: data}}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range senders * each {
		e, err := k.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if e.Display == nil || string(e.Display.Display.Data["text/plain"]) != `"x"` {
			t.Fatalf("got %+v", e)
		}
	}
	sent.Wait()
}

func TestTheOtherEndGoes(t *testing.T) {
	k, h := ends(t)
	h.Close()
	if _, err := k.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("Receive: %v, want EOF", err)
	}
	if err := k.Send(&Request{}); err == nil {
		t.Error("Send to nobody succeeded")
	}
}

func TestCellNumber(t *testing.T) {
	for _, r := range []*Request{{Load: &Load{Cell: 5}}, {Run: &Run{Cell: 5}}, {Eval: &Eval{Cell: 5}}, {Source: &Source{Cell: 5}}, {Comm: &cellio.CommEvent{Cell: 5}}} {
		if n := r.CellNumber(); n != 5 {
			t.Errorf("%+v belongs to %d", r, n)
		}
	}
	if n := (&Request{Values: &Values{}}).CellNumber(); n != 0 {
		t.Errorf("Values belongs to %d", n)
	}
}
