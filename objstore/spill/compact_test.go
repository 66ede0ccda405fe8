//go:build unix

package spill

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mobula/internal/id"
	"mobula/objstore"
)

// written puts n objects of so many bytes into one file.
func written(t *testing.T, d *Disk, n, size int) (ids []objstore.ID, content map[objstore.ID]string) {
	t.Helper()
	content = map[objstore.ID]string{}
	var objects []Object
	for i := range n {
		object := id.New[objstore.ID]()
		text := strings.Repeat(string(rune('a'+i%26)), size)
		objects = append(objects, Object{ID: object, Size: int64(size), From: strings.NewReader(text)})
		ids, content[object] = append(ids, object), text
	}
	if err := d.Write(objects); err != nil {
		t.Fatal(err)
	}
	return ids, content
}

func remove(d *Disk, object objstore.ID) {
	if tidy := d.Delete(object); tidy != nil {
		tidy()
	}
}

func onDisk(t *testing.T, dir string) (bytes int64, files int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "node-*", "objects-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	return bytes, len(names)
}

// TestCompaction: the disk gives room back long before the last object of a file goes.
func TestCompaction(t *testing.T) {
	dir := t.TempDir()
	d := open(t, Config{Dir: dir})
	ids, content := written(t, d, 64, 1000)
	for i, object := range ids {
		remove(d, object)
		rest := int64(len(ids)-1-i) * 1000
		used, files := onDisk(t, dir)
		if used > 2*rest || used != d.Stats().Bytes || files != d.Stats().Files || files > 1 {
			t.Fatalf("%d bytes of objects take %d in %d files; %+v", rest, used, files, d.Stats())
		}
		for _, left := range ids[i+1:] {
			var got bytes.Buffer
			if err := d.Read(left, &got); err != nil || got.String() != content[left] {
				t.Fatalf("%d objects later: %v", i, err)
			}
		}
	}
	if got := d.Stats().Compacted; got == 0 || got > 64_000 {
		t.Errorf("%d bytes were written anew for 64000", got)
	}
}

// TestCompactionFails: on a full disk a file stays as it is, and goes with its last object.
func TestCompactionFails(t *testing.T) {
	dir := t.TempDir()
	real, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, Config{Dir: dir, FS: &full{real, 10_500}})
	ids, content := written(t, d, 10, 1000)
	for _, object := range ids[:9] {
		remove(d, object)
	}
	var got bytes.Buffer
	if err := d.Read(ids[9], &got); err != nil || got.String() != content[ids[9]] {
		t.Fatal(err)
	}
	if used, files := onDisk(t, dir); used != 10_000 || files != 1 {
		t.Errorf("%d bytes in %d files", used, files)
	}
	remove(d, ids[9])
	if used, files := onDisk(t, dir); used != 0 || files != 0 || d.Stats().Bytes != 0 {
		t.Errorf("%d bytes in %d files; %+v", used, files, d.Stats())
	}
}

// TestCompactionKeepsDamage: what the disk has damaged does not pass for good afterwards.
func TestCompactionKeepsDamage(t *testing.T) {
	dir := t.TempDir()
	d := open(t, Config{Dir: dir})
	ids, _ := written(t, d, 10, 1000)
	names, _ := filepath.Glob(filepath.Join(dir, "node-*", "objects-*"))
	file, err := os.OpenFile(names[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("?"), 9_500); err != nil {
		t.Fatal(err)
	}
	file.Close()
	for _, object := range ids[:8] {
		remove(d, object)
	}
	if err := d.Read(ids[8], io.Discard); err != nil {
		t.Error(err)
	}
	if err := d.Read(ids[9], io.Discard); !errors.Is(err, errDamaged) {
		t.Errorf("a damaged object: %v", err)
	}
}

// TestCompactionUnderReaders deletes and reads at random, from many goroutines.
func TestCompactionUnderReaders(t *testing.T) {
	dir := t.TempDir()
	d := open(t, Config{Dir: dir})
	var all sync.WaitGroup
	for seed := range uint64(4) {
		all.Go(func() {
			r := rand.New(rand.NewPCG(7, seed))
			for range 30 {
				ids, content := written(t, d, 20, 5_000)
				r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
				var tidying sync.WaitGroup
				for i, object := range ids {
					if tidy := d.Delete(object); tidy != nil {
						tidying.Go(tidy)
					}
					for _, left := range ids[i+1:] {
						var got bytes.Buffer
						if err := d.Read(left, &got); err != nil || got.String() != content[left] {
							t.Errorf("%v", err)
							return
						}
					}
				}
				tidying.Wait()
			}
		})
	}
	all.Wait()
	if used, files := onDisk(t, dir); used != 0 || files != 0 || d.Stats().Bytes != 0 || d.Stats().Files != 0 || len(d.objects) != 0 {
		t.Errorf("%d bytes in %d files are left; %+v", used, files, d.Stats())
	}
}
