//go:build linux

package store_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/store"
)

// ownMemory is what a process has for itself: not files, and not the segments that all share.
func ownMemory(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(status), "RssAnon:")
	if !found { // it has ended, and nobody has waited for it yet
		return 0
	}
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// TestTwiceTheCapacity: one process writes twice what the store may hold, another reads all of it, and neither they nor the node
// need more memory for that.
func TestTwiceTheCapacity(t *testing.T) {
	const capacity, own = 96 * mib, 64 * mib
	s := storetest.Open(t, store.Config{Capacity: capacity, SegmentSize: 4 * mib})
	socket, stop := storetest.Listen(t, s)
	defer stop()
	writer, reader := storetest.Start(t, "client", socket), storetest.Start(t, "client", socket)
	most, living := map[string]int64{}, map[string]int{"writer": writer.Process.Pid, "reader": reader.Process.Pid, "node": os.Getpid()}
	look := func() {
		for what, pid := range living {
			most[what] = max(most[what], ownMemory(t, pid))
		}
		most["store"] = max(most["store"], s.Stats().Used)
	}
	var all []objstore.ID
	for total := 0; total < 2*capacity; {
		object, err := id.Parse[objstore.ID](writer.Line(t))
		if err != nil {
			t.Fatal(err)
		}
		s.AddRef(object, 1)
		all = append(all, object)
		total += sizeOf(object)
		look()
	}
	writer.Kill(t)
	delete(living, "writer")
	for _, object := range all {
		fmt.Fprintln(reader.In, object)
		look()
	}
	reader.In.Close()
	for reader.Out.Scan() { // what it puts itself, until it has read all
		look()
	}
	if err := reader.Wait(); err != nil {
		t.Fatalf("the reader: %v: %s", err, reader.Err.String())
	}
	if most["store"] > capacity || !underRace && max(most["writer"], most["reader"], most["node"]) > own {
		t.Errorf("at the most: %v", most)
	}
	if got := s.Stats(); got.SpilledTotal < capacity || got.Restored == 0 {
		t.Errorf("%+v", got)
	}
	t.Logf("%d objects, at the most: %v; %+v", len(all), most, s.Stats())
}

// TestServesOnWithFullDisk: what is in memory is read, what cannot be read says why, and who frees something can put again.
func TestServesOnWithFullDisk(t *testing.T) {
	disk := &memoryDisk{files: map[string][]byte{}, room: 10 * mib}
	s := storetest.Open(t, store.Config{Capacity: 16 * mib, SegmentSize: mib, Disk: disk, SpillDir: "/spill", FullGrace: time.Millisecond})
	c := storetest.Connect(t, s, client.Options{})
	var ids []objstore.ID
	for len(ids) < 100 {
		object, err := put(t, c, mib)
		if err != nil {
			break
		}
		ids = append(ids, object)
	}
	inMemory, refused := 0, 0
	for _, object := range ids {
		o, err := c.Get(t.Context(), object)
		if _, full := errors.AsType[*objstore.OutOfDiskError](err); full {
			refused++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		want := make([]byte, mib)
		storetest.Fill(want, object)
		if string(o.Head) != string(want) {
			t.Errorf("object %s has other content", object)
		}
		o.Release()
		inMemory++
	}
	if inMemory < 8 {
		t.Errorf("%d objects are read, %d refused", inMemory, refused)
	}
	for _, object := range ids[len(ids)-4:] {
		c.Ref(object, -1)
	}
	for range 3 {
		if _, err := put(t, c, mib); err != nil {
			t.Fatalf("objects were freed: %v", err)
		}
	}
}

// TestReadsWhenTheDiskHasRoomAgain: nobody has to put something first.
func TestReadsWhenTheDiskHasRoomAgain(t *testing.T) {
	disk := &memoryDisk{files: map[string][]byte{}, room: 20 * mib}
	s := storetest.Open(t, store.Config{Capacity: 16 * mib, SegmentSize: mib, Disk: disk, SpillDir: "/spill", FullGrace: time.Millisecond})
	c := storetest.Connect(t, s, client.Options{})
	var ids []objstore.ID
	var full error
	for len(ids) < 100 && full == nil {
		var object objstore.ID
		if object, full = put(t, c, mib); full == nil {
			ids = append(ids, object)
		}
	}
	e, ok := errors.AsType[*objstore.OutOfDiskError](full)
	if !ok || len(e.Holders) != 1 || e.Holders[0].Owner.Job != "j" || !strings.Contains(full.Error(), "; biggest holders: ") {
		t.Fatal(full)
	}
	refused := 0
	for _, object := range ids {
		if o, err := c.Get(t.Context(), object); err == nil {
			o.Release()
		} else {
			refused++
		}
	}
	disk.grow(40 * mib)
	for _, object := range ids {
		storetest.Check(t, c, object, mib)
	}
	if refused == 0 {
		t.Error("the disk was never too full to read")
	}
}

// TestBiggestHolders: who cannot put learns which cells hold what.
func TestBiggestHolders(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 24 * mib, SegmentSize: mib, FullGrace: time.Millisecond})
	c := storetest.Connect(t, s, client.Options{})
	hold := func(cell int, kind string, n int64) error {
		object := id.New[objstore.ID]()
		err := c.Put(t.Context(), object, n, func([]byte) error { return nil }, client.Meta{Owner: objstore.Owner{Job: "j", Cell: cell, Type: kind}})
		if err == nil {
			o, err2 := c.Get(t.Context(), object) // a pin
			t.Cleanup(o.Release)
			err = err2
		}
		return err
	}
	for range 3 {
		if err := errors.Join(hold(2, "[]float64", 3*mib), hold(5, "Model", mib)); err != nil {
			t.Fatal(err)
		}
	}
	if err := hold(9, "image.RGBA", 5*mib); err != nil {
		t.Fatal(err)
	}
	e, ok := errors.AsType[*objstore.FullError](hold(11, "string", 12*mib))
	if !ok || len(e.Holders) != 3 {
		t.Fatal(e)
	}
	for i, want := range []string{"j, cell 2, []float64", "j, cell 9, image.RGBA", "j, cell 5, Model"} {
		if got := e.Holders[i].Owner.String(); got != want {
			t.Errorf("holder %d is %s, not %s", i, got, want)
		}
	}
	if text := e.Error(); !strings.Contains(text, "biggest holders: 9 MiB in 3 objects (j, cell 2, []float64), 5 MiB in 1 objects (j, cell 9, image.RGBA)") {
		t.Error(text)
	}
}
