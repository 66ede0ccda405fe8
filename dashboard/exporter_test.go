package dashboard

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"mobula/cluster/headwire"
)

func TestExporter(t *testing.T) {
	s := NewExporter(ExporterConfig{
		Accepts: func(text string) bool { return text == token },
		Handlers: map[string]http.Handler{"/metrics": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, http.StatusOK, "figures")
		})},
	})
	defer s.Close()
	for _, c := range []struct {
		path, credential string
		want             int
	}{
		{"/metrics", "", http.StatusUnauthorized}, {"/", "", http.StatusUnauthorized}, {"/?code=x", "", http.StatusUnauthorized}, {"/metrics", "Bearer x", http.StatusUnauthorized},
		{"/metrics", "Basic " + token, http.StatusUnauthorized}, {"/metrics", "Bearer " + token, http.StatusOK}, {"/", "Bearer " + token, http.StatusNotFound},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		if c.credential != "" {
			r.Header.Set("Authorization", c.credential)
		}
		if got := local(s, r, "127.0.0.1"); got.Code != c.want {
			t.Errorf("%s with %q: %d", c.path, c.credential, got.Code)
		}
	}
}

// TestAskHead: what the head says counts, and for an hour what it has said.
func TestAskHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &played{answers: map[string]any{}}
		accepts := AskHead(c)
		user := headwire.NewToken(headwire.UserToken, [32]byte{1})
		for _, step := range []struct {
			name string
			says any
			wait time.Duration
			want bool
		}{
			{"a head that is away has taken nothing yet", errors.New("it is away"), 0, false},
			{"it takes the token", headwire.None{}, 0, true},
			{"it is away", errors.New("it is away"), tokenKept - time.Second, true},
			{"it is away for long", errors.New("it is away"), 2 * time.Second, false},
			{"it is back", headwire.None{}, 0, true},
			{"it knows the token no more", headwire.Errorf(headwire.Denied, "it is not known here"), 0, false},
			{"and is away again", errors.New("it is away"), 0, false},
		} {
			time.Sleep(step.wait)
			c.set(string(headwire.CheckToken), step.says)
			if got := accepts(user.Text()); got != step.want {
				t.Errorf("%s: %v", step.name, got)
			}
		}
		c.set(string(headwire.CheckToken), headwire.None{})
		for _, text := range []string{"", "x", headwire.NewToken(headwire.JoinToken, user.CA).Text()} {
			if accepts(text) {
				t.Errorf("%q is taken for a user's token", text)
			}
		}
	})
}
