package index

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"mobula/internal/id"
	"mobula/objstore"
)

// script drives an index by hand; its first failure ends the test.
type script struct {
	t *testing.T
	*Index
}

func newScript(t *testing.T, c Config) script {
	if c.Capacity == 0 {
		c.Capacity, c.SegmentSize, c.SpillBatch = 10*64*kib, 64*kib, 1
	}
	s := script{t, New(c)}
	for c := range ClientID(3) {
		if c != Node {
			s.Connect(c)
		}
	}
	return s
}

// want compares decisions by their text: type and fields, in order.
func (s script) want(all ...Decision) {
	s.t.Helper()
	got := s.Take()
	if fmt.Sprintf("%T %+v", got, got) != fmt.Sprintf("%T %+v", all, all) || len(got) > 0 && !reflect.DeepEqual(kinds(got), kinds(all)) {
		s.t.Fatalf("decided\n\t%v\nwant\n\t%v", show(got), show(all))
	}
}

func kinds(all []Decision) (names []string) {
	for _, d := range all {
		names = append(names, fmt.Sprintf("%T", d))
	}
	return names
}

func show(all []Decision) string {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "%T%+v ", d, d)
	}
	return b.String()
}

func name(n byte) objstore.ID { return objstore.ID{ID: id.ID{n}} }

// write lets client 1 put an object with a segment of its own, which is new and number seg.
func (s script) write(id objstore.ID, seg SegmentID, o Sealed) {
	s.t.Helper()
	s.Create(Request{Client: 1, Seq: 1, Bytes: big, Object: id, Owner: o.Owner})
	s.want(NewSegment{ID: seg, Bytes: big})
	s.SegmentReady(seg, nil)
	s.want(Grant{Client: 1, Seq: 1, Segment: seg, Bytes: big})
	o.ID, o.Place, o.Retire = id, Place{seg, 0, big}, true
	if _, err := s.Seal(1, o); err != nil {
		s.t.Fatal(err)
	}
}

const big = 128 * kib // two segments' size: five of them fill the store

func TestFreedSegmentIsReused(t *testing.T) {
	s := newScript(t, Config{})
	s.write(name(1), 1, Sealed{})
	s.Free(name(1))
	s.want()
	s.Create(Request{Client: 2, Seq: 2, Bytes: big - 100, Object: name(2)})
	s.want(Grant{Client: 2, Seq: 2, Segment: 1, Bytes: big})
}

func TestWarmSegmentsGiveWay(t *testing.T) {
	s := newScript(t, Config{})
	for i := range byte(3) {
		s.write(name(i+1), SegmentID(i+1), Sealed{})
		s.want()
		s.Free(name(i + 1))
		s.Create(Request{Client: 1, Seq: 9, Inline: true, Bytes: 1}) // keeps them apart
		s.want(Grant{Client: 1, Seq: 9, Bytes: 1})
		s.Create(Request{Client: 1, Seq: 9, Bytes: big})
		s.want(Grant{Client: 1, Seq: 9, Segment: SegmentID(i + 1), Bytes: big})
	}
	for i := range SegmentID(3) {
		s.Retire(1, i+1)
	}
	s.Create(Request{Client: 1, Seq: 5, Bytes: 4 * big})
	s.want(FreeSegment{1}, FreeSegment{2}, FreeSegment{3}, NewSegment{ID: 4, Bytes: 4 * big}, Collect{})
}

