package dashboard

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"mobula/cluster/headwire"
	"mobula/cluster/wire"
	"mobula/internal/eventually"
)

// dial opens a websocket.
func (x *site) dial(t *testing.T, header ...string) (*websocket.Conn, int) {
	t.Helper()
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	conn, reply, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(x.url, "http")+"ws", h)
	if reply == nil {
		t.Fatal(err)
	}
	_ = reply.Body.Close() // nothing of it is wanted
	if err != nil {
		return nil, reply.StatusCode
	}
	t.Cleanup(func() { _ = conn.Close() }) // the test may have closed it
	return conn, reply.StatusCode
}

func TestWebsocketOrigins(t *testing.T) {
	x := open(t, cluster())
	cookie := x.enter(t)
	host := strings.TrimSuffix(strings.TrimPrefix(x.url, "http://"), "/")
	for _, c := range []struct {
		name   string
		header []string
		want   int
	}{
		{"nobody", nil, http.StatusUnauthorized},
		{"a wrong token", []string{"Authorization", "Bearer x"}, http.StatusUnauthorized},
		{"another page, with the person's cookie", []string{"Cookie", cookie, "Origin", "http://evil.example"}, http.StatusForbidden},
		{"another port of this machine", []string{"Cookie", cookie, "Origin", "http://127.0.0.1:1"}, http.StatusForbidden},
		{"its own page", []string{"Cookie", cookie, "Origin", "http://" + host}, http.StatusSwitchingProtocols},
		{"its own page, behind a proxy", []string{"Cookie", cookie, "Origin", "https://hub.example", "X-Forwarded-Host", "hub.example"}, http.StatusSwitchingProtocols},
		{"a program", []string{"Authorization", "Bearer " + token}, http.StatusSwitchingProtocols},
	} {
		if conn, got := x.dial(t, c.header...); got != c.want {
			t.Errorf("%s: %d", c.name, got)
		} else if conn != nil {
			_ = conn.Close() // it is over
		}
	}
}

// next reads the next update.
func next(t *testing.T, conn *websocket.Conn) (u update) {
	t.Helper()
	if err := conn.ReadJSON(&u); err != nil {
		t.Fatal(err)
	}
	return u
}

// TestLive: all of a topic, then what has changed of it, then nothing; a failure and its end.
func TestLive(t *testing.T) {
	c := cluster()
	x := open(t, c)
	conn, _ := x.dial(t, "Authorization", "Bearer "+token)
	var greeting hello
	if err := conn.ReadJSON(&greeting); err != nil || greeting.Version != "1.0" || greeting.Now == 0 {
		t.Fatal(greeting, err)
	}
	say := func(w wish) {
		if err := conn.WriteJSON(w); err != nil {
			t.Fatal(err)
		}
	}
	say(wish{ID: 1, Topic: "task", Params: map[string]string{"task": "00000000000000000000000000000001"}})
	say(wish{ID: 2, Topic: "nodez"})
	seen := map[int]update{}
	for len(seen) < 2 {
		u := next(t, conn)
		seen[u.ID] = u
	}
	if u := seen[1]; !u.Full || !strings.Contains(string(u.Meta), wire.TaskFailed.String()) || strings.Contains(string(u.Meta), "<img") {
		t.Errorf("%s", u.Meta)
	}
	if u := seen[2]; !strings.Contains(u.Error, "did you mean nodes?") {
		t.Error(u.Error)
	}
	say(wish{ID: 1})
	say(wish{ID: 3, Topic: "nodes"})
	if u := next(t, conn); u.ID != 3 || !u.Full || len(u.Rows) != 1 {
		t.Errorf("%+v", u)
	}
	nodes := c.answers[string(headwire.ListNodes)].([]headwire.NodeInfo)
	second := nodes[0]
	second.Name, second.ID.ID[15] = "b", 9
	c.set(string(headwire.ListNodes), append(slices.Clone(nodes), second))
	if u := next(t, conn); u.Full || len(u.Rows) != 1 || len(u.Gone) != 0 || !strings.Contains(string(u.Rows[0].Data), `"b"`) {
		t.Errorf("%+v", u)
	}
	c.set(string(headwire.ListNodes), headwire.Errorf(headwire.Unavailable, "the head is away"))
	if u := next(t, conn); !strings.Contains(u.Error, "the head is away") {
		t.Errorf("%+v", u)
	}
	c.set(string(headwire.ListNodes), nodes)
	if u := next(t, conn); u.Error != "" || u.Full || len(u.Rows) != 0 || len(u.Gone) != 1 || u.Gone[0] != second.ID.String() {
		t.Errorf("%+v", u)
	}
	_ = conn.Close() // the page is closed
	eventually.Holds(t, "nothing is kept for nobody", func() bool {
		x.source.mu.Lock()
		defer x.source.mu.Unlock()
		return len(x.source.cells) == 0 && x.source.tasks == nil
	})
}

func TestTooManySockets(t *testing.T) {
	x := open(t, cluster())
	for range maxSockets {
		if _, got := x.dial(t, "Authorization", "Bearer "+token); got != http.StatusSwitchingProtocols {
			t.Fatal(got)
		}
	}
	if _, got := x.dial(t, "Authorization", "Bearer "+token); got != http.StatusServiceUnavailable {
		t.Error(got)
	}
}

// TestCloseEndsSockets: pages are told that the dashboard ends.
func TestCloseEndsSockets(t *testing.T) {
	x := open(t, cluster())
	conn, _ := x.dial(t, "Authorization", "Bearer "+token)
	var greeting hello
	if err := conn.ReadJSON(&greeting); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	var u update
	if err := conn.ReadJSON(&u); !websocket.IsCloseError(err, websocket.CloseGoingAway, websocket.CloseAbnormalClosure) {
		t.Error(err)
	}
}
