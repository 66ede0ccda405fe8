package dashboard

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"mobula/cluster/headwire"
)

// ExporterConfig says whom an exporter tells what.
type ExporterConfig struct {
	Accepts  func(token string) bool // as Config.Accepts
	Handlers map[string]http.Handler // by their paths, as in /metrics
	Logger   *slog.Logger
}

// NewExporter returns a server of handlers alone, without pages: for the metrics of a node. Holders of a user's token are let in.
func NewExporter(c ExporterConfig) *Server {
	s := newServer(Config{Accepts: c.Accepts, Logger: cmp.Or(c.Logger, slog.New(slog.DiscardHandler))})
	all := []route{{"/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answerError(w, http.StatusNotFound, "metrics are all that is here")
	})}}
	for path, handler := range c.Handlers {
		all = append(all, route{"GET " + path, handler})
	}
	s.handler = hardened(s.guarded(muxOf(all)))
	return s
}

// Times of asking a head about tokens.
const (
	tokenTime = 5 * time.Second
	tokenKept = time.Hour // that a token was good, while the head is away
)

// AskHead returns what accepts the tokens that a head does, for ExporterConfig.Accepts. While the head cannot be asked, tokens that it took within the last hour are
// good: that it is away is what metrics are looked at for.
func AskHead(c headwire.Caller) func(token string) bool {
	known := &headTokens{caller: c, good: map[string]time.Time{}}
	return known.accepts
}

type headTokens struct {
	caller headwire.Caller

	mu   sync.Mutex           // guards good
	good map[string]time.Time // hashes, and when the head has taken them
}

func (k *headTokens) accepts(text string) bool {
	token, err := headwire.ParseToken(text)
	if err != nil || token.Kind != headwire.UserToken {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), tokenTime)
	defer cancel()
	hash := token.Hash()
	_, err = headwire.Ask(ctx, k.caller, headwire.CheckToken, headwire.TokenHash{Hash: hash})
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil:
		k.good[hash] = time.Now()
		return true
	case headwire.HasCode(err, headwire.Denied):
		delete(k.good, hash)
		return false
	}
	at, ok := k.good[hash]
	return ok && time.Since(at) < tokenKept
}
