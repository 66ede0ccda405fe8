package replog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mobula/cluster/state"
	"mobula/cluster/statelog"
	"mobula/internal/eventually"
)

// replica is a log that can be closed and opened again.
type replica struct {
	t       *testing.T
	hub     *hub
	dir, id string
	join    bool
	log     *Log
}

func (r *replica) open() {
	r.t.Helper()
	conf := statelog.Config{Applied: func(state.Result) {}, Self: statelog.Member{ID: r.id, Address: r.id}, Network: r.hub.open(r.id), Join: r.join}
	l, err := In(r.dir, slog.New(slog.DiscardHandler))(conf)
	if err != nil {
		r.t.Fatal(err)
	}
	r.log = l.(*Log)
}

func (r *replica) close() {
	r.t.Helper()
	if r.log == nil {
		return
	}
	if err := r.log.Close(); err != nil {
		r.t.Error(err)
	}
	r.log = nil
}

// three are logs that agree.
func three(t *testing.T) (*hub, []*replica) {
	t.Helper()
	h, dir := newHub(), t.TempDir()
	var all []*replica
	for i, id := range []string{"a", "b", "c"} {
		r := &replica{t: t, hub: h, dir: filepath.Join(dir, id), id: id, join: i > 0}
		r.open()
		t.Cleanup(r.close)
		all = append(all, r)
	}
	lead(t, all[0])
	for _, r := range all[1:] {
		if err := all[0].log.Add(statelog.Member{ID: r.id, Address: r.id}); err != nil {
			t.Fatal(err)
		}
	}
	return h, all
}

// lead waits until a log leads.
func lead(t *testing.T, r *replica) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), eventually.Patience)
	defer cancel()
	lost, err := r.log.Lead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return lost
}

// leaderOf waits until one of the logs leads.
func leaderOf(t *testing.T, all []*replica) (leader *replica) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), eventually.Patience)
	defer cancel()
	found := make(chan *replica, len(all))
	var waiting sync.WaitGroup
	for _, r := range all {
		waiting.Go(func() {
			if _, err := r.log.Lead(ctx); err == nil {
				found <- r
				cancel()
			}
		})
	}
	waiting.Wait()
	select {
	case leader = <-found:
	default:
		t.Fatal("no log leads")
	}
	return leader
}

func put(l *Log, n int) error {
	_, err := l.Propose(&state.KeyPut{Key: "last", Value: fmt.Append(nil, n)})
	return err
}

func last(l *Log) string {
	k, _ := l.View().Key("", "last")
	if k == nil {
		return ""
	}
	return string(k.Value)
}

// same waits until all logs have applied the same.
func same(t *testing.T, all []*replica, want string) {
	t.Helper()
	eventually.Holds(t, "all logs are equal", func() bool {
		for _, r := range all {
			if last(r.log) != want || r.log.View().Digest() != all[0].log.View().Digest() {
				return false
			}
		}
		return true
	})
}

func TestALeaderThatIsCutOff(t *testing.T) {
	hub, all := three(t)
	old := all[0]
	lost := lead(t, old)
	if err := put(old.log, 1); err != nil {
		t.Fatal(err)
	}
	same(t, all, "1")
	hub.cut(old.id)
	told := make(chan error, 1)
	go func() { told <- put(old.log, 2) }() // ends below
	<-lost
	if err := <-told; !errors.Is(err, statelog.ErrNotLeader) {
		t.Errorf("who is cut off writes: %v", err)
	}
	if err := old.log.Verify(); !errors.Is(err, statelog.ErrNotLeader) {
		t.Errorf("who is cut off reads: %v", err)
	}
	leader := leaderOf(t, all[1:])
	if err := put(leader.log, 3); err != nil {
		t.Fatal(err)
	}
	if got := last(old.log); got != "1" {
		t.Errorf("who is cut off has %q", got)
	}
	hub.heal()
	same(t, all, "3")
	if m, known := old.log.Leader(); !known || m.Self || m.ID != leader.id {
		t.Errorf("it follows %+v", m)
	}
}

func TestTransfer(t *testing.T) {
	_, all := three(t)
	lost := lead(t, all[0])
	if err := all[0].log.Transfer(); err != nil {
		t.Fatal(err)
	}
	<-lost
	leader := leaderOf(t, all)
	if err := put(leader.log, 1); err != nil {
		t.Fatal(err)
	}
	same(t, all, "1")
}

// Each log ends and begins again in turn, while the others write; then all at once. Snapshots take the place of what a log has missed.
func TestLogsComeBack(t *testing.T) {
	_, all := three(t)
	n := 0
	write := func(running []*replica, times int) {
		leader := leaderOf(t, running)
		for range times {
			n++
			if err := put(leader.log, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(all, 20)
	for i, r := range all {
		r.close()
		rest := append(append([]*replica{}, all[:i]...), all[i+1:]...)
		write(rest, 50)
		leader := leaderOf(t, rest)
		if err := leader.log.Snapshot(); err != nil {
			t.Fatal(err)
		}
		r.open()
		same(t, all, fmt.Sprint(n))
	}
	for _, r := range all {
		r.close()
	}
	for _, r := range all {
		r.open()
	}
	write(all, 1)
	same(t, all, fmt.Sprint(n))
}

func TestMembers(t *testing.T) {
	_, all := three(t)
	leader := all[0].log
	members, err := leader.Members()
	if err != nil || len(members) != 3 || !members[0].Self || !members[0].Leads || members[1].Leads {
		t.Fatalf("%+v, %v", members, err)
	}
	if err := leader.Remove("c"); err != nil {
		t.Fatal(err)
	}
	if err := leader.Remove("c"); err == nil || !strings.Contains(err.Error(), "no head has the id") {
		t.Error(err)
	}
	if err := leader.Remove("b"); err != nil {
		t.Fatal(err)
	}
	if err := leader.Remove("a"); err == nil || !strings.Contains(err.Error(), "the only head") {
		t.Error(err)
	}
	if err := put(leader, 1); err != nil {
		t.Error("alone again, it cannot write:", err)
	}
	if err := all[1].log.Add(statelog.Member{ID: "d", Address: "d"}); !errors.Is(err, statelog.ErrNotLeader) {
		t.Error(err)
	}
}

// One log needs nobody, and no time to be elected.
func TestAlone(t *testing.T) {
	r := &replica{t: t, hub: newHub(), dir: t.TempDir(), id: "a"}
	r.open()
	t.Cleanup(r.close)
	lead(t, r)
	if err := put(r.log, 1); err != nil {
		t.Fatal(err)
	}
	snapshot := new(strings.Builder)
	if err := r.log.View().Encode(snapshot); err != nil {
		t.Fatal(err)
	}
	if err := put(r.log, 2); err != nil {
		t.Fatal(err)
	}
	if err := r.log.Restore([]byte(snapshot.String()[:20])); err == nil || last(r.log) != "2" {
		t.Errorf("a cut snapshot: %v, and %q is there", err, last(r.log))
	}
	if err := r.log.Restore([]byte(snapshot.String())); err != nil || last(r.log) != "1" {
		t.Errorf("%v, and %q is there", err, last(r.log))
	}
	r.close()
	r.open()
	lead(t, r)
	if last(r.log) != "1" {
		t.Errorf("again it has %q", last(r.log))
	}
}
