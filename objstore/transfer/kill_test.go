//go:build linux

package transfer_test

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/store"
	"mobula/objstore/transfer"
)

var seed = flag.Uint64("seed", 1, "of TestKilledProcesses")

// held is what this process has of the system's.
type held struct {
	files, segments, mappings int // segments among the files; mappings of segments
	shm                       string
}

func holding(t *testing.T) (h held) {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	h.files = len(files)
	for _, f := range files {
		if to, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && strings.Contains(to, "memfd:") {
			h.segments++
		}
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if strings.Contains(lines.Text(), "memfd:") {
			h.mappings++
		}
	}
	named, _ := filepath.Glob("/dev/shm/*mobula*")
	h.shm = fmt.Sprint(named)
	return h
}

// rig is two nodes and the processes that use them: a writer at the source, a fetcher and a reader here.
type rig struct {
	t            *testing.T
	r            *rand.Rand
	source, here *node
	sockets      [2]string
	processes    map[string]*storetest.Process
	known        []objstore.ID // held by the source's node
	fetched      []objstore.ID // held by this node
}

func (g *rig) start(role string) {
	g.t.Helper()
	arg := g.sockets[1]
	switch role {
	case "writer":
		arg = g.sockets[0]
	case "fetcher":
		arg += " " + g.source.address
	}
	g.processes[role] = storetest.Start(g.t, role, arg)
}

// tell names an object to a process.
func (g *rig) tell(role string, object objstore.ID) {
	fmt.Fprintln(g.processes[role].In, object) // the process may have been killed
}

// heard takes the ID that a process writes when it is done with it.
func (g *rig) heard(role string) objstore.ID {
	g.t.Helper()
	object, err := id.Parse[objstore.ID](g.processes[role].Line(g.t))
	if err != nil {
		g.t.Fatal(err)
	}
	return object
}

func (g *rig) step(what string) {
	g.t.Helper()
	pick := func(all []objstore.ID) objstore.ID { return all[g.r.IntN(len(all))] }
	switch {
	case what == "writer" || len(g.known) == 0:
		object := g.heard("writer")
		g.source.store.AddRef(object, 1)
		g.known = append(g.known, object)
	case what == "fetcher" || len(g.fetched) == 0:
		g.tell("fetcher", pick(g.known))
		object := g.heard("fetcher")
		g.here.store.AddRef(object, 1)
		g.fetched = append(g.fetched, object)
	default:
		g.tell("reader", pick(g.fetched))
		g.heard("reader")
	}
}

// round lets the processes work, and kills one while it works.
func (g *rig) round() {
	g.t.Helper()
	roles := []string{"writer", "fetcher", "reader"}
	for range g.r.IntN(6) {
		g.step(roles[g.r.IntN(3)])
	}
	victim := roles[g.r.IntN(3)]
	for g.step("fetcher"); len(g.fetched) == 0; {
		g.step("fetcher")
	}
	if victim != "writer" {
		for range 1 + g.r.IntN(5) { // it is busy with these
			g.tell(victim, g.fetched[g.r.IntN(len(g.fetched))])
			if victim == "fetcher" {
				g.tell(victim, g.known[g.r.IntN(len(g.known))])
			}
		}
	}
	for range g.r.IntN(4) {
		for _, role := range roles {
			if role != victim {
				g.step(role)
				break
			}
		}
	}
	g.moment(victim)
	g.processes[victim].Kill(g.t)
	g.start(victim)
	for _, n := range []*node{g.source, g.here} {
		if got := n.store.Stats(); got.Used > got.Capacity {
			g.t.Fatalf("%s: %+v", n.name, got)
		}
	}
}

// moment lets a random time pass. Where a fetcher is to be killed it waits for a transfer, of which there may be none: all may be here.
func (g *rig) moment(victim string) {
	most := time.Duration(g.r.IntN(4000)) * time.Microsecond
	if victim == "fetcher" {
		most = 100 * time.Millisecond
	}
	for end := time.Now().Add(most); time.Now().Before(end); runtime.Gosched() {
		if victim == "fetcher" && g.source.server.Stats().Running > 0 {
			return
		}
	}
}

