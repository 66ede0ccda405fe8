package head

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/replog"
	"mobula/cluster/sched"
	"mobula/cluster/state"
	"mobula/internal/eventually"
	"mobula/internal/id"
)

func TestHeadIsReadySoon(t *testing.T) {
	for name, conf := range map[string]func() Config{
		"embedded":     func() Config { return Config{} },
		"raft on disk": func() Config { return Config{Log: onDisk(t.TempDir())} },
	} {
		best := time.Hour
		for range 5 {
			c := conf()
			begin := time.Now()
			h := start(t, c)
			best = min(best, time.Since(begin))
			if h.View().Meta() == nil || h.Address() != "" || h.Socket() != "" {
				t.Errorf("%s: %+v, %q, %q", name, h.View().Meta(), h.Address(), h.Socket())
			}
		}
		t.Logf("%s: ready after %v", name, best)
		if best > 200*time.Millisecond {
			t.Errorf("%s: ready after %v", name, best)
		}
	}
}

func TestRestartKnowsEverything(t *testing.T) {
	dir := t.TempDir()
	h, err := Start(t.Context(), Config{Dir: dir, Log: onDisk(dir), Listen: "127.0.0.1:0", Timing: quick})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Dir: dir, Log: onDisk(dir)}); err == nil || !strings.Contains(err.Error(), "another head") {
		t.Errorf("two heads in a directory: %v", err)
	}
	c := inside(t, h)
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job, Namespace: "team", Name: "nightly"})
	ask(t, c, headwire.PutKey, headwire.KeyPut{Key: "a", Value: []byte("1")})
	group := ask(t, c, headwire.CreateGroup, headwire.GroupSpec{
		ID: id.New[id.PlacementGroup](), Job: job, Strategy: "Pack", Bundles: []headwire.BundleInfo{{Resources: sched.Resources{CPU: sched.One}}},
	})
	actor := ask(t, c, headwire.RegisterActor, headwire.ActorSpec{ID: id.New[id.Actor](), Job: job, Name: "hits"}).Actor
	join, user, before := h.JoinToken(), h.UserToken(), h.View().Digest()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	h = start(t, Config{Dir: dir, Log: onDisk(dir), Listen: "127.0.0.1:0"})
	t.Logf("restarted in %v", time.Since(begin))
	if h.JoinToken() != join || h.UserToken() != user {
		t.Error("the tokens are others")
	}
	c = inside(t, h)
	if got := ask(t, c, headwire.GetKey, headwire.KeyRef{Key: "a"}); string(got.Value) != "1" {
		t.Errorf("%+v", got)
	}
	if got := ask(t, c, headwire.FindActor, headwire.ActorName{Name: "hits", Job: job}); got.ID != actor.ID || got.Namespace != "team" {
		t.Errorf("%+v", got)
	}
	if got := ask(t, c, headwire.GetGroup, headwire.GroupRef{ID: group.ID}); got.State != "pending" {
		t.Errorf("%+v", got)
	}
	if h.View().Digest() != before {
		t.Error("the state is another one")
	}
	for _, name := range []string{JoinTokenFile, UserTokenFile, authorityFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// TestSnapshotOfTheLog: what was compacted into a snapshot is there after a restart, too.
func TestSnapshotOfTheLog(t *testing.T) {
	dir := t.TempDir()
	h, err := Start(t.Context(), Config{Dir: dir, Log: onDisk(dir), Timing: quick})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string) {
		if _, err := h.propose(&state.KeyPut{Key: key, Value: []byte(key)}); err != nil {
			t.Fatal(err)
		}
	}
	put("before")
	if err := h.log.(*replog.Log).Snapshot(); err != nil {
		t.Fatal(err)
	}
	put("after")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h = start(t, Config{Dir: dir, Log: onDisk(dir)})
	for _, key := range []string{"before", "after"} {
		if k, ok := h.View().Key("", key); !ok || string(k.Value) != key {
			t.Errorf("%s: %+v", key, k)
		}
	}
}

func connectWith(t *testing.T, address string, token *headwire.Token) (*headclient.Client, error) {
	t.Helper()
	c, err := headclient.Connect(t.Context(), headclient.Config{Addresses: []string{address}, Token: token})
	if err == nil {
		t.Cleanup(c.Close)
	}
	return c, err
}

