package head

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/internal/eventually"
	"mobula/internal/filestore"
	"mobula/internal/id"
)

// threeHeads starts a head, and two that join it.
func threeHeads(t *testing.T) []*Head {
	t.Helper()
	first := start(t, onPort(t.TempDir(), nil))
	token := first.HeadToken()
	all := []*Head{first}
	for range 2 {
		all = append(all, start(t, onPort(t.TempDir(), &Join{Addresses: []string{first.Address()}, Token: &token})))
	}
	return all
}

func onPort(dir string, join *Join) Config {
	return Config{Dir: dir, Log: onDisk(dir), Listen: "127.0.0.1:0", Join: join}
}

// leaderOf waits until one of the heads leads.
func leaderOf(t *testing.T, heads []*Head) (leader *Head, others []*Head) {
	t.Helper()
	eventually.Holds(t, "one head leads", func() bool {
		leader, others = nil, nil
		for _, h := range heads {
			h.mu.Lock()
			leads := h.leads
			h.mu.Unlock()
			if leads {
				leader = h
			} else {
				others = append(others, h)
			}
		}
		return leader != nil && len(others) == len(heads)-1
	})
	return leader, others
}

func TestThreeHeads(t *testing.T) {
	heads := threeHeads(t)
	leader, others := leaderOf(t, heads)
	user := heads[0].UserToken()
	client, err := connectWith(t, others[0].Address(), &user)
	if err != nil {
		t.Fatal(err)
	}
	ask(t, client, headwire.PutKey, headwire.KeyPut{Key: "before", Value: []byte("1")})
	if list := ask(t, client, headwire.ListHeads, headwire.None{}); len(list) != 3 {
		t.Fatalf("the heads are %+v", list)
	}
	for i, h := range heads { // each takes connections: by its port, its socket, and from within
		for _, dial := range []func() (*headclient.Client, error){
			func() (*headclient.Client, error) { return connectWith(t, h.Address(), &user) },
			func() (*headclient.Client, error) {
				return headclient.Connect(t.Context(), headclient.Config{Addresses: []string{"unix:" + h.Socket()}})
			},
			func() (*headclient.Client, error) {
				return headclient.Connect(t.Context(), headclient.Config{Dial: h.Dial})
			},
		} {
			c, err := dial()
			if err != nil {
				t.Fatalf("head %d: %v", i, err)
			}
			if got := ask(t, c, headwire.GetKey, headwire.KeyRef{Key: "before"}); string(got.Value) != "1" {
				t.Errorf("head %d has %q", i, got.Value)
			}
			c.Close()
		}
	}
	n := joinNode(t, "n", others[1].Dial, nil)
	began := time.Now()
	if err := leader.Close(); err != nil {
		t.Fatal(err)
	}
	ask(t, client, headwire.PutKey, headwire.KeyPut{Key: "after", Value: []byte("2")})
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("a head that ends in order leaves a gap of %v", took)
	}
	if got := ask(t, client, headwire.GetKey, headwire.KeyRef{Key: "before"}); string(got.Value) != "1" {
		t.Errorf("the new head has %q", got.Value)
	}
	eventually.Holds(t, "the node is taken back", func() bool {
		list := ask(t, client, headwire.ListNodes, headwire.None{})
		return len(list) == 1 && list[0].ID == n.hello.ID && list[0].State == "alive"
	})
	leaderOf(t, others)
}

// A head that was stopped goes on as what its directory says, also at another address, and one that is gone for good is removed.
func TestHeadsComeAndGo(t *testing.T) {
	heads := threeHeads(t)
	leader, others := leaderOf(t, heads)
	user := heads[0].UserToken()
	client, err := connectWith(t, leader.Address(), &user)
	if err != nil {
		t.Fatal(err)
	}
	gone := others[0]
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		ask(t, client, headwire.PutKey, headwire.KeyPut{Key: fmt.Sprint(i), Value: []byte("x")})
	}
	token := heads[0].HeadToken()
	back := start(t, onPort(gone.conf.Dir, &Join{Addresses: []string{leader.Address()}, Token: &token}))
	if back.Address() == gone.Address() || back.self.ID != gone.self.ID {
		t.Fatalf("head %s at %s is back as %s at %s", gone.self.ID, gone.Address(), back.self.ID, back.Address())
	}
	eventually.Holds(t, "the head catches up", func() bool { _, ok := back.View().Key("", "99"); return ok })
	list := ask(t, client, headwire.ListHeads, headwire.None{})
	if len(list) != 3 {
		t.Fatalf("the heads are %+v", list)
	}
	ask(t, client, headwire.RemoveHead, headwire.HeadRef{ID: back.self.ID})
	if list := ask(t, client, headwire.ListHeads, headwire.None{}); len(list) != 2 {
		t.Fatalf("the heads are %+v", list)
	}
	refusedAs(t, client, headwire.RemoveHead, headwire.HeadRef{ID: "nobody"}, headwire.Invalid)
}