// TestKilledProcesses kills writers, readers and fetching processes while they work. Nothing of theirs stays: no memory, segment, descriptor,
// reference or file.
func TestKilledProcesses(t *testing.T) {
	before, goroutines := holding(t), runtime.NumGoroutine()
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	dirs := []string{t.TempDir(), t.TempDir()}
	t.Run("rounds", func(t *testing.T) {
		g := &rig{t: t, r: rand.New(rand.NewPCG(*seed, 0)), processes: map[string]*storetest.Process{}}
		g.source = newNode(t, "source", nodeConfig{store: store.Config{Capacity: 48 * mib, SegmentSize: 2 * mib, SpillBatch: 2 * mib, SpillDir: dirs[0]}, small: true})
		g.here = newNode(t, "here", nodeConfig{store: store.Config{Capacity: 48 * mib, SegmentSize: 2 * mib, SpillDir: dirs[1]}})
		g.sockets = [2]string{listen(t, g.source.store), listen(t, g.here.store)}
		for _, role := range []string{"writer", "fetcher", "reader"} {
			g.start(role)
		}
		for range rounds {
			g.round()
		}
		for _, p := range g.processes {
			p.Kill(t)
		}
		g.end()
	})
	for _, dir := range dirs {
		if left, _ := filepath.Glob(filepath.Join(dir, "node-*")); len(left) > 0 {
			t.Errorf("left on disk: %v", left)
		}
	}
	storetest.Await(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
	storetest.Await(t, "all descriptors and mappings are given back", func() bool { return holding(t) == before })
}

// oneSegment bounds the one into which the node itself restores objects.
var oneSegment = storetest.RestoringSegment(2 * mib)

// end looks for what is left of processes that are all dead.
func (g *rig) end() {
	t := g.t
	t.Helper()
	for _, n := range []*node{g.source, g.here} {
		storetest.Await(t, "the clients are gone", func() bool { return n.store.Stats().Clients == 1 })
		storetest.Await(t, "the transfers have ended", func() bool { return n.server.Stats().Running == 0 })
		if got := n.store.Stats(); got.Waiting != 0 || got.Objects[objstore.Writing] != 0 || got.Reserved > oneSegment {
			t.Errorf("%s: dead processes hold something: %+v", n.name, got)
		}
		storetest.Await(t, "objects without references are gone", func() bool {
			return !slices.ContainsFunc(n.store.List(), func(o objstore.Info) bool { return o.Refs == 0 })
		})
	}
	if got := g.source.server.Stats(); got.Failed == 0 && !testing.Short() {
		t.Errorf("no transfer was under way when its process was killed: %+v", got)
	}
	for _, object := range g.known {
		storetest.Check(t, g.source.client, object, sizeOf(object))
	}
	for _, n := range []*node{g.source, g.here} {
		for _, info := range n.store.List() {
			n.store.Free(info.ID)
		}
		storetest.Await(t, "nothing is left", func() bool {
			got := n.store.Stats()
			return len(n.store.List()) == 0 && got.Pinned == 0 && got.Busy <= oneSegment && got.SpilledBytes == 0 && got.SpillFiles == 0
		})
	}
	storetest.Await(t, "each segment has two descriptors of the node's, and up to two of the client's", func() bool {
		return holding(t).segments <= 4*(g.source.store.Stats().Segments+g.here.store.Stats().Segments)
	})
}

// TestKilledSource kills the node from which an object comes. Its directory on disk goes when another node starts there.
func TestKilledSource(t *testing.T) {
	dir := t.TempDir()
	source := storetest.Start(t, "node", "30000000 "+dir)
	words := strings.Fields(source.Line(t))
	object, err := id.Parse[objstore.ID](words[2])
	if err != nil {
		t.Fatal(err)
	}
	here := newNode(t, "here", nodeConfig{})
	var total atomic.Int64
	dying := through(peerAt("source", words[0]), func(_ int, stream net.Conn, p []byte) (int, error) {
		n, err := stream.Read(p[:min(len(p), smallBuffer)])
		if now := total.Add(int64(n)); now > 5*mib && now <= 5*mib+int64(n) {
			source.Kill(t)
		}
		return n, err
	})
	err = here.fetcher.Fetch(t.Context(), object, dying)
	if e, ok := errors.AsType[*transfer.PeerGoneError](err); !ok || e.Done < 4*mib || e.Size < 30_000_000 {
		t.Error(err)
	}
	storetest.Await(t, "nothing is left", func() bool { return len(here.store.List()) == 0 && here.store.Stats().Busy == 0 })
	if left, _ := filepath.Glob(filepath.Join(dir, "node-*")); len(left) != 1 {
		t.Errorf("%v", left)
	}
	next := newNode(t, "next", nodeConfig{store: store.Config{Capacity: 64 * mib, SpillDir: dir}})
	if left, _ := filepath.Glob(filepath.Join(dir, "node-*")); len(left) != 1 || strings.Contains(left[0], strconv.Itoa(source.Process.Pid)) {
		t.Errorf("%v", left)
	}
	if err := next.stop(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "node-*")); len(left) != 0 {
		t.Errorf("%v", left)
	}
}
