//go:build linux

package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobula/cluster/headwire"
	"mobula/internal/eventually"
)

// page is what came back of a URL.
type page struct {
	status int
	url    string // after redirects
	text   string
}

func get(t *testing.T, client *http.Client, address, token string) (p page) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	reply, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{reply.StatusCode, reply.Request.URL.String(), string(text)}
}

// link has mobula make a link.
func (b *binary) link(args ...string) (way dashboardWay) {
	b.t.Helper()
	if err := json.Unmarshal([]byte(b.run(append([]string{"dashboard", "-o", "json"}, args...)...)), &way); err != nil {
		b.t.Fatal(err)
	}
	return way
}

// secretOf is a token that a head has written.
func (b *binary) secretOf(name string) string {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.state, "mobula", "head", name))
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// authority is a client that trusts the cluster's authority, as a Prometheus would that knows a server by a name.
func (b *binary) authority(name string) *http.Client {
	b.t.Helper()
	first, _ := pem.Decode([]byte(b.secretOf("ca.pem")))
	if first == nil {
		b.t.Fatal("there is no certificate")
	}
	certificate, err := x509.ParseCertificate(first.Bytes)
	if err != nil {
		b.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name}}
	b.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestDashboardOfBinaries: a head and a node, as people and Prometheus see them; nothing secret is in what they say and log.
func TestDashboardOfBinaries(t *testing.T) {
	b := buildBinary(t)
	logs := []string{filepath.Join(b.state, "head.log"), filepath.Join(b.state, "node.log")}
	head := b.start("start", "--head", "--host", "127.0.0.1", "--port", "0", "--dashboard", "127.0.0.1:0", "--node-name", "first", "--num-cpus", "1", "--log-level", "debug", "--log-file", logs[0])
	line := head.until(t, "The cluster's head runs at ")
	address, _, _ := strings.Cut(strings.TrimPrefix(line, "The cluster's head runs at "), ",")
	says := head.until(t, "Dashboard ")
	head.until(t, "End it with")
	node := b.start("start", "--address", address, "--token", filepath.Join(b.state, "mobula", "head", "join-token"), "--node-name", "second", "--num-cpus", "1", "--metrics", "0.0.0.0:0",
		"--host", "127.0.0.1", "--log-level", "debug", "--log-file", logs[1])
	told := node.until(t, "Metrics ")
	node.until(t, "Leave it with")
	user, cookies := b.secretOf("user-token"), &jar{}
	browser := &http.Client{Jar: cookies}

	status := b.run("status")
	way := b.link()
	if !strings.Contains(says, way.Address) || !strings.Contains(status, way.Address) || strings.Contains(status+says, "code=") {
		t.Errorf("the dashboard is at %s; start says %q, status says %s", way.Address, says, status)
	}
	if p := get(t, browser, way.Address, ""); p.status != http.StatusUnauthorized || !strings.Contains(p.text, "user-token") {
		t.Error(p)
	}
	if p := get(t, browser, way.URL, ""); p.status != http.StatusOK || p.url != way.Address || !strings.Contains(p.text, "app.js") {
		t.Error("the link does not open the page, or its code stays in the address", p)
	}
	if p := get(t, browser, way.Address+"api/state/nodes", ""); p.status != http.StatusOK || !strings.Contains(p.text, "second") {
		t.Error(p)
	}
	if p := get(t, &http.Client{}, way.URL, ""); p.status != http.StatusUnauthorized {
		t.Error("the link works twice", p)
	}
	if far := b.link("--address", address, "--token", filepath.Join(b.state, "mobula", "head", "user-token")); far.Address != way.Address || far.URL == way.URL || !far.Here {
		t.Errorf("%+v", far)
	}
	metrics := "https" + strings.TrimPrefix(strings.TrimSpace(strings.TrimPrefix(told, "Metrics")), "https")
	for _, c := range []struct {
		client          *http.Client
		url, has, lacks string
	}{
		{browser, way.Address + "metrics", "mobula_cluster_nodes{state=\"alive\"} 2", "mobula_node_leases"},
		{browser, way.Address + "api/jobs", "[", "error"},
		{browser, way.Address + "api/jobs/openapi.json", "/{id}/logs", "unauthorized"},
		{browser, way.Address + "metrics/nodes", "mobula_node_up{node=\"second\"} 1", "go_goroutines"},
		{b.authority(headwire.NodesName), metrics, "mobula_node_leases{node=\"second\"} 0", "mobula_cluster_nodes"},
	} {
		if p := get(t, &http.Client{Transport: c.client.Transport}, c.url, ""); p.status != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", c.url, p.status)
		}
		if p := get(t, &http.Client{Transport: c.client.Transport}, c.url, b.secretOf("join-token")); p.status != http.StatusUnauthorized {
			t.Errorf("%s with a node's token: %d", c.url, p.status)
		}
		if p := get(t, &http.Client{Transport: c.client.Transport}, c.url, user); p.status != http.StatusOK || !strings.Contains(p.text, c.has) || strings.Contains(p.text, c.lacks) {
			t.Errorf("%s: %d, and it lacks %s or has %s:\n%.2000s", c.url, p.status, c.has, c.lacks, p.text)
		}
	}
	// The head is away: a node goes on to tell those whom the head knew.
	if err := head.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually.Holds(t, "the node's metrics can be read while the head is away", func() bool {
		return get(t, b.authority(headwire.NodesName), metrics, user).status == http.StatusOK
	})
	if p := get(t, b.authority(headwire.NodesName), metrics, strings.Replace(user, "user-", "user-a", 1)); p.status == http.StatusOK {
		t.Error("any token is good while the head is away")
	}
	_, code, _ := strings.Cut(way.URL, "code=")
	for _, file := range logs {
		data, err := os.ReadFile(file)
		if err != nil || len(data) == 0 {
			t.Error(file, len(data), err)
		}
		for name, secret := range map[string]string{"code": code, "user token": user, "join token": b.secretOf("join-token"), "session": cookies.value} {
			if secret == "" || strings.Contains(string(data), secret) {
				t.Errorf("%s holds a %s", file, name)
			}
		}
	}
}

// jar keeps the cookies of one server, and shows the last one to the test.
type jar struct {
	cookies []*http.Cookie
	value   string
}

// SetCookies keeps them.
func (j *jar) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	j.cookies = cookies
	for _, c := range cookies {
		j.value = c.Value
	}
}

// Cookies shows them.
func (j *jar) Cookies(*url.URL) []*http.Cookie { return j.cookies }
