//go:build unix

package spill

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mobula/internal/id"
	"mobula/objstore"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("SPILL_AND_DIE"); dir != "" {
		d, err := Open(Config{Dir: dir})
		if err == nil {
			err = d.Write([]Object{{ID: id.New[objstore.ID](), Size: 3, From: strings.NewReader("abc")}})
		}
		if err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	os.Exit(m.Run())
}

func open(t *testing.T, c Config) *Disk {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	d, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestFusedFile(t *testing.T) {
	dir := t.TempDir()
	d := open(t, Config{Dir: dir, Sync: true})
	r := rand.New(rand.NewPCG(1, 2))
	var objects []Object
	content := map[objstore.ID][]byte{}
	for _, size := range []int{1, 4096, 3<<20 + 17, 100} {
		b := make([]byte, size+10)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		id := id.New[objstore.ID]()
		content[id] = b[10:]
		objects = append(objects, Object{ID: id, Size: int64(size), From: bytes.NewReader(b), Offset: 10})
	}
	if err := d.Write(objects); err != nil {
		t.Fatal(err)
	}
	for id, want := range content {
		var got bytes.Buffer
		if err := d.Read(id, &got); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("%d bytes: %v", len(want), err)
		}
	}
	files := func() []string {
		names, _ := filepath.Glob(filepath.Join(dir, "node-*", "objects-*"))
		return names
	}
	if len(files()) != 1 || d.Stats().Files != 1 {
		t.Errorf("%v, %+v", files(), d.Stats())
	}
	for i, o := range objects {
		if len(files()) != 1 {
			t.Errorf("the file is gone with %d objects in it", len(objects)-i)
		}
		if remove := d.Delete(o.ID); remove != nil {
			remove()
		}
		if d.Delete(o.ID) != nil {
			t.Error("deleted twice")
		}
	}
	if s := d.Stats(); len(files()) != 0 || s.Bytes != 0 || s.Files != 0 {
		t.Errorf("%v, %+v", files(), s)
	}
	if err := d.Read(objects[0].ID, &bytes.Buffer{}); err == nil {
		t.Error("a deleted object was read")
	}
}

func TestDamage(t *testing.T) {
	dir := t.TempDir()
	d := open(t, Config{Dir: dir})
	id := id.New[objstore.ID]()
	if err := d.Write([]Object{{ID: id, Size: 3, From: strings.NewReader("abc")}}); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "node-*", "objects-*"))
	for _, text := range []string{"abd", "ab"} {
		if err := os.WriteFile(names[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.Read(id, &bytes.Buffer{}); err == nil {
			t.Errorf("%q passes for abc", text)
		}
	}
}

// full is a disk that has room for so many bytes.
type full struct {
	FS
	room int
}

type fullFile struct {
	File
	disk *full
}

func (f *full) Create(name string) (File, error) {
	w, err := f.FS.Create(name)
	return &fullFile{w, f}, err
}

func (f *fullFile) Write(p []byte) (int, error) {
	if len(p) > f.disk.room {
		return 0, &os.PathError{Op: "write", Path: "objects", Err: syscall.ENOSPC}
	}
	f.disk.room -= len(p)
	return f.File.Write(p)
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	real, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, Config{Dir: dir, FS: &full{real, 5}})
	a, b := id.New[objstore.ID](), id.New[objstore.ID]()
	if err := d.Write([]Object{{ID: a, Size: 3, From: strings.NewReader("abc")}}); err != nil {
		t.Fatal(err)
	}
	err = d.Write([]Object{{ID: b, Size: 3, From: strings.NewReader("abc")}})
	e, ok := errors.AsType[*objstore.OutOfDiskError](err)
	if !ok || e.Path != dir || e.Need != 3 || e.Spilt != 3 {
		t.Fatal(err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "node-*", "objects-*")); len(names) != 1 {
		t.Errorf("a file that failed stays: %v", names)
	}
	var got bytes.Buffer
	if err := d.Read(a, &got); err != nil || got.String() != "abc" {
		t.Error(err)
	}
}

func TestNothingIsLeftAfterAKill(t *testing.T) {
	dir := t.TempDir()
	living := open(t, Config{Dir: dir})
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SPILL_AND_DIE="+dir)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("%v: %s", err, out)
	}
	count := func() int {
		names, _ := filepath.Glob(filepath.Join(dir, "node-*"))
		return len(names)
	}
	if count() != 2 {
		t.Fatalf("%d directories", count())
	}
	id := id.New[objstore.ID]()
	if err := living.Write([]Object{{ID: id, Size: 3, From: strings.NewReader("abc")}}); err != nil {
		t.Fatal(err)
	}
	second := open(t, Config{Dir: dir})
	if count() != 2 { // the living one's and its own
		t.Errorf("%d directories", count())
	}
	var got bytes.Buffer
	if err := living.Read(id, &got); err != nil {
		t.Error(err)
	}
	_ = second
}
