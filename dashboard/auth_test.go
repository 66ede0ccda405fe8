package dashboard

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// requestOf makes one that a pattern of a route matches.
func requestOf(pattern string) (method, path string) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = http.MethodGet, pattern
	}
	fill := strings.NewReplacer("{$}", "", "{topic}", "nodes", "{worker}", "00000000000000000000000000000007")
	return method, fill.Replace(path)
}

// TestNobodyWithoutCredential: no route tells anything, from this machine too, and whatever else a request brings.
func TestNobodyWithoutCredential(t *testing.T) {
	x := open(t, cluster())
	all := append(x.inside(), x.entrances()...)
	if len(all) < 14 {
		t.Fatalf("only %d routes", len(all))
	}
	for _, r := range all {
		method, path := requestOf(r.pattern)
		for name, header := range map[string][]string{
			"none": nil, "a cookie that nobody gave": {"Cookie", x.cookieName() + "=A"}, "an empty cookie": {"Cookie", x.cookieName() + "="},
			"a token as a cookie": {"Cookie", x.cookieName() + "=" + token}, "a local origin": {"Origin", strings.TrimSuffix(x.url, "/")}, "another proxy's word": {"X-Forwarded-For", "127.0.0.1", "X-Forwarded-User", "root"},
		} {
			if got := x.ask(t, method, path, "", header...); got.StatusCode != http.StatusUnauthorized || strings.Contains(got.body, "onerror") {
				t.Errorf("%s with %s: %d %.200s", r.pattern, name, got.StatusCode, got.body)
			}
		}
	}
	for _, path := range []string{"/?token=" + token, "/metrics?token=" + token, "/metrics?access_token=" + token, "/ws?code=x", "/api/jobs/x?code=x", "/..//metrics", "/index.html"} {
		got := x.ask(t, http.MethodGet, path, "")
		if got.StatusCode == http.StatusMovedPermanently || got.StatusCode == http.StatusTemporaryRedirect { // to the cleaned path
			got = x.ask(t, http.MethodGet, got.Header.Get("Location"), "")
		}
		if got.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d %.200s", path, got.StatusCode, got.body)
		}
	}
}

// TestEverybodyWithOne: each route answers those who have a credential, and all answers carry the headers that browsers heed.
func TestEverybodyWithOne(t *testing.T) {
	x := open(t, cluster())
	cookie := x.enter(t)
	for _, r := range append(x.inside(), x.entrances()...) {
		method, path := requestOf(r.pattern)
		want := http.StatusOK
		switch {
		case path == "/" && method == http.MethodGet && r.pattern == "/":
			path, want = "/nothing", http.StatusNotFound
		case path == "/ws":
			want = http.StatusBadRequest // it is no websocket
		case path == "/login" || path == "/logout":
			continue // they have tests of their own
		case strings.HasSuffix(path, "/search"):
			path += "?q=IMG"
		}
		for _, header := range [][]string{{"Cookie", cookie}, {"Authorization", "Bearer " + token}} {
			got := x.ask(t, method, path, "", header...)
			if got.StatusCode != want {
				t.Errorf("%s: %d %.200s", r.pattern, got.StatusCode, got.body)
			}
			for name, value := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN", "Referrer-Policy": "no-referrer"} {
				if got.Header.Get(name) != value {
					t.Errorf("%s: %s is %q", r.pattern, name, got.Header.Get(name))
				}
			}
			if c := got.Header.Get("Cache-Control"); c != "no-store" && c != "no-cache" {
				t.Errorf("%s: may be kept: %q", r.pattern, c)
			}
		}
	}
	if head := x.ask(t, http.MethodHead, "/", ""); head.StatusCode != http.StatusUnauthorized {
		t.Error(head.StatusCode)
	}
}

func TestPolicy(t *testing.T) {
	for _, part := range []string{"default-src 'self'", "base-uri 'none'", "object-src 'none'", "form-action 'self'", "frame-ancestors 'self'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy lacks %s", part)
		}
	}
	for _, hole := range []string{"unsafe", "*", "data:", "http:", "https:"} {
		if strings.Contains(policy, hole) || strings.Contains(signInPolicy, hole) {
			t.Errorf("a policy has %s", hole)
		}
	}
	page := assets()[indexName].plain
	for _, inline := range []string{"<style", " style=", " onload=", "javascript:", "<script>"} {
		if bytes.Contains(page, []byte(inline)) {
			t.Errorf("the page has %s, which its policy forbids", inline)
		}
	}
}

