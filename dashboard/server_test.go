package dashboard

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"mobula/cluster/headwire"
	"mobula/internal/golden"
)

// TestMain has all machines write times alike.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// TestHTMLIsText: what comes from users leaves as JSON or plain text, whatever it is, and no browser takes it for anything else.
func TestHTMLIsText(t *testing.T) {
	x := open(t, cluster())
	paths := []string{"/metrics", "/metrics/nodes", "/api/logs/00000000000000000000000000000007", "/api/logs/00000000000000000000000000000007/search?q=img", "/api/state/" + hostile, "/" + hostile}
	for _, topic := range topicNames() {
		paths = append(paths, "/api/state/"+topic+"?task=00000000000000000000000000000001&worker=00000000000000000000000000000007")
	}
	seen := 0
	for _, path := range paths {
		got := x.ask(t, http.MethodGet, strings.ReplaceAll(strings.ReplaceAll(path, "<", "%3C"), " ", "%20"), "", "Authorization", "Bearer "+token)
		kind := got.Header.Get("Content-Type")
		isText := strings.HasPrefix(kind, "text/plain")
		if !isText && kind != "application/json" || got.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s is %q", path, kind)
		}
		if !isText && strings.Contains(got.body, "<img") {
			t.Errorf("%s has a tag in its JSON: %.300s", path, got.body)
		}
		if strings.Contains(got.body, "onerror") {
			seen++
		}
		if !isText && !json.Valid([]byte(got.body)) {
			t.Errorf("%s is no JSON: %.300s", path, got.body)
		}
	}
	if seen < 10 {
		t.Errorf("only %d answers have the name: the test looks at nothing", seen)
	}
}

// TestTopics: the JSON of all topics, which programs and the page read.
func TestTopics(t *testing.T) {
	x := open(t, cluster())
	var all strings.Builder
	for _, name := range topicNames() {
		if name == "metrics" {
			continue // it is of this moment
		}
		got := x.ask(t, http.MethodGet, "/api/state/"+name+"?task=00000000000000000000000000000001&worker=00000000000000000000000000000007", "", "Authorization", "Bearer "+token)
		var v map[string]any
		if err := json.Unmarshal([]byte(got.body), &v); err != nil || got.StatusCode != http.StatusOK {
			t.Fatal(name, got.StatusCode, got.body)
		}
		delete(v, "cursor")
		for _, r := range v["rows"].([]any) {
			delete(r.(map[string]any), "figures") // they are package node's
		}
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "== %s\n%s\n", name, text)
	}
	golden.Compare(t, "testdata/topics.txt", all.String())
}

