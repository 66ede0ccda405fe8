package interp

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/frame"
	"mobula/internal/id"
	"mobula/objstore/store"
)

// TestAskCluster asks a real node, which has heard of three tasks.
func TestAskCluster(t *testing.T) {
	n, err := node.Start(context.WithoutCancel(t.Context()), node.Config{
		Name: "here", Resources: sched.Resources{CPU: sched.Whole(3), Memory: 1 << 30}, Store: store.Config{Capacity: 64 << 20},
		Starter: node.Function(func(ctx context.Context, _ node.WorkerSpec) error { <-ctx.Done(); return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	report(t, n.Address(), wire.TaskFinished, wire.TaskFinished, wire.TaskRunning)
	st, err := askCluster(t.Context(), n.Address())
	if err != nil {
		t.Fatal(err)
	}
	counts := map[wire.TaskState]int{}
	for _, c := range st.Tasks {
		counts[c.State] += c.Tasks
	}
	if counts[wire.TaskFinished] != 2 || counts[wire.TaskRunning] != 1 {
		t.Errorf("tasks %+v", st.Tasks)
	}
	if st.Node != "here" || st.Nodes != 1 || st.Total.CPU != sched.Whole(3) || st.Free.Memory != 1<<30 || st.id != n.ID() {
		t.Errorf("%+v", st)
	}
	if st.Store == nil || st.Store.Capacity != 64<<20 {
		t.Errorf("store %+v", st.Store)
	}
}

// report tells a node of tasks, and returns when it knows them.
func report(t *testing.T, address string, states ...wire.TaskState) {
	t.Helper()
	stream, err := (&net.Dialer{}).DialContext(t.Context(), "unix", address)
	if err != nil {
		t.Fatal(err)
	}
	c := frame.New(stream)
	defer c.Abort()
	if _, _, err := c.Handshake(t.Context(), frame.Hello{Role: wire.RoleCLI, PID: os.Getpid()}); err != nil {
		t.Fatal(err)
	}
	events := wire.Events{Job: id.New[id.Job]()}
	for _, state := range states {
		events.List = append(events.List, wire.TaskEvent{Task: id.New[id.Task](), Name: "scan", State: state, Nanos: time.Now().UnixNano(), Attempt: 1})
	}
	if err := c.Send(wire.KindEvents, events.Append); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(wire.KindQuery, wire.JSON(wire.Query{Request: 1, What: "node"})); err != nil {
		t.Fatal(err)
	}
	stop := context.AfterFunc(t.Context(), c.Abort)
	defer stop()
	late := time.AfterFunc(10*time.Second, c.Abort)
	defer late.Stop()
	answered := false
	_ = c.Serve(func(kind byte, _ []byte) error { // ends with the answer: messages are taken in order
		if answered = kind == wire.KindAnswer; answered {
			return io.EOF
		}
		return nil
	})
	if !answered {
		t.Fatal("the node has not answered")
	}
}

func TestResolve(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	for text, want := range map[string]string{"": "", "own": "", "mobula://head:10001": "mobula://head:10001", "/a/node.sock": "/a/node.sock"} {
		to := ClusterTarget{Address: text}
		if err := to.resolve(t.Context()); to.Address != want || err != nil {
			t.Errorf("%s: %q, %v", text, to.Address, err)
		}
	}
	for text, want := range map[string]string{"head:10001": "is no address of a cluster: give mobula://HOST:PORT", "lab": "mobula start --head --name lab"} {
		if err := (&ClusterTarget{Address: text}).resolve(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	book := filepath.Join(config, "mobula", "clusters.json")
	if err := os.MkdirAll(filepath.Dir(book), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(book, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"lab": {"address": "mobula://lab:10001", "token": "lab-token"}, "big": {"address": "mobula://big:10001"}}`)
	for given, token := range map[string]string{"": filepath.Join(config, "mobula", "lab-token"), "mine": "mine"} {
		to := ClusterTarget{Address: "lab", Token: given}
		if err := to.resolve(t.Context()); err != nil || to.Address != "mobula://lab:10001" || to.Token != token {
			t.Errorf("%+v, %v", to, err)
		}
	}
	if err := (&ClusterTarget{Address: "lob"}).resolve(t.Context()); err == nil || !strings.Contains(err.Error(), "did you mean lab?") {
		t.Error(err)
	}
	for text, want := range map[string]string{`{"lab": "here"}`: "is not as {", `{"lab": {"address": "lab:1"}}`: `the address of lab is "lab:1"`} {
		write(text)
		if err := (&ClusterTarget{Address: "lab"}).resolve(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := askCluster(t.Context(), t.TempDir()+"/node.sock"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// TestUsualCluster: what MOBULA_ADDRESS names is used where nobody says otherwise.
func TestUsualCluster(t *testing.T) {
	errOwn := errors.New("its own cluster is started")
	commands := ClusterCommands{Own: func(config []byte) ([]string, error) {
		if len(config) > 2 {
			return []string{"mobula", string(config)}, nil
		}
		return []string{"mobula"}, nil
	}}
	const socket = "/run/node.sock"
	for _, tt := range []struct {
		options, usual string
		own            bool
	}{
		{"", socket, false}, {"{}", socket, false}, {"", "", true}, {`{"CPUs":2}`, socket, true}, {"", "10.0.0.1:10001", true}, // that is for  mobula status  and others
	} {
		c := clusters{commands: commands}
		ended, end := context.WithCancelCause(t.Context())
		end(errOwn) // so that none starts
		address, err := c.where(ended, []byte(tt.options), tt.usual, t.TempDir(), nil)
		if tt.own != (err != nil) || !tt.own && address != socket {
			t.Errorf("options %q, MOBULA_ADDRESS=%q: %q, %v", tt.options, tt.usual, address, err)
		}
		if now, own := c.current(); !tt.own && (now != socket || own) {
			t.Errorf("it uses %q, its own: %v", now, own)
		}
	}
	s := &Session{environ: []string{"MOBULA_ADDRESS=/a", "X=y", "MOBULA_ADDRESS=/b"}}
	if got := s.usualCluster(); got != "/b" {
		t.Error(got)
	}
}

func TestVersions(t *testing.T) {
	for _, v := range [][2]string{{"0.1.0", "0.9.0"}, {"1.2", "1.0.0"}, {"", "2.0.0"}, {"1.0.0", ""}} {
		if err := checkVersions(v[0], v[1]); err != nil {
			t.Error(v, err)
		}
	}
	if err := checkVersions("0.1.0", "1.0.0"); err == nil || !strings.Contains(err.Error(), "0.1.0") || !strings.Contains(err.Error(), "pip install mobula==1.0.0") {
		t.Error(err)
	}
}