// TestCode: a code is good once, becomes a cookie that is not it, and leaves the address.
func TestCode(t *testing.T) {
	x := open(t, cluster())
	link, err := x.Link(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := x.ask(t, http.MethodGet, "/?code="+link.Code, "")
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "./" {
		t.Fatal(got.StatusCode, got.Header)
	}
	c := got.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "" || c.Domain != "" || c.Secure || strings.Contains(c.Value, link.Code) || c.MaxAge != int(sessionLife/time.Second) {
		t.Errorf("%+v", c)
	}
	cookie := c.Name + "=" + c.Value
	if page := x.ask(t, http.MethodGet, "/", "", "Cookie", cookie); page.StatusCode != http.StatusOK || !strings.Contains(page.body, "app.js") {
		t.Error(page.StatusCode, page.body)
	}
	if again := x.ask(t, http.MethodGet, "/?code="+link.Code, ""); again.StatusCode != http.StatusUnauthorized || len(again.Cookies()) != 0 || !strings.Contains(again.body, "used already") {
		t.Error("a code is good twice", again.StatusCode, again.body)
	}
	if again := x.ask(t, http.MethodGet, "/?code="+link.Code, "", "Cookie", cookie); again.StatusCode != http.StatusSeeOther {
		t.Error("who is in and loads the page again is sent away", again.StatusCode)
	}
	link, err = x.Link(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if head := x.ask(t, http.MethodHead, "/?code="+link.Code, ""); len(head.Cookies()) != 0 {
		t.Error("a look at a link uses it up") // as chats and mail programs do
	}
	behind := x.ask(t, http.MethodGet, "/?code="+link.Code, "", "X-Forwarded-Proto", "https")
	if len(behind.Cookies()) != 1 || !behind.Cookies()[0].Secure {
		t.Error("behind TLS the cookie is sent without it, too", behind.StatusCode)
	}
}

func TestLogin(t *testing.T) {
	x := open(t, cluster())
	form := "token=" + token
	if got := x.ask(t, http.MethodPost, "/login", form, "Origin", "http://evil.example"); got.StatusCode != http.StatusForbidden || len(got.Cookies()) != 0 {
		t.Error("a form of another page", got.StatusCode)
	}
	if got := x.ask(t, http.MethodPost, "/login", "token=wrong"); got.StatusCode != http.StatusUnauthorized || len(got.Cookies()) != 0 || !strings.Contains(got.body, "not the user token") {
		t.Error(got.StatusCode, got.body)
	}
	if got := x.ask(t, http.MethodPost, "/login", "token="+strings.Repeat("x", maxForm)); got.StatusCode != http.StatusUnauthorized {
		t.Error(got.StatusCode)
	}
	got := x.ask(t, http.MethodPost, "/login", form+"%0A", "Origin", strings.TrimSuffix(x.url, "/"))
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "./" || len(got.Cookies()) != 1 || strings.Contains(got.Cookies()[0].Value, token) {
		t.Fatal(got.StatusCode, got.body)
	}
	cookie := got.Cookies()[0].Name + "=" + got.Cookies()[0].Value
	if got := x.ask(t, http.MethodPost, "/logout", "", "Cookie", cookie, "Sec-Fetch-Site", "cross-site"); got.StatusCode != http.StatusForbidden {
		t.Error("another page ends the session", got.StatusCode)
	}
	if got := x.ask(t, http.MethodPost, "/logout", "", "Cookie", cookie); got.StatusCode != http.StatusSeeOther || got.Cookies()[0].MaxAge >= 0 {
		t.Error(got.StatusCode, got.Cookies())
	}
	if got := x.ask(t, http.MethodGet, "/", "", "Cookie", cookie); got.StatusCode != http.StatusUnauthorized {
		t.Error("the session goes on after its end", got.StatusCode)
	}
}

// TestSignInPage: with tokens there is a form, without there is a way to a link.
func TestSignInPage(t *testing.T) {
	with := local(open(t, cluster()).Server, httptest.NewRequest(http.MethodGet, "/", nil), "127.0.0.1")
	s := New(Config{Caller: cluster()})
	defer s.Close()
	without := local(s, httptest.NewRequest(http.MethodGet, "/", nil), "127.0.0.1")
	if !strings.Contains(with.Body.String(), `action="login"`) || strings.Contains(without.Body.String(), "<form") || !strings.Contains(without.Body.String(), "mobula dashboard") {
		t.Error(with.Body, without.Body)
	}
	if got := with.Header().Get("Content-Security-Policy"); got != signInPolicy || !strings.HasPrefix(got, "default-src 'none'") {
		t.Error(got)
	}
}

func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		name   string
		header []string
		want   bool
	}{
		{"no browser", nil, true},
		{"its own page", []string{"Origin", "http://dash:1"}, true},
		{"its own page, behind a proxy", []string{"Origin", "https://hub.example", "X-Forwarded-Host", "hub.example, inner"}, true},
		{"another page", []string{"Origin", "http://evil.example"}, false},
		{"another port", []string{"Origin", "http://dash:2"}, false},
		{"a file", []string{"Origin", "null"}, false},
		{"no URL", []string{"Origin", "http://%zz"}, false},
		{"another site, in the browser's words", []string{"Sec-Fetch-Site", "cross-site", "Origin", "http://dash:1"}, false},
		{"another host of the site", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://dash:1"}, false},
		{"itself, in the browser's words", []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"typed by a person", []string{"Sec-Fetch-Site", "none"}, true},
	} {
		r := httptest.NewRequest(http.MethodPost, "http://dash:1/logout", nil)
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		if got := sameOrigin(r); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestWrongCredentials: who gives too many is not heard for a while, and others are.
func TestWrongCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Caller: cluster(), Accepts: func(text string) bool { return text == token }})
		defer s.Close()
		try := func(from, text string) int {
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			r.Header.Set("Authorization", "Bearer "+text)
			return local(s, r, from).Code
		}
		var codes []int
		for range failBurst + 2 {
			codes = append(codes, try("10.0.0.1", "wrong"))
		}
		if codes[failBurst-1] != http.StatusUnauthorized || codes[failBurst] != http.StatusTooManyRequests {
			t.Error(codes)
		}
		for _, r := range []*http.Request{httptest.NewRequest(http.MethodGet, "/?code=x", nil), httptest.NewRequest(http.MethodPost, "/login", strings.NewReader("token=x"))} {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if w := local(s, r, "10.0.0.1"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
				t.Error(r.URL, w.Code)
			}
		}
		if got := []int{try("10.0.0.1", token), try("10.0.0.2", token), try("10.0.0.2", "wrong")}; !slices.Equal(got, []int{http.StatusTooManyRequests, http.StatusOK, http.StatusUnauthorized}) {
			t.Error(got)
		}
		link := s.gate.newCode()
		w := local(s, httptest.NewRequest(http.MethodGet, "/?code="+link, nil), "10.0.0.3")
		r := httptest.NewRequest(http.MethodGet, "/api/state", nil)
		r.AddCookie(w.Result().Cookies()[0])
		if got := local(s, r, "10.0.0.1").Code; got != http.StatusOK {
			t.Error("who has signed in is locked out by others behind the same proxy", got)
		}
		time.Sleep(failEvery)
		if got := []int{try("10.0.0.1", token), try("10.0.0.1", "wrong"), try("10.0.0.1", "wrong")}; !slices.Equal(got, []int{http.StatusOK, http.StatusUnauthorized, http.StatusTooManyRequests}) {
			t.Error(got)
		}
	})
}