// Without most of the heads nothing is agreed, and who asks is told.
func TestTooFewHeads(t *testing.T) {
	heads := threeHeads(t)
	_, others := leaderOf(t, heads)
	user := heads[0].UserToken()
	for _, h := range heads {
		if h != others[0] {
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually.Holds(t, "the head that is left says that more must run", func() bool { // it may lead until it has noticed
		_, err := connectWith(t, others[0].Address(), &user)
		return headwire.HasCode(err, headwire.Unavailable) && strings.Contains(err.Error(), "more than half of the heads must run")
	})
}

// A connection that says it comes from a head needs a head's certificate.
func TestOnlyHeadsForward(t *testing.T) {
	h := start(t, onPort(t.TempDir(), nil))
	join := h.JoinToken()
	joining, err := connectWith(t, h.Address(), &join)
	if err != nil {
		t.Fatal(err)
	}
	node := id.New[id.Node]()
	identity, err := headclient.Certify(t.Context(), joining, node)
	if err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{protocolLog, protocolForward} {
		conn, err := identity.DialProtocol(t.Context(), h.Address(), headwire.HeadName, protocol)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeOrigin(conn, origin{Rights: mayAll}); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
			t.Errorf("%s: a node's certificate opens it: %d bytes, %v", protocol, n, err)
		}
		_ = conn.Close()
	}
	_, err = connectWith(t, h.Address(), &join)
	if err != nil {
		t.Errorf("the head takes no connections after that: %v", err)
	}
	refusedAs(t, joining, headwire.GetAuthority, headwire.None{}, headwire.Denied)
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// Files of jobs are with most heads before they count, and a head that has missed one gets it from the others.
func TestFilesAreWithMostHeads(t *testing.T) {
	heads := threeHeads(t)
	leader, others := leaderOf(t, heads)
	user := heads[0].UserToken()
	client, err := connectWith(t, others[0].Address(), &user)
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("working files "), 200_000)
	ref := filestore.RefOf(content)
	if err := headclient.SendFile(t.Context(), client, ref, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	having := 0
	for _, h := range heads {
		if has(t, h, ref) {
			having++
		}
	}
	if having < 2 {
		t.Errorf("%d heads have the file", having)
	}
	away := others[1]
	if err := away.Close(); err != nil {
		t.Fatal(err)
	}
	later := []byte("sent while a head was away")
	ref = filestore.RefOf(later)
	if err := headclient.SendFile(t.Context(), client, ref, bytes.NewReader(later)); err != nil {
		t.Fatal(err)
	}
	ask(t, client, headwire.SubmitJob, headwire.JobSubmission{ID: "job-1", Key: "k", Entrypoint: []string{"true"}, Files: &ref})
	token := heads[0].HeadToken()
	back := start(t, onPort(away.conf.Dir, &Join{Addresses: []string{leader.Address()}, Token: &token}))
	if has(t, back, ref) {
		t.Fatal("a head has what was sent while it was away")
	}
	if err := leader.Close(); err != nil {
		t.Fatal(err)
	}
	leaderOf(t, []*Head{others[0], back})
	var got bytes.Buffer
	if err := headclient.FetchFile(t.Context(), client, ref, &got); err != nil || !bytes.Equal(got.Bytes(), later) {
		t.Errorf("%q, %v", got.String(), err)
	}
	if err := back.fetch(t.Context(), ref); err != nil || !has(t, back, ref) {
		t.Error("a head does not get what it has missed:", err)
	}
	third := []byte("with one head of three gone, and two are most")
	if err := headclient.SendFile(t.Context(), client, filestore.RefOf(third), bytes.NewReader(third)); err != nil {
		t.Error(err)
	}
}

func has(t *testing.T, h *Head, ref filestore.Ref) bool {
	t.Helper()
	store, err := h.files.open()
	if err != nil {
		t.Fatal(err)
	}
	_, ok := store.Size(ref.Sum)
	return ok
}
