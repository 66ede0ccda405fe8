package dashboard

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	codeLife    = 5 * time.Minute
	sessionLife = 12 * time.Hour
	maxCodes    = 1000
	maxSessions = 1000
	// Wrong credentials: so many at once, then one each failEvery, for each address that they come from.
	failBurst = 10
	failEvery = 2 * time.Second
	maxSeen   = 1000 // addresses that are remembered
)

// gate knows who is let in: holders of users' tokens, of one-time codes, and of sessions. Of codes and sessions it keeps hashes, so that looking one up
// tells nothing of it by the time that it takes.
type gate struct {
	accepts func(token string) bool
	now     func() time.Time

	mu       sync.Mutex // guards below
	codes    ends
	sessions ends
	failures map[string]*rate.Limiter
}

type digest = [sha256.Size]byte

// ends is when each of some secrets ends.
type ends map[digest]time.Time

func newGate(accepts func(string) bool) *gate {
	return &gate{accepts: accepts, now: time.Now, codes: ends{}, sessions: ends{}, failures: map[string]*rate.Limiter{}}
}

// add makes a secret, and drops those that have ended, or the one that ends first where there are too many.
func (e ends) add(now time.Time, life time.Duration, most int) (secret string, until time.Time) {
	if len(e) >= most {
		var first digest
		for d, end := range e {
			if !end.After(now) {
				delete(e, d)
			} else if f, ok := e[first]; !ok || end.Before(f) {
				first = d
			}
		}
		if len(e) >= most {
			delete(e, first)
		}
	}
	secret = rand.Text() + rand.Text() // 260 bits
	until = now.Add(life)
	e[sha256.Sum256([]byte(secret))] = until
	return secret, until
}

// newCode makes a one-time code.
func (g *gate) newCode() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	code, _ := g.codes.add(g.now(), codeLife, maxCodes)
	return code
}

// redeem uses a code up, and reports whether it was good.
func (g *gate) redeem(code string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := sha256.Sum256([]byte(code))
	until, ok := g.codes[d]
	delete(g.codes, d)
	return ok && g.now().Before(until)
}

// open begins a session.
func (g *gate) open() (secret string, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sessions.add(g.now(), sessionLife, maxSessions)
}

// session reports until when a session lasts.
func (g *gate) session(secret string) (until time.Time, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := sha256.Sum256([]byte(secret))
	until, ok = g.sessions[d]
	if ok && !g.now().Before(until) {
		delete(g.sessions, d)
		return until, false
	}
	return until, ok
}

// end ends a session.
func (g *gate) end(secret string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, sha256.Sum256([]byte(secret)))
}

// token reports whether a text is a user's token.
func (g *gate) token(text string) bool { return g.accepts != nil && text != "" && g.accepts(text) }

// mayTry reports whether credentials from an address are looked at: not where too many of them were wrong.
func (g *gate) mayTry(from string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.failures[from]
	return l == nil || l.TokensAt(g.now()) >= 1
}

// failed notes a wrong credential.
func (g *gate) failed(from string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.failures[from]
	if l == nil {
		if len(g.failures) >= maxSeen {
			g.forget()
		}
		l = rate.NewLimiter(rate.Every(failEvery), failBurst)
		g.failures[from] = l
	}
	l.AllowN(g.now(), 1)
}

// forget makes room: those who have not failed for a while go, or, where all have, anybody.
func (g *gate) forget() {
	for from, l := range g.failures {
		if l.TokensAt(g.now()) >= failBurst {
			delete(g.failures, from)
		}
	}
	for from := range g.failures {
		if len(g.failures) < maxSeen {
			return
		}
		delete(g.failures, from)
	}
}
