package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
	"mobula/objstore"
)

// hostile is a name as an attacker would choose it.
const hostile = `<img src=x onerror=alert(1)>`

// token is the user token that the played cluster takes.
const token = "mobula-user-secret-of-the-test"

// ofNodes begins the names of what nodes are asked for.
const ofNodes = "node:"

// played stands for a head: what it answers to each method, and, by the first word of the question, what it passes on from nodes.
type played struct {
	mu      sync.Mutex // guards answers
	answers map[string]any
}

func (p *played) set(name string, answer any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[name] = answer
}

func (p *played) Call(_ context.Context, method string, in, out any) error {
	if q, ok := in.(headwire.Query); ok {
		word, _, _ := strings.Cut(q.What, " ")
		method = ofNodes + word
	}
	p.mu.Lock()
	answer := p.answers[method]
	p.mu.Unlock()
	if err, ok := answer.(error); ok {
		return err
	}
	data, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, out)
}

func named[K id.Kind](n byte) K {
	k, err := id.Parse[K](fmt.Sprintf("%032x", n))
	if err != nil {
		panic(err)
	}
	return k
}

func says(data any) []headwire.Answer {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return []headwire.Answer{{Node: named[id.Node](1), Name: hostile, Data: text}}
}

func at(second int) time.Time { return time.Unix(1_700_000_000+int64(second), 0).UTC() }

// feed is the events of a node's tasks.
func feed(states ...wire.TaskState) node.EventFeed {
	f := node.EventFeed{Next: uint64(len(states))}
	for i, state := range states {
		e := node.EventInfo{TaskEvent: wire.TaskEvent{
			Task: named[id.Task](1), Name: hostile, State: state, Nanos: at(i).UnixNano(), Attempt: 1, Worker: named[id.Worker](7),
		}, Job: named[id.Job](1)}
		if state == wire.TaskFailed {
			e.Error = hostile
		}
		f.Events = append(f.Events, e)
	}
	return f
}

// cluster is one with one of each thing, all with names that are HTML.
func cluster() *played {
	total := sched.Resources{CPU: sched.Whole(4), Memory: 8 << 30}
	return &played{answers: map[string]any{
		string(headwire.GetCluster): headwire.ClusterInfo{ID: "0123", Name: hostile, Created: at(0).UnixMilli()},
		string(headwire.GetFigures): headwire.HeadFigures{Cluster: "0123", Nodes: map[string]int{"alive": 1}, Total: total, Free: total},
		string(headwire.ListNodes): []headwire.NodeInfo{{State: sched.Alive.String(), Joined: at(0).UnixMilli(), NodeHello: headwire.NodeHello{
			ID: named[id.Node](1), Name: hostile, Prefix: "a000000000000000", Total: total,
		}}},
		string(headwire.ListJobs):   []headwire.JobInfo{{JobSpec: headwire.JobSpec{ID: named[id.Job](1), Name: hostile}, State: "running", Created: at(1).UnixMilli()}},
		string(headwire.ListGroups): []headwire.GroupInfo{{GroupSpec: headwire.GroupSpec{ID: named[id.PlacementGroup](1), Name: hostile}, State: "created"}},
		string(headwire.ListActors): []headwire.ActorInfo{{ID: named[id.Actor](1), Name: hostile, Class: "*main.Counter", State: "alive", Node: named[id.Node](1)}},
		ofNodes + "actors":          says([]node.OwnedActorInfo{}),
		ofNodes + "workers":         says([]node.WorkerInfo{{Worker: named[id.Worker](7), PID: 8, State: "ready", Leases: []id.Lease{}, Started: at(1)}}),
		ofNodes + "objects":         says([]node.ObjectInfo{{Object: "a0-1", Size: 5, State: "sealed"}}),
		ofNodes + "logs":            says([]node.LogInfo{{Worker: named[id.Worker](7), Size: 9}}),
		ofNodes + "log":             says(node.LogPart{Text: []byte(hostile + "\n"), Next: int64(len(hostile)) + 1}),
		ofNodes + "figures":         says(node.Figures{Name: hostile, Total: total, Free: total, Store: &objstore.Stats{Capacity: 1 << 30}}),
		ofNodes + "feed":            says(feed(wire.TaskRunning, wire.TaskFailed)),
	}}
}

// site is a dashboard that listens on loopback, and what it has logged.
type site struct {
	*Server
	url string
	log *syncedText
}

// syncedText is what was logged.
type syncedText struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (s *syncedText) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *syncedText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func open(t *testing.T, c headwire.Caller) *site {
	t.Helper()
	x := &site{log: &syncedText{}}
	jobs := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, http.StatusOK, "jobs") })
	x.Server = New(Config{
		Caller: c, Accepts: func(text string) bool { return text == token }, Jobs: jobs, Process: true, Version: "1.0",
		Logger: slog.New(slog.NewTextHandler(x.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err := x.Start(t.Context(), Endpoint{Listen: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	x.url = x.Address()
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// answer is what came back, with the body read.
type answer struct {
	*http.Response
	body string
}

// ask sends a request; redirects are not followed.
func (x *site) ask(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, x.url+strings.TrimPrefix(path, "/"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	reply, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{reply, string(text)}
}

// enter signs in by a one-time code, and returns the header that shows it.
func (x *site) enter(t *testing.T) (cookie string) {
	t.Helper()
	link, err := x.Link(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reply := x.ask(t, http.MethodGet, "/?code="+link.Code, "")
	if reply.StatusCode != http.StatusSeeOther || len(reply.Cookies()) != 1 {
		t.Fatal(reply.StatusCode, reply.Cookies(), reply.body)
	}
	return reply.Cookies()[0].Name + "=" + reply.Cookies()[0].Value
}

// local asks a server that does not listen, as if from an address.
func local(s *Server, r *http.Request, from string) *httptest.ResponseRecorder {
	r.RemoteAddr = from + ":1"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}