func TestWatermarks(t *testing.T) {
	s := newScript(t, Config{})
	for i := range byte(4) {
		s.write(name(i+1), SegmentID(i+1), Sealed{})
		s.want()
	}
	s.Get(2, 7, name(1)) // now 2 is the least recently used
	s.want(Deliver{Client: 2, Seq: 7, ID: name(1), Place: Place{1, 0, big}})
	s.Release(2, name(1), 1)
	s.Create(Request{Client: 1, Seq: 8, Bytes: 64 * kib})
	s.want(NewSegment{ID: 5, Bytes: 64 * kib}, Collect{}) // 90 % in use
	s.Collected()
	s.want(
		Spill{Batch: 1, Objects: []Item{{name(2), Place{2, 0, big}}}},
		Spill{Batch: 2, Objects: []Item{{name(3), Place{3, 0, big}}}})
	s.Spilled(1, nil)
	s.want()
	s.Spilled(2, nil)
	s.want()
	if got := s.Stats(); got.Busy != 5*64*kib || got.Objects[objstore.Spilled] != 2 || got.FreeSegments != 2 {
		t.Errorf("%+v", got)
	}
	s.Get(2, 9, name(3))
	s.want(Restore{Item{name(3), Place{2, 0, big}}})
	s.Restored(name(3), nil)
	s.want(Deliver{Client: 2, Seq: 9, ID: name(3), Place: Place{2, 0, big}})
}

func TestReplaceableIsEvicted(t *testing.T) {
	s := newScript(t, Config{})
	for i := range byte(4) {
		s.write(name(i+1), SegmentID(i+1), Sealed{Replaceable: i < 3})
		s.want()
	}
	s.Create(Request{Client: 1, Seq: 8, Bytes: 2 * big})
	s.want(Collect{})
	s.Collected()
	s.want(FreeSegment{1}, NewSegment{ID: 5, Bytes: 2 * big}) // two are evicted and one of their segments gives way
	s.Get(2, 9, name(1))
	got := s.Take()
	f, ok := got[0].(Fail)
	if _, lost := errors.AsType[*objstore.LostError](f.Err); !ok || !lost {
		t.Error(show(got))
	}
}

func TestFullNamesHolders(t *testing.T) {
	s := newScript(t, Config{})
	owner := objstore.Owner{Job: "j", Cell: 4, Type: "T"}
	for i := range byte(4) {
		s.write(name(i+1), SegmentID(i+1), Sealed{Owner: owner, Pin: true})
		s.want()
	}
	s.Create(Request{Client: 2, Seq: 8, Bytes: 2 * big, Object: name(9)})
	s.want(Collect{})
	s.Collected()
	s.want(Stuck{Client: 2, Seq: 8, Object: name(9)})
	s.GiveUp(2, 8, name(9))
	got := s.Take()
	f, ok := got[0].(Fail)
	e, full := errors.AsType[*objstore.FullError](f.Err)
	if !ok || !full || e.Pinned != 4*big || len(e.Holders) != 1 || e.Holders[0] != (objstore.Holder{Owner: owner, Bytes: 4 * big, Objects: 4}) {
		t.Error(show(got))
	}
}

// TestGivingUpIsTooLate lets a reader go in the time of grace.
func TestGivingUpIsTooLate(t *testing.T) {
	s := newScript(t, Config{})
	for i := range byte(4) {
		s.write(name(i+1), SegmentID(i+1), Sealed{Pin: true, Replaceable: true})
		s.want()
	}
	s.Create(Request{Client: 2, Seq: 8, Bytes: 2 * big})
	s.want(Collect{})
	s.Collected()
	s.want(Stuck{Client: 2, Seq: 8})
	s.Release(1, name(2), 1)
	s.want(FreeSegment{2}, NewSegment{ID: 5, Bytes: 2 * big})
	s.GiveUp(2, 8, objstore.ID{})
	s.want()
}

func TestSpillErrorIsTold(t *testing.T) {
	s := newScript(t, Config{})
	for i := range byte(4) {
		s.write(name(i+1), SegmentID(i+1), Sealed{})
		s.want()
	}
	s.Create(Request{Client: 2, Seq: 8, Bytes: 4 * big})
	s.want(Collect{})
	s.Collected()
	if got := s.Take(); len(got) != 2 {
		t.Fatal(show(got))
	}
	full := &objstore.OutOfDiskError{Path: "/spill"}
	s.Spilled(1, full)
	s.Spilled(2, full)
	s.want(Stuck{Client: 2, Seq: 8})
	s.GiveUp(2, 8, objstore.ID{})
	told := *full
	told.Holders = []objstore.Holder{{Owner: objstore.Owner{}, Bytes: 4 * big, Objects: 4}}
	s.want(Fail{Client: 2, Seq: 8, Err: &told})
}

