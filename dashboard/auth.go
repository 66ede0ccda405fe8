package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// cookiePrefix begins the name of the cookie; the port follows.
const cookiePrefix = "mobula-dashboard-"

// visitor is who makes a request.
type visitor struct {
	until  time.Time // the end of the session; zero for a bearer token
	cookie bool
}

type visitorKey struct{}

// visitorOf is who was let in.
func visitorOf(ctx context.Context) visitor {
	v, _ := ctx.Value(visitorKey{}).(visitor)
	return v
}

// verdict is what became of a credential.
type verdict int

const (
	nobody  verdict = iota // there is none, or a session that has ended
	known                  //
	wrong                  //
	tooMany                // it was not looked at
)

// identify looks at the credential of a request.
func (s *Server) identify(r *http.Request) (visitor, verdict) {
	if text := r.Header.Get("Authorization"); text != "" {
		token, ok := strings.CutPrefix(text, "Bearer ")
		switch {
		case !s.gate.mayTry(remote(r)):
			return visitor{}, tooMany
		case ok && s.gate.token(strings.TrimSpace(token)):
			return visitor{}, known
		}
		s.gate.failed(remote(r))
		return visitor{}, wrong
	}
	if c, err := r.Cookie(s.cookieName()); err == nil {
		if until, ok := s.gate.session(c.Value); ok {
			return visitor{until, true}, known
		}
	}
	return visitor{}, nobody
}

// remote is the address that a request comes from.
func remote(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// guarded serves those who have a credential, and what comes from the page itself where it changes something.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, how := s.identify(r)
		switch {
		case how == tooMany:
			refuseTooMany(w)
		case how != known:
			w.Header().Set("WWW-Authenticate", `Bearer realm="mobula"`)
			answerError(w, http.StatusUnauthorized, "sign in first: send the cluster's user token as a bearer token, or open the link that  mobula dashboard  prints")
		case v.cookie && !isSafe(r.Method) && !sameOrigin(r):
			answerError(w, http.StatusForbidden, "this request comes from another page")
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitorKey{}, v)))
		}
	})
}

func refuseTooMany(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "2")
	answerError(w, http.StatusTooManyRequests, "too many wrong credentials came from this address: wait a little")
}

func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// sameOrigin reports whether a browser sends a request for a page of this server, or no browser does. Behind a proxy the page's host is in X-Forwarded-Host, which no
// page of another site can set.
func sameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "cross-site", "same-site":
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	forwarded, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Host"), ",")
	return strings.EqualFold(u.Host, r.Host) || strings.EqualFold(u.Host, strings.TrimSpace(forwarded))
}

// enter gives a browser its cookie, and has it load the page without what was in its address.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	secret, until := s.gate.open()
	http.SetCookie(w, &http.Cookie{ // without Path it is for the folder of the request's path as the browser sees it, so also behind a prefix
		Name: s.cookieName(), Value: secret, Expires: until, MaxAge: int(sessionLife / time.Second), HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	})
	seeOther(w)
}

// seeOther redirects to the page. http.Redirect would make the path absolute, and lose the prefix of a proxy.
func seeOther(w http.ResponseWriter) {
	w.Header().Set("Location", "./")
	w.WriteHeader(http.StatusSeeOther)
}

// page serves the page, or the form to sign in.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	_, how := s.identify(r)
	if r.Method == http.MethodGet && r.URL.Query().Has("code") {
		s.byCode(w, r, how)
		return
	}
	switch how {
	case known:
		s.asset(indexName).ServeHTTP(w, r)
	case tooMany:
		refuseTooMany(w)
	default:
		s.signIn(w, http.StatusUnauthorized, "")
	}
}

func (s *Server) byCode(w http.ResponseWriter, r *http.Request, how verdict) {
	switch {
	case !s.gate.mayTry(remote(r)):
		refuseTooMany(w)
	case s.gate.redeem(r.URL.Query().Get("code")):
		s.enter(w, r)
	case how == known: // the page was loaded again
		seeOther(w)
	default:
		s.gate.failed(remote(r))
		s.signIn(w, http.StatusUnauthorized, "This link was used already, or is older than 5 minutes. Get a new one.")
	}
}

// maxForm bounds the form to sign in, in bytes.
const maxForm = 4 << 10

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if !sameOrigin(r) {
		answerError(w, http.StatusForbidden, "this form comes from another page")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	token := r.PostFormValue("token") // an unreadable form has none
	switch {
	case !s.gate.mayTry(remote(r)):
		refuseTooMany(w)
	case s.gate.token(strings.TrimSpace(token)):
		s.enter(w, r)
	default:
		s.gate.failed(remote(r))
		s.signIn(w, http.StatusUnauthorized, "This is not the user token of this cluster.")
	}
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(s.cookieName()); err == nil {
		s.gate.end(c.Value)
	}
	http.SetCookie(w, &http.Cookie{Name: s.cookieName(), MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	seeOther(w)
}

const signInStyle = `
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --text: #1c2430; --soft: #566173; --line: #8a94a6; --main: #0b5cad; --bad: #b3261e; --on: #fff }
@media (prefers-color-scheme: dark) { :root { --back: #12161c; --card: #1b212a; --text: #e6eaf0; --soft: #a3aebd; --line: #6d7889; --main: #7ab8f5; --bad: #ff8a80; --on: #0d1117 } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
main { background: var(--card); padding: 2rem; border-radius: 8px; max-width: 26rem; margin: 1rem; box-shadow: 0 1px 6px #0003 }
h1 { font-size: 1.3rem; margin: 0 0 1rem }
label { display: block; font-weight: 600; margin-bottom: .3rem }
input { width: 100%; box-sizing: border-box; padding: .5rem; font: inherit; color: inherit; background: var(--back); border: 1px solid var(--line); border-radius: 4px }
button { margin-top: 1rem; padding: .5rem 1.2rem; font: inherit; font-weight: 600; border: 0; border-radius: 4px; background: var(--main); color: var(--on); cursor: pointer }
p { color: var(--soft) } .bad { color: var(--bad) } code { font-size: .95em }
:focus-visible { outline: 2px solid var(--main); outline-offset: 2px }
`

// signInPolicy allows the form's own style, by its hash.
var signInPolicy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hashOf(signInStyle)) +
	"'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"

func hashOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

var signInPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Sign in · Mobula</title><style>` + signInStyle + `</style></head>
<body><main>
<h1>Mobula dashboard</h1>
{{if .Problem}}<p class="bad" role="alert">{{.Problem}}</p>{{end}}
{{if .Tokens}}<form method="post" action="login">
<label for="token">User token of the cluster</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus aria-describedby="where">
<p id="where">It is in the file <code>user-token</code> of the head's directory. Or open the link that <code>mobula dashboard</code> prints.</p>
<button type="submit">Sign in</button>
</form>{{else}}<p>This cluster belongs to a notebook or a program, and has no tokens. Open the link in the notebook, or the one that <code>mobula dashboard</code> prints on its machine.</p>{{end}}
</main></body>
</html>
`))

func (s *Server) signIn(w http.ResponseWriter, status int, problem string) {
	w.Header().Set("Content-Security-Policy", signInPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := signInPage.Execute(w, struct {
		Problem string
		Tokens  bool
	}{problem, s.gate.accepts != nil}); err != nil {
		s.logger.Debug("the form to sign in was not sent", "error", err)
	}
}
