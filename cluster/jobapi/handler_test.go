//go:build linux

package jobapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"mobula/cluster/head"
	"mobula/cluster/headclient"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/internal/filepack"
	"mobula/internal/filestore"
	"mobula/jobs"
)

// patience bounds the wait for what must come.
const patience = 30 * time.Second

// server is the API of a cluster in this process. Every answer is checked against the description.
type server struct {
	t *testing.T
	*httptest.Server
	schemas *jsonschema.Compiler
	asked   map[string]bool // operations
	doc     document
}

// document is what the tests need of the description.
type document struct {
	Paths map[string]map[string]json.RawMessage
}

type operation struct {
	OperationID string
	Responses   map[string]struct {
		Content map[string]struct{ Schema json.RawMessage }
	}
}

func start(t *testing.T) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "mb") //nolint:usetesting // its paths are too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
	h, err := head.Start(context.Background(), head.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	n, err := node.Start(context.Background(), node.Config{
		Starter: node.Processes{}, Name: "here", Resources: sched.Resources{CPU: sched.Whole(2)}, Head: &node.HeadConfig{Dial: func(ctx context.Context) (net.Conn, error) { return h.Dial(ctx) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	client, err := headclient.Connect(t.Context(), headclient.Config{Dial: h.Dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	mux := http.NewServeMux()
	api := http.StripPrefix("/api/jobs", Handler(client))
	mux.Handle("/api/jobs/", api)
	mux.Handle("/api/jobs", api)
	s := &server{t: t, Server: httptest.NewServer(mux), schemas: jsonschema.NewCompiler(), asked: map[string]bool{}}
	t.Cleanup(s.Close)
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(Description()))
	if err == nil {
		err = s.schemas.AddResource("api.json", whole)
	}
	if err == nil {
		err = json.Unmarshal(Description(), &s.doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is what came.
type answer struct {
	*http.Response
	text string
}

func (a *answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.text), v); err != nil {
		t.Fatalf("%s: %v", a.text, err)
	}
}

// ask sends a request, whose answer must have the status, and be as the description of its path says.
func (s *server) ask(method, template, path string, status int, body io.Reader, headers ...string) answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.URL+"/api/jobs"+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{response, string(text)}
	if response.StatusCode != status {
		s.t.Fatalf("%s %s: %s: %s; want %d", method, path, response.Status, text, status)
	}
	s.check(method, template, &a)
	return a
}

// check holds an answer against the description.
func (s *server) check(method, template string, a *answer) {
	s.t.Helper()
	method = strings.ToLower(method)
	var o operation
	if err := json.Unmarshal(s.doc.Paths[template][method], &o); err != nil {
		s.t.Fatalf("%s %s is not described: %v", method, template, err)
	}
	s.asked[o.OperationID] = true
	status := strconv.Itoa(a.StatusCode)
	described, ok := o.Responses[status]
	if !ok {
		s.t.Fatalf("%s %s: that it answers %s is not described", method, template, status)
	}
	kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	if len(described.Content) == 0 || method == "head" {
		if a.text != "" {
			s.t.Errorf("%s %s: %q is answered, and nothing described", method, template, a.text)
		}
		return
	}
	if _, ok := described.Content[kind]; !ok {
		s.t.Fatalf("%s %s: %q is answered: %s", method, template, kind, a.text)
	}
	if kind != "application/json" {
		return
	}
	pointer := "api.json#/paths/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(template) + "/" + method + "/responses/" + status + "/content/application~1json/schema"
	schema, err := s.schemas.Compile(pointer)
	if err != nil {
		s.t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(a.text))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		s.t.Errorf("%s %s: %v\n%s", method, template, err, a.text)
	}
}

const isJSON = "Content-Type"

func (s *server) submit(status int, body string) answer {
	s.t.Helper()
	return s.ask("POST", "/", "/", status, strings.NewReader(body), isJSON, "application/json")
}

func (s *server) get(template, path string, status int) answer {
	s.t.Helper()
	return s.ask("GET", template, path, status, nil)
}

// ended waits for the end of a job.
func (s *server) ended(id string) (j jobs.Job) {
	s.t.Helper()
	for !jobs.Ended(j) {
		a := s.get("/{id}", "/"+id+"?wait=10", 200)
		a.into(s.t, &j)
	}
	return j
}

// TestAPI asks for all that is described, and sees that all that is served is described.
func TestAPI(t *testing.T) {
	s := start(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "data.txt"), []byte(strings.Repeat("x", 700_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if _, err := filepack.Pack(&archive, dir, nil, filepack.Limit); err != nil {
		t.Fatal(err)
	}
	ref := filestore.RefOf(archive.Bytes())
	s.ask("HEAD", "/files/{sum}", "/files/"+ref.Sum, 404, nil)
	a := s.ask("PUT", "/files/{sum}", "/files/"+ref.Sum, 201, bytes.NewReader(archive.Bytes()))
	var back filestore.Ref
	if a.into(t, &back); back != ref {
		t.Errorf("%+v", back)
	}
	s.ask("PUT", "/files/{sum}", "/files/"+ref.Sum, 201, bytes.NewReader(archive.Bytes()))
	if a := s.ask("HEAD", "/files/{sum}", "/files/"+ref.Sum, 200, nil); a.ContentLength != ref.Size {
		t.Error(a.ContentLength)
	}
	body := fmt.Sprintf(`{"id":"first","name":"<b>try</b>","entrypoint":["sh","-c","wc -c < data.txt; echo é; mkdir out; echo $A > out/x; exit 3"],
		"files":{"sum":%q,"size":%d},"env":{"A":"secret"},"metadata":{"team":"red"},"resources":{"cpu":1},"outputs":["out/x"],"retries":0,"grace_ms":0}`, ref.Sum, ref.Size)
	if a := s.submit(201, body); a.Header.Get("Location") != "/api/jobs/first" {
		t.Error(a.Header)
	}
	s.submit(409, body)
	job := s.ended("first")
	if job.State != jobs.Failed || *job.ExitCode != 3 || job.Name != "<b>try</b>" || len(job.Outputs) != 1 || job.Grace != 0 {
		t.Errorf("%+v", job)
	}
	a = s.get("/{id}/logs", "/first/logs", 200)
	if a.text != "700000\né\n" || a.Trailer.Get("Mobula-Log-Next") != "10" || a.Header.Get("Mobula-Log-Offset") != "0" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%q, %v, %v", a.text, a.Header, a.Trailer)
	}
	for query, want := range map[string]string{"offset=7": "é\n", "offset=-3&attempt=1": "é\n", "offset=10": "", "follow=true": "700000\né\n"} {
		if a := s.get("/{id}/logs", "/first/logs?"+query, 200); a.text != want {
			t.Errorf("%s: %q", query, a.text)
		}
	}
	if a := s.get("/{id}/outputs/{name}", "/first/outputs/out/x", 200); a.text != "secret\n" || a.Header.Get("Content-Disposition") != "attachment; filename=x" {
		t.Errorf("%q, %v", a.text, a.Header)
	}
	var all []jobs.Job
	list := s.get("/", "/", 200)
	if list.into(t, &all); len(all) != 1 || strings.Contains(list.text, "secret") {
		t.Error(list.text)
	}
	if a := s.ask("POST", "/", "?x=y", 201, strings.NewReader(`{"id":"second","entrypoint":["sleep","1000"]}`), isJSON, "application/json"); a.Header.Get("Location") != "/api/jobs/second" {
		t.Error(a.Header)
	}
	s.ask("DELETE", "/{id}", "/second", 400, nil)
	s.ask("POST", "/{id}/stop", "/second/stop", 200, nil)
	if job := s.ended("second"); job.State != jobs.Stopped || job.Grace != 3000 {
		t.Errorf("%+v", job)
	}
	s.ask("DELETE", "/{id}", "/second", 204, nil)
	if a := s.get("/openapi.json", "/openapi.json", 200); a.text != string(Description()) {
		t.Error("another description is served")
	}
	for _, path := range []string{"/nothing", "/nothing?wait=1"} {
		s.get("/{id}", path, 404)
	}
	s.get("/{id}/logs", "/nothing/logs", 404)
	s.get("/{id}/logs", "/nothing/logs?follow=true", 404)
	s.get("/{id}/logs", "/first/logs?offset=x", 400)
	s.get("/{id}/logs", "/first/logs?attempt=7", 404)
	s.get("/{id}/outputs/{name}", "/first/outputs/../../x", 404)
	s.get("/{id}/outputs/{name}", "/nothing/outputs/x", 404)
	s.ask("POST", "/{id}/stop", "/nothing/stop", 404, nil)
	s.ask("DELETE", "/{id}", "/nothing", 404, nil)
	for template, methods := range s.doc.Paths {
		for method, text := range methods {
			var o operation
			if method != "parameters" && (json.Unmarshal(text, &o) != nil || !s.asked[o.OperationID]) {
				t.Errorf("%s %s is described, and was not asked", method, template)
			}
		}
	}
	for _, r := range (&api{}).routes() {
		template := strings.NewReplacer("{$}", "", "...}", "}").Replace(r.path)
		if s.doc.Paths[template][strings.ToLower(r.method)] == nil {
			t.Errorf("%s %s is served, and not described", r.method, r.path)
		}
	}
}

func TestWrongRequests(t *testing.T) {
	s := start(t)
	for body, status := range map[string]int{
		`{`: 400, `{"entrypoint":["x"],"extra":1}`: 400, `{"entrypoint":["x"]} {}`: 400, `{"entrypoint":[]}`: 400, `{"entrypoint":["x"],"id":"a b"}`: 400,
		`{"entrypoint":["x"],"retries":-1}`: 400, `{"entrypoint":["x"],"grace_ms":-1}`: 400, `{"entrypoint":["x"],"labels":"a b"}`: 400, `{"entrypoint":["x"],"resources":{"cpu":-1}}`: 400,
		`{"entrypoint":["x"],"resources":{"cpu":99}}`: 422, `{"entrypoint":["x"],"resources":{"license":1}}`: 422, `{"entrypoint":["x"],"labels":"zone=eu"}`: 422,
		`{"entrypoint":["x"],"files":{"sum":"` + strings.Repeat("0", 64) + `","size":1}}`: 404,
		`{"entrypoint":["x"],"metadata":{"x":"` + strings.Repeat("y", 300<<10) + `"}}`:    400,
		`{"entrypoint":["x"],"metadata":{"x":"` + strings.Repeat("y", 2<<20) + `"}}`:      400,
		`{"entrypoint":["x"],"env":{"a=b":"c"}}`:                                          400,
	} {
		a := s.submit(status, body)
		var e struct{ Code, Message string }
		if a.into(t, &e); e.Code == "" || len(e.Message) < 10 {
			t.Errorf("%s: %s", body, a.text)
		}
	}
	s.ask("POST", "/", "/", 400, strings.NewReader(`{"entrypoint":["x"]}`), isJSON, "text/plain") // as a page of another site can send it
	s.ask("PUT", "/files/{sum}", "/files/nonsense", 400, strings.NewReader("x"))
	s.ask("HEAD", "/files/{sum}", "/files/nonsense", 400, nil)
	s.ask("PUT", "/files/{sum}", "/files/"+strings.Repeat("0", 64), 400, strings.NewReader("x"))
	s.ask("PUT", "/files/{sum}", "/files/"+strings.Repeat("0", 64), 400, io.MultiReader(strings.NewReader("x"))) // without a length
	for method, path := range map[string]string{"PATCH": "/", "PUT": "/x", "GET": "/files/x", "POST": "/x"} {
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/api/jobs"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %s", method, path, response.Status)
		}
	}
}

// TestFollowOverHTTP: what a job writes comes at once, while it runs.
func TestFollowOverHTTP(t *testing.T) {
	s := start(t)
	mark := filepath.Join(t.TempDir(), "go")
	s.submit(201, fmt.Sprintf(`{"id":"long","entrypoint":["sh","-c","echo begins; while ! [ -e %s ]; do sleep 0.02; done; echo ends"]}`, mark))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/jobs/long/logs?follow=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, len("begins\n"))
	if _, err := io.ReadFull(response.Body, first); err != nil || string(first) != "begins\n" {
		t.Fatalf("%q, %v", first, err)
	}
	if !slices.Contains(response.TransferEncoding, "chunked") {
		t.Error(response.TransferEncoding)
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(response.Body)
	if err != nil || string(rest) != "ends\n" || response.Trailer.Get(headerNext) != "12" {
		t.Errorf("%q, %v, %v", rest, err, response.Trailer)
	}
}