// TestDiskGetsAnotherChance: a full disk is tried again by the next who needs memory, be it to read.
func TestDiskGetsAnotherChance(t *testing.T) {
	s := newScript(t, Config{})
	for i := range byte(4) {
		s.write(name(i+1), SegmentID(i+1), Sealed{})
		s.want()
	}
	s.Create(Request{Client: 2, Seq: 8, Bytes: 2 * big})
	s.want(Collect{})
	s.Collected()
	s.want(Spill{Batch: 1, Objects: []Item{{name(1), Place{1, 0, big}}}})
	s.Spilled(1, nil)
	s.want(FreeSegment{1}, NewSegment{ID: 5, Bytes: 2 * big},
		Spill{Batch: 2, Objects: []Item{{name(2), Place{2, 0, big}}}}, Spill{Batch: 3, Objects: []Item{{name(3), Place{3, 0, big}}}})
	s.SegmentReady(5, nil)
	full := &objstore.OutOfDiskError{Path: "/spill"}
	s.Spilled(2, full)
	s.Spilled(3, full)
	s.want(Grant{Client: 2, Seq: 8, Segment: 5, Bytes: 2 * big})
	s.Get(2, 9, name(1))
	s.want(Spill{Batch: 4, Objects: []Item{{name(4), Place{4, 0, big}}}}, Spill{Batch: 5, Objects: []Item{{name(2), Place{2, 0, big}}}})
	s.Spilled(4, nil)
	s.want(Restore{Item{name(1), Place{4, 0, big}}}, Spill{Batch: 6, Objects: []Item{{name(3), Place{3, 0, big}}}})
}

func TestQuotaLetsOthersPass(t *testing.T) {
	s := newScript(t, Config{Capacity: 100 * big, SegmentSize: 64 * kib, SpillBatch: 1, JobQuota: map[string]int64{"small": big}})
	small := objstore.Owner{Job: "small"}
	s.write(name(1), 1, Sealed{Owner: small})
	s.Create(Request{Client: 1, Seq: 2, Bytes: big, Object: name(2), Owner: small})
	s.Create(Request{Client: 1, Seq: 3, Bytes: 2 * big, Object: name(3), Owner: objstore.Owner{Job: "other"}})
	s.want(NewSegment{ID: 2, Bytes: 2 * big}, Collect{})
	s.Collected()
	s.want(Spill{Batch: 1, Objects: []Item{{name(1), Place{1, 0, big}}}})
	s.Spilled(1, nil)
	s.want(Grant{Client: 1, Seq: 2, Segment: 1, Bytes: big})
	s.Create(Request{Client: 1, Seq: 4, Bytes: big + 1, Object: name(4), Owner: small})
	if got := s.Take(); len(got) != 1 || !strings.Contains(show(got), "quota") {
		t.Error(show(got))
	}
}

func TestDeadRangesArePunched(t *testing.T) {
	s := newScript(t, Config{})
	s.Create(Request{Client: 1, Seq: 1, Bytes: 64 * kib})
	s.want(NewSegment{ID: 1, Bytes: 64 * kib})
	s.SegmentReady(1, nil)
	s.want(Grant{Client: 1, Seq: 1, Segment: 1, Bytes: 64 * kib})
	for i := range byte(4) {
		if _, err := s.Seal(1, Sealed{ID: name(i + 1), Place: Place{1, int64(i) * 16 * kib, 10 * kib}, Pin: i == 1}); err != nil {
			t.Fatal(err)
		}
	}
	s.Retire(1, 1)
	for _, i := range []byte{1, 3, 4} {
		s.Free(name(i))
	}
	s.want()
	s.Create(Request{Client: 2, Seq: 2, Bytes: 600 * kib})
	s.want(Collect{})
	s.Collected()
	s.want(
		Punch{ID: 1, Ranges: []Range{{0, 16 * kib}, {28 * kib, 36 * kib}}},
		NewSegment{ID: 2, Bytes: 600 * kib})
	s.Punched(1)
	s.want()
	s.Release(1, name(2), 1)
	s.Free(name(2))
	s.want(FreeSegment{1}) // it is not warm any more
}

