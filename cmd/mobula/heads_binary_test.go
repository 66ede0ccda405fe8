package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mobula/cluster/headwire"
	"mobula/internal/eventually"
)

// heads asks at some addresses which heads there are.
func (b *binary) heads(at ...string) (all []headwire.HeadInfo) {
	b.t.Helper()
	if err := json.Unmarshal([]byte(b.run(append([]string{"list", "heads", "-o", "json"}, at...)...)), &all); err != nil {
		b.t.Fatal(err)
	}
	return all
}

// TestHeadsOfBinaries: three heads, of which the one that leads is killed, comes back, is removed; a node that is drained; a backup.
func TestHeadsOfBinaries(t *testing.T) {
	b := buildBinary(t)
	dir := func(n string) string { return filepath.Join(b.state, "head"+n) }
	address := map[string]string{}
	start := func(n string, more ...string) *running {
		r := b.start(append([]string{"start", "--head", "--dir", dir(n), "--host", "127.0.0.1", "--num-cpus", "1", "--dashboard", "off", "--node-name", "node" + n}, more...)...)
		line := r.until(t, "Th") // the first line
		address[n] = line[strings.LastIndex(line, "127.0.0.1:"):strings.LastIndex(line, ",")]
		r.until(t, "End it with")
		return r
	}
	running := map[string]*running{"1": start("1", "--port", "0")}
	for _, n := range []string{"2", "3"} {
		running[n] = start(n, "--port", "0", "--address", address["1"], "--token", filepath.Join(dir("1"), "head-token"))
	}
	every := address["1"] + "," + address["2"] + "," + address["3"]
	at := []string{"--address", every, "--token", filepath.Join(dir("1"), "user-token")}
	heads := b.heads(at...)
	if len(heads) != 3 || heads[0].State != headwire.HeadLeads || heads[1].State != headwire.HeadFollows || heads[2].State != headwire.HeadFollows {
		t.Fatalf("%+v", heads)
	}
	if got := b.run(append([]string{"drain", "node", "node2"}, at...)...); !strings.Contains(got, "Node node2 is idle") {
		t.Error(got)
	}
	if got := b.run("list", "nodes"); !strings.Contains(got, "draining") {
		t.Error(got)
	}
	backup := filepath.Join(b.state, "backup")
	if got := b.run("head", "backup", backup); !strings.Contains(got, "keep it secret") { // by a head's socket
		t.Error(got)
	}
	if info, err := os.Stat(backup); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	_ = running["1"].cmd.Process.Kill() // it runs
	_ = running["1"].cmd.Wait()
	eventually.Holds(t, "another head leads", func() bool {
		return slices.ContainsFunc(b.heads(at...), func(h headwire.HeadInfo) bool { return h.State == headwire.HeadLeads && h.Address != address["1"] })
	})
	_, port, _ := strings.Cut(address["1"], ":")
	running["1"] = start("1", "--port", port)
	eventually.Holds(t, "it follows", func() bool {
		return slices.ContainsFunc(b.heads(at...), func(h headwire.HeadInfo) bool { return h.State == headwire.HeadFollows && h.Address == address["1"] })
	})
	b.run(append([]string{"head", "remove", heads[0].ID}, at...)...)
	if left := b.heads(at...); len(left) != 2 {
		t.Errorf("%+v", left)
	}
}
