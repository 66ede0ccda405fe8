package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mobula/internal/golden"
)

func encoded(v *View) []byte {
	var b bytes.Buffer
	if err := v.Encode(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// sameAfterRestore restores a view's snapshot and compares.
func sameAfterRestore(v *View) error {
	data := encoded(v)
	s := New()
	if err := s.Restore(bytes.NewReader(data)); err != nil {
		return err
	}
	back := s.View()
	switch {
	case back.Digest() != v.Digest() || !bytes.Equal(encoded(back), data):
		return errors.New("restored to another digest")
	case Digest(data[len(data)-sha256.Size:]) != v.Digest():
		return errors.New("the digest is not the snapshot's end")
	case back.Index() != v.Index() || back.actorNames.len() != v.actorNames.len() || back.groupNames.len() != v.groupNames.len():
		return errors.New("index or names differ")
	case fmt.Sprint(back.Outstanding()) != fmt.Sprint(v.Outstanding()):
		return errors.New("outstanding work differs")
	}
	return nil
}

// seal puts the right digest after a body.
func seal(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(slices.Clone(body), sum[:]...)
}

func TestDamagedSnapshots(t *testing.T) {
	s := randomState(t, 1, 200)
	good := encoded(s.View())
	body := good[:len(good)-sha256.Size]
	cases := map[string][]byte{
		"does not begin":    []byte("hello"),
		"is cut off":        good[:len(magic)+20],
		"digest is wrong":   append(slices.Clone(good[:len(good)-1]), good[len(good)-1]^1),
		"begin with 1":      seal(slices.Replace(slices.Clone(body), len(magic), len(magic)+4, 0, 0, 0, 0)),
		"something follows": seal(append(slices.Clone(body), 0)),
		"not in order":      seal(append(slices.Clone(body[:len(body)-1]), sectionNodes, 0, 0)),
		"no section 99":     seal(append(slices.Clone(body[:len(body)-1]), 99, 0, 0)),
		"a record is cut":   seal(append(slices.Clone(body[:len(body)-1]), 98, 200)),
		"it is cut off":     seal(body[:len(body)-1]),
	}
	cases["a record is cut"] = seal(append(slices.Clone(good[:len(magic)+12]), sectionNodes, 200))
	cases["unknown field"] = seal(append(slices.Clone(good[:len(magic)+12]), append([]byte{sectionUsers, 7}, `{"x":1}`+"\x00\x00"...)...))
	cases["two actors have the name"] = twoActors()
	for want, data := range cases {
		before := s.View()
		err := s.Restore(bytes.NewReader(data))
		if e, ok := errors.AsType[*DamagedSnapshot](err); !ok || !strings.Contains(e.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if s.View() != before {
			t.Errorf("%s: the state was changed", want)
		}
	}
	newer := slices.Replace(slices.Clone(good), len(magic), len(magic)+4, 0, 0, 0, 9)
	if e, ok := errors.AsType[*NewerSnapshot](s.Restore(bytes.NewReader(newer))); !ok || e.Format != 9 {
		t.Errorf("a newer format gave %v", e)
	}
}

// twoActors is a snapshot with two live actors of one name.
func twoActors() []byte {
	body := append([]byte(magic), 0, 0, 0, format)
	body = append(binary.BigEndian.AppendUint64(body, 5), sectionActors)
	for _, word := range []string{"a", "b"} {
		record := `{"id":"` + named(word).String() + `","name":"x","job":"` + named("j").String() + `","state":1,"epoch":1,"created":0}`
		body = append(binary.AppendUvarint(body, uint64(len(record))), record...)
	}
	return seal(append(body, 0, 0))
}

// TestOldSnapshots restores the snapshots that earlier versions wrote. With -update it adds the present format's, if it is missing.
func TestOldSnapshots(t *testing.T) {
	present := filepath.Join("testdata", "compat", fmt.Sprintf("v%d", format))
	path := filepath.Join(present, "random.snapshot")
	if _, err := os.Stat(path); golden.Update() && errors.Is(err, os.ErrNotExist) {
		if err := errors.Join(os.MkdirAll(present, 0o755), os.WriteFile(path, encoded(randomState(t, 2, 400).View()), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := filepath.Glob("testdata/compat/v*/*.snapshot")
	if err != nil || len(paths) < format {
		t.Fatalf("%d snapshots: %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := New()
		if err := s.Restore(bytes.NewReader(data)); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		v := s.View()
		if v.nodes.len() == 0 || v.jobs.len() == 0 || v.groups.len() == 0 || v.actors.len() == 0 || v.keys.len() == 0 || v.users.len() == 0 || v.tokens.len() == 0 || v.Meta() == nil {
			t.Errorf("%s: something is missing", path)
		}
		if v.submissions.len() == 0 && !strings.Contains(path, "v1") {
			t.Errorf("%s: it has no submitted job", path)
		}
		if filepath.Dir(path) == present && !bytes.Equal(encoded(v), data) {
			t.Errorf("%s: the format changed without a new number", path)
		}
	}
}

func FuzzRestore(f *testing.F) {
	good := encoded(randomState(f, 3, 60).View())
	f.Add(good[:len(good)-sha256.Size])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := New()
		if s.Restore(bytes.NewReader(body)) == nil {
			t.Error("restored without a digest")
		}
		if err := s.Restore(bytes.NewReader(seal(body))); err != nil {
			return
		}
		if err := sameAfterRestore(s.View()); err != nil {
			t.Error(err)
		}
	})
}