func TestDeathOfClients(t *testing.T) {
	for _, clean := range []bool{true, false} {
		t.Run(fmt.Sprint("clean=", clean), func(t *testing.T) {
			s := newScript(t, Config{})
			s.write(name(1), 1, Sealed{})
			s.AddRef(Node, name(1), 1)
			s.Get(2, 5, name(1))
			s.want(Deliver{Client: 2, Seq: 5, ID: name(1), Place: Place{1, 0, big}})
			s.Create(Request{Client: 2, Seq: 6, Bytes: big, Object: name(2)})
			s.want(NewSegment{ID: 2, Bytes: big})
			s.SegmentReady(2, nil)
			s.want(Grant{Client: 2, Seq: 6, Segment: 2, Bytes: big})
			s.Get(1, 7, name(2))
			s.want()
			s.Disconnect(2, clean)
			lost := Fail{Client: 1, Seq: 7, Err: &objstore.LostError{ID: name(2), Reason: "its creator gave it up"}}
			free := Decision(FreeSegment{2})
			got := s.Take()
			if clean && len(got) != 1 || !clean && (len(got) != 2 || got[1] != free) || fmt.Sprint(got[0]) != fmt.Sprint(lost) {
				t.Fatal(show(got))
			}
			s.AddRef(Node, name(1), -1)
			s.AddRef(1, name(1), -1)
			got = s.Take()
			if warm := len(got) == 0; warm != clean {
				t.Errorf("a segment that a dead reader may still see: %s", show(got))
			}
		})
	}
}

func TestProtocolErrors(t *testing.T) {
	s := newScript(t, Config{})
	s.write(name(1), 1, Sealed{})
	for _, p := range []Place{{Size: 1}, {Size: -1}, {1, 0, 10}, {9, 0, 10}} {
		if _, err := s.Seal(1, Sealed{ID: name(2), Place: p}); err == nil {
			t.Errorf("sealed at %+v", p)
		}
	}
	s.Create(Request{Client: 1, Seq: 1, Bytes: 64 * kib})
	s.want(NewSegment{ID: 2, Bytes: 64 * kib})
	s.SegmentReady(2, nil)
	s.want(Grant{Client: 1, Seq: 1, Segment: 2, Bytes: 64 * kib})
	for _, p := range []Place{{2, -1, 10}, {2, 0, 0}, {2, 64*kib - 5, 6}, {2, 1 << 62, 1 << 62}} {
		if _, err := s.Seal(1, Sealed{ID: name(2), Place: p}); err == nil {
			t.Errorf("sealed at %+v", p)
		}
	}
	if _, err := s.Seal(2, Sealed{ID: name(2), Place: Place{2, 0, 10}}); err == nil {
		t.Error("sealed in another's segment")
	}
	s.Release(1, name(77), 1)
	s.Release(1, name(1), 99)
	s.ReturnBudget(1, 1<<40)
	s.Retire(2, 2)
	s.want()
}

func TestGraveyard(t *testing.T) {
	g := newGraveyard(3)
	for i := range byte(5) {
		g.add(name(i))
		g.add(name(i))
	}
	for i := range byte(5) {
		if g.has(name(i)) != (i >= 2) {
			t.Errorf("%d: %v", i, g.has(name(i)))
		}
	}
	g.remove(name(3))
	g.add(name(9))
	g.add(name(3))
	if !g.has(name(3)) || !g.has(name(9)) || len(g.index) > 3 {
		t.Errorf("%+v", g)
	}
}
