package filestore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func open(t *testing.T, dir string, bound int64, needed ...string) *Store {
	t.Helper()
	s, err := Open(dir, Config{Bound: bound, Most: bound / 2, Needed: func(sum string) bool {
		return slices.Contains(needed, sum)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// content is some bytes that are not those of another seed.
func content(seed byte, size int) ([]byte, Ref) {
	b := bytes.Repeat([]byte{seed}, size)
	return b, RefOf(b)
}

func put(t *testing.T, s *Store, seed byte, size int) Ref {
	t.Helper()
	b, ref := content(seed, size)
	if err := s.Put(ref, b); err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestParts: whatever parts two senders send in whatever order, the file is there once all of it has come.
func TestParts(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := open(t, t.TempDir(), 4096)
		b := make([]byte, r.IntN(1000))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		ref := RefOf(b)
		have := int64(0)
		for n := 0; ; n++ {
			from := r.IntN(len(b) + 1)
			if r.IntN(2) == 0 {
				from = int(have)
			}
			to := min(len(b), from+r.IntN(200))
			now, err := s.PutPart(ref, int64(from), b[from:to])
			if err != nil {
				t.Fatal(err)
			}
			want := have
			if int64(from) <= have {
				want = max(have, int64(to))
			}
			if now != want || s.Have(ref) != want {
				t.Fatalf("seed %d: %d to %d of %d: have %d and %d, want %d", seed, from, to, len(b), now, s.Have(ref), want)
			}
			if _, there := s.Size(ref.Sum); there != (now == ref.Size) {
				t.Fatalf("seed %d: %d of %d bytes: it is there: %v", seed, now, ref.Size, there)
			}
			if have = now; have == ref.Size {
				break
			}
		}
		got, err := s.ReadAt(ref.Sum, int64(len(b)/3), 1<<20)
		if err != nil || !bytes.Equal(got, b[len(b)/3:]) {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 100)
	ref := put(t, s, 1, 10)
	b, half := content(2, 10)
	if _, err := s.PutPart(half, 0, b[:5]); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, 100)
	if size, ok := s.Size(ref.Sum); !ok || size != 10 || s.Have(half) != 0 {
		t.Error(size, ok, s.Have(half))
	}
	if all, _ := s.Usage(); all != 10 {
		t.Errorf("%d bytes", all)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Error(left, err)
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 100)
	b, ref := content(1, 10)
	wrong := ref
	wrong.Sum = strings.Repeat("0", 64)
	if err := s.Put(wrong, b); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if s.Have(wrong) != 0 {
		t.Error("what is damaged is kept")
	}
	for _, sum := range []string{"", "../" + strings.Repeat("0", 61), strings.Repeat("A", 64), strings.Repeat("0", 62)} {
		if err := s.Put(Ref{sum, 10}, b); err == nil || !strings.Contains(err.Error(), "64 hexadecimal") {
			t.Errorf("%q: %v", sum, err)
		}
	}
	if err := s.Put(Ref{ref.Sum, 60}, nil); err == nil || !strings.Contains(err.Error(), "at most 50 B") {
		t.Error(err)
	}
	if _, err := s.ReadAt(ref.Sum, 0, 1); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	put(t, s, 1, 10)
	if _, err := s.ReadAt(ref.Sum, 11, 1); err == nil {
		t.Error("read behind the end")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Error(left, err)
	}
}

// TestRoom: what is needed stays, what was just sent, too; of the rest the longest unused goes.
func TestRoom(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		_, first := content(1, 30)
		s := open(t, dir, 100, first.Sum)
		put(t, s, 1, 30)
		second, third := put(t, s, 2, 30), put(t, s, 3, 30)
		four, ref := content(4, 30)
		full, ok := errors.AsType[*Full](s.Put(ref, four))
		if !ok || full.Needed != 90 {
			t.Errorf("what was just sent is removed: %v", full)
		}
		time.Sleep(2 * time.Minute)
		s.Size(second.Sum)
		if err := s.Put(ref, four); err != nil {
			t.Fatal(err)
		}
		if s.Have(third) != 0 || s.Have(second) != 30 || s.Have(first) != 30 {
			t.Error("another file went than the one that was not used for the longest time")
		}
		if all, needed := s.Usage(); all != 90 || needed != 30 {
			t.Error(all, needed)
		}
		five, half := content(5, 10)
		if _, err := s.PutPart(half, 0, five[:5]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if n := s.Tidy(time.Now().Add(-time.Minute)); n != 3 {
			t.Errorf("%d removed", n)
		}
		if all, needed := s.Usage(); all != 30 || needed != 30 {
			t.Error(all, needed)
		}
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Error(left, err)
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	text := strings.Repeat("x", 1000)
	sum := sha256.Sum256([]byte(text))
	ref := Ref{hex.EncodeToString(sum[:]), 1000}
	path, err := Write(dir, ref, io.MultiReader(strings.NewReader(text), strings.NewReader("more")), 0o700)
	if err != nil || path != filepath.Join(dir, ref.Sum) {
		t.Fatal(path, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 || info.Size() != 1000 {
		t.Error(info, err)
	}
	for _, bad := range []string{text[:999], strings.Repeat("y", 1000)} {
		if _, err := Write(dir, ref, strings.NewReader(bad), 0o700); err == nil {
			t.Error("it is written")
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Error(left, err)
	}
}