// TestEnds: codes and sessions end by themselves.
func TestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Caller: cluster()})
		defer s.Close()
		late, early := s.gate.newCode(), s.gate.newCode()
		time.Sleep(codeLife - time.Second)
		w := local(s, httptest.NewRequest(http.MethodGet, "/?code="+early, nil), "127.0.0.1")
		if w.Code != http.StatusSeeOther {
			t.Fatal(w.Code)
		}
		time.Sleep(time.Second)
		if got := local(s, httptest.NewRequest(http.MethodGet, "/?code="+late, nil), "127.0.0.1"); got.Code != http.StatusUnauthorized {
			t.Error("a code lasts longer than it should", got.Code)
		}
		page := func() int {
			r := httptest.NewRequest(http.MethodGet, "/api/state/nodes", nil)
			r.AddCookie(w.Result().Cookies()[0])
			return local(s, r, "127.0.0.1").Code
		}
		time.Sleep(sessionLife - 2*time.Second)
		if got := page(); got != http.StatusOK {
			t.Error(got)
		}
		time.Sleep(time.Second)
		if got := page(); got != http.StatusUnauthorized {
			t.Error("a session lasts longer than it should", got)
		}
	})
}

// TestBounds: what others can make grow does not.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(nil)
		first := g.newCode()
		time.Sleep(time.Second)
		for range maxCodes {
			g.newCode()
		}
		if len(g.codes) != maxCodes || g.redeem(first) {
			t.Error(len(g.codes), "codes, the oldest among them")
		}
		for i := range maxSeen + 10 {
			g.failed(strings.Repeat("x", i))
		}
		if len(g.failures) > maxSeen {
			t.Error(len(g.failures), "addresses")
		}
		if g.token("") || g.token(token) {
			t.Error("a token is taken where there are none")
		}
	})
}