func TestMistakes(t *testing.T) {
	c := cluster()
	x := open(t, c)
	for path, want := range map[string]int{
		"/api/state/node": http.StatusNotFound,
		"/api/state/task": http.StatusBadRequest,
		"/api/state/task?task=00000000000000000000000000000009":          http.StatusNotFound,
		"/api/state/tasks?job=1":                                         http.StatusBadRequest,
		"/api/state/tasks?limit=0":                                       http.StatusBadRequest,
		"/api/state/log?worker=00000000000000000000000000000007&tail=-1": http.StatusBadRequest,
		"/api/state/metrics?node=x":                                      http.StatusBadRequest,
		"/api/state/jobs?job=00000000000000000000000000000009":           http.StatusNotFound,
		"/api/logs/x": http.StatusBadRequest,
		"/api/logs/00000000000000000000000000000009":        http.StatusNotFound,
		"/api/logs/00000000000000000000000000000007/search": http.StatusBadRequest,
	} {
		got := x.ask(t, http.MethodGet, path, "", "Authorization", "Bearer "+token)
		var f failure
		if err := json.Unmarshal([]byte(got.body), &f); err != nil || got.StatusCode != want || f.Error == "" {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	c.set(string(headwire.ListNodes), errors.New("no connection to the head"))
	x.source.rest()
	if got := x.ask(t, http.MethodGet, "/api/state/nodes", "", "Authorization", "Bearer "+token); got.StatusCode != http.StatusBadGateway || !strings.Contains(got.body, "no connection to the head") {
		t.Error(got.StatusCode, got.body)
	}
}

// TestNothingSecretIsLogged: whatever is tried, and with whatever is logged in full.
func TestNothingSecretIsLogged(t *testing.T) {
	c := cluster()
	x := open(t, c)
	link, err := x.Link(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cookie := x.enter(t)
	_, secret, _ := strings.Cut(cookie, "=")
	x.ask(t, http.MethodPost, "/login", "token="+token)
	x.ask(t, http.MethodPost, "/login", "token=almost-"+token)
	x.ask(t, http.MethodGet, "/?code="+link.Code, "")
	x.ask(t, http.MethodGet, "/?code="+link.Code, "")
	c.set(ofNodes+"figures", errors.New("a node hangs"))
	c.set(string(headwire.GetFigures), errors.New("the head hangs"))
	for _, header := range [][]string{{"Authorization", "Bearer " + token}, {"Cookie", cookie}, {"Authorization", "Bearer x" + token}} {
		for _, path := range []string{"/metrics", "/metrics/nodes", "/api/state/overview"} {
			if got := x.ask(t, http.MethodGet, path, "", header...); strings.Contains(got.body, token) || strings.Contains(got.body, secret) {
				t.Errorf("%s shows a secret", path)
			}
		}
	}
	log := x.log.String()
	if !strings.Contains(log, "hangs") {
		t.Errorf("the log is empty: the test looks at nothing: %q", log)
	}
	for name, text := range map[string]string{"token": token, "code": link.Code, "session": secret} {
		if strings.Contains(log, text) {
			t.Errorf("a %s is in the log", name)
		}
	}
	if text := fmt.Sprintf("%v %+v %s", link, link, link); strings.Contains(text, link.Code) {
		t.Errorf("a link shows its code where it is printed: %s", text)
	}
}

func TestAssets(t *testing.T) {
	x := open(t, cluster())
	cookie := x.enter(t)
	for name := range assets() {
		at := "/" + strings.TrimPrefix(name, indexName)
		got := x.ask(t, http.MethodGet, at, "", "Cookie", cookie)
		if got.StatusCode != http.StatusOK || got.Header.Get("ETag") == "" || kinds[path.Ext(name)] == "" || got.Header.Get("Content-Type") != kinds[path.Ext(name)] {
			t.Errorf("%s: %d %v", name, got.StatusCode, got.Header)
		}
		if again := x.ask(t, http.MethodGet, at, "", "Cookie", cookie, "If-None-Match", got.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s is sent again: %d", name, again.StatusCode)
		}
	}
}

func TestStart(t *testing.T) {
	x := open(t, cluster())
	for listen, want := range map[string]string{
		"nowhere": "not HOST:PORT", "0.0.0.0:0": "needs a certificate", ":0": "needs a certificate", "10.0.0.1:0": "needs a certificate",
		strings.TrimSuffix(strings.TrimPrefix(x.url, "http://"), "/"): "in use",
	} {
		if err := x.Start(t.Context(), Endpoint{Listen: listen}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", listen, err)
		}
	}
	if err := x.Start(t.Context(), Endpoint{Listen: "0.0.0.0:0", Host: "head.example", Certificate: &tls.Certificate{}}); err != nil || !strings.HasPrefix(x.Address(), "https://head.example:") {
		t.Error(err, x.Address())
	}
	s := New(Config{Caller: cluster()})
	if _, err := s.Link(t.Context()); err == nil {
		t.Error("there is a link to nowhere")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Start(t.Context(), Endpoint{Listen: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Error(err)
	}
}

// FuzzLogCursor: what was written is read back; anything else is an error or means something that can be written.
func FuzzLogCursor(f *testing.F) {
	for _, text := range []string{"0", "17 ended", "", "-1", "x", "9223372036854775808", " ended"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseLogCursor(text)
		if err != nil {
			return
		}
		if again, err := parseLogCursor(c.String()); err != nil || again != c {
			t.Errorf("%q is %+v, then %+v, %v", text, c, again, err)
		}
	})
}

// FuzzTopic: whatever a browser asks for is answered, or is its mistake.
func FuzzTopic(f *testing.F) {
	f.Add("tasks", "search", "x")
	f.Add("log", "worker", "00000000000000000000000000000007")
	f.Add("metrics", "node", "00000000000000000000000000000001")
	s := New(Config{Caller: cluster()})
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, name, param, value string) {
		topic, err := findTopic(name)
		if err == nil {
			_, err = topic.look(t.Context(), s, request{params: map[string]string{param: value}})
		}
		if _, ok := errors.AsType[*badRequest](err); err != nil && !ok {
			t.Error(err)
		}
	})
}
