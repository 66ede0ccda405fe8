package head

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/state"
	"mobula/internal/eventually"
)

// backupOf writes a backup of what a head knows to a file.
func backupOf(t *testing.T, h *Head) string {
	t.Helper()
	c := inside(t, h)
	ref := ask(t, c, headwire.MakeBackup, headwire.None{})
	var text bytes.Buffer
	if err := headclient.FetchFile(t.Context(), c, ref, &text); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(name, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// All heads are lost. One that begins with a backup is the same cluster: with its state, its authority and its tokens; and others join it.
func TestBackup(t *testing.T) {
	old := start(t, onPort(t.TempDir(), nil))
	for range 30 {
		ask(t, inside(t, old), headwire.PutKey, headwire.KeyPut{Key: "k", Value: []byte("kept")})
	}
	user, cluster := old.UserToken(), old.View().Meta().ID
	conf := onPort(t.TempDir(), nil)
	conf.Restore = backupOf(t, old)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	h := start(t, conf)
	client, err := connectWith(t, h.Address(), &user)
	if err != nil {
		t.Fatal("the user token of the cluster is not known any more:", err)
	}
	if got := ask(t, client, headwire.GetKey, headwire.KeyRef{Key: "k"}); string(got.Value) != "kept" || h.View().Meta().ID != cluster {
		t.Errorf("the cluster is %s, and has %q", h.View().Meta().ID, got.Value)
	}
	ask(t, client, headwire.PutKey, headwire.KeyPut{Key: "k", Value: []byte("new")})
	token := headwire.NewToken(headwire.HeadToken, h.ca.fingerprint())
	if _, err := h.propose(&state.TokenPut{Hash: token.Hash(), Uses: -1, Time: now()}); err != nil {
		t.Fatal(err)
	}
	second := start(t, onPort(t.TempDir(), &Join{Addresses: []string{h.Address()}, Token: &token}))
	eventually.Holds(t, "a head that joins has the state", func() bool {
		k, ok := second.View().Key("", "k")
		return ok && string(k.Value) == "new"
	})
}

func TestBackupsThatAreNone(t *testing.T) {
	h := start(t, onPort(t.TempDir(), nil))
	good := backupOf(t, h)
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	damaged := bytes.Clone(text)
	damaged[bytes.Index(damaged, []byte("mobula state\n"))+40] ^= 1
	for _, c := range []struct{ name, file, dir, want string }{
		{"no file", filepath.Join(dir, "none"), t.TempDir(), "no such file"},
		{"another file", write("text", []byte(strings.Repeat("x", 2000))), t.TempDir(), "is no backup"},
		{"cut off", write("cut", text[:len(text)/2]), t.TempDir(), "backup"},
		{"a changed bit", write("bit", damaged), t.TempDir(), "damaged snapshot"},
		{"the directory of a head", good, h.conf.Dir + "2", "give a new directory"},
	} {
		if c.want == "give a new directory" {
			start(t, onPort(c.dir, nil)).Close()
		}
		conf := onPort(c.dir, nil)
		conf.Restore, conf.Timing = c.file, quick
		other, err := Start(t.Context(), conf)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil {
			other.Close()
		}
	}
}
