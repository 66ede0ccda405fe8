package jobapi

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"mobula/cluster/headwire"
	"mobula/jobs"
)

//go:embed openapi.json
var description []byte

// Description is the OpenAPI document of the API.
func Description() []byte { return description }

// api answers requests.
type api struct {
	caller headwire.Caller
	jobs   *jobs.Client
}

// Handler returns a handler of the paths below /api/jobs: whoever mounts it strips that, as http.StripPrefix does. What is left of /api/jobs itself is "".
func Handler(c headwire.Caller) http.Handler {
	a := &api{caller: c, jobs: jobs.New(c)}
	byID, files := http.NewServeMux(), http.NewServeMux()
	for _, r := range a.routes() {
		mux := byID
		if strings.HasPrefix(r.path, filesPrefix) { // one mux cannot tell /files/{sum} from /{id}/logs
			mux = files
		}
		mux.HandleFunc(r.method+" "+r.path, answered(r.handle))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case strings.HasPrefix(r.URL.Path, filesPrefix):
			files.ServeHTTP(w, r)
		case r.URL.Path == "":
			byID.ServeHTTP(w, withSlash(r))
		default:
			byID.ServeHTTP(w, r)
		}
	})
}

func withSlash(r *http.Request) *http.Request {
	out := *r
	where := *r.URL
	where.Path, where.RawPath = "/", ""
	out.URL = &where
	return &out
}

const filesPrefix = "/files/"

// route is a path with a method, as a pattern of ServeMux.
type route struct {
	method, path string
	handle       func(w http.ResponseWriter, r *http.Request) error
}

func (a *api) routes() []route {
	return []route{
		{http.MethodGet, "/openapi.json", a.describe},
		{http.MethodGet, "/{$}", a.list},
		{http.MethodPost, "/{$}", a.submit},
		{http.MethodGet, "/{id}", a.status},
		{http.MethodDelete, "/{id}", a.delete},
		{http.MethodPost, "/{id}/stop", a.stop},
		{http.MethodGet, "/{id}/logs", a.logs},
		{http.MethodGet, "/{id}/outputs/{name...}", a.output},
		{http.MethodHead, "/files/{sum}", a.haveFile},
		{http.MethodPut, "/files/{sum}", a.putFile},
	}
}

// answered tells the errors of a handler, unless its answer has begun.
func answered(handle func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := handle(w, r)
		if err == nil {
			return
		}
		if _, begun := errors.AsType[*begunError](err); begun {
			panic(http.ErrAbortHandler) // so that the client sees that the body is not whole
		}
		e := headwire.ErrorOf(err)
		writeJSON(w, statusOf(e.Code), e)
	}
}

// begunError is one of an answer of which a part has been sent.
type begunError struct{ error }

// statusOf is the HTTP status of a code.
func statusOf(code headwire.Code) int {
	switch code {
	case headwire.Invalid:
		return http.StatusBadRequest
	case headwire.Infeasible:
		return http.StatusUnprocessableEntity
	case headwire.NotFound:
		return http.StatusNotFound
	case headwire.Exists, headwire.Stale:
		return http.StatusConflict
	case headwire.Denied:
		return http.StatusForbidden
	case headwire.Unavailable, headwire.Canceled:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"code":"internal","message":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client has gone, then
}

// maxBody bounds the JSON of a request in bytes: a submission has at most a quarter of a megabyte.
const maxBody = 1 << 20

// readJSON reads a body whose fields are all known. Only what says that it is JSON is taken: no page of another site can send that unasked.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return headwire.Errorf(headwire.Invalid, "the body must be JSON, with Content-Type: application/json")
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return headwire.Errorf(headwire.Invalid, "the body cannot be read: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return headwire.Errorf(headwire.Invalid, "something follows the JSON of the body")
	}
	return nil
}

func (a *api) describe(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(description); err != nil {
		return &begunError{fmt.Errorf("write the description: %w", err)}
	}
	return nil
}
