package dashboard

import (
	"encoding/json"
	"errors"
	"net/http"

	"mobula/cluster/headwire"
	"mobula/cluster/metrics"
)

// policy allows the page nothing but this server. It may be shown in a frame of the same site: JupyterLab, behind its proxy.
const policy = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'self'"

// route is what a pattern of http.ServeMux leads to.
type route struct {
	pattern string
	handler http.Handler
}

// entrances are the routes that let people in: they look at credentials themselves.
func (s *Server) entrances() []route {
	return []route{{"GET /{$}", http.HandlerFunc(s.page)}, {"POST /login", http.HandlerFunc(s.login)}}
}

// inside are all others. Nobody reaches them without a credential.
func (s *Server) inside() []route {
	all := []route{
		{"GET /ws", http.HandlerFunc(s.websocket)},
		{"GET /api/state", http.HandlerFunc(s.listTopics)},
		{"GET /api/state/{topic}", http.HandlerFunc(s.state)},
		{"GET /api/logs/{worker}", http.HandlerFunc(s.rawLog)},
		{"GET /api/logs/{worker}/search", http.HandlerFunc(s.searchLog)},
		{"POST /logout", http.HandlerFunc(s.logout)},
		{"/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			answerError(w, http.StatusNotFound, "there is no such page or method here")
		})},
	}
	for name := range assets() {
		if name != indexName {
			all = append(all, route{"GET /" + name, s.asset(name)})
		}
	}
	if s.conf.Jobs != nil {
		all = append(all, route{"/api/jobs", s.conf.Jobs}, route{"/api/jobs/", s.conf.Jobs})
	}
	collectors := []prometheusCollector{metrics.Head(s.conf.Caller)}
	if s.conf.Process {
		collectors = append(collectors, metrics.Process())
	}
	return append(all,
		route{"GET /metrics", metrics.Handler(s.logger, collectors...)},
		route{"GET /metrics/nodes", metrics.Handler(s.logger, metrics.Nodes(s.conf.Caller))},
	)
}

func (s *Server) routes() http.Handler {
	return hardened(muxOf(append(s.entrances(), route{"/", s.guarded(muxOf(s.inside()))})))
}

func muxOf(all []route) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range all {
		mux.Handle(r.pattern, r.handler)
	}
	return mux
}

// hardened sets the headers that browsers heed. Nothing is kept in caches but what says so itself.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "SAMEORIGIN")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// answerJSON answers with a value.
func answerJSON(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // whoever asked may have gone
}

// failure is the body of answers that are errors.
type failure struct {
	Error string `json:"error"`
}

func answerError(w http.ResponseWriter, status int, message string) {
	answerJSON(w, status, failure{message})
}

// statusOf is the HTTP status of what head or nodes answered.
func statusOf(err error) int {
	if e, ok := errors.AsType[*badRequest](err); ok {
		return e.status
	}
	switch {
	case headwire.HasCode(err, headwire.NotFound):
		return http.StatusNotFound
	case headwire.HasCode(err, headwire.Invalid):
		return http.StatusBadRequest
	case headwire.HasCode(err, headwire.Denied):
		return http.StatusForbidden
	}
	return http.StatusBadGateway
}

// badRequest is a mistake of whoever asks.
type badRequest struct {
	status  int
	message string
}

// Error gives the message.
func (e *badRequest) Error() string { return e.message }

// listTopics answers which topics there are.
func (s *Server) listTopics(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, topicNames())
}

// state answers with a topic as it is now.
func (s *Server) state(w http.ResponseWriter, r *http.Request) {
	params := map[string]string{}
	for name, values := range r.URL.Query() {
		params[name] = values[0]
	}
	t, err := findTopic(r.PathValue("topic"))
	if err == nil {
		var v view
		if v, err = t.look(r.Context(), s, request{params: params}); err == nil {
			answerJSON(w, http.StatusOK, v.whole())
			return
		}
	}
	answerError(w, statusOf(err), err.Error())
}