func TestCredentials(t *testing.T) {
	h := start(t, Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	stranger := start(t, Config{Listen: "127.0.0.1:0"})
	address := h.Address()
	if _, err := connectWith(t, address, nil); err == nil || !strings.Contains(err.Error(), "needs a token") {
		t.Error(err)
	}
	wrong := stranger.UserToken()
	if _, err := connectWith(t, address, &wrong); err == nil || !strings.Contains(err.Error(), "another head answers") {
		t.Error(err)
	}
	wrong.CA = h.UserToken().CA
	if _, err := connectWith(t, address, &wrong); !headwire.HasCode(err, headwire.Denied) {
		t.Error(err)
	}
	wrong.Kind = headwire.JoinToken
	if _, err := connectWith(t, address, &wrong); !headwire.HasCode(err, headwire.Denied) {
		t.Error(err)
	}
	user, join := h.UserToken(), h.JoinToken()
	client, err := connectWith(t, address, &user)
	if err != nil {
		t.Fatal(err)
	}
	ask(t, client, headwire.ListNodes, headwire.None{})
	refusedAs(t, client, headwire.HelloNode, headwire.NodeHello{ID: id.New[id.Node]()}, headwire.Denied)
	if _, err := headclient.Certify(t.Context(), client, id.New[id.Node]()); err == nil {
		t.Error("a user token gives a node's certificate")
	}
	node := id.New[id.Node]()
	joining, err := connectWith(t, address, &join)
	if err != nil {
		t.Fatal(err)
	}
	refusedAs(t, joining, headwire.ListNodes, headwire.None{}, headwire.Denied)
	identity, err := headclient.Certify(t.Context(), joining, node)
	if err != nil {
		t.Fatal(err)
	}
	member, err := headclient.Connect(t.Context(), headclient.Config{Addresses: []string{address}, Identity: identity, Role: headwire.RoleNode})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(member.Close)
	ask(t, member, headwire.HelloNode, headwire.NodeHello{ID: node, Name: "n", Total: sched.Resources{CPU: sched.One}})
	refusedAs(t, member, headwire.HelloNode, headwire.NodeHello{ID: id.New[id.Node](), Total: sched.Resources{CPU: sched.One}}, headwire.Denied)
	if _, err := identity.Dial(t.Context(), stranger.Address(), headwire.HeadName); err == nil {
		t.Error("the head of another cluster is trusted")
	}
}

func TestTokensForOthers(t *testing.T) {
	h := start(t, Config{Listen: "127.0.0.1:0"})
	put := func(c state.Command) {
		t.Helper()
		if _, err := h.propose(c); err != nil {
			t.Fatal(err)
		}
	}
	once, ann := headwire.NewToken(headwire.JoinToken, h.ca.fingerprint()), headwire.NewToken(headwire.UserToken, h.ca.fingerprint())
	put(&state.TokenPut{Hash: once.Hash(), Uses: 1, Time: now()})
	if _, err := connectWith(t, h.Address(), &once); err != nil {
		t.Error(err)
	}
	if _, err := connectWith(t, h.Address(), &once); !headwire.HasCode(err, headwire.Denied) || !strings.Contains(err.Error(), "used up") {
		t.Error(err)
	}
	put(&state.UserPut{Name: "ann", Hash: ann.Hash(), Time: now()})
	if _, err := connectWith(t, h.Address(), &ann); err != nil {
		t.Error(err)
	}
	put(&state.UserDelete{Name: "ann"})
	if _, err := connectWith(t, h.Address(), &ann); !headwire.HasCode(err, headwire.Denied) {
		t.Error(err)
	}
}

// TestClientsConnectAgain: calls and watches go on after the head was away.
func TestClientsConnectAgain(t *testing.T) {
	dir := t.TempDir()
	h, err := Start(t.Context(), Config{Dir: dir, Log: onDisk(dir), Timing: quick})
	if err != nil {
		t.Fatal(err)
	}
	c, err := headclient.Connect(t.Context(), headclient.Config{Addresses: []string{"unix:" + filepath.Join(dir, SocketName)}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := make(chan headwire.Event, 100)
	watching := make(chan error, 1)
	go func() {
		defer close(watching)
		for e, err := range c.Watch(ctx) {
			if err != nil {
				watching <- err
				return
			}
			events <- e
		}
	}()
	expect := func(kind, state string) {
		t.Helper()
		for timeout := time.After(patience); ; {
			select {
			case e := <-events:
				if e.Kind == kind && e.State == state {
					return
				}
			case <-timeout:
				t.Fatalf("no event %s %s", kind, state)
			}
		}
	}
	expect(headwire.EventLost, "")
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job})
	expect("job", "running")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	expect(headwire.EventLost, "")
	eventually.Holds(t, "a call that gives up says why", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := headwire.Ask(ctx, c, headwire.ListJobs, headwire.None{})
		return errors.Is(err, context.DeadlineExceeded) && strings.Contains(err.Error(), "the last attempt: connect to the head")
	})
	ended := make(chan error, 1)
	go func() { // it waits for the head
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := headwire.Ask(ctx, c, headwire.EndJob, headwire.JobEnd{ID: job, State: "succeeded"})
		ended <- err
	}()
	start(t, Config{Dir: dir, Log: onDisk(dir)})
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	eventually.Holds(t, "the job has ended", func() bool {
		jobs := ask(t, c, headwire.ListJobs, headwire.None{})
		return len(jobs) == 1 && jobs[0].State == "succeeded"
	})
	expect(headwire.EventLost, "")
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: id.New[id.Job]()})
	expect("job", "running")
	cancel()
	select {
	case err := <-watching:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the watch goes on after its context")
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	h := start(t, Config{})
	c := inside(t, h)
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job})
	a := ask(t, c, headwire.RegisterActor, headwire.ActorSpec{ID: id.New[id.Actor](), Job: job, Name: "x"})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := headwire.Ask(ctx, c, headwire.WaitActor, headwire.ActorWait{ID: a.Actor.ID}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	refusedAs(t, c, headwire.Method[headwire.None, headwire.None]("nonsense"), headwire.None{}, headwire.NotFound)
	refusedAs(t, c, headwire.Method[string, headwire.None](headwire.ListActors), "damaged", headwire.Invalid)
	refusedAs(t, c, headwire.Join, headwire.JoinRequest{}, headwire.Unavailable)
}

// TestAddressForOthers: where a head listens everywhere it tells an address that another machine can use.
func TestAddressForOthers(t *testing.T) {
	h := start(t, Config{Listen: ":0", Host: "10.1.2.3"})
	if got := ask(t, inside(t, h), headwire.GetCluster, headwire.None{}).Address; !strings.HasPrefix(got, "10.1.2.3:") || strings.HasSuffix(got, ":0") {
		t.Error(got)
	}
}
