//go:build unix

package node

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mobula/cluster/head"
	"mobula/cluster/wire"
	"mobula/internal/eventually"
	"mobula/internal/id"
)

// TestProgramsTravel: a node that does not have the executable of a driver elsewhere gets a copy, once.
func TestProgramsTravel(t *testing.T) {
	h := startHead(t, head.Config{})
	a, b, c := joined(t, h, "a", nil), joined(t, h, "b", nil), joined(t, h, "c", nil)
	text := []byte("#!/bin/sh\necho " + strings.Repeat("x", 1<<20) + "\n")
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, text, 0o700); err != nil {
		t.Fatal(err)
	}
	hello := driverHello(id.New[id.Job]())
	hello.Values[wire.ValueProgram], hello.Values[wire.ValuePath] = "travels", program
	f := connect(t, a.Address(), hello)
	eventually.Holds(t, "the node has welcomed the driver", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.programs["travels"] != nil
	})
	elsewhere := filepath.Join(t.TempDir(), "not here")
	from := &origin{digest: "travels", node: a.ID(), path: elsewhere}
	check := func(n *Node, o *origin, want string) {
		t.Helper()
		path, err := n.executable(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(got) != string(text) || info.Mode().Perm()&0o100 == 0 {
			t.Errorf("%s: %d bytes, %v, %v", path, len(got), err, statErr)
		}
		if want != "" && path != want {
			t.Errorf("%s, want %s", path, want)
		}
	}
	sum := sha256.Sum256(text)
	copied := filepath.Join(b.dir.path, programsName, hex.EncodeToString(sum[:]))
	check(b, from, copied)
	check(b, from, copied)
	check(c, &origin{digest: "travels", node: a.ID(), path: program}, program) // it has the same file
	if _, err := b.executable(t.Context(), &origin{digest: "unknown", node: a.ID(), path: elsewhere}); err == nil || !strings.Contains(err.Error(), "does not have that program") {
		t.Error(err)
	}
	// Its driver has gone, and its file; who has a copy gives it to others.
	f.close()
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	check(c, &origin{digest: "travels", path: elsewhere, sum: hex.EncodeToString(sum[:])}, "")
	if _, err := a.executable(t.Context(), &origin{digest: "x", path: elsewhere, sum: strings.Repeat("0", 64)}); err == nil || !strings.Contains(err.Error(), "does not have that program") {
		t.Error(err)
	}
	// What comes damaged is not kept.
	lie := programOffer{Sum: strings.Repeat("0", 64), Size: 4}
	if _, err := b.programFiles.store(strings.NewReader("abcd"), lie); err == nil || !strings.Contains(err.Error(), "promised") {
		t.Error(err)
	}
	if _, err := b.programFiles.store(strings.NewReader("ab"), lie); err == nil {
		t.Error("a program that is cut off is kept")
	}
	lie.Sum = "../" + strings.Repeat("0", 61)
	if _, err := b.programFiles.store(strings.NewReader("abcd"), lie); err == nil {
		t.Error("a file outside the directory is written")
	}
	left, err := os.ReadDir(filepath.Join(b.dir.path, programsName))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestLogsAreRead: logs of workers, by the queries of the command line.
func TestLogsAreRead(t *testing.T) {
	s := newLogStore(t.TempDir(), 400)
	worker := id.New[id.Worker]()
	f := s.open(workerLog + worker.String())
	var all strings.Builder
	for i := range 25 {
		line := strings.Repeat(string(rune('a'+i)), 9) + "\n"
		all.WriteString(line)
		if _, err := f.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if list := s.list(); len(list) != 1 || list[0].Worker != worker || list[0].Size != 250 || list[0].Ended {
		t.Errorf("%+v", list)
	}
	for offset, want := range map[int64]string{0: all.String()[100:], 105: all.String()[105:], -20: all.String()[230:], 199: all.String()[199:], 250: "", 9999: ""} {
		part, err := s.read(worker, offset)
		if err != nil || string(part.Text) != want || part.Next != 250 {
			t.Errorf("%d: %q up to %d, %v", offset, part.Text, part.Next, err)
		}
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	if part, err := s.read(worker, -10); err != nil || !part.Ended || string(part.Text) != "yyyyyyyyy\n" {
		t.Errorf("%+v, %v", part, err)
	}
	if _, err := s.read(id.New[id.Worker](), 0); err == nil {
		t.Error("an unknown worker has a log")
	}
}

// TestCopiesOfProgramsAreBounded: the copies that were not asked for the longest time go.
func TestCopiesOfProgramsAreBounded(t *testing.T) {
	p := newPrograms(t.TempDir())
	var paths, sums []string
	for i := range keptPrograms + 3 {
		text := strconv.Itoa(i)
		sum := sha256.Sum256([]byte(text))
		offer := programOffer{Sum: hex.EncodeToString(sum[:]), Size: int64(len(text))}
		path, err := p.store(strings.NewReader(text), offer)
		if err != nil {
			t.Fatal(err)
		}
		paths, sums = append(paths, path), append(sums, offer.Sum)
	}
	for i, path := range paths {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("a worker may be about to start %d: %v", i, err)
		}
		p.used[path] = time.Now().Add(time.Duration(i-100) * time.Hour)
	}
	if _, ok := p.have(sums[0], "elsewhere"); !ok {
		t.Error("the first is not known")
	}
	p.keep(paths[4], time.Now())
	for i, path := range paths {
		_, err := os.Stat(path)
		_, known := p.have(sums[i], "elsewhere")
		if gone := i >= 1 && i <= 3; gone != (err != nil) || gone == known {
			t.Errorf("%d: %v, known: %v", i, err, known)
		}
	}
	if _, err := p.store(strings.NewReader("1"), programOffer{Sum: sums[1], Size: 1}); err != nil {
		t.Error(err)
	}
}
